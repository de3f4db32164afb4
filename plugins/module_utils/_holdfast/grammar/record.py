# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What there is to know of a type of filesystem. filesystems.py has the record of each.

Private to holdfast.mounts.
"""

from __future__ import annotations

import typing as t

from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.grammar import values

# How the UUID of a filesystem is written, as blkid(8) shows it.
UUID = "8-4-4-4-12 hexadecimal digits"
SHORT_UUID = "4-4 hexadecimal digits"
LONG_NUMBER = "16 hexadecimal digits"
DATE = "a date such as 2024-01-31-12-00-00-00"

SourceKind = t.Literal["bind", "block", "ceph", "cifs", "glusterfs", "nfs", "sshfs", "token"]
Data = t.Iterable[t.Tuple[str, t.Optional[str]]]

SUPERBLOCK_WORDS = ("dirsync", "lazytime", "sync")
# What the helpers of network filesystems hand to the kernel too, those of Gluster excepted.
HELPER_WORDS = ("dirsync", "sync")

# What stands in the options of a filesystem that has been shut down.
SHUT_DOWN = "shutdown"

# What else the kernel may show that needs no server; it is never mounted here. "disk" is what a kernel is
# taken to say that is not asked for the type. All others may wait: fuse, nfs, cifs, ceph, 9p, autofs.
OTHER_LOCAL_TYPES = (
    *("bcachefs", "bpf", "cgroup", "cgroup2", "configfs", "debugfs", "devpts", "devtmpfs", "disk"),
    *("efivarfs", "hugetlbfs", "jfs", "mqueue", "proc", "pstore", "ramfs", "reiserfs", "rootfs"),
    *("securityfs", "selinuxfs", "sysfs", "tracefs", "zfs"),
)
# FUSE, and with it each of its subtypes, C(fuse.something): what a process serves, of any user perhaps.
FUSE = "fuse"
# What is made to mount something else in.
SCRATCH = "tmpfs"


class Helper(t.NamedTuple):
    """How mount(8) mounts a type.

    package: what has the helper, under the name that Debian gives it.
    kernel_type: what the kernel must have.
    shown_types: what the kernel's mount table shows.
    always: what is asked of it beyond the caller's options: to wait for nobody and to ask nobody.
    log_option: its option that names a file for its log, as far as the folder.
    credentials: its option that names a file of credentials, where it takes one.
    anonymous: options with which it needs none; where there are none of these, it never needs any.
    drops_sync: it does not hand C(sync) and C(dirsync) on.
    hints: what to do about a failure, by its cause (failures.py), where the type has better words.
    """

    package: str
    kernel_type: str
    shown_types: t.Tuple[str, ...]
    always: t.Tuple[str, ...] = ()
    log_option: str = ""
    credentials: str = ""
    anonymous: t.Tuple[str, ...] = ()
    drops_sync: bool = False
    hints: t.Mapping[str, str] = {}


class Filesystem(t.NamedTuple):
    """One type.

    line: its options, read when somebody asks for them: a task has to do with few types.
    source: the grammar of its source.
    helper: how it is mounted, None where the kernel makes it by itself.
    uuid: how its UUID is written.
    reported: what to write instead of options that it does not take, where hints.py has none for all types.
    is_local: no server and no daemon can keep a call waiting.
    is_optional: off by default.
    is_named_at_will: its source is a word that whoever mounts it chooses, and shows nothing.
    has_layers: it shows directories of the host that its options name.
    has_own_numbers: files have another device number than the superblock has in the mount table.
    empty_mode: permission bits of the root of one that is empty when it is made; else nothing.
    changeable: options that can be changed while it is mounted.
    of_the_mount: options that tell one mount of a superblock from another; they name the same thing.
    read_only: options that make it only readable, C(*) where nothing else is possible.
    writable: options without one of which it is only readable.
    may_turn_read_only: the medium decides, and the kernel does not ask.
    redirecting: options that mount something else of the source, or with credentials of somebody else.
    superblock: where on the device the filesystem's own identity lies, C(offset:length) each.
    hides_shutdown: the mount table does not show that it has been shut down.
    crashing_types: types that the mount table may show for it, and whose options crash statmount(2).
    renumbers: its files have other inode numbers each time it is mounted.
    """

    name: str
    line: str = ""
    source: SourceKind = "block"
    helper: t.Optional[Helper] = None
    uuid: str = UUID
    reported: t.Mapping[str, str] = {}
    is_local: bool = True
    is_optional: bool = False
    is_named_at_will: bool = False
    has_layers: bool = False
    has_own_numbers: bool = False
    empty_mode: str = ""
    changeable: t.Tuple[str, ...] = ()
    of_the_mount: t.Tuple[str, ...] = ()
    read_only: t.Tuple[str, ...] = ()
    writable: t.Tuple[str, ...] = ()
    may_turn_read_only: bool = False
    redirecting: t.Tuple[str, ...] = ()
    superblock: str = ""
    hides_shutdown: bool = False
    crashing_types: t.Tuple[str, ...] = ()
    renumbers: bool = False

    @property
    def words(self) -> values.Words:
        """What may be in opts."""
        general: t.Tuple[str, ...] = SUPERBLOCK_WORDS
        if self.helper:
            general = () if self.helper.drops_sync else HELPER_WORDS
        return values.read_line(self.line if self.shows_path else " ".join((*general, self.line)))

    @property
    def options(self) -> t.Mapping[str, values.Option]:
        """Its superblock options, by every name that they may be written with."""
        return self.words.options

    @property
    def shown_types(self) -> t.Tuple[str, ...]:
        """The types that the kernel's mount table may show for it."""
        return self.helper.shown_types if self.helper else (self.name,)

    @property
    def takes_credentials(self) -> bool:
        """Whether a file of credentials may be given."""
        return bool(self.helper and self.helper.credentials)

    @property
    def is_block(self) -> bool:
        """Whether it lives on a block device."""
        return self.source == "block"

    @property
    def shows_path(self) -> bool:
        """Whether it shows a directory or file of the host, with the superblock and type that this has."""
        return self.source == "bind"

    @property
    def names_source(self) -> bool:
        """Whether its source names a device or a server, which other mounts may show as well."""
        return not (self.is_named_at_will or self.shows_path)

    @property
    def is_network(self) -> bool:
        """Whether it is served by another host."""
        return self.helper is not None

    @property
    def can_hang(self) -> bool:
        """Whether mounting or unmounting it may wait for a device or a server."""
        return self.is_block or not self.is_local

    @property
    def has_superblock(self) -> bool:
        """Whether a mount of it may have a superblock of its own, that can be made read-only and writable."""
        return self.is_local and not self.shows_path

    def is_read_only(self, data: Data) -> bool:
        """Whether one with these options can only be read, whoever mounts it."""
        if not self.read_only and not self.writable:
            return False
        words = {name if value is None else f"{name}={value}" for name, value in data}
        names = {word.partition("=")[0] for word in words}
        return (
            bool(words.intersection(self.read_only))
            or "*" in self.read_only
            or (bool(self.writable) and not names.intersection(self.writable))
        )

    def shown_options(self, shown: t.Iterable[str]) -> t.Dict[str, t.Optional[str]]:
        """Return superblock options as the kernel shows them, by canonical name and value.

        Left as it is shown is what the type does not know, a name or a value. C(ro) and C(rw) are left out.
        Never raises.
        """
        result: t.Dict[str, t.Optional[str]] = {}
        for word in shown:
            name, equals, text = word.partition("=")
            known = self.options.get(name)
            if known is not None:
                value = known.value.canonical(text) if known.value and equals else None
                result.update(
                    dict.fromkeys(known.canonical_names, text if value is None and equals else value)
                )
            elif self.has_layers and name == "lowerdir+":
                # Layers that were given one by one (Linux 6.5).
                before = result.get("lowerdir")
                result["lowerdir"] = f"{before}:{text}" if before else text
            elif word not in ("ro", "rw"):
                result[name] = text if equals else None
        return result
