# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Block devices, by their path or by a tag that udev keeps a link for.

Private to holdfast.mounts.
"""

from __future__ import annotations

import os
import typing as t

from ansible_collections.holdfast.mounts.plugins.module_utils._kernel.inodes import inode_of
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
    """Return the block device that src names. Links below /dev are followed: only root makes them.

    Raises MountError C(mount_failed) where there is none and C(source_not_allowed) where it is
    something else.
    """
    tag, equals, value = src.partition("=")
    path = os.path.realpath(_TAG_LINKS[tag] + value) if equals else os.path.realpath(src)
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
