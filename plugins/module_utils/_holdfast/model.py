# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a request, a host and its policy are, as values.

Private to holdfast.mounts.
"""

from __future__ import annotations

import typing as t

# A word of the options that mount(8) and systemd pass over (mount(8), "x-*").
MARK = "x-holdfast.mounts"


class BootEntry(t.NamedTuple):
    """The lines of one mount point.

    ours: the line with our mark, one blank between its fields; None where there is none.
    is_foreign: somebody else has one as well.
    """

    ours: t.Optional[str] = None
    is_foreign: bool = False


Protection = t.Literal["full", "no_unique_id", "legacy"]
Kind = t.Literal["absent", "directory", "file", "device", "other"]
UserKind = t.Literal["loop device", "mount", "process", "swap area"]
# A mount's id and its device as the inodes on it show it: before Linux 6.8 an id is used again.
MountKey = t.Tuple[int, str]


class KernelMount(t.NamedTuple):
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

    pid: 0 for what is not a process. text: its name, with nothing in it that another user may have put there
    to mislead.
    """

    kind: UserKind
    pid: int
    text: str


class Users(t.NamedTuple):
    """What keeps one mount busy, and whether the search for it came to its end in time."""

    found: t.Tuple[User, ...] = ()
    is_complete: bool = False


class Identity(t.NamedTuple):
    """What tells one inode from another that took its place: device, inode, birth in nanoseconds.

    birth is 0 on filesystems that keep no birth time (statx(2), STATX_BTIME). device is empty where an
    earlier boot has recorded it.
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


class Place(t.NamedTuple):
    """What stands at a path, seen by a walk that follows no symbolic link.

    kind: of the last component; absent as soon as one component is missing.
    depth: how many components exist.
    obstacle: a prefix of the path that is a symbolic link or not a directory, where the walk ended.
    writable_ancestor: the first ancestor that others than root can write, or whose owners and modes count for
        nothing: writable_type is its filesystem's then, else empty.
    remote_ancestor: the first ancestor whose filesystem is not local. remote_type: of that filesystem.
    is_link: whether the obstacle is a symbolic link.
    silence: why the walk ended at an obstacle that is neither a link nor a file, empty where it did not.
    mount: the topmost mount whose root is exactly here.
    has_entries: of a directory; None when nobody looked, or a mount covers it.
    identity: of the last component.
    append_only: the directory in which something is missing, where no name in it can be changed any more.
    is_writable_file: it is a regular file that users other than root can write.
    system_names: under which names of the system's own directories the mount table shows the same.
    fstype, mount_id: of the mount it lies on, of a source alone; 0 where ids are used again.
    """

    path: str
    kind: Kind
    depth: int = 0
    obstacle: t.Optional[str] = None
    is_link: bool = False
    writable_ancestor: t.Optional[str] = None
    writable_type: str = ""
    remote_ancestor: t.Optional[str] = None
    remote_type: str = ""
    silence: str = ""
    mount: t.Optional[KernelMount] = None
    has_entries: t.Optional[bool] = None
    identity: t.Optional[Identity] = None
    append_only: str = ""
    is_writable_file: bool = False
    system_names: t.Tuple[str, ...] = ()
    fstype: str = ""
    mount_id: int = 0


class Host(t.NamedTuple):
    """What holds for the whole host during one call.

    boot_id: of the running kernel (/proc/sys/kernel/random/boot_id).
    mount_namespace: the inode of /proc/self/ns/mnt, 0 where a security module forbids to ask.
    """

    boot_id: str
    mount_namespace: int
    protection: Protection

    def shows(self, boot_id: str, mount_namespace: int) -> bool:
        """Whether a mount made in that boot and namespace may be seen here; in an unknown one it may."""
        return boot_id == self.boot_id and self.mount_namespace in (0, mount_namespace)


def why_unsafe(ancestor: str, fstype: str) -> str:
    """Return what is wrong with an ancestor: fstype is that of its filesystem, if its owners do not count."""
    if fstype:
        article = "an" if fstype.startswith(("a", "e", "i", "o", "u")) else "a"
        return f"'{ancestor}' lies on {article} {fstype} filesystem, whose owners and modes count for nothing"
    return f"users other than root can write '{ancestor}'"


# What a task may set beyond the mount itself. owner is also the group's, drop_holders also live_holders'.
PolicyOption = t.Literal[
    "adopt",
    "boot",
    "dev",
    "drop_holders",
    "lazy",
    "mode",
    "nonempty",
    "owner",
    "selinux_context",
    "suid",
    "unsafe_parents",
]


class Policy(t.NamedTuple):
    """The policy of one host. It allows what it names and nothing else, so an empty one allows nothing.

    sources: patterns by type, for the types whose source is not a path of the host. holders: patterns.
    """

    allowed_roots: t.Tuple[str, ...] = ()
    source_roots: t.Tuple[str, ...] = ()
    fstypes: t.Tuple[str, ...] = ()
    sources: t.Mapping[str, t.Tuple[str, ...]] = {}
    holders: t.Tuple[str, ...] = ()
    options: t.Tuple[str, ...] = ()
    credentials_files: t.Tuple[str, ...] = ()


State = t.Literal["mounted", "released", "unmounted"]
OnBusy = t.Literal["defer", "fail", "lazy"]
Disclose = t.Literal["full", "minimal"]

# Attributes of one mount, not of its superblock (mount_setattr(2)); without an equals sign in opts.
MOUNT_FLAGS = (
    "noatime",
    "nodev",
    "nodiratime",
    "noexec",
    "nosuid",
    "nosymfollow",
    "ro",
    "strictatime",
)


# The type that shows a path of the host.
BIND = "bind"


def image_named(fstype: str, src: str) -> str:
    """Return the source where it is a file that a device is made of, else nothing."""
    is_path = src.startswith("/") and not src.startswith(("//", "/dev/"))
    return src if is_path and fstype != BIND else ""


class Definition(t.NamedTuple):
    """What shall be mounted, in canonical form: equal definitions are equal mounts.

    flags: sorted names out of MOUNT_FLAGS, the implied ones included.
    data: sorted superblock options as (name, value); value is None for a bare word. Sizes are
        bytes in decimal, modes are four octal digits, layers of an overlay are joined by a colon.
        Two are no options of the filesystem: C(context), an SELinux label without quotes, and
        C(credentials_file), the path of a file that only the call that mounts reads.
    """

    fstype: str
    src: str
    flags: t.Tuple[str, ...]
    data: t.Tuple[t.Tuple[str, t.Optional[str]], ...]

    @property
    def opts(self) -> t.Tuple[str, ...]:
        """Flags and superblock options as words, sorted."""
        words = [name if value is None else f"{name}={value}" for name, value in self.data]
        return tuple(sorted([*self.flags, *words]))

    @property
    def lower_layers(self) -> t.Tuple[str, ...]:
        """The lower layers of an overlay, uppermost first; empty for every other type."""
        joined = dict(self.data).get("lowerdir")
        return tuple(joined.split(":")) if joined else ()

    @property
    def image(self) -> str:
        """The file that a device is made of; empty where the source is something else."""
        return image_named(self.fstype, self.src)

    @property
    def source_paths(self) -> t.Tuple[str, ...]:
        """Every path on the host that this mount shows: a bind's source, an image, an overlay's layers."""
        if self.fstype == BIND or self.image:
            return (self.src,)
        single = [path for name, path in self.data if name in ("upperdir", "workdir") and path is not None]
        return (*self.lower_layers, *single)


def definition_from_opts(fstype: str, src: str, opts: t.Iterable[str]) -> Definition:
    """Return the definition whose canonical words these are; the inverse of Definition.opts."""
    flags = []
    data: t.List[t.Tuple[str, t.Optional[str]]] = []
    for word in opts:
        name, equals, value = word.partition("=")
        if name in MOUNT_FLAGS and not equals:
            flags.append(name)
        else:
            data.append((name, value if equals else None))
    data.sort(key=lambda pair: (pair[0], pair[1] or ""))
    return Definition(fstype, src, tuple(sorted(flags)), tuple(data))


class MountPointAttributes(t.NamedTuple):
    """How the mount point is made where it is missing: permission bits, numeric owner and group."""

    mode: int = 0o755
    uid: int = 0
    gid: int = 0


class Entry(t.NamedTuple):
    """One mount point of a request. definition is None unless the state is mounted.

    ttl: seconds after which the claim ends by itself, None for never. boot: it wants an entry in fstab.
    network: that entry waits for the network. implied: words of the definition that no caller has written.
    """

    path: str
    definition: t.Optional[Definition] = None
    attributes: MountPointAttributes = MountPointAttributes()
    ttl: t.Optional[int] = None
    boot: bool = False
    network: bool = False
    implied: t.Tuple[str, ...] = ()


class Repair(t.NamedTuple):
    """What a reconciliation does.

    kinds: of drift, that are put right. live: if given, the only holders that still exist.
    dropped: holders that do not.
    """

    kinds: t.Tuple[str, ...]
    live: t.Optional[t.Tuple[str, ...]] = None
    dropped: t.Tuple[str, ...] = ()


class Request(t.NamedTuple):
    """One call of the module. timeout and lock_timeout are in seconds. repair: only of a reconciliation."""

    state: State
    holder: str
    entries: t.Tuple[Entry, ...]
    is_bulk: bool = False
    purge: bool = False
    allowed_roots: t.Tuple[str, ...] = ("/mnt", "/media", "/srv")
    source_roots: t.Tuple[str, ...] = ("/mnt", "/media", "/srv")
    adopt: bool = False
    allow_nonempty: bool = False
    allow_unsafe_parents: bool = False
    on_busy: OnBusy = "fail"
    timeout: int = 60
    lock_timeout: int = 90
    disclose: Disclose = "minimal"
    repair: t.Optional[Repair] = None
