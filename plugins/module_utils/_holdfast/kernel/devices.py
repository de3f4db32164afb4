# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Devices and tags: what they name, what their superblocks are.

Private to holdfast.mounts.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import stat
import struct
import typing as t

from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast import errors, model
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.grammar import filesystems
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.kernel import inodes, pathwalk, utf8

# udev(7), 60-persistent-storage.rules. The grammar of src leaves nothing but blanks in a value to be escaped.
_TAG_LINKS = {
    "UUID": "/dev/disk/by-uuid/",
    "LABEL": "/dev/disk/by-label/",
    "PARTUUID": "/dev/disk/by-partuuid/",
    "PARTLABEL": "/dev/disk/by-partlabel/",
}


# What path_resolution(7) allows.
_MOST_LINKS = 40
_OPEN = os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC


class Device(t.NamedTuple):
    """A block device: where it is, and its number as C(major:minor)."""

    path: str
    number: str


def find_device(src: str) -> Device:
    """Return the block device that src names. Links are followed where only root makes them.

    No name is looked up, and no link followed, in a directory that others may write, as they may /dev/shm,
    or in a filesystem that may not answer. Raises MountError C(mount_failed) where there is no device,
    C(source_not_allowed) where it is something else, and C(unsafe_path) where the way is not root's alone.
    """
    link = tag_link(src)
    try:
        path, inode = _resolve(link or src, src)
    except OSError as error:
        hint = "udev knows no device with this tag" if link else "there is no such device"
        kind = errors.AbsentError if error.errno == errno.ENOENT else errors.MountError
        raise kind(
            "mount_failed",
            f"the source '{src}' does not exist: {hint}; see what 'lsblk --fs' lists",
            step="source",
            errno=error.errno,
        ) from error
    if inode.kind != "device" or not path.startswith("/dev/"):
        raise errors.MountError(
            "source_not_allowed",
            f"the source '{src}' is not a block device; write one, or the path of an image outside of /dev",
            step="source",
        )
    return Device(path, inode.device_number)


def _resolve(path: str, src: str) -> t.Tuple[str, inodes.Inode]:
    """Return the path and the inode that a path leads to, like realpath(3). Raises MountError or OSError."""
    with contextlib.ExitStack() as stack:

        def opened(name: str, directory: t.Optional[int] = None) -> t.Tuple[str, int, inodes.Inode]:
            fd = os.open(utf8.encoded(name), _OPEN, dir_fd=directory)
            stack.callback(os.close, fd)
            return name, fd, inodes.inode_of(fd)

        # From / to where the walk is: a ".." goes back on the way that was come.
        way = [opened("/")]
        pending = path.split("/")[::-1]
        links = 0
        while pending:
            name = pending.pop()
            if name == "..":
                del way[max(1, len(way) - 1) :]
                continue
            if name in ("", "."):
                continue
            _refuse_others(way, src)
            entered = opened(name, way[-1][1])
            if not entered[2].is_symlink:
                way.append(entered)
                continue
            links += 1
            if links > _MOST_LINKS:
                raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
            target = utf8.decoded(os.readlink(b"", dir_fd=entered[1]))
            pending += target.split("/")[::-1]
            del way[1 if target.startswith("/") else len(way) :]
        return _text(way), way[-1][2]


def _text(way: t.Sequence[t.Tuple[str, int, inodes.Inode]]) -> str:
    return "/" + "/".join(name for name, _fd, _inode in way[1:])


def _refuse_others(way: t.Sequence[t.Tuple[str, int, inodes.Inode]], src: str) -> None:
    """Refuse to look a name up in the last directory of a way, unless it is root's and answers at once."""
    inode = way[-1][2]
    is_others = inode.kind == "directory" and inode.is_writable_by_others
    if is_others or not pathwalk.answers_at_once(inode):
        path = _text(way)
        # Where a link leads is the host's own affair.
        folder = f"'{path}'" if src.startswith(f"{path}/") else "a directory that it leads through"
        found = (
            f"users other than root can write {folder} and put a link there"
            if is_others
            else f"{folder} lies on a filesystem that may have a server of its own"
        )
        raise errors.MountError(
            "unsafe_path",
            f"the source '{src}' is not safe: {found}; write the device's own path",
            step="source",
            detail=f"'{path}'",
        )


