# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Block devices, by their path or by a tag that udev keeps a link for.

Private to holdfast.mounts.
"""

from __future__ import annotations

import os
import typing as t

from ansible_collections.holdfast.mounts.plugins.module_utils._kernel.inodes import inode_of
from ansible_collections.holdfast.mounts.plugins.module_utils._kernel.walk import Walk
from ansible_collections.holdfast.mounts.plugins.module_utils._values.errors import MountError

# udev(7), 60-persistent-storage.rules. The grammar of src leaves nothing in a value to be escaped.
_TAG_LINKS = {
    "UUID": "/dev/disk/by-uuid/",
    "LABEL": "/dev/disk/by-label/",
    "PARTUUID": "/dev/disk/by-partuuid/",
    "PARTLABEL": "/dev/disk/by-partlabel/",
}


class Device(t.NamedTuple):
    """A block device: where it is, and its number as C(major:minor)."""

    path: str
    number: str


def find_device(src: str) -> Device:
    """Return the block device that src names. Links below /dev are followed where only root makes them.

    Raises MountError C(mount_failed) where there is none, C(source_not_allowed) where it is something
    else, and C(unsafe_path) where others may write a directory on the way, as they may /dev/shm.
    """
    tag, equals, value = src.partition("=")
    link = _TAG_LINKS[tag] + value if equals else src
    path = os.path.realpath(link)
    for name in (link, path):
        _refuse_others_links(name, src)
    try:
        fd = os.open(path, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError as error:
        hint = "udev knows no device with this tag" if equals else "there is no such device"
        raise MountError(
            "mount_failed",
            f"the source '{src}' does not exist: {hint}; see what 'lsblk --fs' lists",
            step="source",
            errno=error.errno,
        ) from error
    try:
        inode = inode_of(fd)
    finally:
        os.close(fd)
    if inode.kind != "device" or not path.startswith("/dev/"):
        raise MountError(
            "source_not_allowed",
            f"the source '{src}' is not a block device; attach an image file to a loop device first "
            "and write that device",
            step="source",
        )
    return Device(path, inode.device_number)


def _refuse_others_links(path: str, src: str) -> None:
    with Walk(path) as walk:
        if walk.writable_ancestor:
            # Where a link leads is the host's own affair.
            is_said = src.startswith(f"{walk.writable_ancestor}/")
            folder = f"'{walk.writable_ancestor}'" if is_said else "a directory that it leads through"
            raise MountError(
                "unsafe_path",
                f"the source '{src}' is not safe: others than root may write {folder} and put a link there; "
                "write the device's own path",
                step="source",
                detail=f"'{walk.writable_ancestor}'",
            )
