# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Mounts that are made detached, given their flags, and attached to a handle.

Private to holdfast.mounts.
"""

from __future__ import annotations

import contextlib
import errno
import os
import typing as t

from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast import errors, model
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.kernel import (
    devices,
    inodes,
    mountinfo,
    mounts,
    pathwalk,
    syscalls,
)

# statvfs(3): the flags that a detached mount shows of itself
_IN_FORCE = {
    "ro": 1,
    "nosuid": 2,
    "nodev": 4,
    "noexec": 8,
    "noatime": 1024,
    "nodiratime": 2048,
    "nosymfollow": 0x2000,
}
_RELATIME = 4096  # ST_RELATIME (statvfs(3))

# Open handles of an overlay's directories, as (option, descriptor), the uppermost lower layer first.
Layers = t.Sequence[t.Tuple[str, int]]


def create_bind(source: int, definition: model.Definition) -> int:
    """Return a detached mount of the directory or file that is open as source, without its submounts."""
    mount = syscalls.open_tree_clone(source)
    try:
        # A copy of a shared mount stays in its peer group until it is made private. The mode of access
        # times is one value, which is set only where it is cleared too (mount_setattr(2)).
        bits = mounts.attribute_bits(definition.flags)
        cleared = mounts.ATIME_MASK if bits & mounts.ATIME_MASK else 0
        syscalls.mount_setattr(mount, attributes=bits, cleared=cleared, propagation=syscalls.MS_PRIVATE)
        verify_flags(mount, definition)
    except BaseException:
        os.close(mount)
        raise
    return mount


def create_filesystem(
    definition: model.Definition, *, device: t.Optional[devices.Device], layers: Layers, may_share: bool
) -> int:
    """Return a detached mount of a filesystem that the kernel makes by itself.

    may_share: whether the superblock may be one that is mounted elsewhere; without it that ends in
    OSError EBUSY where the kernel can tell (Linux 6.6). Raises MountError or OSError.
    """
    context = _open_context(definition)
    try:
        _configure(context, definition, device, layers)
        command = syscalls.FSCONFIG_CMD_CREATE if may_share else syscalls.FSCONFIG_CMD_CREATE_EXCL
        _fsconfig(context, command)
        mount = syscalls.fsmount(context, mounts.attribute_bits(definition.flags))
    finally:
        os.close(context)
    try:
        verify_flags(mount, definition)
    except BaseException:
        os.close(mount)
        raise
    return mount


def show_shared(definition: model.Definition, device: devices.Device) -> t.Optional[model.KernelMount]:
    """Return what the kernel shows of a device's superblock that nothing in the table shows.

    For a worker process alone: it is attached in a mount namespace that ends with the process.
    """
    mount = create_filesystem(definition, device=device, layers=(), may_share=True)
    syscalls.unshare_mounts()
    root = os.open("/", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    syscalls.mount_setattr(root, propagation=syscalls.MS_PRIVATE)
    syscalls.move_mount(mount, root)
    return mounts.mount_under(inodes.inode_of(mount))


def _open_context(definition: model.Definition) -> int:
    try:
        return syscalls.fsopen(definition.fstype)
    except OSError as error:
        if error.errno != errno.ENODEV:
            raise
        raise errors.MountError(
            "unsupported",
            f"the kernel of this host has no filesystem '{definition.fstype}'; load or install its module",
            step="create",
            errno=error.errno,
        ) from error


def _configure(
    context: int, definition: model.Definition, device: t.Optional[devices.Device], layers: Layers
) -> None:
    source = definition.src if device is None else device.path
    _fsconfig(context, syscalls.FSCONFIG_SET_STRING, "source", source)
    if device is not None and "ro" in definition.flags:
        _fsconfig(context, syscalls.FSCONFIG_SET_FLAG, "ro")
    _set_layers(context, layers)
    by_handle = {option for option, _fd in layers}
    for name, value in definition.data:
        if name in by_handle:
            continue
        if value is None:
            _fsconfig(context, syscalls.FSCONFIG_SET_FLAG, name)
        else:
            _fsconfig(context, syscalls.FSCONFIG_SET_STRING, name, value)


def _set_layers(context: int, layers: Layers) -> None:
    """Name the layers by their handles, so that a name that is swapped meanwhile changes nothing."""
    for key, fd in (("lowerdir+" if option == "lowerdir" else option, fd) for option, fd in layers):
        try:
            syscalls.fsconfig(context, syscalls.FSCONFIG_SET_FD, key, aux=fd)  # Linux 6.13
        except OSError as error:
            # Before Linux 6.13 a handle of O_PATH is none to fsconfig(2): EBADF. Before 6.5 an overlay takes
            # nothing but strings: EOPNOTSUPP.
            if error.errno not in (errno.EBADF, errno.EINVAL, errno.EOPNOTSUPP):
                raise
            break
    else:
        return
    lower = ":".join(f"/proc/self/fd/{fd}" for option, fd in layers if option == "lowerdir")
    _fsconfig(context, syscalls.FSCONFIG_SET_STRING, "lowerdir", lower)
    for option, fd in layers:
        if option != "lowerdir":
            _fsconfig(context, syscalls.FSCONFIG_SET_STRING, option, f"/proc/self/fd/{fd}")


def _fsconfig(context: int, command: int, key: t.Optional[str] = None, value: t.Optional[str] = None) -> None:
    """As fsconfig(2), with what the filesystem wrote into its context as the error's detail."""
    try:
        syscalls.fsconfig(context, command, key, value)
    except OSError as error:
        said = _messages(context)
        raise OSError(error.errno, "; ".join([str(error.strerror), *said])) from error