def filesystem_identity(device: Device, superblock: str) -> str:
    """Return what the superblock says of its own identity, empty where it says nothing.

    May wait for the device. superblock: where that lies, C(offset:length) each. Sixteen bytes are a UUID.
    """
    fd = os.open(utf8.encoded(device.path), os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        if _number(os.fstat(fd).st_rdev) != device.number:
            raise OSError(errno.ENXIO, "the device was exchanged")
        spans = [span.split(":") for span in superblock.split()]
        found = b"".join(os.pread(fd, int(length), int(offset)) for offset, length in spans)
    finally:
        os.close(fd)
    text = found.hex()
    if not text.strip("0"):
        return ""
    if len(found) != 16:
        return f"ID={text}"
    return f"UUID={text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def stable_name(src: str) -> t.Optional[str]:
    """Return a name of the device at this path that outlives a boot, None where udev has made none."""
    number = block_number(src)
    for tag in ("UUID", "PARTUUID"):
        for value in sorted(list_names(_TAG_LINKS[tag])):
            if number is not None and block_number(_TAG_LINKS[tag] + value) == number:
                return f"{tag}={value}"
    return None


def number_named(src: str) -> t.Optional[str]:
    """Return C(major:minor) of the block device that src names now, None where there is none; for reports."""
    return block_number(tag_link(src) or src)


def tag_link(src: str) -> str:
    """Return udev's link for a tag, nothing for a path. A blank in it is escaped there."""
    tag, equals, value = src.partition("=")
    return _TAG_LINKS[tag] + value.replace(" ", "\\x20") if equals else ""


def path_of(number: str) -> str:
    """Return the node of the block device C(major:minor), nothing where there is no such device."""
    name = os.path.basename(os.path.realpath(f"{BLOCK}/{number}"))
    return "" if name == number else "/dev/" + name.replace("!", "/")


BLOCK = "/sys/dev/block"
_BTRFS = "/sys/fs/btrfs"
_READ = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC

# include/uapi/linux/btrfs.h and btrfs_tree.h
_TREE_SEARCH, _INO_LOOKUP, _ARGUMENTS = 0xD0009411, 0xD0009412, 4096
_ROOT_TREE, _ROOT_DIRECTORY, _FIRST_INODE = 1, 6, 256
TOP_LEVEL = 5
_DIR_ITEM, _ROOT_BACKREF = 84, 144
_KEY = struct.Struct("=7Q4I32x")
_ITEM = struct.Struct("=QQQII")
# As on the disk, which a search hands out: struct btrfs_root_ref, and the key that an entry begins with.
_BACKREF, _LOCATION = struct.Struct("<QQH"), struct.Struct("<QBQ")


def extents_of(number: str, start: int = 0, end: int = model.NO_END) -> model.Extents:
    """Return on which bytes a block device, C(major:minor), or a range of it, lies.

    A partition and a loop device lie on what is below them alone. What a mapper or md device takes of its
    members is not looked up, so it is a place of its own as well.
    LIMIT: a loop device whose file or node has another name by now, or a server, is told by the name it had.
    """
    folder = os.path.realpath(f"{BLOCK}/{number}")
    if os.path.exists(f"{folder}/partition"):
        first = _sectors(f"{folder}/start")
        last = first + _sectors(f"{folder}/size")
        return extents_of(read_text(f"{os.path.dirname(folder)}/dev"), first + start, min(last, first + end))
    backing = read_text(f"{folder}/loop/backing_file")
    if backing:
        offset = int(read_text(f"{folder}/loop/offset") or 0)
        limit = int(read_text(f"{folder}/loop/sizelimit") or 0) or model.NO_END
        return _extents_at(backing, offset + start, min(offset + limit, offset + end))
    members = [read_text(f"{folder}/slaves/{name}/dev") for name in list_names(f"{folder}/slaves")]
    below = frozenset(
        extent._replace(is_slice=True) for member in filter(None, members) for extent in extents_of(member)
    )
    return below | {model.Extent(number, start, end)}


def is_read_only(device: Device) -> bool:
    """Whether nothing can be written to the device, whoever mounts it how."""
    return read_text(f"{BLOCK}/{device.number}/ro") == "1"


def btrfs_extents(number: str) -> model.Extents:
    """Return where the btrfs filesystem lies that has this device, and may have others too."""
    return frozenset(extent for member in btrfs_members(number) for extent in extents_of(member))


def btrfs_members(number: str) -> t.Set[str]:
    """Return the numbers of all devices of the btrfs filesystem that has this one, while it is mounted."""
    members = {number}
    for filesystem in list_names(_BTRFS):
        folder = f"{_BTRFS}/{filesystem}/devices"
        found = {read_text(f"{folder}/{name}/dev") for name in list_names(folder)}
        members |= found if number in found else set()
    return members


def block_number(path: str) -> t.Optional[str]:
    """Return C(major:minor) of the block device at path, None where there is none."""
    try:
        found = os.stat(utf8.encoded(path))
    except OSError:
        return None
    return _number(found.st_rdev) if stat.S_ISBLK(found.st_mode) else None


def _extents_at(path: str, start: int, end: int) -> model.Extents:
    inode = inode_at(path)
    if inode is None:
        return frozenset((model.Extent(path, start, end),))
    if inode.kind == "device":
        return extents_of(inode.device_number, start, end)
    return frozenset((model.Extent(f"{inode.identity.device} {inode.identity.inode}", start, end),))


def inode_at(path: str) -> t.Optional[inodes.Inode]:
    """Return the inode at a path, None where there is none, or a server would have to be asked for it."""
    try:
        return pathwalk.look_at(path)
    except OSError:
        return None


def _sectors(path: str) -> int:
    return int(read_text(path) or 0) * 512  # whatever the device's own sectors are


def _number(device: int) -> str:
    return f"{os.major(device)}:{os.minor(device)}"


def read_text(path: str) -> str:
    """Return what a small file of the kernel's or udev's says, nothing where it is not there."""
    try:
        with open(utf8.encoded(path), "rb", buffering=0) as stream:
            return utf8.decoded(stream.read(4096)).rstrip("\n")
    except OSError:
        return ""


def list_names(path: str) -> t.List[str]:
    """Return the names in a folder of the kernel's or udev's, none where it is not there."""
    try:
        return os.listdir(path)
    except OSError:
        return []


def btrfs_tree(mount: int) -> model.Tree:
    """Return which subvolume the mount that is open as this handle shows. May wait for the device.

    An inode of btrfs shows a device number of its subvolume alone, so that of the superblock, which the
    mount table has, is asked for by a lock that nothing can be in the way of (proc_pid_fdinfo(5)).
    """
    fd = os.open(".", _READ, dir_fd=mount)
    try:
        return model.Tree(_superblock(fd), subvolume_path(fd, _lookup(fd, 0, _FIRST_INODE)[0]))
    finally:
        os.close(fd)


def find_subvolume(point: str, device: str, tree: t.Optional[int]) -> t.Optional[str]:
    """Return the path of a subvolume, for None the default one, of the btrfs that is mounted at this point.

    None where something else is mounted there by now, or there is no such subvolume. May wait.
    """
    fd = os.open(utf8.encoded(point), _READ)
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
        path, tree = f"/{utf8.decoded(above + name)}{path}", parent
    return path or "/"


def _default_subvolume(fd: int) -> int:
    # The one entry of the directory of the tree of roots, "default": the key of a root (btrfs-subvolume(8)).
    return t.cast("int", _LOCATION.unpack_from(_search(fd, _ROOT_DIRECTORY, _DIR_ITEM)[1])[0])


def _superblock(fd: int) -> str:
    fcntl.lockf(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    for line in read_text(f"/proc/self/fdinfo/{fd}").splitlines():
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


def is_member(number: str, shown: model.KernelMount) -> bool:
    """Whether a mount's source is a device of the same btrfs filesystem as this one."""
    found = block_number(shown.source) if shown.fstype in filesystems.OWN_NUMBERS else None
    return found is not None and found in btrfs_members(number)
