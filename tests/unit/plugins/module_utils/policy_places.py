# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Every option of the modules, and where it stands in a policy: a key, or why none governs it.

For each that is governed: a call that asks for it, which a policy without that key refuses, and one that
allows everything lets through. Tests of the rules and of the promises walk over these.
"""

from __future__ import annotations

import typing as t

from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.arguments.spec import ARGUMENT_SPEC
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.decide.permissions import OPTIONS
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.grammar.filesystems import FILESYSTEMS

Params = t.Dict[str, t.Any]
Place = t.Union[str, t.Sequence["Ask"]]


class Ask(t.NamedTuple):
    """What asks for something that this key of a policy governs; name: of the member of C(options)."""

    key: str
    params: Params
    name: str = ""
    module: str = "safe_mount"


TMPFS: Params = {"path": "/srv/apps/data", "src": "scratch", "fstype": "tmpfs", "holder": "web"}
# With what a task has to say of the root of a tmpfs before it may say it of the directory.
_SEEN: Params = {**TMPFS, "opts": ["mode=0755", "uid=0", "gid=0"]}
NFS: Params = {**TMPFS, "src": "nas1:/export/a", "fstype": "nfs4"}
EXT4: Params = {**TMPFS, "src": "/dev/holdfast-none", "fstype": "ext4"}
CIFS: Params = {**TMPFS, "src": "//nas1/a", "fstype": "cifs"}
CEPH: Params = {**TMPFS, "src": "mon1:/a", "fstype": "ceph"}
SECRET = "/etc/holdfast-test-secret"
LEAVE: Params = {"path": TMPFS["path"], "holder": "web", "state": "released"}

# Allows whatever a policy can allow.
EVERYTHING: t.Dict[str, t.Any] = {
    "allowed_roots": ["/srv", "/mnt"],
    "source_roots": ["/srv", "/mnt"],
    "fstypes": sorted(FILESYSTEMS),
    "sources": {
        name: ["*"]
        for name, known in FILESYSTEMS.items()
        if not known.is_named_at_will and known.source != "bind"
    },
    "holders": ["*"],
    "options": sorted(OPTIONS),
    "credentials_files": [SECRET],
}


_OF_ENTRIES = frozenset(t.cast("Params", ARGUMENT_SPEC["mounts"]["options"]))


def _in_a_list(params: Params) -> Params:
    entry = {name: value for name, value in params.items() if name in _OF_ENTRIES}
    return {**{name: value for name, value in params.items() if name not in _OF_ENTRIES}, "mounts": [entry]}


def _option(name: str, params: Params, *, module: str = "safe_mount") -> t.Sequence[Ask]:
    return (Ask("options", params, name, module),)


_WAIT = "not governed, because it only bounds how long the caller waits"
_DISCLOSE = "not governed, because it gives words about a refusal and no mount; policies are no secrets"
_BIND = Ask("source_roots", {**TMPFS, "src": "/srv/other", "fstype": "bind"})
_LAYERS = Ask("source_roots", {**TMPFS, "fstype": "overlay", "opts": ["lowerdir=/srv/a:/srv/b"]})

ENTRY: t.Dict[str, Place] = {
    "path": (Ask("allowed_roots", TMPFS),),
    "src": (
        Ask("sources", NFS),
        Ask("sources", EXT4),
        Ask("sources", {**EXT4, "src": "LABEL=data"}),
        Ask("sources", {**TMPFS, "fstype": "9p"}),
        Ask("sources", {**TMPFS, "fstype": "virtiofs"}),
        _BIND,
    ),
    "fstype": (Ask("fstypes", TMPFS), Ask("fstypes", NFS)),
    # What else opts may hold is what the mounted filesystem is like, out of a list that no caller widens.
    "opts": (_LAYERS,),
    "allow_suid": _option("suid", {**TMPFS, "allow_suid": True}),
    "allow_dev": _option("dev", {**TMPFS, "allow_dev": True}),
    "boot": _option("boot", {**TMPFS, "boot": True}),
    "network": "not governed, because without boot, which is, it changes nothing",
    "ttl": "not governed, because a lease is less than the reference that the holder may have anyway",
    "mode": _option("mode", {**_SEEN, "mode": "0777"}),
    "owner": _option("owner", {**_SEEN, "owner": "12345"}),
    "group": _option("owner", {**_SEEN, "group": "12345"}),
    "selinux_context": _option("selinux_context", {**TMPFS, "selinux_context": "system_u:object_r:tmp_t:s0"}),
}

SAFE_MOUNT: t.Dict[str, Place] = {
    **ENTRY,
    "holder": (
        Ask("holders", TMPFS),
        Ask("holders", LEAVE),
        Ask("holders", {**LEAVE, "state": "unmounted"}),
        Ask("holders", {"path": TMPFS["path"], "state": "released"}),
    ),
    "state": "not governed, because each state is what the holder may do with what it may mount",
    "mounts": (Ask("allowed_roots", _in_a_list(TMPFS)),),
    "purge": (Ask("holders", {"holder": "web", "mounts": [], "purge": True}),),
    "allowed_roots": (Ask("allowed_roots", {**TMPFS, "allowed_roots": ["/srv/apps"]}),),
    "source_roots": (Ask("source_roots", {**_BIND.params, "source_roots": ["/srv", "/opt/other"]}),),
    "allow_fstypes": (
        Ask("fstypes", {**TMPFS, "src": "a:/b", "fstype": "fuse.sshfs", "allow_fstypes": ["fuse.sshfs"]}),
        Ask("sources", {**TMPFS, "src": "a:/b", "fstype": "fuse.sshfs", "allow_fstypes": ["fuse.sshfs"]}),
    ),
    "allow_nonempty": _option("nonempty", {**TMPFS, "allow_nonempty": True}),
    "allow_unsafe_parents": _option("unsafe_parents", {**TMPFS, "allow_unsafe_parents": True}),
    "adopt": _option("adopt", {**TMPFS, "adopt": True}),
    "credentials_file": (
        Ask("credentials_files", {**CIFS, "credentials_file": SECRET}),
        Ask("credentials_files", {**CEPH, "credentials_file": SECRET}),
    ),
    "on_busy": (
        *_option("lazy", {**LEAVE, "on_busy": "lazy"}),
        *_option("lazy", {"holder": "web", "mounts": [], "purge": True, "on_busy": "lazy"}),
    ),
    "timeout": _WAIT,
    "lock_timeout": _WAIT,
    "disclose": _DISCLOSE,
}

_OTHER = "safe_mount_reconcile"
RECONCILE: t.Dict[str, Place] = {
    "live_holders": _option("drop_holders", {"live_holders": ["web"]}, module=_OTHER),
    "drop_holders": (
        *_option("drop_holders", {"drop_holders": ["web"]}, module=_OTHER),
        Ask("holders", {"drop_holders": ["web"]}, module=_OTHER),
    ),
    # The other kinds of drift put right what a permitted call has left.
    "repair": _option("adopt", {"repair": ["replaced"]}, module=_OTHER),
    "allow_nonempty": _option("nonempty", {"allow_nonempty": True}, module=_OTHER),
    "allow_unsafe_parents": _option("unsafe_parents", {"allow_unsafe_parents": True}, module=_OTHER),
    "on_busy": _option("lazy", {"on_busy": "lazy"}, module=_OTHER),
    "timeout": _WAIT,
    "lock_timeout": _WAIT,
    "disclose": _DISCLOSE,
}

_HOSTS = "not governed, because which hosts a job reaches is for its inventory and limit to say"
_KEEPER = "not governed, because it installs what the policy governs, as root's own provisioning does"
_REPORT = "not governed, because a report mounts nothing on the hosts that it reads"
_ITSELF = "not governed, because it is the policy, which the host's administrator installs"

# Of a role: variables that do not have the name of the module's option that they become.
ROLES: t.Dict[str, str] = {
    "reconcile_nobody_lives": "live_holders",
    "release_all": "purge",
}
UNGOVERNED_ROLES = {"keeper": _KEEPER, "policy": _ITSELF, "report": _REPORT}
SURVEYS = {f"{role}_hosts": _HOSTS for role in ("acquire", "release", "reconcile", "report")}


def list_asks() -> t.List[t.Tuple[str, Ask]]:
    """Return whatever is governed, by the option that asks for it, also in an entry of mounts."""
    found = []
    for module, places in (("safe_mount", SAFE_MOUNT), ("safe_mount_reconcile", RECONCILE)):
        for option, place in places.items():
            if not isinstance(place, str):
                found += [(f"{module}.{option}", ask) for ask in place]
    for option, place in ENTRY.items():
        if not isinstance(place, str):
            found += [(f"mounts.{option}", ask._replace(params=_in_a_list(ask.params))) for ask in place]
    return found


def without(ask: Ask) -> t.Dict[str, t.Any]:
    """Return a policy of everything but what this call needs."""
    policy = dict(EVERYTHING)
    if ask.name:
        policy["options"] = [name for name in EVERYTHING["options"] if name != ask.name]
    else:
        del policy[ask.key]
    return policy
