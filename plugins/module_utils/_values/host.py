# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What was seen on the host: mounts of the kernel's table, and what stands at a path.

Private to holdfast.mounts.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

Protection = t.Literal["full", "no_unique_id", "legacy"]
Kind = t.Literal["absent", "directory", "file", "device", "other"]
UserKind = t.Literal["loop device", "mount", "process", "swap area"]
# A mount's id and its device as the inodes on it show it: before Linux 6.8 an id is used again.
MountKey = t.Tuple[int, str]


@dataclass(frozen=True)
class KernelMount:
    """One mount as the kernel shows it (proc_pid_mountinfo(5), statmount(2)).

    mount_id: the number of mountinfo's first column; the kernel uses it again after an unmount.
    unique_id: the number that is never used again, None before Linux 6.8 or where it was not asked.
    device: C(major:minor) of the superblock.
    root: the directory of the filesystem that is the root of this mount.
    flags: attributes of this mount, for example C(nosuid); mount_point, source and options are
        decoded, not as escaped in the table.
    options: what the filesystem shows of its superblock.
    server: the user whose process serves it, of FUSE; None for root's and for every other type.
    """

    mount_id: int
    parent_id: int
    device: str
    root: str
    mount_point: str
    fstype: str
    source: str
    flags: t.Tuple[str, ...]
    options: t.Tuple[str, ...]
    propagation: t.Tuple[str, ...] = ()
    unique_id: t.Optional[int] = None
    server: t.Optional[int] = None


class User(t.NamedTuple):
    """What keeps a mount busy.

    pid: 0 for what is no process. text: its name, with nothing in it that another user may have put there
    to mislead.
    """

    kind: UserKind
    pid: int
    text: str


@dataclass(frozen=True)
class Users:
    """What keeps one mount busy, and whether the search for it came to its end in time."""

    found: t.Tuple[User, ...] = ()
    is_complete: bool = False


@dataclass(frozen=True)
class Identity:
    """What tells one inode from another that took its place: device, inode, birth in nanoseconds.

    birth is 0 on filesystems that keep no birth time (statx(2), STATX_BTIME).
    """

    device: str
    inode: int
    birth: int


NO_END = 2**63


class Extent(t.NamedTuple):
    """A range of bytes of a device or a file. is_slice: something of it, nobody has looked up which."""

    base: str
    start: int
    end: int
    is_slice: bool = False

    def overlaps(self, other: Extent) -> bool:
        """Whether both have bytes in common; two slices are taken to be different ones."""
        is_shared = self.base == other.base and self.start < other.end and other.start < self.end
        return is_shared and not (self.is_slice and other.is_slice)


Extents = t.FrozenSet[Extent]


class Tree(t.NamedTuple):
    """What a mount shows: a directory, C(root), of the superblock with this number in the mount table."""

    device: str
    root: str


@dataclass(frozen=True)
class Place:
    """What stands at a path, seen by a walk that follows no symbolic link.

    kind: of the last component; absent as soon as one component is missing.
    depth: how many components exist.
    obstacle: a prefix of the path that is a symbolic link or no directory, where the walk ended.
    writable_ancestor: the first ancestor that others than root may write, or whose owners and modes count for
        nothing: writable_type is its filesystem's then, else empty.
    remote_ancestor: the first ancestor whose filesystem is not local. remote_type: of that filesystem.
    silence: why the walk ended at an obstacle that is neither a link nor a file, empty where it did not.
    mount: the topmost mount whose root is exactly here.
    has_entries: of a directory; None when nobody looked, or a mount covers it.
    identity: of the last component.
    system_names: under which names of the system's own directories the mount table shows the same.
    """

    path: str
    kind: Kind
    depth: int = 0
    obstacle: t.Optional[str] = None
    writable_ancestor: t.Optional[str] = None
    writable_type: str = ""
    remote_ancestor: t.Optional[str] = None
    remote_type: str = ""
    silence: str = ""
    mount: t.Optional[KernelMount] = None
    has_entries: t.Optional[bool] = None
    identity: t.Optional[Identity] = None
    system_names: t.Tuple[str, ...] = ()


@dataclass(frozen=True)
class Host:
    """What holds for the whole host during one call.

    boot_id: of the running kernel (/proc/sys/kernel/random/boot_id).
    mount_namespace: the inode of /proc/self/ns/mnt.
    """

    boot_id: str
    mount_namespace: int
    protection: Protection


def why_unsafe(ancestor: str, fstype: str) -> str:
    """Return what is wrong with an ancestor: fstype is that of its filesystem, if its owners do not count."""
    if fstype:
        return f"'{ancestor}' lies on a {fstype} filesystem, whose owners and modes count for nothing"
    return f"others than root may write '{ancestor}'"
