# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The system calls of the mount interface that Python does not offer, each under the kernel's own name.

Every function raises OSError with the kernel's errno; ENOSYS where the kernel lacks the call.

Private to holdfast.mounts.
"""

from __future__ import annotations

import ctypes
import errno
import os
import struct
import typing as t

from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.kernel import utf8

# Numbers of new calls are the same on every architecture that Ansible meets (asm-generic/unistd.h).
_PIDFD_OPEN = 434
_PIDFD_GETFD = 438
_OPEN_TREE = 428
_MOVE_MOUNT = 429
_FSOPEN = 430
_FSCONFIG = 431
_FSMOUNT = 432
_FSPICK = 433
_MOUNT_SETATTR = 442
_OPENAT2 = 437
_STATMOUNT = 457
_LISTMOUNT = 458

AT_FDCWD = -100
AT_EMPTY_PATH = 0x1000
AT_NO_AUTOMOUNT = 0x800
AT_STATX_DONT_SYNC = 0x4000
AT_STATX_FORCE_SYNC = 0x2000
AT_SYMLINK_NOFOLLOW = 0x100

FSCONFIG_SET_FLAG = 0
FSCONFIG_SET_STRING = 1
FSCONFIG_SET_FD = 5
FSCONFIG_CMD_CREATE = 6
FSCONFIG_CMD_RECONFIGURE = 7
FSCONFIG_CMD_CREATE_EXCL = 8

RESOLVE_NO_SYMLINKS = 0x04
RESOLVE_CACHED = 0x20

MNT_FORCE = 1
MNT_DETACH = 2
UMOUNT_NOFOLLOW = 8
MS_PRIVATE = 1 << 18
RENAME_NOREPLACE = 1
RENAME_EXCHANGE = 2
LSMT_ROOT = (1 << 64) - 1

# struct open_how: flags, mode, resolve; struct mount_attr: set, cleared, propagation, user namespace
_OPEN_HOW, _MOUNT_ATTR = struct.Struct("=3Q"), struct.Struct("=4Q")

_libc = ctypes.CDLL(None, use_errno=True)


def _checked(result: int, what: str) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
    return result


def _syscall(number: int, what: str, *arguments: t.Any) -> int:
    return _checked(_libc.syscall(ctypes.c_long(number), *arguments), what)


def fsopen(fstype: str) -> int:
    """Return a context in which a new filesystem is configured (Linux 5.2)."""
    return _syscall(_FSOPEN, "fsopen", utf8.encoded(fstype), ctypes.c_uint(1))


def fspick(fd: int) -> int:
    """Return a context for the superblock of the mount that is open as fd (Linux 5.2)."""
    # FSPICK_CLOEXEC | FSPICK_NO_AUTOMOUNT | FSPICK_EMPTY_PATH
    return _syscall(_FSPICK, "fspick", ctypes.c_int(fd), b"", ctypes.c_uint(1 | 4 | 8))


def fsconfig(
    context: int, command: int, key: t.Optional[str] = None, value: t.Optional[str] = None, *, aux: int = 0
) -> None:
    """Set one parameter of a context, or let it act (Linux 5.2). No value is ever split into two."""
    _syscall(
        _FSCONFIG,
        "fsconfig",
        ctypes.c_int(context),
        ctypes.c_uint(command),
        None if key is None else utf8.encoded(key),
        None if value is None else utf8.encoded(value),
        ctypes.c_int(aux),
    )


def fsmount(context: int, attributes: int) -> int:
    """Return a mount that is attached nowhere and dies with its last descriptor (Linux 5.2)."""
    return _syscall(_FSMOUNT, "fsmount", ctypes.c_int(context), ctypes.c_uint(1), ctypes.c_uint(attributes))


def open_tree_clone(fd: int) -> int:
    """Return a detached copy of the mount below fd, rooted at fd and without submounts (Linux 5.2)."""
    flags = 1 | os.O_CLOEXEC | AT_EMPTY_PATH
    return _syscall(_OPEN_TREE, "open_tree", ctypes.c_int(fd), b"", ctypes.c_uint(flags))


def move_mount(mount: int, target: int) -> None:
    """Attach a detached mount to the directory or file that is open as target (Linux 5.2)."""
    # MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH
    _syscall(
        _MOVE_MOUNT, "move_mount", ctypes.c_int(mount), b"", ctypes.c_int(target), b"", ctypes.c_uint(0x44)
    )


def openat2(directory: int, path: str, flags: int, resolve: int) -> int:
    """Return a handle of path, resolved as told (Linux 5.6, RESOLVE_CACHED 5.12: EAGAIN if it would wait)."""
    how = _OPEN_HOW.pack(flags, 0, resolve)
    return _syscall(
        _OPENAT2,
        "openat2",
        ctypes.c_int(directory),
        utf8.encoded(path),
        how,
        ctypes.c_size_t(len(how)),
    )


def mount_setattr(fd: int, *, attributes: int = 0, cleared: int = 0, propagation: int = 0) -> None:
    """Change the attributes of the mount that is open as fd (Linux 5.12)."""
    values = _MOUNT_ATTR.pack(attributes, cleared, propagation, 0)
    _syscall(
        _MOUNT_SETATTR,
        "mount_setattr",
        ctypes.c_int(fd),
        b"",
        ctypes.c_uint(AT_EMPTY_PATH),
        values,
        ctypes.c_size_t(len(values)),
    )


def unshare_mounts() -> None:
    """Give this process a mount namespace of its own, with copies of all mounts (unshare(2))."""
    _checked(_libc.unshare(ctypes.c_int(0x00020000)), "unshare")


def umount2(target: str, flags: int) -> None:
    """Unmount what is mounted at target (umount2(2))."""
    _checked(_libc.umount2(utf8.encoded(target), ctypes.c_int(flags)), "umount2")


def set_parent_death_signal(number: int) -> None:
    """Have the kernel send this process the signal when its parent dies (prctl(2))."""
    _checked(_libc.prctl(1, ctypes.c_ulong(number), 0, 0, 0), "prctl")


def become_subreaper() -> None:
    """Be the parent of descendants whose own parent has ended (PR_SET_CHILD_SUBREAPER, Linux 3.4)."""
    _checked(_libc.prctl(36, ctypes.c_ulong(1), 0, 0, 0), "prctl")


def pidfd_open(pid: int, flags: int = 0) -> int:
    """Return a handle of a process (Linux 5.3), or with os.O_EXCL of a thread (Linux 6.9)."""
    return _syscall(_PIDFD_OPEN, "pidfd_open", ctypes.c_int(pid), ctypes.c_uint(flags))


def pidfd_getfd(pidfd: int, fd: int) -> int:
    """Return a copy of another process' descriptor (Linux 5.6)."""
    return _syscall(_PIDFD_GETFD, "pidfd_getfd", ctypes.c_int(pidfd), ctypes.c_int(fd), ctypes.c_uint(0))


