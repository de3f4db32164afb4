# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Directories on the way to mount points: made under a lock of their filesystem, and taken away again.

Private to holdfast.mounts.
"""

from __future__ import annotations

import contextlib
import typing as t

from ansible_collections.holdfast.mounts.plugins.module_utils._execute.notes import made_record
from ansible_collections.holdfast.mounts.plugins.module_utils._execute.work import Call, Fate, Work
from ansible_collections.holdfast.mounts.plugins.module_utils._kernel.directories import (
    make_missing,
    remove_made,
    sweep_temporaries,
)
from ansible_collections.holdfast.mounts.plugins.module_utils._kernel.walk import Walk
from ansible_collections.holdfast.mounts.plugins.module_utils._ledger.operations import list_notes, short_lock
from ansible_collections.holdfast.mounts.plugins.module_utils._plan.surroundings import PathIndex, ancestors
from ansible_collections.holdfast.mounts.plugins.module_utils._values.host import Identity
from ansible_collections.holdfast.mounts.plugins.module_utils._values.ledger import Ledger


class _Turn:
    """The lock of one filesystem's directories, kept from one mount point to the next. Never of two."""

    def __init__(self) -> None:
        self.device = ""
        self._lock = contextlib.ExitStack()

    def take(self, device: str, call: Call) -> None:
        if device != self.device:
            self.end()
            # A server that hangs keeps this lock, so each filesystem has its own.
            self._lock.enter_context(short_lock(f"directories-{device}", call.lock_deadline))
            self.device = device

    def end(self) -> None:
        self.device = ""
        self._lock.close()


_turn: t.Optional[_Turn] = None


@contextlib.contextmanager
def in_turn() -> t.Iterator[_Turn]:
    """Hold what is taken in here until the outermost of these ends: for many in one directory."""
    global _turn
    if _turn is not None:
        yield _turn
        return
    _turn = _Turn()
    try:
        yield _turn
    finally:
        _turn.end()
        _turn = None


def make_mount_point(work: Work, call: Call, *, is_file: bool) -> None:
    """Make what is missing of the mount point, each inode noted before it has its name."""
    with in_turn() as turn:
        with Walk(work.path, shares=True) as walk:
            if not walk.missing:
                return
            device = walk.above.identity.device
            if device == turn.device:  # so that look was under the lock
                _make(work, walk, is_file=is_file)
                return
        turn.take(device, call)
        with Walk(work.path, shares=True) as walk:
            _make(work, walk, is_file=is_file)


def _make(work: Work, walk: Walk, *, is_file: bool) -> None:
    def note(path: str, identity: Identity) -> None:
        work.operation.note(made_record(path, identity))
        work.made[path] = identity

    make_missing(walk, operation=work.name, is_file=is_file, attributes=work.entry.attributes, note=note)


def take_away(made: t.Mapping[str, Identity], call: Call, *, same_boot: bool) -> t.Dict[str, Fate]:
    """Remove what was made, deepest first, and return what became of each."""
    fates: t.Dict[str, Fate] = {}
    with in_turn() as turn:
        for path in sorted(made, key=lambda path: -path.count("/")):
            identity = made[path]
            turn.take(identity.device, call)
            fate = remove_made(path, identity, same_boot=same_boot)
            fates[path] = Fate(identity, is_kept=fate == "kept")
    return fates


def made_for(path: str, ledger: Ledger) -> t.Dict[str, Identity]:
    """Return the remembered directories that are the mount point or lie on the way to it."""
    ways = (path, *ancestors(path))
    return {way: ledger.directories[way] for way in ways if way in ledger.directories}


def remember(ledger: Ledger, fates: t.Mapping[str, Fate], own: t.Collection[str]) -> Ledger:
    """Return the ledger with only those directories that a mount point still lies at or below.

    own: the mount points whose notes do not count. What nobody needs belongs from now on to whoever
    filled it; a directory that somebody else made at the same path meanwhile stays remembered.
    """
    ours = {
        path: fate
        for path, fate in fates.items()
        if ledger.directories.get(path, fate.identity) == fate.identity
    }
    needed = PathIndex({*ledger.references, *list_notes(but=own)} if ours else ())
    changes = {
        path: fate.identity if fate.is_kept and needed.at_or_below(path) else None
        for path, fate in ours.items()
    }
    return ledger.changed({}, changes)


def clean_up_after(work: Work, call: Call) -> None:
    """Take away what a failed mount made."""
    sweep_temporaries(work.path, work.name)
    work.removed.update(take_away(work.made, call, same_boot=True))
    work.made.clear()
