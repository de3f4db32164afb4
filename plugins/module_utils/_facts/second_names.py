# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Under which other names the mount table shows the same files.

Private to holdfast.mounts.
"""

from __future__ import annotations

import re
import typing as t
from dataclasses import replace

from ansible_collections.holdfast.mounts.plugins.module_utils._grammar.filesystems import record_of
from ansible_collections.holdfast.mounts.plugins.module_utils._grammar.paths import is_system
from ansible_collections.holdfast.mounts.plugins.module_utils._values.host import KernelMount, Tree

# A colon within a layer's name is escaped (fs/overlayfs/params.c).
_LAYERS = re.compile(r"(?:[^:\\]|\\.)+")
_LAYER_OPTIONS = ("datadir+", "lowerdir", "lowerdir+", "upperdir")


def names_of(tree: Tree, rows: t.Iterable[KernelMount], *, holds: bool = True) -> t.Tuple[str, ...]:
    """Return the paths at which these rows, all of the tree's filesystem, show the tree or a part of it.

    holds: false for the tree itself alone, without what is mounted from within it.
    """
    names = {_name(tree.root, row, holds=holds) for row in rows}
    return tuple(sorted(name for name in names if name))


def _name(root: str, row: KernelMount, *, holds: bool) -> str:
    if root == row.root or is_at_or_below(root, row.root):
        return _join(row.mount_point, root[len(row.root.rstrip("/")) :])
    return row.mount_point if holds and is_at_or_below(row.root, root) else ""


def is_at_or_below(path: str, other: str) -> bool:
    """Whether one directory of a filesystem is the other, or lies below it."""
    return path == other or path.startswith(other.rstrip("/") + "/")


def _join(point: str, rest: str) -> str:
    return (point.rstrip("/") + rest).rstrip("/") or "/"


def system_rows(mounts: t.Sequence[KernelMount]) -> t.Tuple[KernelMount, ...]:
    """Return the rows that carry the system's own directories; of an overlay those of its layers as well.

    LIMIT: a layer is found by the name that the overlay shows, where the table has that.
    """
    carriers = [row for row in mounts if is_system(row.mount_point)]
    layers = [_carrier(path, row, mounts) for row in carriers for path in _layers(row)]
    return (*carriers, *filter(None, layers))


def _layers(row: KernelMount) -> t.Iterator[str]:
    pairs = [word.partition("=") for word in row.options] if record_of(row.fstype).has_layers else []
    for name, _equals, value in pairs:
        if name in _LAYER_OPTIONS:
            yield from (re.sub(r"\\(.)", r"\1", layer) for layer in _LAYERS.findall(value))


def _carrier(path: str, overlay: KernelMount, mounts: t.Sequence[KernelMount]) -> t.Optional[KernelMount]:
    row = row_at(path, mounts)
    tree = None if row is None else tree_at(path, row)
    return row and tree and replace(row, root=tree.root, mount_point=overlay.mount_point)


def row_at(path: str, mounts: t.Iterable[KernelMount]) -> t.Optional[KernelMount]:
    """Return the row that shows this path, by the names in the table alone."""
    above = [row for row in mounts if is_at_or_below(path, row.mount_point)]
    return max(reversed(above), key=lambda row: len(row.mount_point), default=None)


def tree_at(path: str, row: KernelMount) -> Tree:
    """Return what this row shows at this path, all of it where the path has another name by now."""
    is_known = is_at_or_below(path, row.mount_point)
    rest = path[len(row.mount_point.rstrip("/")) :] if is_known else ""
    return Tree(row.device, _join(row.root, rest))