def _messages(context: int) -> t.List[str]:
    messages: t.List[str] = []
    while len(messages) < 16:
        try:
            # A letter for how grave it is, a blank, and the message.
            messages.append(os.read(context, 1024).decode("utf-8", "replace").strip()[2:])
        except OSError:
            break  # ENODATA: nothing more was said
    return messages


def flags_of(mount: int) -> t.FrozenSet[str]:
    """Return the flags that are in force on the mount that is open; C(ro) of its superblock too."""
    bits = os.fstatvfs(mount).f_flag
    flags = {name for name, bit in _IN_FORCE.items() if bits & bit}
    # As sameness.flags_in_force has it: neither of the other modes of access times is the strict one.
    return frozenset(flags if bits & (_RELATIME | _IN_FORCE["noatime"]) else {*flags, "strictatime"})


def verify_flags(mount: int, definition: model.Definition) -> None:
    """Refuse a mount on which a requested flag is not in force."""
    in_force = os.fstatvfs(mount).f_flag
    missing = [name for name in definition.flags if name in _IN_FORCE and not in_force & _IN_FORCE[name]]
    if missing:
        raise errors.MountError(
            "verification_failed",
            f"the kernel did not set {', '.join(missing)} as asked; nothing was mounted",
            step="verify",
        )


def attach(mount: int, ours: inodes.Inode, walk: pathwalk.Walk, *, may_block: bool = False) -> None:
    """Attach a detached mount, whose root is ours, to the place at the end of the walk, and see it there.

    A place that was renamed or covered meanwhile gets nothing: the mount is detached again
    and the call is refused. Raises MountError or OSError.
    """
    if walk.leaf is None or walk.inode is None:
        raise OSError(errno.ENOENT, os.strerror(errno.ENOENT))
    syscalls.move_mount(mount, walk.leaf)
    try:
        if _is_seen(walk.path, ours, below=walk.inode.mount_id, may_block=may_block):
            return
    except BaseException:
        detach(mount)  # whatever stopped the look, what was not seen to be right does not stay
        raise
    detach(mount)
    raise errors.MountError(
        "conflict",
        f"the mount point '{walk.path}' changed while it was being mounted; nothing was left there, try "
        "again",
        step="attach",
        path=walk.path,
    )


def _is_seen(path: str, ours: inodes.Inode, *, below: int, may_block: bool) -> bool:
    if mounts.mount_parent(ours.mount_id, is_unique=ours.has_unique_id) != below:
        return False
    seen = pathwalk.look_at(path, may_block=may_block)
    return seen is not None and seen.mount_id == ours.mount_id and seen.is_mount_root is not False


def detach(mount: int) -> None:
    """Detach the mount that is open as this descriptor, wherever it has got to.

    Raises OSError EBUSY where somebody has mounted something on or below it: that would go as well.
    LIMIT: what is mounted there between the look and the call goes.
    """
    inode = inodes.inode_of(mount)
    if mounts.has_submounts(inode.mount_id, is_unique=inode.has_unique_id):
        raise OSError(errno.EBUSY, "something was mounted on it meanwhile")
    syscalls.umount2(f"/proc/self/fd/{mount}", syscalls.MNT_DETACH)


