# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Directories on the way to mount points: made under a lock of their filesystem, and taken away again.

Private to holdfast.mounts.
"""

from __future__ import annotations

import contextlib
import time
import typing as t

from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast import claims, errors, model, session
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.arguments import spec
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.decide import neighbours
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.engine import states
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.kernel import (
    directories,
    mountinfo,
    pathwalk,
)
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.ledger import journal


def make_mount_point(work: states.Work, call: session.Session, *, is_file: bool) -> None:
    """Make what is missing of the mount point, each inode noted before it has its name."""
    with call.directory_lock as lock:
        with call.walk(work.path) as walk:
            if not walk.missing:
                return
            device = walk.above.identity.device
            if device == lock.device:  # so that look was under the lock
                _make(work, walk, is_file=is_file)
                return
        lock.take(device, call.lock_deadline)
        with call.walk(work.path) as walk:
            _make(work, walk, is_file=is_file)


def _make(work: states.Work, walk: pathwalk.Walk, *, is_file: bool) -> None:
    def note(path: str, identity: model.Identity) -> None:
        work.operation.note(states.made_record(path, identity))
        work.made[path] = identity

    directories.make_missing(
        walk, operation=work.name, is_file=is_file, attributes=work.entry.attributes, note=note
    )


def take_away(made: t.Mapping[str, model.Identity], call: session.Session) -> t.Dict[str, states.Removal]:
    """Remove what was made, deepest first, and return what became of each."""
    removals: t.Dict[str, states.Removal] = {}
    with call.directory_lock as lock:
        for path in sorted(made, key=lambda path: -path.count("/")):
            with call.walk(path) as walk:
                device = walk.above.identity.device
                removal = directories.remove_made(walk, made[path]) if device == lock.device else None
            if removal is None:
                lock.take(device, call.lock_deadline)
                with call.walk(path) as walk:
                    removal = directories.remove_made(walk, made[path])
            removals[path] = states.Removal(made[path], is_kept=removal == "kept")
    return removals


def sync_removed(removals: t.Mapping[str, states.Removal], call: session.Session) -> None:
    """Have the directories that were removed stay removed after a power cut: no ledger will know them."""
    gone = {path for path, removal in removals.items() if not removal.is_kept}
    for parent in sorted({path.rpartition("/")[0] for path in gone} - gone - {""}):
        with contextlib.suppress(OSError), call.walk(parent) as walk:
            directories.sync(walk)


def find_leftovers(
    path: str, call: session.Session, ledger: claims.Ledger, *, but: t.Container[str] = ()
) -> t.Dict[str, model.Identity]:
    """Return what a call whose ledger was never written has made of a mount point and of the way to it.

    What it left there under temporary names goes: nothing else would ever be removed with that in it.
    but: what this call has just made.
    """
    known = call.caches.leftovers if call.caches else {}
    found = {path: None if path in but else _find_leftover(path, call, ledger)}
    for way in neighbours.ancestors(path):
        if way not in known and way not in but:
            known[way] = _find_leftover(way, call, ledger)
        found[way] = known.get(way)
    return {way: identity for way, identity in found.items() if identity is not None and way not in but}


def _find_leftover(way: str, call: session.Session, ledger: claims.Ledger) -> t.Optional[model.Identity]:
    if way in ledger.directories or not directories.has_mark(way):
        return None
    with call.walk(way) as walk:
        if walk.inode is None or not directories.is_leftover(walk):
            return None
        identity = walk.inode.identity
        names = list(filter(directories.is_temporary, directories.find_leftovers(walk, ())))
    _remove([f"{way}/{name}" for name in names], call)
    return identity


def sweep_leftovers(call: session.Session) -> None:
    """Remove what calls have made whose ledger was never written, as the power was cut, if it is empty.

    LIMIT: in the roots of mount points, and in the directories on the way to those that are held.
    """
    points = {mount.mount_point for mount in mountinfo.read_mounts()}
    ledger = call.ledger.read()
    pending = {*spec.DEFAULT_ROOTS, *(call.roots or ()), *ledger.directories}
    pending.update(way for path in ledger.references for way in neighbours.ancestors(path))
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
    # Nobody notes an operation meanwhile, and nobody makes a directory.
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
    """Return the remembered directories that are the mount point or lie on the way to it."""
    ways = (path, *neighbours.ancestors(path))
    return {way: ledger.directories[way] for way in ways if way in ledger.directories}


def remember(
    ledger: claims.Ledger, removals: t.Mapping[str, states.Removal], own: t.Collection[str]
) -> claims.Ledger:
    """Return the ledger with only those directories that a mount point still lies at or below.

    own: the mount points whose notes do not count. What nobody needs belongs from now on to whoever
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


def clean_up_after(work: states.Work, call: session.Session) -> None:
    """Take away what a failed mount made."""
    directories.sweep_temporaries(work.path, work.name, may_block=call.may_block)
    work.removed.update(take_away(work.made, call))
    work.made.clear()
