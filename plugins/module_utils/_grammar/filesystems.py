# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which types of filesystems there are, what each takes as its source, and its options.

To add one, add a line to FILESYSTEMS. Private to holdfast.mounts.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field

from ansible_collections.holdfast.mounts.plugins.module_utils._grammar import block_options as block
from ansible_collections.holdfast.mounts.plugins.module_utils._grammar import media_options as media
from ansible_collections.holdfast.mounts.plugins.module_utils._grammar import virtual_options as virtual
from ansible_collections.holdfast.mounts.plugins.module_utils._grammar.hints import GUIDE
from ansible_collections.holdfast.mounts.plugins.module_utils._grammar.tables import Table, merged
from ansible_collections.holdfast.mounts.plugins.module_utils._grammar.text import (
    check_text,
    quote,
    refusal,
)

SourceKind = t.Literal["bind", "block", "ceph", "cifs", "glusterfs", "nfs", "token"]
Groups = t.Tuple[t.Tuple[str, ...], ...]


@dataclass(frozen=True)
class Filesystem:
    """One type.

    source: the grammar of its source.
    options: its superblock options, by every name that they may be written with.
    groups: options out of which at most one may be given.
    implied: options that are added where the caller gives none of that name.
    is_supported: whether this version mounts it.
    """

    name: str
    source: SourceKind
    options: Table = field(default_factory=dict)
    groups: Groups = ()
    implied: t.Tuple[t.Tuple[str, str], ...] = ()
    is_supported: bool = True

    @property
    def is_block(self) -> bool:
        """Whether it lives on a block device."""
        return self.source == "block"


def _local(
    name: str,
    source: SourceKind,
    options: Table,
    groups: Groups = (),
    *,
    implied: t.Tuple[t.Tuple[str, str], ...] = (),
) -> Filesystem:
    return Filesystem(name, source, merged(virtual.SUPERBLOCK_WORDS, options), groups, implied)


def _network(name: str, source: SourceKind) -> Filesystem:
    return Filesystem(name, source, is_supported=False)


FILESYSTEMS: t.Mapping[str, Filesystem] = {
    filesystem.name: filesystem
    for filesystem in (
        _local("9p", "token", virtual.NINEP, implied=virtual.NINEP_IMPLIED),
        Filesystem("bind", "bind"),  # it shows the superblock of its source, and has none of its own
        _local("btrfs", "block", block.BTRFS, block.BTRFS_GROUPS),
        _network("ceph", "ceph"),
        _network("cifs", "cifs"),
        _local("erofs", "block", media.EROFS),
        _local("exfat", "block", media.EXFAT, media.EXFAT_GROUPS),
        _local("ext2", "block", block.EXT2, block.EXT_GROUPS),
        _local("ext3", "block", block.EXT4, block.EXT4_GROUPS),
        _local("ext4", "block", block.EXT4, block.EXT4_GROUPS),
        _local("f2fs", "block", block.F2FS, block.F2FS_GROUPS),
        _network("glusterfs", "glusterfs"),
        _local("iso9660", "block", media.ISO9660, media.ISO9660_GROUPS),
        _network("nfs", "nfs"),
        _network("nfs4", "nfs"),
        _local("overlay", "token", virtual.OVERLAY),
        _network("smb3", "cifs"),
        _local("squashfs", "block", media.SQUASHFS),
        _local("tmpfs", "token", virtual.TMPFS, virtual.TMPFS_GROUPS),
        _local("udf", "block", media.UDF, media.UDF_GROUPS),
        _local("vfat", "block", media.VFAT, media.VFAT_GROUPS),
        _local("virtiofs", "token", virtual.VIRTIOFS),
        _local("xfs", "block", block.XFS, block.XFS_GROUPS),
    )
}


def find_filesystem(fstype: t.Any, opts: t.Sequence[str] = (), option: str = "fstype") -> Filesystem:
    """Return the type of that name.

    Raises invalid_argument for its characters, fstype_not_allowed for anything not in the table.
    opts only serve to tell an old spelling of a bind mount.
    """
    name = check_text(fstype, option)
    if name in FILESYSTEMS:
        return FILESYSTEMS[name]
    raise refusal("fstype_not_allowed", f"{option}: {quote(name)} {_instead(name, opts)}; {GUIDE}")


def refuse_unsupported(filesystem: Filesystem, option: str = "fstype") -> None:
    """Refuse a type that is known, but that this version cannot mount. Raises unsupported."""
    if not filesystem.is_supported:
        raise refusal(
            "unsupported",
            f"{option}: {quote(filesystem.name)} is a network filesystem, and this version serves none; "
            f"write one of {_supported()}; {GUIDE}",
        )


def _instead(name: str, opts: t.Sequence[str]) -> str:
    if name == "none" and any(word in ("bind", "rbind") for word in opts):
        return "with the option bind is fstab's spelling of a bind mount; write fstype: bind"
    if name == "fuse.sshfs":
        return f"is off, and this version cannot turn it on; write one of {_supported()}"
    return f"is no type that may be mounted; write one of {_supported()}"


def _supported() -> str:
    return ", ".join(sorted(name for name, known in FILESYSTEMS.items() if known.is_supported))
