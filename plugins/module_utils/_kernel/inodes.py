# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One inode and the mount it is seen through, asked without waking a filesystem's server.

Private to holdfast.mounts.
"""

from __future__ import annotations

import stat
import struct
import typing as t
from dataclasses import dataclass

from ansible_collections.holdfast.mounts.plugins.module_utils._kernel import calls
from ansible_collections.holdfast.mounts.plugins.module_utils._values.host import Identity, Kind

_BASIC_STATS = 0x7FF
_BTIME = 0x800
_MNT_ID = 0x1000
_MNT_ID_UNIQUE = 0x4000
_ATTR_MOUNT_ROOT = 0x2000
_FIELDS = struct.Struct("=IIQIIIHHQQQQqIiqIiqIiqIiIIIIQ")


@dataclass(frozen=True)
class Inode:
    """What statx(2) tells of an open handle.

    mount_id: unique where has_unique_id, else the number of mountinfo; 0 before Linux 5.8.
    is_mount_root: None before Linux 5.8, where the kernel does not say.
    device_number: C(major:minor) of a block device's own number.
    """

    kind: Kind
    is_symlink: bool
    mode: int
    uid: int
    gid: int
    links: int
    size: int
    identity: Identity
    mount_id: int
    has_unique_id: bool
    is_mount_root: t.Optional[bool]
    device_number: str


def _kind(mode: int) -> Kind:
    if stat.S_ISDIR(mode):
        return "directory"
    if stat.S_ISREG(mode):
        return "file"
    if stat.S_ISBLK(mode):
        return "device"
    return "other"


def inode_of(fd: int) -> Inode:
    """Return what is known of the open handle fd. A dead server does not delay it (AT_STATX_DONT_SYNC)."""
    return _inode(
        calls.statx(
            fd,
            "",
            flags=calls.AT_EMPTY_PATH | calls.AT_STATX_DONT_SYNC,
            mask=_BASIC_STATS | _BTIME | _MNT_ID | _MNT_ID_UNIQUE,
        )
    )


def _inode(raw: bytes) -> Inode:
    field = _FIELDS.unpack_from(raw)
    mask, attributes, attributes_mask = field[0], field[2], field[11]
    mode = field[6]
    birth = field[15] * 1_000_000_000 + field[16] if mask & _BTIME else 0
    knows_root = bool(attributes_mask & _ATTR_MOUNT_ROOT)
    return Inode(
        kind=_kind(mode),
        is_symlink=stat.S_ISLNK(mode),
        mode=stat.S_IMODE(mode),
        uid=field[4],
        gid=field[5],
        links=field[3],
        size=field[9],
        identity=Identity(device=f"{field[26]}:{field[27]}", inode=field[8], birth=birth),
        mount_id=field[28] if mask & (_MNT_ID | _MNT_ID_UNIQUE) else 0,
        has_unique_id=bool(mask & _MNT_ID_UNIQUE),
        is_mount_root=bool(attributes & _ATTR_MOUNT_ROOT) if knows_root else None,
        device_number=f"{field[24]}:{field[25]}",
    )


def mount_number_at(path: str) -> int:
    """Return mountinfo's number of the mount that the last component of path, a magic link too, leads to.

    Asks for nothing that a filesystem's server would have to answer. Raises OSError.
    """
    raw = calls.statx(calls.AT_FDCWD, path, flags=calls.AT_STATX_DONT_SYNC, mask=_MNT_ID)
    return t.cast(int, _FIELDS.unpack_from(raw)[28])
