# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Directories on the path to mount points: made under a lock of their filesystem, and removed again.

Private to holdfast.mounts.
"""

from __future__ import annotations

import contextlib
import time
import typing as t

from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast import claims, errors, model, session
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.arguments import spec
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.decide import neighbours
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.engine import operation
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.kernel import (
    directories,
    mountinfo,
    pathwalk,
)
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.ledger import codec, journal


class Removal(t.NamedTuple):
    """What became of a directory that was to be removed: kept because something uses it, or gone."""

    identity: model.Identity
    is_kept: bool


def make_mount_point(
    state: operation.Recorded, call: session.Session, made: t.Dict[str, model.Identity], *, is_file: bool
) -> None:
    """Make what is missing of the mount point. Each inode is recorded before it has its name.

    made: is given each of them then.
    """
    with call.directory_lock as lock:
        with call.walk(state.path) as walk:
            if not walk.missing:
                return
            device = walk.above.identity.device
            if device == lock.device:  # so that look was under the lock
                _make(state, walk, made, is_file=is_file)
                return
        lock.take(device, call.lock_deadline)
        with call.walk(state.path) as walk:
            _make(state, walk, made, is_file=is_file)


def _make(
    state: operation.Recorded, walk: pathwalk.Walk, made: t.Dict[str, model.Identity], *, is_file: bool
) -> None:
    resources = state.resources

    def record(path: str, identity: model.Identity) -> None:
        resources.lock.record(codec.made_to_record(path, identity))
        made[path] = identity

    directories.make_missing(
        walk,
        operation=resources.operation,
        is_file=is_file,
        attributes=state.entry.attributes,
        record=record,
    )


def remove_made(made: t.Mapping[str, model.Identity], call: session.Session) -> t.Dict[str, Removal]:
    """Remove what was made, deepest first, and return what became of each."""
    removals: t.Dict[str, Removal] = {}
    with call.directory_lock as lock:
        for path in sorted(made, key=lambda path: -path.count("/")):
            with call.walk(path) as walk:
                device = walk.above.identity.device
                removal = directories.remove_made(walk, made[path]) if device == lock.device else None
            if removal is None:
                lock.take(device, call.lock_deadline)
                with call.walk(path) as walk:
                    removal = directories.remove_made(walk, made[path])
            removals[path] = Removal(made[path], is_kept=removal == "kept")
    return removals


def sync_removed(removals: t.Mapping[str, Removal], call: session.Session) -> None:
    """Have the directories that were removed stay removed after a power cut: no ledger will know them."""
    gone = {path for path, removal in removals.items() if not removal.is_kept}
    for parent in sorted({path.rpartition("/")[0] for path in gone} - gone - {""}):
        with contextlib.suppress(OSError), call.walk(parent) as walk:
            directories.sync(walk)


def find_leftovers(
    path: str, call: session.Session, ledger: claims.Ledger, *, but: t.Container[str] = ()
) -> t.Dict[str, model.Identity]:
    """Return what a call whose ledger was never written has made of a mount point and its parents.

    What it left there under temporary names goes: nothing else would ever be removed with that in it.
    but: what this call has just made.
    """
    known = call.caches.leftovers if call.caches else {}
    found = {path: None if path in but else _find_leftover(path, call, ledger)}
    for place in neighbours.ancestors(path):
        if place not in known and place not in but:
            known[place] = _find_leftover(place, call, ledger)
        found[place] = known.get(place)
    return {place: identity for place, identity in found.items() if identity is not None and place not in but}


def _find_leftover(place: str, call: session.Session, ledger: claims.Ledger) -> t.Optional[model.Identity]:
    if place in ledger.directories or not directories.has_mark(place):
        return None
    with call.walk(place) as walk:
        if walk.inode is None or not directories.is_leftover(walk):
            return None
        identity = walk.inode.identity
        names = list(filter(directories.is_temporary, directories.find_leftovers(walk, ())))
    _remove([f"{place}/{name}" for name in names], call)
    return identity


def sweep_leftovers(call: session.Session) -> None:
    """Remove what calls have made whose ledger was never written, as the power was cut, if it is empty.

    LIMIT: in the roots of mount points, and in the parents of those that are held.
    """
    points = {mount.mount_point for mount in mountinfo.read_mounts()}
    ledger = call.ledger.read()
    pending = {*spec.DEFAULT_ROOTS, *(call.roots or ()), *ledger.directories}
    pending.update(parent for path in ledger.references for parent in neighbours.ancestors(path))
    found: t.Set[str] = set()
    while pending:
        place = pending.pop()
        with contextlib.suppress(OSError), call.walk(place) as walk:
            new = {f"{place}/{name}" for name in directories.find_leftovers(walk, points)} - found
            found |= new
            pending |= new
    found -= ledger.directories.keys()
    if found:
        _remove_leftovers(found, call)


def _remove_leftovers(found: t.Iterable[str], call: session.Session) -> None:
    # Nobody records an intent meanwhile, and nobody makes a directory.
    with journal.short_lock("ledger", call.lock_deadline):
        ledger = call.ledger.read()
        needed = neighbours.PathIndex({*ledger.references, *journal.list_intents()})
        known = ledger.directories
        _remove([path for path in found if path not in known and not needed.at_or_below(path)], call)


def _remove(found: t.Iterable[str], call: session.Session) -> None:
    with call.directory_lock as lock:
        for path in sorted(found, key=lambda path: -path.count("/")):
            with contextlib.suppress(errors.MountError, OSError), call.walk(path) as walk:
                lock.take(walk.above.identity.device, time.monotonic())
                directories.remove_leftover(walk)


def made_for(path: str, ledger: claims.Ledger) -> t.Dict[str, model.Identity]:
    """Return the remembered directories that are the mount point or its parents."""
    places = (path, *neighbours.ancestors(path))
    return {place: ledger.directories[place] for place in places if place in ledger.directories}


def remove_unneeded(
    paths: t.Iterable[str], ledger: claims.Ledger, call: session.Session
) -> t.Dict[str, Removal]:
    """Remove the directories of mount points that nobody is going to hold; return what became of each.

    Those that are locked for too long stay remembered: that is no reason to fail what has been unmounted.
    """
    removals: t.Dict[str, Removal] = {}
    for path in paths:
        try:
            removals.update(remove_made(made_for(path, ledger), call))
        except errors.MountError as error:
            if error.code != "locked":
                raise
    return removals


def remember(
    ledger: claims.Ledger, removals: t.Mapping[str, Removal], own: t.Collection[str]
) -> claims.Ledger:
    """Return the ledger with only those directories that a mount point still lies at or below.

    own: the mount points whose intent records do not count. What nobody needs belongs from now on to whoever
    filled it; a directory that somebody else made at the same path meanwhile stays remembered.
    """
    ours = {
        path: removal
        for path, removal in removals.items()
        if ledger.directories.get(path, removal.identity) == removal.identity
    }
    needed = neighbours.PathIndex({*ledger.references, *journal.list_intents(but=own)} if ours else ())
    changes = {
        path: removal.identity if removal.is_kept and needed.at_or_below(path) else None
        for path, removal in ours.items()
    }
    for path in (path for path, removal in ours.items() if removal.is_kept and changes[path] is None):
        with contextlib.suppress(OSError), pathwalk.Walk(path) as walk:
            directories.give_away(walk, ours[path].identity)
    return ledger.changed({}, changes)


def clean_up_after(
    path: str, operation_name: str, made: t.Mapping[str, model.Identity], call: session.Session
) -> t.Dict[str, Removal]:
    """Remove what a failed mount made, and return what became of each directory."""
    directories.sweep_temporaries(path, operation_name, may_block=call.may_block)
    return remove_made(made, call)
