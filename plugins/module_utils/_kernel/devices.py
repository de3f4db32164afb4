# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Block devices, by their path or by a tag that udev keeps a link for.

Private to holdfast.mounts.
"""

from __future__ import annotations

import contextlib
import errno
import os
import typing as t

from ansible_collections.holdfast.mounts.plugins.module_utils._kernel.inodes import Inode, inode_of
from ansible_collections.holdfast.mounts.plugins.module_utils._kernel.waiting import answers_at_once
from ansible_collections.holdfast.mounts.plugins.module_utils._values.errors import MountError

# udev(7), 60-persistent-storage.rules. The grammar of src leaves nothing in a value to be escaped.
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
    tag, equals, value = src.partition("=")
    try:
        path, inode = _resolve(_TAG_LINKS[tag] + value if equals else src, src)
    except OSError as error:
        hint = "udev knows no device with this tag" if equals else "there is no such device"
        raise MountError(
            "mount_failed",
            f"the source '{src}' does not exist: {hint}; see what 'lsblk --fs' lists",
            step="source",
            errno=error.errno,
        ) from error
    if inode.kind != "device" or not path.startswith("/dev/"):
        raise MountError(
            "source_not_allowed",
            f"the source '{src}' is not a block device; attach an image file to a loop device first "
            "and write that device",
            step="source",
        )
    return Device(path, inode.device_number)


def _resolve(path: str, src: str) -> t.Tuple[str, Inode]:
    """Return the path and the inode that a path leads to, like realpath(3). Raises MountError or OSError."""
    with contextlib.ExitStack() as stack:

        def opened(name: str, directory: t.Optional[int] = None) -> t.Tuple[str, int, Inode]:
            fd = os.open(name, _OPEN, dir_fd=directory)
            stack.callback(os.close, fd)
            return name, fd, inode_of(fd)

        # From / to where the walk is: a ".." goes back on the way that was come.
        way = [opened("/")]
        names = path.split("/")[::-1]
        links = 0
        while names:
            name = names.pop()
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
            target = os.readlink("", dir_fd=entered[1])
            names += target.split("/")[::-1]
            del way[1 if target.startswith("/") else len(way) :]
        return _text(way), way[-1][2]


def _text(way: t.Sequence[t.Tuple[str, int, Inode]]) -> str:
    return "/" + "/".join(name for name, _fd, _inode in way[1:])


def _refuse_others(way: t.Sequence[t.Tuple[str, int, Inode]], src: str) -> None:
    """Refuse to look a name up in the last directory of a way, unless it is root's and answers at once."""
    inode = way[-1][2]
    is_others = inode.kind == "directory" and inode.is_writable_by_others
    if is_others or not answers_at_once(inode):
        path = _text(way)
        # Where a link leads is the host's own affair.
        folder = f"'{path}'" if src.startswith(f"{path}/") else "a directory that it leads through"
        found = (
            f"others than root may write {folder} and put a link there"
            if is_others
            else f"{folder} lies on a filesystem that may have a server of its own"
        )
        raise MountError(
            "unsafe_path",
            f"the source '{src}' is not safe: {found}; write the device's own path",
            step="source",
            detail=f"'{path}'",
        )