def is_mounted(mount: int) -> bool:
    """Whether the mount that is open as this descriptor is attached somewhere in this namespace."""
    inode = inodes.inode_of(mount)
    return mounts.mount_number(inode.mount_id, is_unique=inode.has_unique_id) is not None


def unmount(walk: pathwalk.Walk, *, lazily: bool) -> None:
    """Unmount the mount whose root is at the end of the walk, and no other one.

    Lazily by its handle. Else by its parent's handle and its name, as a handle of its own would keep it busy
    (umount2(2)). A name that is a mount point cannot be renamed from here; from a mount namespace where it is
    none, or by the server of a filesystem, it can, where the directory is not root's alone.
    Raises OSError, EBUSY among them.
    """
    if lazily:
        syscalls.umount2(f"/proc/self/fd/{walk.leaf}", syscalls.MNT_DETACH)
        return
    with _held_neighbours(walk) if walk.is_exposed else contextlib.nullcontext():
        walk.drop_leaf()
        syscalls.umount2(f"/proc/self/fd/{walk.directory}/{walk.name}", syscalls.UMOUNT_NOFOLLOW)


@contextlib.contextmanager
def _held_neighbours(walk: pathwalk.Walk) -> t.Iterator[None]:
    """Keep busy whatever else the name of the walk's last component could be made to lead to.

    That is what lies on the same mount and on whose way others can move names: the kernel refuses
    to unmount it then (EBUSY). Raises OSError EBUSY where it is being moved just now.
    LIMIT: a mount that is made in the moment after the second look is not held.
    """
    with contextlib.ExitStack() as stack:
        before = _neighbours(walk)
        for mount in before:
            neighbour = stack.enter_context(pathwalk.Walk(mount.mount_point, is_vital=True))
            if neighbour.writable_ancestor is None and neighbour.error is None:
                neighbour.close()  # root alone could move it, and a handle would make it busy for others
            elif neighbour.inode is None or _number(neighbour.inode) != mount.mount_id:
                raise OSError(errno.EBUSY, "another mount is being moved")
        if _neighbours(walk) != before:
            raise OSError(errno.EBUSY, "another mount came or went")
        yield


def _neighbours(walk: pathwalk.Walk) -> t.List[model.KernelMount]:
    """Return what lookups reach at the other mount points of the mount that the walk's directory lies on."""
    own, parent = None if walk.inode is None else _number(walk.inode), _number(walk.above)
    reached = mountinfo.children(mountinfo.read_mounts(), parent or 0)
    return [top for bottom, top in reached if own not in (bottom.mount_id, top.mount_id)]


def _number(inode: inodes.Inode) -> t.Optional[int]:
    return mounts.mount_number(inode.mount_id, is_unique=inode.has_unique_id)


def change_flags(fd: int, old: model.Definition, new: model.Definition) -> None:
    """Take the old definition's flags off the mount that is open as fd, and put the new one's on it.

    What neither names stays: a bind has more flags from the mount of its source.
    """
    wanted, cleared = mounts.attribute_bits(new.flags), mounts.attribute_bits(set(old.flags) - set(new.flags))
    if (mounts.attribute_bits(old.flags) ^ wanted) & mounts.ATIME_MASK:
        cleared |= mounts.ATIME_MASK  # the access time is one value, not three bits (mount_setattr(2))
    else:
        wanted &= ~mounts.ATIME_MASK
    syscalls.mount_setattr(fd, attributes=wanted, cleared=cleared)


def reconfigure(fd: int, parameters: t.Iterable[t.Tuple[str, t.Optional[str]]]) -> None:
    """Change parameters of the superblock behind the mount that is open as fd (Linux 5.2)."""
    context = syscalls.fspick(fd)
    try:
        for name, value in parameters:
            command = syscalls.FSCONFIG_SET_FLAG if value is None else syscalls.FSCONFIG_SET_STRING
            syscalls.fsconfig(context, command, name, value)
        syscalls.fsconfig(context, syscalls.FSCONFIG_CMD_RECONFIGURE)
    finally:
        os.close(context)
