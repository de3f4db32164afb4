# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is mounted now: statmount and listmount, or the table; what is alive.

Private to holdfast.mounts.
"""

from __future__ import annotations

import errno
import functools
import os
import struct
import typing as t

from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast import claims, model
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.grammar import filesystems, record
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.kernel import (
    mountinfo,
    syscalls,
    utf8,
)

if t.TYPE_CHECKING:
    from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.kernel import inodes

# struct statmount (include/uapi/linux/mount.h): fixed part of 512 bytes, then strings
_FIELDS = struct.Struct("=IIQIIQIIQQIIQQQQQIIQII")
_STRINGS = 512
_SB_BASIC, _MNT_BASIC, _MNT_ROOT, _MNT_POINT, _FS_TYPE = 0x1, 0x2, 0x8, 0x10, 0x20
_MNT_OPTS, _FS_SUBTYPE, _SB_SOURCE = 0x80, 0x100, 0x200
_NEEDED = _SB_BASIC | _MNT_BASIC | _MNT_ROOT | _MNT_POINT | _FS_TYPE | _SB_SOURCE
_SB_RDONLY = 1
# stx_mnt_id of struct statx (include/uapi/linux/stat.h)
_MNT_ID, _MNT_ID_OFFSET, _MNT_ID_UNIQUE = struct.Struct("=Q"), 144, 0x4000
_MOST_MOUNTS = 1 << 17  # of one namespace; fs.mount-max is 100,000
# What mountinfo shows among a superblock's options (fs/proc_namespace.c, show_sb_opts).
_SB_FLAGS = {"sync": 0x10, "dirsync": 0x80, "lazytime": 1 << 25}

ATTRIBUTES = {
    "ro": 0x1,
    "nosuid": 0x2,
    "nodev": 0x4,
    "noexec": 0x8,
    "noatime": 0x10,
    "strictatime": 0x20,
    "nodiratime": 0x80,
    "nosymfollow": 0x200000,
}
ATIME_MASK = 0x70


def attribute_bits(flags: t.Iterable[str]) -> int:
    """Return the MOUNT_ATTR_ bits of these flags (mount_setattr(2))."""
    bits = 0
    for flag in flags:
        bits |= ATTRIBUTES[flag]
    return bits


def _flag_names(bits: int) -> t.Tuple[str, ...]:
    names = [name for name, bit in ATTRIBUTES.items() if bits & bit]
    if not bits & 0x1:
        names.insert(0, "rw")
    if not bits & ATIME_MASK:
        names.append("relatime")
    return tuple(names)


def _string(raw: bytes, offset: int) -> str:
    start = _STRINGS + offset
    return utf8.decoded(raw[start : raw.index(b"\0", start)])


def _from_statmount(raw: bytes) -> t.Optional[model.KernelMount]:
    field = _FIELDS.unpack_from(raw)
    if field[2] & _NEEDED != _NEEDED:
        return None  # one of the strings is empty
    fstype = _string(raw, field[7])
    subtype = _string(raw, field[20]) if field[2] & _FS_SUBTYPE else ""
    # What is empty is left out; options are older than the source (Linux 6.11).
    shown = _string(raw, field[1]) if field[2] & _MNT_OPTS else ""
    access = "ro" if field[6] & _SB_RDONLY else "rw"
    general = (name for name, bit in _SB_FLAGS.items() if field[6] & bit)
    options = (access, *general, *mountinfo.split_options(shown))
    return model.KernelMount(
        mount_id=field[10],
        parent_id=field[11],
        device=f"{field[3]}:{field[4]}",
        root=_string(raw, field[17]),
        mount_point=_string(raw, field[18]),
        fstype=f"{fstype}.{subtype}" if subtype else fstype,
        source=_string(raw, field[21]),
        flags=_flag_names(field[12]),
        options=options,
        unique_id=field[8],
        server=mountinfo.server_of(fstype, options),
    )


@functools.lru_cache(maxsize=None)
def answers_by_id() -> bool:
    """Whether the kernel answers this process about one mount: Linux 6.8, where no filter forbids it."""
    try:
        root = syscalls.statx(syscalls.AT_FDCWD, b"/", flags=syscalls.AT_STATX_DONT_SYNC, mask=_MNT_ID_UNIQUE)
        syscalls.statmount(_MNT_ID.unpack_from(root, _MNT_ID_OFFSET)[0], _MNT_BASIC)
        syscalls.listmount(syscalls.LSMT_ROOT, 1)
    except OSError:
        return False
    return True


def is_unique_id(mount_id: int) -> bool:
    """Whether an id is one that is never given again: these begin where the table's numbers end."""
    return mount_id >= 1 << 31


