# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which types of filesystems there are, what each takes as its source, and its options.

To add one, add a line to FILESYSTEMS. Private to holdfast.mounts.
"""

from __future__ import annotations

import functools
import typing as t
from dataclasses import dataclass
from types import MappingProxyType

from ansible_collections.holdfast.mounts.plugins.module_utils._grammar import block_options as block
from ansible_collections.holdfast.mounts.plugins.module_utils._grammar import daemon_options as daemon
from ansible_collections.holdfast.mounts.plugins.module_utils._grammar import media_options as media
from ansible_collections.holdfast.mounts.plugins.module_utils._grammar import network_options as network
from ansible_collections.holdfast.mounts.plugins.module_utils._grammar import virtual_options as virtual
from ansible_collections.holdfast.mounts.plugins.module_utils._grammar.hints import GUIDE
from ansible_collections.holdfast.mounts.plugins.module_utils._grammar.tables import Table, merged
from ansible_collections.holdfast.mounts.plugins.module_utils._grammar.text import (
    check_text,
    quote,
    refusal,
)

SourceKind = t.Literal["bind", "block", "ceph", "cifs", "glusterfs", "nfs", "sshfs", "token"]
Groups = t.Tuple[t.Tuple[str, ...], ...]


@dataclass(frozen=True)
class Helper:
    """How mount(8) mounts a type.

    package: what has the helper, under the name that Debian gives it.
    kernel_type: what the kernel must have.
    shown_types: what the kernel's mount table shows.
    """

    package: str
    kernel_type: str
    shown_types: t.Tuple[str, ...]


class Words(t.NamedTuple):
    """What may be in opts for one type: options, groups and implied of Filesystem."""

    options: Table = MappingProxyType({})
    groups: Groups = ()
    implied: t.Tuple[t.Tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Filesystem:
    """One type.

    source: the grammar of its source.
    read_words: what may be in opts, asked for when somebody mounts it: a task has to do with few types.
    helper: how it is mounted, None where the kernel makes it by itself.
    is_named_at_will: its source is a word that whoever mounts it chooses, and shows nothing.
    redirecting: options that mount something else of the source, or with credentials of somebody else.
    """

    name: str
    source: SourceKind
    helper: t.Optional[Helper] = None
    read_words: t.Callable[[], Words] = Words
    is_named_at_will: bool = False
    redirecting: t.Tuple[str, ...] = ()

    @property
    def options(self) -> Table:
        """Its superblock options, by every name that they may be written with."""
        return _words_of(self).options

    @property
    def groups(self) -> Groups:
        """Options out of which at most one may be given."""
        return _words_of(self).groups

    @property
    def implied(self) -> t.Tuple[t.Tuple[str, str], ...]:
        """Options that are added where the caller gives none of that name."""
        return _words_of(self).implied

    @property
    def shown_types(self) -> t.Tuple[str, ...]:
        """The types that the kernel's mount table may show for it."""
        return self.helper.shown_types if self.helper else (self.name,)

    @property
    def takes_credentials(self) -> bool:
        """Whether a file of credentials may be given."""
        return self.source in ("ceph", "cifs")

    @property
    def is_block(self) -> bool:
        """Whether it lives on a block device."""
        return self.source == "block"


@functools.lru_cache(maxsize=None)
def _words_of(filesystem: Filesystem) -> Words:
    words = filesystem.read_words()
    if filesystem.helper or filesystem.source == "bind":
        return words
    return words._replace(options=merged(virtual.SUPERBLOCK_WORDS, words.options))


