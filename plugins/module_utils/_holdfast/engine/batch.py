# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One batch: decide, prepare, record intents, act, write the ledger, clear.

Private to holdfast.mounts.
"""

from __future__ import annotations

import contextlib
import errno
import os
import typing as t
from dataclasses import dataclass, field, replace

from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast import (
    claims,
    errors,
    model,
    session,
    steps,
)
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.decide import hold, neighbours
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.engine import (
    mounted,
    mounting,
    mountpoints,
    operation,
    staged,
)
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.kernel import create, pathwalk, system
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.ledger import (
    codec,
    journal,
    schema,
    store,
)

# So few walk without a directory cache: each entry of it takes a descriptor, which may be the last one.
_FEW = 8

_State = t.TypeVar("_State", bound=operation.Locked)
_Next = t.TypeVar("_Next", bound=operation.Locked)
_FAILURES = (errors.MountError, OSError)


@dataclass(frozen=True)
class _Batch:
    """What its mount points share.

    ledger: as it was when they were decided on. ends: of those that have got to theirs.
    removals: what became of directories that were to be removed.
    """

    call: session.Session
    paths: t.Sequence[str]
    ledger: claims.Ledger
    ends: t.Dict[str, operation.End]
    managed_mounts: neighbours.ManagedMounts
    budget: codec.Budget
    removals: t.Dict[str, mountpoints.Removal] = field(default_factory=dict)


def run_batch(points: t.Sequence[operation.Locked], call: session.Session) -> t.List[operation.End]:
    """Bring every mount point to its end, and return these in the same order."""
    ends: t.Dict[str, operation.End] = {}
    try:
        _run(points, call, ends)
    except _FAILURES as error:
        # The ledger or its lock: it stops every mount point of the batch alike.
        for point in points:
            failed = operation.failed(point.path, error, call, step="record", outcome_unknown=True)
            ends.setdefault(point.path, failed)
    return [ends[point.path] for point in points]


def _run(
    points: t.Sequence[operation.Locked], call: session.Session, ends: t.Dict[str, operation.End]
) -> None:
    # Before anything is replayed: what is gone from here may be alive in the ledger's own namespace.
    system.refuse_other_namespace(call.ledger.read(), call.host)
    stages = system.list_stages()
    ready = _advance(points, "recover", call, ends, lambda point: _recover(point, call, stages))
    ledger = _with_booted_mounts([point.path for point in ready], call.ledger.read(), call)
    system.refuse_other_namespace(ledger, call.host)
    with contextlib.ExitStack() as stack:
        if len(points) > _FEW:
            caches = session.Caches(ledger.references)
            stack.enter_context(contextlib.closing(caches.directories))
            call = replace(call, caches=caches)
        managed_mounts = neighbours.ManagedMounts(ledger.references)
        paths = [point.path for point in points]
        batch = _Batch(call, paths, ledger, ends, managed_mounts, call.ledger.open_budget())
        _commit(_carry_out(ready, batch), batch)


def _advance(
    states: t.Iterable[_State],
    step: str,
    call: session.Session,
    ends: t.Dict[str, operation.End],
    act: t.Callable[[_State], t.Union[_Next, operation.End]],
) -> t.List[_Next]:
    """Return the next state of each that goes on; what stops one does not stop its neighbours."""
    going: t.List[_Next] = []
    for state in states:
        try:
            after = act(state)
        except pathwalk.MayBlock:
            after = operation.NeedsWorker(state.path)
        except _FAILURES as error:
            # What a process did that did not answer is for the next call to find out, or what a dead one did.
            is_unknown = step == "recover" or isinstance(error, errors.LostError)
            after = operation.failed(state.path, error, call, step=step, outcome_unknown=is_unknown)
        if isinstance(after, operation.End):
            ends[state.path] = after
        else:
            going.append(after)
    return going


def _recover(point: operation.Locked, call: session.Session, stages: t.Sequence[str]) -> operation.Locked:
    lock = point.resources.lock
    if stages:
        staged.sweep_stages(lock.name, stages)
    if lock.records():
        from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.engine import recover

        recover.recover(lock, call)
    return point


def _with_booted_mounts(
    paths: t.Sequence[str], ledger: claims.Ledger, call: session.Session
) -> claims.Ledger:
    is_any_at_boot = any(path in ledger.references and ledger.references[path].is_at_boot for path in paths)
    if not is_any_at_boot:
        return ledger
    from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.engine import boot

    return boot.record_booted_mounts(paths, ledger, call)


def _carry_out(points: t.Iterable[operation.Locked], batch: _Batch) -> t.List[operation.Acted]:
    """Return what has become of the mount points in the kernel, of those that were not stopped."""
    call, ends = batch.call, batch.ends
    decided = _advance(points, "look at", call, ends, lambda point: _decide(point, batch))
    prepared = _advance(decided, "mount", call, ends, lambda state: _prepare(state, batch))
    acting = [state for state in prepared if _needs_record(state.plan)]
    acted = [
        operation.Acted(state.entry, state.resources, state.plan, None, {})
        for state in prepared
        if not _needs_record(state.plan)
    ]
    if acting:
        recorded = record_intents(acting, batch)
        with call.directory_lock:
            acted += _advance(recorded, "change", call, ends, lambda state: _act(state, batch))
    return acted


def _needs_record(plan: steps.Plan) -> bool:
    return plan.step != "none" or any(plan.boot_change)


def _decide(point: operation.Locked, batch: _Batch) -> operation.Decided:
    entry, call, references = point.entry, batch.call, batch.ledger.references
    seen = operation.look_at(entry, references, call, batch.managed_mounts)
    plan = operation.decide(entry, call, seen, batch.managed_mounts)
    batch.budget.spend(plan, references.get(point.path))
    return operation.Decided(entry, point.resources, plan)


def _prepare(state: operation.Decided, batch: _Batch) -> operation.Prepared:
    if state.plan.step == "mount":
        return mounting.prepare_mount(state, batch.call, batch.ledger, batch.managed_mounts)
    return operation.Prepared(state.entry, state.resources, state.plan, None)


def _act(state: operation.Recorded, batch: _Batch) -> t.Union[operation.Acted, operation.End]:
    call, plan = batch.call, state.plan
    made: t.Dict[str, model.Identity] = {}
    if state.mount is not None:
        try:
            mounting.attach_mount(state, state.mount, call, batch.ledger, batch.managed_mounts, made=made)
        except _FAILURES as error:
            return _clean_up(state, state.mount, error, made, batch)
    elif plan.step == "remount":
        mounted.change_mount(plan, call, hold.as_seen(batch.ledger.references[state.path], plan))
    elif plan.step == "unmount":
        plan = mounted.unmount(state, call, batch.ledger.references[state.path])
    return operation.Acted(state.entry, state.resources, plan, state.mount, made)


def _clean_up(
    state: operation.Recorded,
    mount: operation.Mount,
    error: t.Union[errors.MountError, OSError],
    made: t.Mapping[str, model.Identity],
    batch: _Batch,
) -> operation.End:
    """Remove what a failed mount made."""
    try:
        batch.removals.update(
            mountpoints.clean_up_after(state.path, state.resources.operation, made, batch.call)
        )
        is_unknown = create.is_mounted(mount.fd)
    except _FAILURES as again:
        error, is_unknown = again, True
    if isinstance(error, pathwalk.MayBlock):
        return operation.NeedsWorker(state.path)
    return operation.failed(state.path, error, batch.call, step="change", outcome_unknown=is_unknown)


def _commit(acted: t.Sequence[operation.Acted], batch: _Batch) -> None:
    """Write everything that was done into the ledger at once. What cannot be written is undone."""
    writing = [state for state in acted if state.plan.writes_ledger]
    if len(writing) < len(acted):
        _finish((state for state in acted if not state.plan.writes_ledger), batch)
    if not writing and not batch.removals:
        return
    try:
        writing = _edit_fstab("old", writing, batch)
        with batch.call.directory_lock:
            left = [state.path for state in writing if state.plan.reference is None]
            removed = mountpoints.remove_unneeded(left, batch.ledger, batch.call)
            mountpoints.sync_removed(removed, batch.call)
        batch.removals.update(removed)
        _write(writing, batch)
    except _FAILURES as error:
        _fail(writing, error, batch)
        _put_back(writing, batch)
        return
    kept = _edit_fstab("new", writing, batch)
    _finish(kept, batch)
    failed = [state for state in writing if isinstance(batch.ends[state.path], operation.Failed)]
    if failed and _write_back(failed, batch):
        _put_back(failed, batch)


def _finish(acted: t.Iterable[operation.Acted], batch: _Batch) -> None:
    batch.ends.update({state.path: operation.Done(state.path, state.plan) for state in acted})


def _edit_fstab(which: str, writing: t.List[operation.Acted], batch: _Batch) -> t.List[operation.Acted]:
    """Remove the old entries of fstab, or write the new; return what goes on: all or the others."""
    changed = [state for state in writing if getattr(state.plan.boot_change, which)]
    if not changed:
        return writing
    from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.engine import boot

    try:
        (boot.write_entries if which == "new" else boot.remove_entries)(changed, batch.call)
    except _FAILURES as error:
        _fail(changed, error, batch)
        return [state for state in writing if not getattr(state.plan.boot_change, which)]
    return writing


def _put_back(undone: t.Iterable[operation.Acted], batch: _Batch) -> None:
    changed = [state for state in undone if any(state.plan.boot_change)]
    if not changed:
        return
    from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.engine import boot

    try:
        boot.put_back(changed, batch.call)
    except _FAILURES:
        for state in changed:  # the next call writes them
            _set_unknown(state.path, batch, is_unknown=True)


def _set_unknown(path: str, batch: _Batch, *, is_unknown: bool) -> None:
    end = batch.ends[path]
    if isinstance(end, operation.Failed):
        batch.ends[path] = replace(end, outcome_unknown=is_unknown)


def _fail(
    stopped: t.Sequence[operation.Acted], error: t.Union[errors.MountError, OSError], batch: _Batch
) -> None:
    """Have these end with this error, and undo what the ledger could not record.

    The intent record of an unmount, and of what cannot be undone, stays for the next call to replay.
    """
    for path in (state.path for state in stopped):
        batch.ends[path] = operation.failed(path, error, batch.call, step="record", outcome_unknown=True)
    undone = [state for state in stopped if _undo(state, batch)]
    made = {path: identity for state in undone for path, identity in state.made.items()}
    batch.removals.update(mountpoints.remove_made(made, batch.call))
    for state in undone:
        _set_unknown(state.path, batch, is_unknown=state.plan.step == "unmount")


def _undo(state: operation.Acted, batch: _Batch) -> bool:
    """Undo one mount or change of options; return whether that was not refused."""
    try:
        if state.mount is not None and state.resources.has_mount:
            create.detach(state.mount.fd)
            state.resources.drop_mount()
        elif state.plan.step == "remount":
            held = batch.ledger.references[state.path]
            definition = operation.definition_of(state.plan)
            mounted.change_options(state.path, held, batch.call, before=definition, after=held.definition)
    except _FAILURES:
        return False
    return True


def _write_back(failed: t.Sequence[operation.Acted], batch: _Batch) -> bool:
    """Have the ledger say what it said before, where the entries of fstab could not be written."""
    references = batch.ledger.references
    before = {state.path: references.get(state.path) for state in failed if state.plan.step != "unmount"}
    # What it says meanwhile is replayed by the next call; the error that is reported matters more.
    with contextlib.suppress(*_FAILURES), journal.short_lock("ledger", batch.call.lock_deadline):
        ledger = batch.call.ledger.read().changed(before)
        batch.call.ledger.write(mountpoints.remember(ledger, batch.removals, batch.paths))
        return True
    return False


def _write(writing: t.Sequence[operation.Acted], batch: _Batch) -> None:
    references = {state.path: state.plan.reference for state in writing}
    made = {path: identity for state in writing for path, identity in state.made.items()}
    with journal.short_lock("ledger", batch.call.lock_deadline):
        ledger = batch.call.ledger.read()
        # What was seen last of a directory is what counts.
        changed = mountpoints.remember(ledger.changed(references, made), batch.removals, batch.paths)
        if references or changed.directories != ledger.directories:
            batch.call.ledger.write(changed)


def record_intents(prepared: t.Sequence[operation.Prepared], batch: _Batch) -> t.List[operation.Recorded]:
    """Write the intent records of these, after looking once more, under the ledger's lock, for neighbours.

    Where the ledger has no room for what they add, nothing is done. One whose neighbour is under way is
    contended; one whose neighbour has come meanwhile fails.
    """
    call, own = batch.call, [state.path for state in prepared]
    found = _conflicting(prepared, journal.list_intents(but=own))
    if found:
        from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.engine import recover

        recover.recover_dead(found, call)
    with journal.short_lock("ledger", call.lock_deadline):
        ledger = call.ledger.read()
        store.require_room(batch.budget.spent)
        managed_mounts = neighbours.ManagedMounts(ledger.references) if ledger != batch.ledger else None
        records = journal.list_intents(but=own)

        def record(state: operation.Prepared) -> t.Union[operation.Recorded, operation.End]:
            if records and _conflicting([state], records):
                return operation.Contended(state.path)
            if managed_mounts is not None:
                if state.plan.step == "mount" and neighbours.have_changed(
                    operation.definition_of(state.plan), ledger, batch.ledger
                ):
                    return operation.Contended(state.path)
                operation.refuse_new_neighbours(state, call, ledger, managed_mounts)
            return _record_intent(state, batch)

        return _advance(prepared, "record", call, batch.ends, record)


def _record_intent(state: operation.Prepared, batch: _Batch) -> operation.Recorded:
    """Write one intent record. An unmount, or a change of the ledger alone, does without it on a full disk.

    Nobody can record a mount then either, so none comes meanwhile; killed between the unmount and the
    ledger, it leaves a reference whose mount is missing, which the next release drops.
    """
    plan, resources = state.plan, state.resources
    reference = plan.reference if plan.step != "unmount" else None
    held = reference or batch.ledger.references[state.path]
    kind: steps.IntentKind = "record" if plan.step == "none" else plan.step
    pid, now = os.getpid(), batch.call.now
    intent = steps.Intent(resources.operation, kind, state.path, held.mount_id, reference, pid, now)
    try:
        resources.lock.record(schema.INTENT.write(intent))
    except OSError as error:
        if kind not in ("record", "unmount") or error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
    return operation.Recorded(state.entry, resources, plan, state.mount)


def _conflicting(
    prepared: t.Iterable[operation.Prepared], records: t.Mapping[str, t.Sequence[codec.Record]]
) -> t.List[str]:
    """Return the mount points under way that lie above or below these, or that show or are shown by them."""
    if not records:
        return []
    plans = [(state.path, state.plan.definition) for state in prepared]
    found = []
    for intent in (codec.intent_from_records(lines[:1]) for lines in records.values()):
        other = (intent.path, intent.reference.definition if intent.reference else None)
        if any(neighbours.are_related(plan, other) for plan in plans):
            found.append(intent.path)
    return found
