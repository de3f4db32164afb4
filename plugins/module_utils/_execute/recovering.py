# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Complete or undo what an operation left that died under way.

Private to holdfast.mounts.
"""

from __future__ import annotations

import time
import typing as t
from dataclasses import replace

from ansible_collections.holdfast.mounts.plugins.module_utils._execute.booting import (
    recognised,
    remove_unwanted,
    write_wanted,
)
from ansible_collections.holdfast.mounts.plugins.module_utils._execute.directories import (
    made_for,
    remember,
    take_away,
)
from ansible_collections.holdfast.mounts.plugins.module_utils._execute.mounting import change_options
from ansible_collections.holdfast.mounts.plugins.module_utils._execute.notes import from_records
from ansible_collections.holdfast.mounts.plugins.module_utils._execute.work import Call, Fate
from ansible_collections.holdfast.mounts.plugins.module_utils._kernel import attach
from ansible_collections.holdfast.mounts.plugins.module_utils._kernel.directories import sweep_temporaries
from ansible_collections.holdfast.mounts.plugins.module_utils._kernel.mounts import find_mount, has_submounts
from ansible_collections.holdfast.mounts.plugins.module_utils._kernel.waiting import WouldWait
from ansible_collections.holdfast.mounts.plugins.module_utils._kernel.walk import Walk
from ansible_collections.holdfast.mounts.plugins.module_utils._ledger.operations import (
    Operation,
    Record,
    short_lock,
    start_operation,
)
from ansible_collections.holdfast.mounts.plugins.module_utils._ledger.store import read_ledger, write_ledger
from ansible_collections.holdfast.mounts.plugins.module_utils._observe.places import (
    is_its_mount,
    is_mount,
    refuse_other_namespace,
)
from ansible_collections.holdfast.mounts.plugins.module_utils._plan.recovery import Note, Settlement, settle
from ansible_collections.holdfast.mounts.plugins.module_utils._values.errors import MountError
from ansible_collections.holdfast.mounts.plugins.module_utils._values.host import Host
from ansible_collections.holdfast.mounts.plugins.module_utils._values.ledger import Ledger, Reference


def settle_note(records: t.Sequence[Record], ledger: Ledger, host: Host) -> t.Tuple[Note, Settlement]:
    """Return what a dead operation's note comes to, as the kernel is now. Changes nothing."""
    note = from_records(records)
    if note.reference is not None:
        refuse_other_namespace(Ledger(references={note.path: note.reference}), host)
    found = find_mount(note.mount_id, is_unique=host.protection == "full")
    reference = note.reference or ledger.references.get(note.path)
    if found is not None and reference is not None and not is_its_mount(found, reference):
        found = None
    is_at_path = found is not None and found.mount_point == note.path
    return note, settle(note, ledger, is_at_path=is_at_path, is_alive=found is not None)


def settled(ledger: Ledger, note: Note, settlement: Settlement) -> Ledger:
    """Return the ledger as the settlement has it, what is left of directories aside."""
    if not settlement.commits:
        return ledger
    made = dict(note.made) if settlement.reference else {}
    return ledger.changed({note.path: settlement.reference}, made)


def recover(operation: Operation, call: Call) -> None:
    """Bring the mount point of this lock into order if its last operation died."""
    records = operation.records()
    if not records:
        return
    found = recognised([operation.path], read_ledger(), call.host)
    note, settlement = settle_note(records, found, call.host)
    if settlement.takes_off:
        _take_off(note, call.host)
        _refuse_untaken(note, call.host)
    sweep_temporaries(note.path, note.operation)
    fates: t.Dict[str, Fate] = {}
    if settlement.undoes:
        fates = take_away(dict(note.made), call, same_boot=True)
    elif settlement.commits and settlement.reference is None:
        fates = take_away(made_for(note.path, found), call, same_boot=True)
    if settlement.commits:
        remove_unwanted(note.path, found.references.get(note.path), settlement.reference, call)
    with short_lock("ledger", call.lock_deadline):
        ledger = read_ledger()
        changed = remember(settled(ledger, note, settlement), fates, (note.path,))
        if changed != ledger:
            write_ledger(changed)
    write_wanted(note.path, changed.references.get(note.path), call)
    if settlement.restores and note.reference is not None:
        _restore(note.path, note.reference, changed.references[note.path], call)
    operation.forget()


def _restore(path: str, changed: Reference, held: Reference, call: Call) -> None:
    """Set the options that the ledger has; where the kernel refuses them by now, the ledger gets the others.

    A tmpfs that has been filled cannot become smaller again (EINVAL), nor can a file that is being
    written become read-only (EBUSY).
    """
    try:
        change_options(path, held, call, before=changed.definition, after=held.definition)
    except WouldWait:
        raise
    except OSError:
        change_options(path, held, call, before=held.definition, after=changed.definition)
        with short_lock("ledger", call.lock_deadline):
            ledger = read_ledger()
            current = ledger.references.get(path)
            if current is not None:
                write_ledger(ledger.changed({path: replace(current, opts=changed.opts)}))


def _take_off(note: Note, host: Host) -> None:
    """Unmount a mount whose mount point was renamed under it, unless it is covered or has others on it."""
    is_unique = host.protection == "full"
    found = find_mount(note.mount_id, is_unique=is_unique)
    if found is None or note.reference is None or has_submounts(note.mount_id, is_unique=is_unique):
        return
    with Walk(found.mount_point) as walk:
        if not walk.obstacle and is_mount(walk.inode, note.reference, host):
            attach.unmount(walk, lazily=True)


def _refuse_untaken(note: Note, host: Host) -> None:
    found = find_mount(note.mount_id, is_unique=host.protection == "full")
    if found is not None and note.reference is not None and is_its_mount(found, note.reference):
        raise MountError(
            "conflict",
            f"an operation on '{note.path}' was killed, and its mount got to another place or under another "
            "mount, where it cannot be taken off; look for it in the mount table, unmount it by hand, then "
            "repeat",
            step="recover",
            path=note.path,
            detail=f"it is at '{found.mount_point}'",
        )


def recover_dead(paths: t.Iterable[str], call: Call) -> None:
    """Bring those of these mount points into order whose operation is dead; pass over the living."""
    for path in paths:
        operation = start_operation(path, time.monotonic())
        if operation is not None:
            try:
                recover(operation, call)
            except WouldWait:
                pass  # it stays in the way, until a call on it finds out
            finally:
                operation.close()
