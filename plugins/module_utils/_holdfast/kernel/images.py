# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Images: files of the host as loop devices, that the kernel detaches by itself (loop(4)).

Private to holdfast.mounts.
"""

from __future__ import annotations

import errno
import fcntl
import os
import struct
import typing as t

from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast import errors, model
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.grammar import filesystems
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.kernel import (
    blocks,
    devices,
    inodes,
    mountinfo,
    utf8,
)

# include/uapi/linux/loop.h: struct loop_info64 and struct loop_config.
_GET_STATUS, _CONFIGURE, _GET_FREE = 0x4C05, 0x4C0A, 0x4C82
_READ_ONLY, _AUTOCLEAR = 1, 4
_INFO = struct.Struct("=5Q4I64s64s32s2Q")
_CONFIG = struct.Struct(f"=2I{_INFO.size}s64x")
_CONTROL = "/dev/loop-control"
# So often another process may take the device that was free.
_ATTEMPTS = 64
# The device is just being given up, or its node is missing here or not for us.
_NO_NODE = (errno.EACCES, errno.ENOENT, errno.EPERM)
_NOT_TO_BE_ASKED = (*_NO_NODE, errno.ENODEV, errno.ENXIO)

# Why root cannot open a file for writing (open(2)).
_NOT_WRITABLE = {
    errno.EPERM: "is immutable (chattr(1))",
    errno.EROFS: "lies on a read-only filesystem",
    errno.ETXTBSY: "is in use as a swap file or a program",
}


class Loop(t.NamedTuple):
    """A loop device, open as fd: as long as that is so, the device keeps its file."""

    fd: int
    path: str


def attach(file: int, path: str, *, is_read_only: bool) -> Loop:
    """Return the loop device of the image that is open as this handle, one for all who ask for it.

    A new one is detached by the kernel with its last user, a mount or a descriptor (Linux 5.8). The caller
    has the lock of the image's filesystem. May wait for that filesystem. Raises MountError or OSError.
    LIMIT: a loop device of a filesystem that may have a server is not looked at for an image of another one.
    """
    access = os.O_RDONLY if is_read_only else os.O_RDWR
    image = _open(file, path, access)
    try:
        for _attempt in range(_ATTEMPTS):
            loop = _find(image, path, is_read_only=is_read_only) or _configure(image, path, access)
            if loop is not None:
                return loop
    finally:
        os.close(image)
    raise OSError(errno.EBUSY, "other processes took every loop device that was free")


def _open(file: int, path: str, access: int) -> int:
    try:
        return os.open(f"/proc/self/fd/{file}", access | os.O_CLOEXEC)
    except OSError as error:
        if error.errno not in _NOT_WRITABLE or access == os.O_RDONLY:
            raise
        raise errors.MountError(
            "mount_failed",
            f"the image '{path}' {_NOT_WRITABLE[error.errno]}; add 'ro' to the options",
            step="source",
            errno=error.errno,
        ) from error


def _find(image: int, path: str, *, is_read_only: bool) -> t.Optional[Loop]:
    """Return a device that has the file already. A part of the file would be another filesystem's."""
    rows, identity = mountinfo.read_mounts(), inodes.inode_of(image).identity
    is_local = _is_local(path, rows)
    for name in blocks.loop_names():
        backing = blocks.backing_file(name)
        if not backing or (is_local and not _is_local(backing, rows)):
            continue
        try:
            fd = os.open(f"/dev/{name}", os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except OSError as error:
            if error.errno not in _NOT_TO_BE_ASKED:
                raise
            if error.errno in _NO_NODE and blocks.is_file(backing, path, identity):
                # A second device on the same bytes would destroy them.
                node = "has it, and its node is missing or not accessible here; create that, or detach it"
                raise _conflict(path, f"is attached already: '/dev/{name}' {node}", f"/dev/{name}") from error
            continue
        try:
            if _has_file(fd, image, path, name, is_read_only=is_read_only):
                fd, kept = -1, fd
                return Loop(kept, f"/dev/{name}")
        finally:
            if fd >= 0:
                os.close(fd)
    return None


def _is_local(path: str, rows: t.Sequence[model.KernelMount]) -> bool:
    row = mountinfo.row_at(path, rows)
    return row is None or row.fstype in filesystems.LOCAL_TYPES


def _has_file(fd: int, image: int, path: str, name: str, *, is_read_only: bool) -> bool:
    try:
        status = _INFO.unpack(fcntl.ioctl(fd, _GET_STATUS, bytes(_INFO.size)))
    except OSError as error:
        if error.errno not in _NOT_TO_BE_ASKED:
            raise
        return False
    device, inode, _rdevice, offset, limit, _number, _type, _key, flags = status[:9]
    wanted = os.fstat(image)
    if (device, inode) != (wanted.st_dev, wanted.st_ino):
        return False
    if offset or limit:
        raise _conflict(path, "is attached to a loop device in part; detach that first", f"/dev/{name}")
    if flags & _READ_ONLY and not is_read_only:
        what_to_do = "ask for 'ro', or release it there first"
        raise _conflict(path, f"is attached to a loop device read-only; {what_to_do}", f"/dev/{name}")
    return True


def _conflict(path: str, found: str, device: str) -> errors.MountError:
    return errors.MountError("conflict", f"the image '{path}' {found}", step="source", detail=f"'{device}'")


def _configure(image: int, path: str, access: int) -> t.Optional[Loop]:
    """Attach the file to a device that is free; None where another process was faster."""
    device = f"/dev/loop{_free_number()}"
    try:
        fd = os.open(device, access | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError as error:
        if error.errno not in _NO_NODE:
            raise
        what = f"open the loop device '{device}' (its node is missing or forbidden)"
        raise _unsupported(what, error) from error
    try:
        # What losetup(8) shows where sysfs tells no name.
        name = utf8.encoded(path)[:63]
        flags = _AUTOCLEAR | (0 if access == os.O_RDWR else _READ_ONLY)
        info = _INFO.pack(0, 0, 0, 0, 0, 0, 0, 0, flags, name, b"", b"", 0, 0)
        fcntl.ioctl(fd, _CONFIGURE, _CONFIG.pack(image, 0, info))
        fd, kept = -1, fd
        return Loop(kept, device)
    except OSError as error:
        if error.errno == errno.EBUSY:
            return None
        if error.errno in (errno.EINVAL, errno.ENOTTY):
            raise _unsupported("attach a file in one step (LOOP_CONFIGURE, Linux 5.8)", error) from error
        raise
    finally:
        if fd >= 0:
            os.close(fd)


def _free_number() -> int:
    try:
        control = os.open(_CONTROL, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError as error:
        if error.errno not in _NOT_TO_BE_ASKED:
            raise
        raise _unsupported(f"make loop devices ('{_CONTROL}' is missing or forbidden)", error) from error
    try:
        return fcntl.ioctl(control, _GET_FREE)
    finally:
        os.close(control)


def _unsupported(what: str, error: OSError) -> errors.MountError:
    return errors.MountError(
        "unsupported",
        f"this host cannot {what}, which mounting an image needs; load the module 'loop', or write a block "
        "device as src",
        step="source",
        errno=error.errno,
    )


def has_partitions(device: devices.Device) -> bool:
    """Whether a device begins with a partition table, of DOS or GPT, which has one of DOS before it.

    May wait for the device. A boot sector of FAT ends alike, and has code in place of the four entries.
    """
    fd = os.open(device.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        table = os.pread(fd, 66, 446)
    finally:
        os.close(fd)
    entries = [table[start : start + 16] for start in range(0, 64, 16)]
    is_table = table[64:] == b"\x55\xaa" and all(entry[0] in (0, 0x80) for entry in entries)
    return is_table and any(entry[4] for entry in entries)
