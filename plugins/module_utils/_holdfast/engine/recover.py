# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Complete or undo what an operation left that died under way.

Private to holdfast.mounts.
"""

from __future__ import annotations

import time
import typing as t
from dataclasses import replace

from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast import (
    claims,
    errors,
    model,
    observe,
    session,
    steps,
)
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.decide import recovery
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.engine import (
    boot,
    mounting,
    mountpoints,
    states,
)
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.kernel import (
    create,
    directories,
    mounts,
    pathwalk,
    system,
)
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.ledger import journal


def replay_intent(
    records: t.Sequence[journal.Record], ledger: claims.Ledger, host: model.Host
) -> t.Tuple[steps.Intent, recovery.Replay]:
    """Return what a dead operation's note comes to, as the kernel is now. Changes nothing."""
    note = states.from_records(records)
    if note.reference is not None:
        system.refuse_other_namespace(claims.Ledger(references={note.path: note.reference}), host)
    found = mounts.find_mount(note.mount_id, is_unique=host.protection == "full")
    reference = note.reference or ledger.references.get(note.path)
    if found is not None and reference is not None and not observe.is_its_mount(found, reference):
        found = None
    is_at_path = found is not None and found.mount_point == note.path
    return note, recovery.replay(note, ledger, is_at_path=is_at_path, is_alive=found is not None)


def replayed(ledger: claims.Ledger, note: steps.Intent, settlement: recovery.Replay) -> claims.Ledger:
    """Return the ledger as the settlement has it, what is left of directories aside."""
    if not settlement.commits:
        return ledger
    made = dict(note.made) if settlement.reference else {}
    return ledger.changed({note.path: settlement.reference}, made)


def recover(operation: journal.Operation, call: session.Session) -> None:
    """Bring the mount point of this lock into order if its last operation died."""
    records = operation.records()
    if not records:
        return
    found = boot.recognised([operation.path], call.ledger.read(), call)
    note, settlement = replay_intent(records, found, call.host)
    if settlement.takes_off:
        _take_off(note, call)
        _refuse_untaken(note, call.host)
    directories.sweep_temporaries(note.path, note.operation, may_block=call.may_block)
    removals: t.Dict[str, states.Removal] = {}
    if settlement.undoes:
        removals = mountpoints.take_away(dict(note.made), call)
    elif settlement.commits and settlement.reference is None:
        removals = mountpoints.take_away(mountpoints.made_for(note.path, found), call)
    mountpoints.sync_removed(removals, call)
    if settlement.commits:
        boot.remove_unwanted(note.path, found.references.get(note.path), settlement.reference, call)
    with journal.short_lock("ledger", call.lock_deadline):
        ledger = call.ledger.read()
        changed = mountpoints.remember(replayed(ledger, note, settlement), removals, (note.path,))
        if changed != ledger:
            call.ledger.write(changed)
    held = changed.references.get(note.path)
    if settlement.restores and note.reference is not None and held is not None:
        held = _restore(note.path, note.reference, held, call)
    boot.write_wanted(note.path, held, call)
    operation.clear()


def _restore(
    path: str, changed: claims.Reference, held: claims.Reference, call: session.Session
) -> claims.Reference:
    """Set the options that the ledger has; where the kernel refuses them by now, the ledger gets the others.

    Returns what the ledger has then. A tmpfs that has been filled cannot become smaller again (EINVAL), nor
    can a file that is being written become read-only (EBUSY).
    """
    try:
        mounting.change_options(path, held, call, before=changed.definition, after=held.definition)
        return held
    except pathwalk.MayBlock:
        raise
    except OSError:
        mounting.change_options(path, held, call, before=held.definition, after=changed.definition)
    as_changed = replace(held, opts=changed.opts)
    boot.remove_unwanted(path, held, as_changed, call)
    with journal.short_lock("ledger", call.lock_deadline):
        call.ledger.write(call.ledger.read().changed({path: as_changed}))
    return as_changed


def _take_off(note: steps.Intent, call: session.Session) -> None:
    """Unmount a mount whose mount point was renamed under it, unless it is covered or has others on it."""
    found = mounts.find_mount(note.mount_id, is_unique=call.is_unique)
    if found is None or note.reference is None:
        return
    if mounts.has_submounts(note.mount_id, is_unique=call.is_unique):
        return
    with call.walk(found.mount_point) as walk:
        if not walk.obstacle and observe.is_mount(walk.inode, note.reference, call.host):
            create.unmount(walk, lazily=True)


def _refuse_untaken(note: steps.Intent, host: model.Host) -> None:
    found = mounts.find_mount(note.mount_id, is_unique=host.protection == "full")
    if found is not None and note.reference is not None and observe.is_its_mount(found, note.reference):
        raise errors.MountError(
            "conflict",
            f"an operation on '{note.path}' was killed, and its mount was moved or covered, so that it "
            "cannot be unmounted; look for it in the mount table, unmount it by hand, then "
            "repeat",
            step="recover",
            path=note.path,
            detail=f"it is at '{found.mount_point}'",
        )


def recover_dead(paths: t.Iterable[str], call: session.Session) -> None:
    """Bring those of these mount points into order whose operation is dead; pass over the living."""
    for path in paths:
        operation = journal.start_operation(path, time.monotonic())
        if operation is not None:
            try:
                recover(operation, call)
            except pathwalk.MayBlock:
                pass  # it stays in the way, until a call on it finds out
            finally:
                operation.close()
