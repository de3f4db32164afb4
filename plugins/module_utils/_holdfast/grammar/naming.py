# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which names holders and types of filesystems may have.

Private to holdfast.mounts.
"""

from __future__ import annotations

import re
import typing as t

from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.grammar import (
    filesystems,
    record,
    spelling,
    strings,
)

HOLDER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:@+-]{0,127}")
_OTHER_SPELLINGS = {
    "efs": "nfs4",
    "fuse.ceph": "ceph",
    "fuse.exfat": "exfat",
    "fuse.glusterfs": "glusterfs",
    "iso": "iso9660",
    "msdos": "vfat",
    "ntfs": "ntfs3",
    "ntfs-3g": "ntfs3",
    "smbfs": "cifs",
    "sshfs": "fuse.sshfs",
}
# What Amazon's helper does beside NFS, in a program of its own.
_EFS_ONLY = ("accesspoint", "iam", "tls")
_NEVER: t.Mapping[str, str] = {
    **dict.fromkeys(("none", "swap"), "is not a filesystem"),
    **dict.fromkeys(
        (
            *("binfmt_misc", "bpf", "cgroup", "cgroup2", "configfs", "debugfs", "devpts", "devtmpfs"),
            *("efivarfs", "fusectl", "hugetlbfs", "mqueue", "nfsd", "proc", "pstore", "ramfs", "rpc_pipefs"),
            *("securityfs", "selinuxfs", "sysfs", "tracefs", "usbfs"),
        ),
        "is an interface of the kernel, and the host mounts it",
    ),
    "zfs": "mounts its datasets by itself, as the property mountpoint says (zfs(8))",
}
# By these, programs are run in place of a filesystem's own code.
_PROGRAMS = ("davfs", "gcsfuse", "goofys", "mergerfs", "rclone", "s3fs", "s3ql")


def check_holder(value: t.Any, option: str) -> str:
    """Return the holder's name. Raises invalid_argument."""
    holder = strings.check_text(value, option)
    if HOLDER.fullmatch(holder) is None:
        raise strings.refusal(
            "invalid_argument",
            f"{option}: {strings.quote(holder)} is not a name of a holder; write 1 to 128 characters out of "
            "A-Z a-z 0-9 . _ : @ + - that begin with a letter or a digit",
        )
    return holder


def find_filesystem(
    fstype: t.Any,
    opts: t.Sequence[str] = (),
    option: str = "fstype",
    *,
    allowed: t.Sequence[str] = filesystems.OPTIONAL_TYPES,
) -> record.Filesystem:
    """Return the type of that name.

    Raises invalid_argument for its characters, fstype_not_allowed for anything not in the table.
    opts only serve to tell an old spelling of a bind mount. allowed: what is turned on out of
    OPTIONAL_TYPES.
    """
    name = strings.check_text(fstype, option)
    if name in filesystems.FILESYSTEMS and (name not in filesystems.OPTIONAL_TYPES or name in allowed):
        return filesystems.FILESYSTEMS[name]
    from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.grammar import hints

    raise strings.refusal(
        "fstype_not_allowed", f"{option}: {strings.quote(name)} {_instead(name, opts)}; {hints.GUIDE}"
    )


def check_allowed_types(values: t.Sequence[t.Any], option: str) -> t.Tuple[str, ...]:
    """Return the types that the caller turns on. Raises invalid_argument."""
    for index, value in enumerate(values):
        name = strings.check_text(value, f"{option}[{index}]")
        if name not in filesystems.OPTIONAL_TYPES:
            raise strings.refusal(
                "invalid_argument",
                f"{option}[{index}]: {strings.quote(name)} is not a type that is off by default; write one "
                f"of {', '.join(filesystems.OPTIONAL_TYPES)}, or leave it out",
            )
    if len(set(values)) < len(values):
        raise strings.refusal("invalid_argument", f"{option}: a type is listed twice; list it once")
    return tuple(values)


def _instead(name: str, opts: t.Sequence[str]) -> str:
    """Return why a type is refused and what to write instead, or that there is nothing."""
    if name == "none" and any(word in ("bind", "rbind") for word in opts):
        return "with the option bind is fstab's spelling of a bind mount; write fstype: bind"
    if name in filesystems.OPTIONAL_TYPES:
        return f"is off by default; write allow_fstypes: [{name}]"
    if name == "efs" and any(word.partition("=")[0] in _EFS_ONLY for word in opts):
        return (
            f"with {', '.join(_EFS_ONLY)} runs a program beside the mount, which this module never does; "
            "keep it in fstab"
        )
    if name in _OTHER_SPELLINGS:
        return f"has another name here; write fstype: {_OTHER_SPELLINGS[name]}"
    if name in _NEVER:
        return f"{_NEVER[name]}; keep it in fstab"
    if name.startswith("fuse") or name in _PROGRAMS:
        return "is served by a program, which this module never starts; keep it in fstab"
    known = sorted(set(filesystems.FILESYSTEMS).difference(filesystems.OPTIONAL_TYPES))
    if name == "auto":
        return "leaves the type to be guessed; write the one that blkid(8) shows"
    listed = [part for part in name.split(",") if part in known]
    if "," in name and listed:
        return f"is a list, and a mount has one type; write fstype: {listed[0]}, or another one of these"
    alike = spelling.find_alike(name, known)
    if alike:
        return f"is not a type that may be mounted; write fstype: {' or '.join(alike)}, if that is meant"
    return f"is not a type that may be mounted; write one of {', '.join(strings.first_few(known))}"
