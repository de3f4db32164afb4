# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Note what is about to be done, once nothing else under way can get in its way.

Private to holdfast.mounts.
"""

from __future__ import annotations

import errno
import typing as t

from ansible_collections.holdfast.mounts.plugins.module_utils._execute import recovering
from ansible_collections.holdfast.mounts.plugins.module_utils._execute.notes import from_records, to_record
from ansible_collections.holdfast.mounts.plugins.module_utils._execute.work import Call, Work, as_coded
from ansible_collections.holdfast.mounts.plugins.module_utils._ledger.operations import (
    Record,
    list_notes,
    short_lock,
)
from ansible_collections.holdfast.mounts.plugins.module_utils._ledger.store import read_ledger, require_room
from ansible_collections.holdfast.mounts.plugins.module_utils._observe.places import would_be_hidden
from ansible_collections.holdfast.mounts.plugins.module_utils._plan.recovery import Kind, Note
from ansible_collections.holdfast.mounts.plugins.module_utils._plan.refusals import (
    refuse_dependents,
    refuse_entangled,
    refuse_shadowing,
)
from ansible_collections.holdfast.mounts.plugins.module_utils._plan.surroundings import (
    Surroundings,
    ancestors,
)
from ansible_collections.holdfast.mounts.plugins.module_utils._values.errors import MountError
from ansible_collections.holdfast.mounts.plugins.module_utils._values.ledger import Ledger

Notes = t.Mapping[str, t.Sequence[Record]]


def declare(works: t.Sequence[Work], call: Call, decided_on: Ledger, growth: int) -> None:
    """Write the notes of these works, after looking once more, under the ledger's lock, for neighbours.

    growth: how many bytes the ledger will be longer; where there is no room for them, nothing is done.
    A work whose neighbour is under way is marked contended; one whose neighbour has come meanwhile
    gets its error.
    """
    own = [work.path for work in works]
    noted = _in_the_way(works, list_notes(but=own))
    if noted:
        recovering.recover_dead(noted, call)
    with short_lock("ledger", call.lock_deadline):
        ledger = read_ledger()
        if growth:
            require_room(growth)
        around = Surroundings(ledger.references) if ledger != decided_on else None
        notes = list_notes(but=own)
        for work in works:
            if _in_the_way([work], notes):
                work.is_contended = True
                continue
            if _have_sources_changed(work, ledger, decided_on):
                work.is_contended = True
                continue
            try:
                if around is not None:
                    _refuse_new_neighbours(work, call, ledger, around)
                _note(work, call, decided_on)
            except (MountError, OSError) as error:
                work.error = as_coded(error, work.path, step="note", state=call.request.state)


def _note(work: Work, call: Call, ledger: Ledger) -> None:
    """Write the note of a work. What unmounts does without one where there is no room.

    Nobody can note a mount then either, so nobody gets in its way; killed between the unmount and the
    ledger, it leaves a reference whose mount is missing, and the next release takes that out.
    """
    reference = work.plan.reference if work.plan and work.step != "unmount" else None
    held = reference or ledger.references[work.path]
    note = Note(work.name, t.cast(Kind, work.step), work.path, held.mount_id, reference)
    try:
        work.operation.note(to_record(note, call.now))
        work.is_noted = True
    except OSError as error:
        if work.step != "unmount" or error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise


def _have_sources_changed(work: Work, ledger: Ledger, decided_on: Ledger) -> bool:
    """Whether a managed mount that this one shows was released, or mounted anew, since it was looked at."""
    definition = work.plan.definition if work.plan and work.step == "mount" else None
    if definition is None or ledger is decided_on:
        return False
    sources = definition.source_paths
    ways = {way for source in sources for way in (source, *ancestors(source))}
    return any(_mount_id(ledger, way) != _mount_id(decided_on, way) for way in ways)


def _mount_id(ledger: Ledger, path: str) -> int:
    reference = ledger.references.get(path)
    return reference.mount_id if reference else 0


def _refuse_new_neighbours(work: Work, call: Call, ledger: Ledger, around: Surroundings) -> None:
    if work.step == "mount":
        below = around.below(work.path)
        refuse_shadowing(work.path, would_be_hidden(work.path, below, ledger.references, call.host))
        if work.plan is not None and work.plan.definition is not None:
            refuse_entangled(work.path, work.plan.definition, around)
    if work.step == "unmount":
        refuse_dependents(work.path, around)


def _in_the_way(works: t.Iterable[Work], notes: Notes) -> t.List[str]:
    """Return the mount points under way that lie above or below these, or that show or are shown by them."""
    if not notes:
        return []
    shown = {path: _sources(records) for path, records in notes.items()}
    return [path for path in notes if any(_are_related(work, path, shown[path]) for work in works)]


def _sources(records: t.Sequence[Record]) -> t.Tuple[str, ...]:
    reference = from_records(records[:1]).reference
    return reference.definition.source_paths if reference else ()


def _are_related(work: Work, path: str, sources: t.Sequence[str]) -> bool:
    definition = work.plan.definition if work.plan else None
    own_sources = definition.source_paths if definition else ()
    return (
        _is_at_or_below(work.path, path)
        or _is_at_or_below(path, work.path)
        or any(_is_at_or_below(source, path) for source in own_sources)
        or any(_is_at_or_below(source, work.path) for source in sources)
    )


def _is_at_or_below(path: str, other: str) -> bool:
    return path == other or path.startswith(other + "/")
