# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A fleet counted: which sources are used by whom, and how many of everything there are.

Takes values and returns values; knows nothing of Ansible's plugins. Private to holdfast.mounts.
"""

from __future__ import annotations

import collections
import dataclasses
import datetime
import typing as t

from ansible_collections.holdfast.mounts.plugins.plugin_utils._fleet import Host, Mounted, gravity, read_host

Report = t.Dict[str, t.Any]

# The role knows its files by it, and overwrites no other.
FORMAT = "holdfast.mounts.report"
VERSION = 1
# The same source of these types is the same thing on every host; any other is the host's own.
NETWORK = frozenset(("ceph", "cifs", "fuse.sshfs", "glusterfs", "nfs", "nfs4", "smb3"))


@dataclasses.dataclass(frozen=True)
class Use:
    """Where a source is mounted, and who holds it there."""

    host: str
    mount: str
    holders: t.Tuple[str, ...]
    state: str


@dataclasses.dataclass(frozen=True)
class Source:
    """What is mounted; shared says that it is one and the same thing on all of its hosts."""

    source: str
    fstype: str
    shared: bool
    host_count: int
    holder_count: int
    uses: t.Tuple[Use, ...]


def build_report(outcomes: t.Mapping[str, t.Any], now: datetime.datetime, *, unmanaged: bool) -> Report:
    """Return the report as plain JSON types. The filter's documentation tells of each key.

    outcomes: what the task of safe_mount_facts returned, by host.
    """
    hosts = [read_host(name, outcomes[name], now, unmanaged=unmanaged) for name in sorted(outcomes)]
    sources = list_sources(hosts)
    return {
        "format": FORMAT,
        "version": VERSION,
        "generated": now.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "summary": _summary(hosts, sources),
        "hosts": [{**dataclasses.asdict(host), "condition": condition_of(host)} for host in hosts],
        "sources": [dataclasses.asdict(source) for source in sources],
    }


def condition_of(host: Host) -> str:
    """Return how a host does in one word: its status, or V(drift) when it answered that something is off."""
    return "drift" if host.status == "ok" and any(_is_off(mount) for mount in host.mounts) else host.status


def list_sources(hosts: t.Iterable[Host]) -> t.List[Source]:
    """Return what is mounted with all who use it, the most used first."""
    uses: t.Dict[t.Tuple[str, str], t.List[Use]] = {}
    for host in hosts:
        for mount in host.mounts:
            if mount.source:
                names = tuple(holder.name for holder in mount.holders)
                use = Use(host.name, mount.mount, names, mount.state)
                uses.setdefault((_family(mount.fstype), mount.source), []).append(use)
    found = [_source(fstype, source, used) for (fstype, source), used in uses.items()]
    return sorted(found, key=lambda item: (not item.shared, -len(item.uses), item.source))


def _source(fstype: str, source: str, uses: t.Sequence[Use]) -> Source:
    # The same name on two hosts is two holders, because each host counts its own.
    holders = {(use.host, name) for use in uses for name in use.holders}
    hosts = {use.host for use in uses}
    return Source(source, fstype, fstype in NETWORK, len(hosts), len(holders), tuple(uses))


def _family(fstype: str) -> str:
    # One export, whichever of the two names it was mounted by.
    return {"nfs4": "nfs", "smb3": "cifs"}.get(fstype, fstype)


def _is_off(mount: Mounted) -> bool:
    return mount.state not in ("ok", "unknown")


def _attention(hosts: t.Sequence[Host]) -> t.List[Report]:
    """Count what needs attention, once each: hosts of which not all is known, and mounts that are off."""
    states = [host.status for host in hosts if host.status != "ok"]
    counted = collections.Counter(
        [*states, *(mount.state for host in hosts for mount in host.mounts if _is_off(mount))]
    )
    return [
        {"state": state, "count": counted[state]}
        for state in sorted(counted, key=lambda state: (gravity(state), state))
    ]


def _summary(hosts: t.Sequence[Host], sources: t.Sequence[Source]) -> Report:
    mounts = [mount for host in hosts for mount in host.mounts]
    managed = [mount for mount in mounts if mount.managed]
    leases = [holder.left for mount in mounts for holder in mount.holders if holder.left is not None]
    return {
        "hosts": len(hosts),
        "conditions": dict(collections.Counter(condition_of(host) for host in hosts)),
        "attention": _attention(hosts),
        "mounts": len(managed),
        "unmanaged": len(mounts) - len(managed),
        "holders": len({holder.name for mount in managed for holder in mount.holders}),
        "claims": sum(len(mount.holders) for mount in managed),
        "sources": len(sources),
        "leases": len(leases),
        "leases_ended": sum(left <= 0 for left in leases),
        "types": dict(collections.Counter(mount.fstype for mount in managed)),
        "drift": dict(collections.Counter(drift.kind for mount in mounts for drift in mount.drift)),
    }