def renameat2(directory: int, old: str, new: str, flags: int) -> None:
    """Rename within one directory (Linux 3.15)."""
    _checked(
        _libc.renameat2(directory, utf8.encoded(old), directory, utf8.encoded(new), ctypes.c_uint(flags)),
        "renameat2",
    )


_Statx = ctypes.c_char * 256
_libc.statx.argtypes = (ctypes.c_int, ctypes.c_char_p, ctypes.c_int, ctypes.c_uint, _Statx)


def statx(fd: int, path: bytes, *, flags: int, mask: int) -> ctypes.Array[ctypes.c_char]:
    """Return struct statx (Linux 4.11)."""
    buffer = _Statx()
    _checked(_libc.statx(fd, path, flags, mask, buffer), "statx")
    return buffer


# struct mnt_id_req of Linux 6.8: size, a spare word, id, parameter
_MOUNT_ID_REQUEST = struct.Struct("=IIQQ")


def _mount_id_request(mount_id: int, parameter: int) -> bytes:
    return _MOUNT_ID_REQUEST.pack(_MOUNT_ID_REQUEST.size, 0, mount_id, parameter)


def statmount(mount_id: int, mask: int) -> bytes:
    """Return struct statmount and its strings as bytes (Linux 6.8). mount_id is a unique id."""
    request = _mount_id_request(mount_id, mask)
    size = 4096
    while True:
        buffer = ctypes.create_string_buffer(size)
        try:
            _syscall(
                _STATMOUNT,
                "statmount",
                request,
                buffer,
                ctypes.c_size_t(size),
                ctypes.c_uint(0),
            )
        except OSError as error:
            if error.errno != errno.EOVERFLOW or size > 1 << 20:
                raise
            size *= 4
            continue
        return buffer.raw


def listmount(mount_id: int, limit: int) -> t.Tuple[int, ...]:
    """Return unique ids of up to limit mounts below this one, or with LSMT_ROOT of all (Linux 6.8)."""
    request = _mount_id_request(mount_id, 0)
    ids = (ctypes.c_uint64 * limit)()
    count = _syscall(
        _LISTMOUNT,
        "listmount",
        request,
        ids,
        ctypes.c_size_t(limit),
        ctypes.c_uint(0),
    )
    return tuple(ids[:count])
