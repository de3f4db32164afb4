# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which managed mount points lie below one another, and which show one another.

Private to holdfast.mounts.
"""

from __future__ import annotations

import bisect
import typing as t

from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast import claims, model
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.grammar import filesystems, paths


def writable_layers(definition: model.Definition) -> t.Tuple[str, ...]:
    """Return an overlay's upper and work directory, nothing for other types."""
    data = dict(definition.data) if filesystems.record_of(definition.fstype).has_layers else {}
    return tuple(value for value in (data.get("upperdir"), data.get("workdir")) if value)


def ancestors(path: str) -> t.Iterator[str]:
    """Yield every path strictly above this one, the nearest first, without the root directory."""
    while path.count("/") > 1:
        path = path.rpartition("/")[0]
        yield path


class PathIndex:
    """A set of paths that is asked what lies below a path. A question costs the logarithm of its size."""

    def __init__(self, paths: t.Iterable[str]) -> None:
        self._paths = sorted(paths)

    def below(self, path: str) -> t.Tuple[str, ...]:
        """Return what lies strictly below the path, sorted."""
        first = bisect.bisect_left(self._paths, path + "/")
        last = first
        while last < len(self._paths) and self._paths[last].startswith(path + "/"):
            last += 1
        return tuple(self._paths[first:last])

    def at_or_below(self, path: str) -> t.Tuple[str, ...]:
        """Return the path itself if it is in the set, and what lies below it."""
        place = bisect.bisect_left(self._paths, path)
        is_in = place < len(self._paths) and self._paths[place] == path
        return ((path,) if is_in else ()) + self.below(path)


class ManagedMounts:
    """The managed mounts of a ledger, as neighbours of one mount point."""

    def __init__(self, references: t.Mapping[str, claims.Reference]) -> None:
        self._references = references
        self._points = PathIndex(references)
        shown: t.Dict[str, t.List[str]] = {}
        for path, reference in references.items():
            known = filesystems.record_of(reference.fstype)
            if known.shows_path or known.has_layers or known.is_block:
                for source in reference.definition.source_paths:
                    shown.setdefault(source, []).append(path)
        self._shown = shown
        self._sources = PathIndex(shown)
        self._trusted: t.Optional[t.FrozenSet[model.MountKey]] = None

    def trusted_mounts(self, boot_id: str) -> t.FrozenSet[model.MountKey]:
        """Return the mounts whose owners and modes count, whatever their type: those that we have made.

        A bind shows what others may serve, so it counts where what it shows is one of these.
        """
        if self._trusted is None:
            owned = [r for r in self._references.values() if r.owned and r.boot_id == boot_id and r.mount_id]
            devices = {
                reference.device
                for reference in owned
                if not filesystems.record_of(reference.fstype).shows_path
            }
            self._trusted = frozenset((r.mount_id, r.device) for r in owned if r.device in devices)
        return self._trusted

    def below(self, path: str) -> t.Tuple[str, ...]:
        """Return the managed mount points strictly below the path."""
        return self._points.below(path)

    def dependents(self, path: str) -> t.Tuple[str, ...]:
        """Return the managed mount points that show something of the mount at this path."""
        sources = self._sources.at_or_below(path)
        return tuple(sorted({point for source in sources for point in self._shown[source] if point != path}))

    def dependents_of_all(self, path: str) -> t.Set[str]:
        """Return the managed mount points that show the mount at this path, or what shows it, and so on."""
        found: t.Set[str] = set()
        pending = [path]
        while pending:
            new = set(self.dependents(pending.pop())) - found
            found |= new
            pending += new
        return found

    def not_at_boot(self, path: str, definition: model.Definition) -> t.Tuple[str, ...]:
        """Return the managed mount points that this mount lies on or shows, and that no boot brings back."""
        standing = stands_on(path, definition) & self._references.keys()
        return tuple(sorted(point for point in standing if not self._references[point].is_at_boot))

    def definitions_at(self, points: t.Iterable[str]) -> t.List[model.Definition]:
        """Return what is held at those of these mount points that are managed."""
        return [self._references[point].definition for point in points if point in self._references]

    def held_above(self, path: str, definition: model.Definition) -> t.Dict[str, claims.Reference]:
        """Return the references, with a holder, that a mount at this path would lie on or show."""
        held = self._references
        standing = sorted(stands_on(path, definition) & held.keys()) if held else ()
        return {point: held[point] for point in standing if held[point].holders}

    def writers_of(self, directory: str) -> t.Tuple[str, ...]:
        """Return the managed overlays that have this directory as their upper or work directory."""
        definitions = {point: self._references[point].definition for point in self._shown.get(directory, ())}
        return tuple(sorted(p for p, known in definitions.items() if directory in writable_layers(known)))


def order(needs: t.Mapping[str, t.Optional[model.Definition]]) -> t.List[t.List[str]]:
    """Return the paths in waves: what a mount lies below or shows comes in an earlier wave than it."""
    before = {path: stands_on(path, definition) & needs.keys() for path, definition in needs.items()}
    waves: t.List[t.List[str]] = []
    done: t.Set[str] = set()
    pending = list(needs)
    while pending:
        # Those that show each other have no order: they come one by one, for the last one to be refused.
        ready = [path for path in pending if before[path] <= done] or pending[:1]
        waves.append(ready)
        done.update(ready)
        pending = [path for path in pending if path not in done]
    return waves


def stands_on(path: str, definition: t.Optional[model.Definition]) -> t.Set[str]:
    """Return every path that a mount lies below or shows, and every one above those."""
    sources = definition.source_paths if definition else ()
    above = {*ancestors(path), *sources, *(up for source in sources for up in ancestors(source))}
    return above - {path}


MountPoint = t.Tuple[str, t.Optional[model.Definition]]


def are_related(one: MountPoint, other: MountPoint) -> bool:
    """Whether one of two mount points, or what it shows, lies at, above or below the other."""
    (path, definition), (path_of_other, definition_of_other) = one, other
    shown = (path, *(definition.source_paths if definition else ()))
    shown_of_other = (path_of_other, *(definition_of_other.source_paths if definition_of_other else ()))
    return any(paths.is_within(place, (path_of_other,)) for place in shown) or any(
        paths.is_within(place, (path,)) for place in shown_of_other
    )


def have_changed(definition: model.Definition, ledger: claims.Ledger, before: claims.Ledger) -> bool:
    """Whether a managed mount that a definition shows was released or mounted anew since an older ledger."""
    shown = {path for source in definition.source_paths for path in (source, *ancestors(source))}
    return any(_mount_id(ledger, path) != _mount_id(before, path) for path in shown)


def _mount_id(ledger: claims.Ledger, path: str) -> int:
    reference = ledger.references.get(path)
    return reference.mount_id if reference else 0
