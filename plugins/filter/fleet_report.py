# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Make one report of what many hosts answered."""

from __future__ import annotations

DOCUMENTATION = r"""
name: fleet_report
short_description: Make one report of the mounts of many hosts
version_added: 1.0.0
description:
  - Takes what the task of M(holdfast.mounts.safe_mount_facts) returned on each host, and returns who holds
    what where, and which source is used by whom.
  - Distrusts all that hosts tell. Characters that a terminal or a browser would obey or hide are shown as
    C(\xNN) or C(\uNNNN), values of a wrong type as C(?).
  - Takes 2,000 mount points, 10,000 holders, 2,000 disagreements and a million characters of one host. The
    status of a host that tells more is V(incomplete), and its message says how much is left out.
  - The role P(holdfast.mounts.report#role) is made of it.
options:
  _input:
    description: The registered results by name of the host. An empty dictionary is a host that was not asked.
    type: dict
    required: true
  now:
    description: The time that ages are counted to, in UTC. The default is the time of the call.
    type: str
  unmanaged:
    description: Report mounts that nobody holds, too.
    type: bool
    default: false
author:
  - holdfast.mounts contributors (@holdfast-mounts)
seealso:
  - plugin: holdfast.mounts.fleet_page
    plugin_type: filter
"""

EXAMPLES = r"""
- name: Show the summary of what was gathered on this host
  ansible.builtin.debug:
    msg: "{{ ({inventory_hostname: gathered} | holdfast.mounts.fleet_report).summary }}"
"""