def _ask(mount_id: int, mask: int) -> t.Optional[bytes]:
    try:
        return syscalls.statmount(mount_id, mask)
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.EINVAL):
            return None  # gone, or a number that is not one of the unique ids
        raise


def find_mount(mount_id: int, *, is_unique: bool) -> t.Optional[model.KernelMount]:
    """Return the mount with this id, None if it is gone or out of this namespace's sight.

    Costs one call where the kernel answers for all of a mount (Linux 6.13), else one reading of the table.
    """
    if not is_unique:
        return next((mount for mount in mountinfo.read_mounts() if mount.mount_id == mount_id), None)
    if _tells_source() and _type_of(mount_id) not in filesystems.CRASHING_TYPES:
        raw = _ask(mount_id, _NEEDED | _MNT_OPTS | _FS_SUBTYPE)
        told = None if raw is None else _from_statmount(raw)
        if raw is None or told is not None:
            return told
    number = mount_number(mount_id, is_unique=True)
    row = next((row for row in mountinfo.read_mounts() if row.mount_id == number), None)
    return None if row is None else row._replace(unique_id=mount_id)


@functools.lru_cache(maxsize=None)
def _tells_source() -> bool:
    """Whether the kernel tells all of a mount at once: Linux 6.13. Before, its options are not asked for."""
    root = syscalls.statx(syscalls.AT_FDCWD, b"/", flags=syscalls.AT_STATX_DONT_SYNC, mask=_MNT_ID_UNIQUE)
    raw = _ask(_MNT_ID.unpack_from(root, _MNT_ID_OFFSET)[0], _SB_SOURCE)
    return raw is not None and bool(_FIELDS.unpack_from(raw)[2] & _SB_SOURCE)


def mount_under(inode: inodes.Inode) -> t.Optional[model.KernelMount]:
    """Return the mount through which this inode is seen, with the user that really serves it."""
    found = find_mount(inode.mount_id, is_unique=inode.has_unique_id)
    if found is None or not found.fstype.startswith(record.FUSE) or found.server is not None:
        return found
    return found._replace(server=_owner_of_connection(found.device))


def _owner_of_connection(device: str) -> t.Optional[int]:
    """Return the user that a FUSE connection belongs to, None for root or unknown (fs/fuse/control.c).

    Mounted in a user namespace, a filesystem names a number of that namespace: 0 for its root. The control
    filesystem shows the host's. It need not be mounted anywhere: it is looked at detached.
    """
    major, _colon, minor = device.partition(":")
    try:
        context = syscalls.fsopen("fusectl")
        try:
            syscalls.fsconfig(context, syscalls.FSCONFIG_CMD_CREATE)
            control = syscalls.fsmount(context, 0)
        finally:
            os.close(context)
        try:
            return os.stat(str(int(major) << 20 | int(minor)), dir_fd=control).st_uid or None
        finally:
            os.close(control)
    except (OSError, ValueError):
        return None


