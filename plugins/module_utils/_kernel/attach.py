# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Attach, change and detach mounts, anchored on handles of what was checked.

Private to holdfast.mounts.
"""

from __future__ import annotations

import errno
import os
import typing as t

from ansible_collections.holdfast.mounts.plugins.module_utils._kernel import calls
from ansible_collections.holdfast.mounts.plugins.module_utils._kernel.inodes import Inode, inode_of
from ansible_collections.holdfast.mounts.plugins.module_utils._kernel.mounts import (
    ATIME_MASK,
    attribute_bits,
    has_submounts,
    mount_number,
    mount_parent,
)
from ansible_collections.holdfast.mounts.plugins.module_utils._kernel.walk import Walk, look_at
from ansible_collections.holdfast.mounts.plugins.module_utils._values.errors import MountError
from ansible_collections.holdfast.mounts.plugins.module_utils._values.request import Definition


def attach(mount: int, ours: Inode, walk: Walk) -> None:
    """Attach a detached mount, whose root is ours, to the place at the end of the walk, and see it there.

    A place that was renamed or covered meanwhile gets nothing: the mount is taken off again and
    the call is refused. Raises MountError or OSError.
    """
    if walk.leaf is None or walk.inode is None:
        raise OSError(errno.ENOENT, os.strerror(errno.ENOENT))
    calls.move_mount(mount, walk.leaf)
    try:
        if _is_seen(walk.path, ours, below=walk.inode.mount_id):
            return
    except BaseException:
        take_off(mount)  # whatever stopped the look, what was not seen to be right does not stay
        raise
    take_off(mount)
    raise MountError(
        "conflict",
        f"the mount point '{walk.path}' changed while it was being mounted; nothing was left there, try "
        "again",
        step="attach",
        path=walk.path,
    )


def _is_seen(path: str, ours: Inode, *, below: int) -> bool:
    if mount_parent(ours.mount_id, is_unique=ours.has_unique_id) != below:
        return False
    seen = look_at(path)
    return seen is not None and seen.mount_id == ours.mount_id and seen.is_mount_root is not False


def take_off(mount: int) -> None:
    """Detach the mount that is open as this descriptor, wherever it has got to.

    Raises OSError EBUSY where somebody has mounted something on or below it: that would go as well.
    LIMIT: what is mounted there between the look and the call goes.
    """
    inode = inode_of(mount)
    if has_submounts(inode.mount_id, is_unique=inode.has_unique_id):
        raise OSError(errno.EBUSY, "something was mounted on it meanwhile")
    calls.umount2(f"/proc/self/fd/{mount}", calls.MNT_DETACH)


def is_mounted(mount: int) -> bool:
    """Whether the mount that is open as this descriptor is attached somewhere in this namespace."""
    inode = inode_of(mount)
    return mount_number(inode.mount_id, is_unique=inode.has_unique_id) is not None


def unmount(walk: Walk, *, lazily: bool) -> None:
    """Unmount what is mounted at the end of the walk: by its parent's handle and its own name.

    A name that is a mount point cannot be renamed, so it is the one that the walk found. The
    handle of the last component must be closed, it would keep the mount busy (umount2(2)).
    Raises OSError, EBUSY among them.
    """
    flags = calls.UMOUNT_NOFOLLOW | (calls.MNT_DETACH if lazily else 0)
    calls.umount2(f"/proc/self/fd/{walk.directory}/{walk.name}", flags)


def change_flags(fd: int, old: Definition, new: Definition) -> None:
    """Take the old definition's flags off the mount that is open as fd, and put the new one's on it.

    What neither names stays: a bind has more flags from the mount of its source.
    """
    wanted, cleared = attribute_bits(new.flags), attribute_bits(set(old.flags) - set(new.flags))
    if (attribute_bits(old.flags) ^ wanted) & ATIME_MASK:
        cleared |= ATIME_MASK  # the access time is one value, not three bits (mount_setattr(2))
    else:
        wanted &= ~ATIME_MASK
    calls.mount_setattr(fd, attributes=wanted, cleared=cleared)


def reconfigure(fd: int, parameters: t.Iterable[t.Tuple[str, t.Optional[str]]]) -> None:
    """Change parameters of the superblock behind the mount that is open as fd (Linux 5.2)."""
    context = calls.fspick(fd)
    try:
        for name, value in parameters:
            command = calls.FSCONFIG_SET_FLAG if value is None else calls.FSCONFIG_SET_STRING
            calls.fsconfig(context, command, name, value)
        calls.fsconfig(context, calls.FSCONFIG_CMD_RECONFIGURE)
    finally:
        os.close(context)
