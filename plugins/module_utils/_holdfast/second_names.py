# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Under which other names the host shows a filesystem.

Private to holdfast.mounts.
"""

from __future__ import annotations

import functools
import re
import typing as t

from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast import errors, model
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.grammar import filesystems, paths
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.kernel import (
    child,
    devices,
    inodes,
    mountinfo,
    mounts,
    system,
)

# A colon within a layer's name is escaped (fs/overlayfs/params.c).
_LAYERS = re.compile(r"(?:[^:\\]|\\.)+")
_LAYER_OPTIONS = ("datadir+", "lowerdir", "lowerdir+", "upperdir")


def names_of(
    tree: model.Tree, rows: t.Iterable[model.KernelMount], *, holds: bool = True
) -> t.Tuple[str, ...]:
    """Return the paths at which these rows, all of the tree's filesystem, show the tree or a part of it.

    holds: false for the tree itself alone, without what is mounted from within it.
    """
    names = {_name(tree.root, row, holds=holds) for row in rows}
    return tuple(sorted(name for name in names if name))


def _name(root: str, row: model.KernelMount, *, holds: bool) -> str:
    if root == row.root or is_at_or_below(root, row.root):
        return _join(row.mount_point, root[len(row.root.rstrip("/")) :])
    return row.mount_point if holds and is_at_or_below(row.root, root) else ""


def is_at_or_below(path: str, other: str) -> bool:
    """Whether one directory of a filesystem is the other, or lies below it."""
    return path == other or path.startswith(other.rstrip("/") + "/")


def _join(point: str, rest: str) -> str:
    return (point.rstrip("/") + rest).rstrip("/") or "/"


def system_rows(carried: t.Sequence[model.KernelMount]) -> t.Tuple[model.KernelMount, ...]:
    """Return the rows that carry the system's own directories; of an overlay those of its layers as well.

    LIMIT: a layer is found by the name that the overlay shows, where the table has that.
    """
    carriers = [row for row in carried if paths.is_system(row.mount_point)]
    layers = [_carrier(path, row, carried) for row in carriers for path in _layers(row)]
    return (*carriers, *filter(None, layers))


def _layers(row: model.KernelMount) -> t.Iterator[str]:
    pairs = (
        [word.partition("=") for word in row.options] if filesystems.record_of(row.fstype).has_layers else []
    )
    for name, _equals, value in pairs:
        if name in _LAYER_OPTIONS:
            yield from (re.sub(r"\\(.)", r"\1", layer) for layer in _LAYERS.findall(value))


def _carrier(
    path: str, overlay: model.KernelMount, carried: t.Sequence[model.KernelMount]
) -> t.Optional[model.KernelMount]:
    row = mountinfo.row_at(path, carried)
    tree = None if row is None else tree_at(path, row)
    return row and tree and row._replace(root=tree.root, mount_point=overlay.mount_point)


def tree_at(path: str, row: model.KernelMount) -> model.Tree:
    """Return what this row shows at this path, all of it where the path has another name by now."""
    is_known = is_at_or_below(path, row.mount_point)
    rest = path[len(row.mount_point.rstrip("/")) :] if is_known else ""
    return model.Tree(row.device, _join(row.root, rest))


Points = t.Mapping[str, model.KernelMount]


def tree_named(path: str, points: Points) -> t.Optional[model.Tree]:
    """Return what the mounts that lookups reach show at this path; None where a trap lies."""
    point = path
    while point and point not in points:
        point = point.rpartition("/")[0]
    row = points.get(point or "/")
    return None if row is None or row.fstype == mountinfo.TRAP else tree_at(path, row)


# For a look at a mounted btrfs, whose device may not answer.
_LOOK_SECONDS = 5


class Table:
    """The mount table at one moment, and on which bytes its filesystems lie."""

    def __init__(self) -> None:
        self.rows = mountinfo.read_mounts()
        self.system = system_rows(self.rows)
        self._by_number = {row.mount_id: row for row in self.rows}
        # Of unique ids, which the table does not have: what a batch mounts lies on few mounts.
        self._numbers: t.Dict[int, t.Optional[int]] = {}
        self._extents: t.Dict[str, model.Extents] = {}

    @functools.cached_property
    def points(self) -> Points:
        """The mounts that lookups reach, by mount point."""
        return {seen.mount.mount_point: seen.mount for seen in mountinfo.visible_mounts(self.rows)}

    def row_under(self, inode: inodes.Inode, path: str) -> t.Optional[model.KernelMount]:
        number: t.Optional[int] = inode.mount_id
        if inode.has_unique_id:
            if inode.mount_id not in self._numbers:
                self._numbers[inode.mount_id] = mounts.mount_number(inode.mount_id, is_unique=True)
            number = self._numbers[inode.mount_id]
        return self._by_number.get(number or 0) or mountinfo.row_at(path, self.rows)

    def extents(self, row: model.KernelMount) -> model.Extents:
        if row.device not in self._extents:
            self._extents[row.device] = _extents(row)
        return self._extents[row.device]

    def same(
        self, rows: t.Iterable[model.KernelMount], device: str, extents: model.Extents
    ) -> t.Tuple[model.KernelMount, ...]:
        """Return those of the rows that show this superblock, or another one on the same bytes."""
        return tuple(
            row
            for row in rows
            if row.device == device
            or any(one.overlaps(other) for one in extents for other in self.extents(row))
        )


def _extents(row: model.KernelMount) -> model.Extents:
    if not row.device.startswith("0:"):
        return devices.extents_of(row.device)
    number = devices.block_number(row.source) if row.fstype in filesystems.OWN_NUMBERS else None
    return devices.btrfs_extents(number) if number else frozenset()


def system_names(table: Table, path: str, inode: inodes.Inode, *, holds: bool) -> t.Tuple[str, ...]:
    """Return the names among the system's directories of what is seen at this path.

    inode: of something at or above it on the same mount. holds: as names_of has it.
    """
    row = table.row_under(inode, path)
    if row is None:
        return ()
    same = table.same(table.system, row.device, table.extents(row))
    return tuple(filter(paths.is_system, names_of(tree_at(path, row), same, holds=holds)))


def device_names(
    definition: model.Definition, device: devices.Device, mount: t.Optional[int] = None
) -> t.Tuple[str, ...]:
    """Return every path at which a block device, or the same bytes, is mounted, if this shows them.

    mount: what came up, still detached. Without it, what the options say is believed.
    """
    table = Table()
    is_btrfs = definition.fstype in filesystems.OWN_NUMBERS
    extents = (devices.btrfs_extents if is_btrfs else devices.extents_of)(device.number)
    tree: t.Optional[model.Tree] = model.Tree(device.number, "/")
    if mount is not None:
        tree = _shown_tree(mount, is_btrfs=is_btrfs)
    same = table.same((*table.rows, *table.system), tree.device if tree else "", extents)
    if is_btrfs and mount is None:
        tree = _subvolume(definition, same)
    return names_of(tree, same) if tree else ()


def mounts_of(device: devices.Device, rows: t.Iterable[model.KernelMount]) -> t.Tuple[model.KernelMount, ...]:
    """Return which of these rows are mounts of a block device."""
    # btrfs shows a number of its own, so the source's path counts as well, or that of another member.
    return tuple(
        row
        for row in rows
        if row.device == device.number or row.source == device.path or devices.is_member(device.number, row)
    )


def _shown_tree(mount: int, *, is_btrfs: bool) -> model.Tree:
    if not is_btrfs:
        return model.Tree(inodes.inode_of(mount).identity.device, "/")
    return child.run_with_deadline(
        lambda: devices.btrfs_tree(mount), _LOOK_SECONDS, kept=(mount,), step="verify"
    )


def _subvolume(definition: model.Definition, rows: t.Sequence[model.KernelMount]) -> t.Optional[model.Tree]:
    """Return which subvolume these options name; None where nobody can tell before it is mounted.

    LIMIT: a link in a name of subvol is not followed; what really came up is looked at afterwards.
    """
    row = next((row for row in rows if row.fstype in filesystems.OWN_NUMBERS), None)
    data = dict(definition.data)
    if row is None:
        return None
    if "subvol" in data:
        return model.Tree(row.device, "/" + (data["subvol"] or "").strip("/"))
    number = data.get("subvolid")
    # Zero is the top level, whatever the default subvolume is (btrfs(5)).
    tree = None if number is None else int(number) or devices.TOP_LEVEL
    device, point = row.device, row.mount_point
    try:
        path = child.run_with_deadline(
            lambda: devices.find_subvolume(point, device, tree), _LOOK_SECONDS, kept=(), step="source"
        )
    except (errors.MountError, OSError):
        return None
    return None if path is None else model.Tree(device, path)


def server_names(definition: model.Definition, mount: t.Optional[int] = None) -> t.Tuple[str, ...]:
    """Return every path at which the same of a server is mounted.

    One superblock may serve several directories of a server, which the table tells by their sources alone.
    LIMIT: without a mount that came up, another name of the server is not recognised.
    """
    filesystem = filesystems.record_of(definition.fstype)
    if not filesystem.names_source:
        return ()
    device = "" if mount is None else inodes.inode_of(mount).identity.device
    types, shared = filesystem.shown_types, definition.src.rpartition(":")[2]
    same = [
        row
        for row in mountinfo.read_mounts()
        if row.fstype in types
        and (row.source == definition.src or (row.device == device and row.source.endswith(f":{shared}")))
        and not is_at_or_below(row.mount_point, system.STAGES)
    ]
    return names_of(model.Tree(device, "/"), same)