def mount_type(mount_id: int, *, is_unique: bool, device: str) -> t.Optional[str]:
    """Return the filesystem's type of the mount with this id, without a subtype; None if it is gone.

    device: C(major:minor) that the mount's inodes show. Where the kernel does not answer for one mount
    it saves a reading of the table: a block device's filesystem is called C(disk), which is not a type.
    """
    if is_unique:
        return _type_of(mount_id)
    if not device.startswith("0:"):
        return "disk"
    found = find_mount(mount_id, is_unique=False)
    return None if found is None else found.fstype.partition(".")[0]


@functools.lru_cache(maxsize=None)
def _type_of(unique_id: int) -> t.Optional[str]:
    # The id is never given to another mount, and a mount never changes its type. Every walk asks.
    raw = _ask(unique_id, _FS_TYPE)
    return None if raw is None else _string(raw, _FIELDS.unpack_from(raw)[7])


def mount_number(mount_id: int, *, is_unique: bool) -> t.Optional[int]:
    """Return mountinfo's number of the mount with this id, None if it is gone."""
    if not is_unique:
        found = find_mount(mount_id, is_unique=False)
        return None if found is None else found.mount_id
    raw = _ask(mount_id, _MNT_BASIC)
    return None if raw is None else t.cast("int", _FIELDS.unpack_from(raw)[10])


def unique_id(number: int) -> t.Optional[int]:
    """Return the unique id of the mount with this number of mountinfo; None where the kernel has none.

    Asks for one mount after the other: only for a mount that does not tell its id itself.
    """
    if not answers_by_id():
        return None
    found = syscalls.listmount(syscalls.LSMT_ROOT, _MOST_MOUNTS)
    return next((one for one in found if mount_number(one, is_unique=True) == number), None)


def mount_parent(mount_id: int, *, is_unique: bool) -> t.Optional[int]:
    """Return the id, of the same kind, of the mount that this one is mounted on; None if it is gone."""
    if not is_unique:
        found = find_mount(mount_id, is_unique=False)
        return None if found is None else found.parent_id
    raw = _ask(mount_id, _MNT_BASIC)
    return None if raw is None else t.cast("int", _FIELDS.unpack_from(raw)[9])


def has_submounts(mount_id: int, *, is_unique: bool) -> bool:
    """Whether anything is mounted on top of or below this mount."""
    if is_unique:
        return bool(syscalls.listmount(mount_id, 1))
    return any(mount.parent_id == mount_id for mount in mountinfo.read_mounts())


def living_mounts(
    references: t.Mapping[str, claims.Reference], host: model.Host, table: t.Iterable[model.KernelMount]
) -> t.Dict[str, t.Optional[int]]:
    """Return for each path the number in mountinfo of the mount that its reference means, None if it is gone.

    Without unique ids a number in the table may be that of another mount; the caller compares more.
    Asks the kernel about mounts by their id, and never touches a mounted filesystem.
    """
    numbers = {mount.mount_id for mount in table}
    living: t.Dict[str, t.Optional[int]] = {}
    for path, reference in references.items():
        # Ids of another boot or namespace may have been given to other mounts here.
        is_here = host.shows(reference.boot_id, reference.mount_namespace)
        if not is_here or not reference.mount_id:
            living[path] = None
        elif host.protection == "full":
            living[path] = _number(reference.mount_id)
        else:
            living[path] = reference.mount_id if reference.mount_id in numbers else None
    return living


def _number(unique_id: int) -> t.Optional[int]:
    try:
        return mount_number(unique_id, is_unique=True)
    except PermissionError:
        return None  # not in sight of this process and its root directory (statmount(2), EPERM)


def with_shutdown(mount: model.KernelMount, inode: t.Optional[inodes.Inode]) -> model.KernelMount:
    """Return the mount with the word of a shutdown, where the table has none. inode: its root's.

    xfs answers for no inode then (fs/xfs/xfs_iops.c, xfs_vn_getattr), without asking the device.
    """
    is_silent = inode is not None and bool(inode.is_mount_root) and not inode.identity.inode
    if not is_silent or not filesystems.record_of(mount.fstype).hides_shutdown:
        return mount
    return mount._replace(options=(*mount.options, record.SHUT_DOWN))
