# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One inode and the mount it is seen through, asked without waking a filesystem's server.

Private to holdfast.mounts.
"""

from __future__ import annotations

import errno
import os
import re
import stat
import struct
import typing as t

from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast import model
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.grammar import filesystems
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.kernel import (
    mountinfo,
    mounts,
    syscalls,
    utf8,
)

_BASIC_STATS = 0x7FF
_BTIME = 0x800
_MNT_ID = 0x1000
_MNT_ID_UNIQUE = 0x4000
_ATTR_MOUNT_ROOT = 0x2000
_ATTR_APPEND = 0x20
_FIELDS = struct.Struct("=IIQIIIHHQQQQqIiqIiqIiqIiIIIIQ")
_FLAGS = syscalls.AT_EMPTY_PATH | syscalls.AT_STATX_DONT_SYNC
_MASK = _BASIC_STATS | _BTIME | _MNT_ID | _MNT_ID_UNIQUE
# What a filesystem answers that has been shut down, has lost its server, or lets nobody in but its user.
SILENT = frozenset(
    (
        errno.EACCES,
        errno.ECONNABORTED,
        errno.EHOSTDOWN,
        errno.EIO,
        errno.ENODEV,
        errno.ENOTCONN,
        errno.EREMOTEIO,
        errno.ESTALE,
        errno.ETIMEDOUT,
        errno.EUCLEAN,
    )
)
# What a filter of system calls answers, and the C library where it does the call's work itself.
_FORBIDDEN = frozenset((errno.EINVAL, errno.ENOSYS, errno.EPERM))
_OVERFLOW_UID = 65534
_FDINFO_MOUNT = re.compile(r"^mnt_id:\s*([0-9]+)$", re.MULTILINE)
_KINDS: t.Dict[int, model.Kind] = {stat.S_IFDIR: "directory", stat.S_IFREG: "file", stat.S_IFBLK: "device"}


class Inode:
    """What statx(2) tells of an open handle. A walk asks for many and looks at little of each."""

    __slots__ = ("_statx",)

    def __init__(self, reported: t.Tuple[int, ...]) -> None:
        self._statx = reported

    @property
    def kind(self) -> model.Kind:
        """What it is; a symbolic link is C(other)."""
        return _KINDS.get(stat.S_IFMT(self._statx[6]), "other")

    @property
    def is_symlink(self) -> bool:
        """Whether it is a symbolic link."""
        return stat.S_ISLNK(self._statx[6])

    @property
    def is_socket(self) -> bool:
        """Whether it is a socket."""
        return stat.S_ISSOCK(self._statx[6])

    @property
    def mode(self) -> int:
        """The permissions, without the type."""
        return stat.S_IMODE(self._statx[6])

    @property
    def uid(self) -> int:
        """The owner."""
        return self._statx[4]

    @property
    def gid(self) -> int:
        """The group."""
        return self._statx[5]

    @property
    def is_writable_by_others(self) -> bool:
        """Whether users other than root can write it, by owner or mode, which has the mask of an ACL too."""
        return self.uid != 0 or bool(self.mode & 0o022)

    @property
    def is_append_only(self) -> bool:
        """Whether a directory takes new names and never gives one up again (chattr(1), a)."""
        return bool(self._statx[2] & _ATTR_APPEND)

    @property
    def links(self) -> int:
        """How many names it has."""
        return self._statx[3]

    @property
    def size(self) -> int:
        """Bytes."""
        return self._statx[9]

    @property
    def identity(self) -> model.Identity:
        """What tells it from every other one, as far as its filesystem says."""
        reported = self._statx
        birth = reported[15] * 1_000_000_000 + reported[16] if reported[0] & _BTIME else 0
        return model.Identity(device=f"{reported[26]}:{reported[27]}", inode=reported[8], birth=birth)

    @property
    def mount_id(self) -> int:
        """Unique where has_unique_id, else the number of mountinfo; 0 before Linux 5.8."""
        return self._statx[28] if self._statx[0] & (_MNT_ID | _MNT_ID_UNIQUE) else 0

    @property
    def has_unique_id(self) -> bool:
        """Whether mount_id is never used again (Linux 6.8)."""
        return bool(self._statx[0] & _MNT_ID_UNIQUE)

    @property
    def is_mount_root(self) -> t.Optional[bool]:
        """Whether it is the root of a mount; None before Linux 5.8, where the kernel does not say."""
        return bool(self._statx[2] & _ATTR_MOUNT_ROOT) if self._statx[11] & _ATTR_MOUNT_ROOT else None

    @property
    def device_number(self) -> str:
        """C(major:minor) of a block device's own number."""
        return f"{self._statx[24]}:{self._statx[25]}"


