# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""On which block devices a superblock lies, and which subvolume of btrfs a mount shows.

Private to holdfast.mounts.
"""

from __future__ import annotations

import fcntl
import os
import stat
import struct
import typing as t

from ansible_collections.holdfast.mounts.plugins.module_utils._values.host import (
    NO_END,
    Extent,
    Extents,
    Tree,
)

_BLOCK = "/sys/dev/block"
_BTRFS = "/sys/fs/btrfs"
_READ = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC

# include/uapi/linux/btrfs.h and btrfs_tree.h
_TREE_SEARCH, _INO_LOOKUP, _ARGUMENTS = 0xD0009411, 0xD0009412, 4096
_ROOT_TREE, _ROOT_DIRECTORY, _FIRST_INODE = 1, 6, 256
TOP_LEVEL = 5
_DIR_ITEM, _ROOT_BACKREF = 84, 144
_KEY = struct.Struct("=7Q4I32x")
_ITEM = struct.Struct("=QQQII")
_BACKREF = struct.Struct("=QQH")


def extents_of(number: str, start: int = 0, end: int = NO_END) -> Extents:
    """Return on which bytes a block device, C(major:minor), or a range of it, lies.

    A partition and a loop device lie on what is below them alone. What a mapper or md device takes of its
    members is not looked up, so it is a place of its own as well.
    LIMIT: a loop device whose file or node has another name by now is told by the name that it had.
    """
    folder = os.path.realpath(f"{_BLOCK}/{number}")
    if os.path.exists(f"{folder}/partition"):
        first = _sectors(f"{folder}/start")
        last = first + _sectors(f"{folder}/size")
        return extents_of(_read(f"{os.path.dirname(folder)}/dev"), first + start, min(last, first + end))
    backing = _read(f"{folder}/loop/backing_file")
    if backing:
        offset = int(_read(f"{folder}/loop/offset") or 0)
        limit = int(_read(f"{folder}/loop/sizelimit") or 0) or NO_END
        return _extents_at(backing, offset + start, min(offset + limit, offset + end))
    members = [_read(f"{folder}/slaves/{name}/dev") for name in _list(f"{folder}/slaves")]
    below = frozenset(
        extent._replace(is_slice=True) for member in filter(None, members) for extent in extents_of(member)
    )
    return below | {Extent(number, start, end)}


def btrfs_extents(number: str) -> Extents:
    """Return where the btrfs filesystem lies that has this device, and may have others too."""
    members = {number}
    for filesystem in _list(_BTRFS):
        folder = f"{_BTRFS}/{filesystem}/devices"
        found = {_read(f"{folder}/{name}/dev") for name in _list(folder)}
        members |= found if number in found else set()
    return frozenset(extent for member in members for extent in extents_of(member))


def block_number(path: str) -> t.Optional[str]:
    """Return C(major:minor) of the block device at path, None where there is none."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return _number(found.st_rdev) if stat.S_ISBLK(found.st_mode) else None


def _extents_at(path: str, start: int, end: int) -> Extents:
    number = block_number(path)
    if number is not None:
        return extents_of(number, start, end)
    try:
        found = os.stat(path)
    except OSError:
        return frozenset((Extent(path, start, end),))
    return frozenset((Extent(f"{_number(found.st_dev)} {found.st_ino}", start, end),))


def _sectors(path: str) -> int:
    return int(_read(path) or 0) * 512  # whatever the device's own sectors are


def _number(device: int) -> str:
    return f"{os.major(device)}:{os.minor(device)}"


def _read(path: str) -> str:
    try:
        with open(path, "rb", buffering=0) as stream:
            return stream.read(4096).decode("utf-8", "surrogateescape").rstrip("\n")
    except OSError:
        return ""


def _list(path: str) -> t.List[str]:
    try:
        return os.listdir(path)
    except OSError:
        return []


def btrfs_tree(mount: int) -> Tree:
    """Return which subvolume the mount that is open as this handle shows. May wait for the device.

    An inode of btrfs shows a device number of its subvolume alone, so that of the superblock, which the
    mount table has, is asked for by a lock that nothing can be in the way of (proc_pid_fdinfo(5)).
    """
    fd = os.open(".", _READ, dir_fd=mount)
    try:
        return Tree(_superblock(fd), subvolume_path(fd, _lookup(fd, 0, _FIRST_INODE)[0]))
    finally:
        os.close(fd)


def find_subvolume(point: str, device: str, tree: t.Optional[int]) -> t.Optional[str]:
    """Return the path of a subvolume, for None the default one, of the btrfs that is mounted at this point.

    None where something else is mounted there by now, or there is no such subvolume. May wait.
    """
    fd = os.open(point, _READ)
    try:
        if _superblock(fd) != device:
            return None
        return subvolume_path(fd, _default_subvolume(fd) if tree is None else tree)
    except (LookupError, OSError):
        return None
    finally:
        os.close(fd)


def subvolume_path(fd: int, tree: int) -> str:
    """Return the path of a subvolume from the filesystem's top on. Raises LookupError or OSError."""
    path = ""
    while tree != TOP_LEVEL:
        parent, data = _search(fd, tree, _ROOT_BACKREF)
        directory, _sequence, length = _BACKREF.unpack_from(data)
        name = data[_BACKREF.size : _BACKREF.size + length]
        above = _lookup(fd, parent, directory)[1]
        path, tree = f"/{os.fsdecode(above + name)}{path}", parent
    return path or "/"


def _default_subvolume(fd: int) -> int:
    # The one entry of the directory of the tree of roots, "default": the key of a root (btrfs-subvolume(8)).
    return t.cast(int, struct.unpack_from("=Q", _search(fd, _ROOT_DIRECTORY, _DIR_ITEM)[1])[0])


def _superblock(fd: int) -> str:
    fcntl.lockf(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    for line in _read(f"/proc/self/fdinfo/{fd}").splitlines():
        if line.startswith("lock:"):
            major, minor, _inode = line.split()[6].split(":")
            return f"{int(major, 16)}:{int(minor, 16)}"
    raise OSError("the kernel does not show the lock of a directory")


def _lookup(fd: int, tree: int, inode: int) -> t.Tuple[int, bytes]:
    """Return a tree, by default that of fd, and the path of an inode in it, with a slash at its end."""
    buffer = bytearray(_ARGUMENTS)
    struct.pack_into("=QQ", buffer, 0, tree, inode)
    fcntl.ioctl(fd, _INO_LOOKUP, buffer)
    return struct.unpack_from("=Q", buffer)[0], bytes(buffer[16:]).partition(b"\0")[0]


def _search(fd: int, objectid: int, kind: int) -> t.Tuple[int, bytes]:
    """Return offset and data of the first such item in the tree of roots."""
    buffer, last = bytearray(_ARGUMENTS), 2**64 - 1
    _KEY.pack_into(buffer, 0, _ROOT_TREE, objectid, objectid, 0, last, 0, last, kind, kind, 1, 0)
    fcntl.ioctl(fd, _TREE_SEARCH, buffer)
    if not struct.unpack_from("=I", buffer, 64)[0]:
        raise LookupError("no such item")
    _transaction, _objectid, offset, _kind, length = _ITEM.unpack_from(buffer, _KEY.size)
    start = _KEY.size + _ITEM.size
    return offset, bytes(buffer[start : start + length])