RETURN = r"""
_value:
  description: The report.
  type: dict
  contains:
    format:
      description: What this is, so that the role P(holdfast.mounts.report#role) knows its own files.
      type: str
      sample: holdfast.mounts.report
    version:
      description: The version of this shape.
      type: int
      sample: 1
    generated:
      description: When it was made, in UTC.
      type: str
      sample: "2026-03-01T10:00:00Z"
    summary:
      description: How many there are of everything.
      type: dict
      contains:
        hosts:
          description: Hosts of the report.
          type: int
          sample: 2
        conditions:
          description: Hosts by V(ok), V(drift), V(incomplete), V(failed), V(unreachable) and V(no_facts).
          type: dict
          sample: {ok: 1, drift: 1}
        attention:
          description:
            - What needs attention, by state, the gravest first.
            - Each host of which not all is known, and each mount point with drift, is counted once.
          type: list
          elements: dict
          sample: [{state: missing, count: 1}]
        mounts:
          description: Mount points that the ledgers know.
          type: int
          sample: 3
        unmanaged:
          description: Other mount points, where they were asked for.
          type: int
          sample: 0
        holders:
          description: Names of holders.
          type: int
          sample: 2
        claims:
          description: References, of each holder on each mount point.
          type: int
          sample: 4
        sources:
          description: Sources.
          type: int
          sample: 2
        leases:
          description: References that are leases.
          type: int
          sample: 1
        leases_ended:
          description: Leases that have ended.
          type: int
          sample: 0
        types:
          description: Mount points that the ledgers know, by type.
          type: dict
          sample: {nfs4: 2, tmpfs: 1}
        drift:
          description: Drift by kind.
          type: dict
          sample: {missing: 1}
    hosts:
      description: Each host, by name.
      type: list
      elements: dict
      contains:
        name:
          description: The name of the host in the inventory.
          type: str
          sample: web1
        status:
          description: V(ok), V(incomplete), V(failed), V(unreachable) or V(no_facts).
          type: str
          sample: ok
        condition:
          description: As RV(_value.hosts[].status), or V(drift).
          type: str
          sample: drift
        message:
          description: Why there are no facts, or what was left out of an incomplete host. Else empty.
          type: str
          sample: ""
        protection:
          description: How well the kernel protects, as M(holdfast.mounts.safe_mount_facts) says.
          type: str
          sample: full
        mounts:
          description: Each mount point.
          type: list
          elements: dict
          contains:
            mount:
              description: The mount point.
              type: str
              sample: /srv/images
            source:
              description: What was asked for, or what the kernel shows.
              type: str
              sample: nfs.example.com:/export/images
            fstype:
              description: The type of the filesystem.
              type: str
              sample: nfs4
            options:
              description: The options, separated by commas.
              type: str
              sample: rw,nosuid,nodev
            managed:
              description: Whether the ledger has a reference on the mount point.
              type: bool
              sample: true
            owned:
              description: Whether M(holdfast.mounts.safe_mount) made the mount.
              type: bool
              sample: true
            state:
              description:
                - V(ok), or the gravest kind of drift.
                - V(untrusted), where the host claims that something is held where nothing ever can be.
              type: str
              sample: ok
            age:
              description: Seconds since the oldest holder came, null where that is not known.
              type: int
              sample: 7200
            left:
              description: Seconds that are left of the lease that ends first, null without a lease.
              type: int
              sample: 1800
            drift:
              description: All drift of the mount point, the gravest first, each with C(kind) and C(message).
              type: list
              elements: dict
              sample: []
            holders:
              description: Who holds it.
              type: list
              elements: dict
              contains:
                name:
                  description: The name of the holder.
                  type: str
                  sample: web
                since:
                  description: When it came, in UTC, null where that is not known.
                  type: str
                  sample: "2026-03-01T10:00:00Z"
                expires:
                  description: When its lease ends, in UTC, null without a lease.
                  type: str
                  sample: "2026-03-01T12:30:00Z"
                age:
                  description: Seconds since it came.
                  type: int
                  sample: 7200
                left:
                  description: Seconds that are left of its lease, below 0 after its end, null without one.
                  type: int
                  sample: 1800
    sources:
      description:
        - Each source, the most used first.
        - V(nfs4) counts as V(nfs), V(smb3) as V(cifs), because a host may show one for the other.
      type: list
      elements: dict
      contains:
        source:
          description: The source.
          type: str
          sample: nfs.example.com:/export/images
        fstype:
          description: The type of the filesystem.
          type: str
          sample: nfs
        shared:
          description:
            - Whether it is the same thing on all of its hosts, as an export of NFS is. Whatever else has the
              same name on two hosts is two things.
          type: bool
          sample: true
        host_count:
          description: How many hosts use it.
          type: int
          sample: 2
        holder_count:
          description: How many hold it. The same name on two hosts is two holders.
          type: int
          sample: 3
        uses:
          description: Where it is used.
          type: list
          elements: dict
          contains:
            host:
              description: The host.
              type: str
              sample: web1
            mount:
              description: The mount point there.
              type: str
              sample: /srv/images
            holders:
              description: Who holds it there.
              type: list
              elements: str
              sample: [web]
            state:
              description: Its state there.
              type: str
              sample: ok
"""

import datetime
import typing as t

from ansible.errors import AnsibleFilterError
from ansible.module_utils.parsing.convert_bool import boolean
from ansible_collections.holdfast.mounts.plugins.plugin_utils._fleet import parse_time
from ansible_collections.holdfast.mounts.plugins.plugin_utils._mounts import plain
from ansible_collections.holdfast.mounts.plugins.plugin_utils._tally import build_report
from ansible_collections.holdfast.mounts.plugins.plugin_utils._untrusted import untrusted


def fleet_report(outcomes: t.Any, now: t.Optional[str] = None, unmanaged: t.Any = False) -> t.Any:
    """Return the report of what the hosts answered."""
    hosts = plain(outcomes)
    if not isinstance(hosts, dict):
        raise AnsibleFilterError(
            "fleet_report: the input is not a dictionary; give registered results by host"
        )
    time = datetime.datetime.now(datetime.timezone.utc) if now is None else parse_time(plain(now))
    if time is None:
        raise AnsibleFilterError(
            f'fleet_report: now: "{now}" is not a time; write it like 2026-03-01T10:00:00Z'
        )
    return untrusted(build_report(hosts, time, unmanaged=bool(boolean(unmanaged))))


class FilterModule:
    """The filters of this file."""

    def filters(self) -> t.Dict[str, t.Callable[..., t.Any]]:
        """Return them by name."""
        return {"fleet_report": fleet_report}