def inode_of(fd: int) -> Inode:
    """Return what is known of the open handle fd. A dead server does not delay it (AT_STATX_DONT_SYNC).

    Of a filesystem that does not tell, the mount alone is known, and whether this is its root or a directory:
    the rest reads as what others may write.
    """
    mask = _MASK if mounts.answers_by_id() else _MASK & ~_MNT_ID_UNIQUE
    try:
        return Inode(_FIELDS.unpack_from(syscalls.statx(fd, b"", flags=_FLAGS, mask=mask)))
    except OSError as error:
        if error.errno not in SILENT | _FORBIDDEN:
            raise
        return _known_by_mount(fd, asks=error.errno in _FORBIDDEN)


def _known_by_mount(fd: int, *, asks: bool) -> Inode:
    """Return what the kernel tells of an open handle without statx(2) (proc_pid_fdinfo(5)).

    asks: ask the filesystem as well, by fstat(2), where it needs no server to answer.
    """
    with open(f"/proc/self/fdinfo/{fd}", encoding="ascii") as file:
        number = int(_FDINFO_MOUNT.findall(file.read())[0])
    # Both are the path from this process' root, so they agree for the root of a mount and for nothing else.
    path = utf8.decoded(os.readlink(f"/proc/self/fd/{fd}".encode("ascii")))
    row = next((row for row in mountinfo.read_mounts() if row.mount_id == number), None)
    is_root = row is not None and row.mount_point == path
    unique = mounts.unique_id(number)
    reported = [0] * 29
    reported[0] = _MNT_ID if unique is None else _MNT_ID_UNIQUE
    reported[2], reported[11] = _ATTR_MOUNT_ROOT if is_root else 0, _ATTR_MOUNT_ROOT
    reported[4], reported[6] = _OVERFLOW_UID, _type_of(fd)
    reported[28] = number if unique is None else unique
    # What is in no table is a mount that this process has just made.
    if asks and (row is None or row.fstype in filesystems.LOCAL_TYPES):
        found = os.fstat(fd)
        reported[3], reported[4], reported[5], reported[6] = (
            found.st_nlink,
            found.st_uid,
            found.st_gid,
            found.st_mode,
        )
        reported[8], reported[9] = found.st_ino, found.st_size
        reported[24], reported[25] = os.major(found.st_rdev), os.minor(found.st_rdev)
        reported[26], reported[27] = os.major(found.st_dev), os.minor(found.st_dev)
    return Inode(tuple(reported))


def _type_of(fd: int) -> int:
    try:
        os.close(os.open(f"/proc/self/fd/{fd}", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC))
    except OSError:
        return 0
    return stat.S_IFDIR


def inode_behind(path: str) -> Inode:
    """Return what is known of what path leads to, through a magic link too; mount_id is mountinfo's number.

    Asks for nothing that a server would have to answer, so a FUSE of another user's tells its mount too.
    """
    flags = syscalls.AT_STATX_DONT_SYNC | syscalls.AT_NO_AUTOMOUNT
    return Inode(
        _FIELDS.unpack_from(syscalls.statx(syscalls.AT_FDCWD, path.encode("ascii"), flags=flags, mask=0))
    )
