# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Directories on the way to mount points: made under a lock of their filesystem, and taken away again.

Private to holdfast.mounts.
"""

from __future__ import annotations

import typing as t

from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast import claims, model, session
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.decide import neighbours
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.engine import states
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.kernel import directories, pathwalk
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
    return ledger.changed({}, changes)


def clean_up_after(work: states.Work, call: session.Session) -> None:
    """Take away what a failed mount made."""
    directories.sweep_temporaries(work.path, work.name, may_block=call.may_block)
    work.removed.update(take_away(work.made, call))
    work.made.clear()
