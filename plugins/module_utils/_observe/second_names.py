# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which other names what is mounted, shown or covered has on this host, by the kernel's mount table.

LIMIT: mounts of other mount namespaces are not seen. Private to holdfast.mounts.
"""

from __future__ import annotations

import contextlib
import typing as t

from ansible_collections.holdfast.mounts.plugins.module_utils._facts.second_names import (
    is_at_or_below,
    names_of,
    row_at,
    system_rows,
    tree_at,
)
from ansible_collections.holdfast.mounts.plugins.module_utils._grammar.filesystems import record_of
from ansible_collections.holdfast.mounts.plugins.module_utils._grammar.paths import is_system
from ansible_collections.holdfast.mounts.plugins.module_utils._kernel import child, superblocks
from ansible_collections.holdfast.mounts.plugins.module_utils._kernel.devices import Device
from ansible_collections.holdfast.mounts.plugins.module_utils._kernel.inodes import Inode, inode_of
from ansible_collections.holdfast.mounts.plugins.module_utils._kernel.mounts import mount_number
from ansible_collections.holdfast.mounts.plugins.module_utils._kernel.stages import STAGES
from ansible_collections.holdfast.mounts.plugins.module_utils._kernel.table import read_mounts
from ansible_collections.holdfast.mounts.plugins.module_utils._values.errors import MountError
from ansible_collections.holdfast.mounts.plugins.module_utils._values.host import Extents, KernelMount, Tree
from ansible_collections.holdfast.mounts.plugins.module_utils._values.request import Definition

# For a look at a mounted btrfs, whose device may not answer.
_LOOK_SECONDS = 5


class _Mounts:
    """The mount table at one moment, and on which bytes its filesystems lie."""

    def __init__(self) -> None:
        self.rows = read_mounts()
        self.system = system_rows(self.rows)
        self._by_number = {row.mount_id: row for row in self.rows}
        self._extents: t.Dict[str, Extents] = {}

    def row_under(self, inode: Inode, path: str) -> t.Optional[KernelMount]:
        number = mount_number(inode.mount_id, is_unique=True) if inode.has_unique_id else inode.mount_id
        return self._by_number.get(number or 0) or row_at(path, self.rows)

    def extents(self, row: KernelMount) -> Extents:
        if row.device not in self._extents:
            self._extents[row.device] = _extents(row)
        return self._extents[row.device]

    def same(self, rows: t.Iterable[KernelMount], device: str, extents: Extents) -> t.Tuple[KernelMount, ...]:
        """Return those of the rows that show this superblock, or another one on the same bytes."""
        return tuple(
            row
            for row in rows
            if row.device == device
            or any(one.overlaps(other) for one in extents for other in self.extents(row))
        )


def _extents(row: KernelMount) -> Extents:
    if not row.device.startswith("0:"):
        return superblocks.extents_of(row.device)
    number = superblocks.block_number(row.source) if row.fstype == "btrfs" else None
    return superblocks.btrfs_extents(number) if number else frozenset()


_kept: t.Optional[t.List[_Mounts]] = None


@contextlib.contextmanager
def keep_mounts() -> t.Iterator[None]:
    """Read the mount table once for the names of all paths that are asked for in here."""
    global _kept
    before, _kept = _kept, []
    try:
        yield
    finally:
        _kept = before


def _mounts() -> _Mounts:
    if _kept is None:
        return _Mounts()
    if not _kept:
        _kept.append(_Mounts())
    return _kept[0]


def system_names(path: str, inode: Inode, *, holds: bool) -> t.Tuple[str, ...]:
    """Return the names among the system's directories of what is seen at this path.

    inode: of something at or above it on the same mount. holds: as names_of has it.
    """
    mounts = _mounts()
    row = mounts.row_under(inode, path)
    if row is None:
        return ()
    same = mounts.same(mounts.system, row.device, mounts.extents(row))
    return tuple(filter(is_system, names_of(tree_at(path, row), same, holds=holds)))


def device_names(definition: Definition, device: Device, mount: t.Optional[int] = None) -> t.Tuple[str, ...]:
    """Return every path at which a block device, or the same bytes, is mounted, if this shows them.

    mount: what came up, still detached. Without it, what the options say is believed.
    """
    mounts = _Mounts()
    is_btrfs = definition.fstype == "btrfs"
    extents = (superblocks.btrfs_extents if is_btrfs else superblocks.extents_of)(device.number)
    tree: t.Optional[Tree] = Tree(device.number, "/")
    if mount is not None:
        tree = _shown_tree(mount, is_btrfs=is_btrfs)
    same = mounts.same((*mounts.rows, *mounts.system), tree.device if tree else "", extents)
    if is_btrfs and mount is None:
        tree = _subvolume(definition, same)
    return names_of(tree, same) if tree else ()


def _shown_tree(mount: int, *, is_btrfs: bool) -> Tree:
    if not is_btrfs:
        return Tree(inode_of(mount).identity.device, "/")
    return child.run_with_deadline(
        lambda: superblocks.btrfs_tree(mount), _LOOK_SECONDS, kept=(mount,), step="verify"
    )


def _subvolume(definition: Definition, rows: t.Sequence[KernelMount]) -> t.Optional[Tree]:
    """Return which subvolume these options name; None where nobody can tell before it is mounted.

    LIMIT: a link in a name of subvol is not followed; what really came up is looked at afterwards.
    """
    row = next((row for row in rows if row.fstype == "btrfs"), None)
    data = dict(definition.data)
    if row is None:
        return None
    if "subvol" in data:
        return Tree(row.device, "/" + (data["subvol"] or "").strip("/"))
    number = data.get("subvolid")
    # Zero is the top level, whatever the default subvolume is (btrfs(5)).
    tree = None if number is None else int(number) or superblocks.TOP_LEVEL
    device, point = row.device, row.mount_point
    try:
        path = child.run_with_deadline(
            lambda: superblocks.find_subvolume(point, device, tree), _LOOK_SECONDS, kept=(), step="source"
        )
    except (MountError, OSError):
        return None
    return None if path is None else Tree(device, path)


def server_names(definition: Definition, mount: t.Optional[int] = None) -> t.Tuple[str, ...]:
    """Return every path at which the same of a server is mounted.

    One superblock may serve several directories of a server, which the table tells by their sources alone.
    LIMIT: without a mount that came up, another name of the server is not recognised.
    """
    filesystem = record_of(definition.fstype)
    if not filesystem.names_source:
        return ()
    device = "" if mount is None else inode_of(mount).identity.device
    types, shared = filesystem.shown_types, definition.src.rpartition(":")[2]
    same = [
        row
        for row in read_mounts()
        if row.fstype in types
        and (row.source == definition.src or (row.device == device and row.source.endswith(f":{shared}")))
        and not is_at_or_below(row.mount_point, STAGES)
    ]
    return names_of(Tree(device, "/"), same)
