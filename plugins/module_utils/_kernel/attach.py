# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Attach, change and detach mounts, anchored on handles of what was checked.

Private to holdfast.mounts.
"""

from __future__ import annotations

import contextlib
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
from ansible_collections.holdfast.mounts.plugins.module_utils._kernel.table import read_mounts, visible_mounts
from ansible_collections.holdfast.mounts.plugins.module_utils._kernel.walk import Walk, look_at
from ansible_collections.holdfast.mounts.plugins.module_utils._values.errors import MountError
from ansible_collections.holdfast.mounts.plugins.module_utils._values.host import KernelMount
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
    """Unmount the mount whose root is at the end of the walk, and no other one.

    Lazily by its handle. Else by its parent's handle and its name, as a handle of its own would keep it busy
    (umount2(2)). A name that is a mount point cannot be renamed from here; from a mount namespace where it is
    none, or by the server of a filesystem, it can, where the directory is not root's alone.
    Raises OSError, EBUSY among them.
    """
    if lazily:
        calls.umount2(f"/proc/self/fd/{walk.leaf}", calls.MNT_DETACH)
        return
    with _held_neighbours(walk) if walk.is_exposed else contextlib.nullcontext():
        walk.drop_leaf()
        calls.umount2(f"/proc/self/fd/{walk.directory}/{walk.name}", calls.UMOUNT_NOFOLLOW)


@contextlib.contextmanager
def _held_neighbours(walk: Walk) -> t.Iterator[None]:
    """Keep busy whatever else the name of the walk's last component could be made to lead to.

    That is what lies on the same mount and on whose way others than root may move names: the kernel refuses
    to unmount it then (EBUSY). Raises OSError EBUSY where it is being moved just now.
    LIMIT: a mount that is made in the moment after the second look is not held.
    """
    with contextlib.ExitStack() as stack:
        before = _neighbours(walk)
        for mount in before:
            neighbour = stack.enter_context(Walk(mount.mount_point, waits=True))
            if neighbour.writable_ancestor is None and neighbour.error is None:
                neighbour.close()  # root alone could move it, and a handle would make it busy for others
            elif neighbour.inode is None or _number(neighbour.inode) != mount.mount_id:
                raise OSError(errno.EBUSY, "another mount is being moved")
        if _neighbours(walk) != before:
            raise OSError(errno.EBUSY, "another mount came or went")
        yield


def _neighbours(walk: Walk) -> t.List[KernelMount]:
    """Return what lookups reach at the other mount points of the mount that the walk's directory lies on."""
    own = None if walk.inode is None else _number(walk.inode)
    parent = _number(walk.above)
    seen = visible_mounts(read_mounts())
    at = [(one.covered[0] if one.covered else one.mount, one.mount) for one in seen]
    return [
        top for bottom, top in at if bottom.parent_id == parent and own not in (bottom.mount_id, top.mount_id)
    ]


def _number(inode: Inode) -> t.Optional[int]:
    return mount_number(inode.mount_id, is_unique=inode.has_unique_id)


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