FILESYSTEMS: t.Mapping[str, Filesystem] = {
    filesystem.name: filesystem
    for filesystem in (
        Filesystem("9p", "token", read_words=lambda: Words(virtual.NINEP, implied=virtual.NINEP_IMPLIED)),
        Filesystem("bind", "bind"),  # it shows the superblock of its source, and has none of its own
        Filesystem("btrfs", "block", read_words=lambda: Words(block.BTRFS, block.BTRFS_GROUPS)),
        Filesystem(
            "ceph",
            "ceph",
            Helper("ceph-common", "ceph", ("ceph",)),
            lambda: Words(network.CEPH),
            redirecting=("mds_namespace", "name"),
        ),
        Filesystem(
            "cifs",
            "cifs",
            Helper("cifs-utils", "cifs", ("cifs",)),
            lambda: Words(network.CIFS, network.CIFS_GROUPS),
            redirecting=("cruid",),
        ),
        Filesystem("erofs", "block", read_words=lambda: Words(media.EROFS)),
        Filesystem("exfat", "block", read_words=lambda: Words(media.EXFAT, media.EXFAT_GROUPS)),
        Filesystem("ext2", "block", read_words=lambda: Words(block.EXT2, block.EXT_GROUPS)),
        Filesystem("ext3", "block", read_words=lambda: Words(block.EXT4, block.EXT4_GROUPS)),
        Filesystem("ext4", "block", read_words=lambda: Words(block.EXT4, block.EXT4_GROUPS)),
        Filesystem("f2fs", "block", read_words=lambda: Words(block.F2FS, block.F2FS_GROUPS)),
        Filesystem(
            "fuse.sshfs", "sshfs", Helper("sshfs", "fuse", ("fuse.sshfs",)), lambda: Words(daemon.SSHFS)
        ),
        Filesystem(
            "glusterfs",
            "glusterfs",
            Helper("glusterfs-client", "fuse", ("fuse.glusterfs",)),
            lambda: Words(daemon.GLUSTERFS),
        ),
        Filesystem("iso9660", "block", read_words=lambda: Words(media.ISO9660, media.ISO9660_GROUPS)),
        Filesystem(
            "nfs",
            "nfs",
            Helper("nfs-common", "nfs", ("nfs", "nfs4")),
            lambda: Words(network.NFS, network.NFS_GROUPS),
        ),
        Filesystem(
            "nfs4",
            "nfs",
            Helper("nfs-common", "nfs4", ("nfs4",)),
            lambda: Words(network.NFS4, network.NFS_GROUPS),
        ),
        Filesystem("overlay", "token", read_words=lambda: Words(virtual.OVERLAY), is_named_at_will=True),
        Filesystem(
            "smb3",
            "cifs",
            Helper("cifs-utils", "smb3", ("cifs", "smb3")),
            lambda: Words(network.SMB3, network.CIFS_GROUPS),
            redirecting=("cruid",),
        ),
        Filesystem("squashfs", "block", read_words=lambda: Words(media.SQUASHFS)),
        Filesystem(
            "tmpfs",
            "token",
            read_words=lambda: Words(virtual.TMPFS, virtual.TMPFS_GROUPS),
            is_named_at_will=True,
        ),
        Filesystem("udf", "block", read_words=lambda: Words(media.UDF, media.UDF_GROUPS)),
        Filesystem("vfat", "block", read_words=lambda: Words(media.VFAT, media.VFAT_GROUPS)),
        Filesystem("virtiofs", "token", read_words=lambda: Words(virtual.VIRTIOFS)),
        Filesystem("xfs", "block", read_words=lambda: Words(block.XFS, block.XFS_GROUPS)),
    )
}


OPTIONAL_TYPES = ("fuse.sshfs",)


def find_filesystem(
    fstype: t.Any,
    opts: t.Sequence[str] = (),
    option: str = "fstype",
    *,
    allowed: t.Sequence[str] = OPTIONAL_TYPES,
) -> Filesystem:
    """Return the type of that name.

    Raises invalid_argument for its characters, fstype_not_allowed for anything not in the table.
    opts only serve to tell an old spelling of a bind mount. allowed: what is turned on out of
    OPTIONAL_TYPES.
    """
    name = check_text(fstype, option)
    if name in FILESYSTEMS and (name not in OPTIONAL_TYPES or name in allowed):
        return FILESYSTEMS[name]
    raise refusal("fstype_not_allowed", f"{option}: {quote(name)} {_instead(name, opts)}; {GUIDE}")


def check_allowed_types(values: t.Sequence[t.Any], option: str) -> t.Tuple[str, ...]:
    """Return the types that the caller turns on. Raises invalid_argument."""
    for index, value in enumerate(values):
        name = check_text(value, f"{option}[{index}]")
        if name not in OPTIONAL_TYPES:
            raise refusal(
                "invalid_argument",
                f"{option}[{index}]: {quote(name)} is no type that is off by default; write one of "
                f"{', '.join(OPTIONAL_TYPES)}, or leave it out",
            )
    if len(set(values)) < len(values):
        raise refusal("invalid_argument", f"{option}: a type is there twice; name it once")
    return tuple(values)


def _instead(name: str, opts: t.Sequence[str]) -> str:
    if name == "none" and any(word in ("bind", "rbind") for word in opts):
        return "with the option bind is fstab's spelling of a bind mount; write fstype: bind"
    if name in OPTIONAL_TYPES:
        return f"is off by default; write allow_fstypes: [{name}]"
    if name in _OTHER_SPELLINGS:
        return f"is written otherwise here; write fstype: {_OTHER_SPELLINGS[name]}"
    return f"is no type that may be mounted; write one of {_by_default()}"


_OTHER_SPELLINGS = {"fuse.glusterfs": "glusterfs", "sshfs": "fuse.sshfs"}


def _by_default() -> str:
    return ", ".join(sorted(name for name in FILESYSTEMS if name not in OPTIONAL_TYPES))
