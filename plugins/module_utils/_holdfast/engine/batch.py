# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One batch: decide, prepare, record intents, act, write the ledger, clear.

Private to holdfast.mounts.
"""

from __future__ import annotations

import contextlib
import errno
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
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.decide import hold, neighbours, rules
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.engine import (
    mounting,
    mountpoints,
    staged,
    states,
    unmounting,
)
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.grammar import paths
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.kernel import create, pathwalk, system
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.ledger import codec, journal, store

# So many walk on their own: a way that is kept takes a descriptor, which may be the last one.
_FEW = 8


def run_batch(works: t.Sequence[states.Work], call: session.Session) -> None:
    """Bring every work to its plan's end, to its error, or to where it begins anew, contended or apart."""
    try:
        _run(works, call)
    except (errors.MountError, OSError) as error:
        # The ledger or its lock: it stops every mount point of the batch alike.
        for work in works:
            work.outcome_unknown = work.is_recorded
            if work.error is None:
                work.error = states.as_coded(error, work.path, step="record", state=call.request.state)


def _run(works: t.Sequence[states.Work], call: session.Session) -> None:
    # Before anything is settled: what is gone from here may be alive in the ledger's own namespace.
    system.refuse_other_namespace(call.ledger.read(), call.host)
    stages = system.list_stages()
    _each(works, "recover", call, lambda work: _recover(work, call, stages))
    ledger = _take_over([work.path for work in works if work.is_going_on], call.ledger.read(), call)
    system.refuse_other_namespace(ledger, call.host)
    if len(works) <= _FEW:
        _run_on(works, call, ledger)
        return
    caches = session.Caches(ledger.references)
    with contextlib.closing(caches.directories):
        _run_on(works, replace(call, caches=caches), ledger)


def _recover(work: states.Work, call: session.Session, stages: t.Sequence[str]) -> None:
    if stages:
        staged.sweep_stages(work.operation.name, stages)
    if work.operation.records():
        from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.engine import recover

        recover.recover(work.operation, call)


def _take_over(paths: t.Sequence[str], ledger: claims.Ledger, call: session.Session) -> claims.Ledger:
    is_any_at_boot = any(path in ledger.references and ledger.references[path].is_at_boot for path in paths)
    if not is_any_at_boot:
        return ledger
    from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.engine import boot

    return boot.take_over(paths, ledger, call)


def _run_on(works: t.Sequence[states.Work], call: session.Session, ledger: claims.Ledger) -> None:
    managed_mounts = neighbours.ManagedMounts(ledger.references)
    budget = call.ledger.open_budget()
    _each(works, "look at", call, lambda work: _decide(work, call, ledger, managed_mounts, budget))
    _each(
        _at(works, "mount"),
        "mount",
        call,
        lambda work: mounting.prepare_mount(work, call, ledger, managed_mounts),
    )
    acting = [work for work in works if work.is_going_on and (work.step != "none" or any(work.boot_change))]
    if acting:
        record_intents(acting, call, ledger, budget.spent)
        with call.directory_lock:
            _each(acting, "change", call, lambda work: _act(work, call, ledger, managed_mounts))
    _commit(works, call, ledger)


def _at(works: t.Iterable[states.Work], step: str) -> t.List[states.Work]:
    return [work for work in works if work.step == step]


def _each(
    works: t.Iterable[states.Work], step: str, call: session.Session, act: t.Callable[[states.Work], None]
) -> None:
    """Let every work that is going on act; what stops one does not stop its neighbours."""
    for work in works:
        if not work.is_going_on:
            continue
        try:
            act(work)
        except pathwalk.MayBlock:
            work.needs_worker = True
        except (errors.MountError, OSError) as error:
            work.error = states.as_coded(error, work.path, step=step, state=call.request.state)


def _decide(
    work: states.Work,
    call: session.Session,
    ledger: claims.Ledger,
    managed_mounts: neighbours.ManagedMounts,
    budget: codec.Budget,
) -> None:
    seen = states.look_at(work.entry, ledger.references, call, managed_mounts)
    plan = states.decide(work.entry, call, seen, managed_mounts)
    budget.spend(plan, ledger.references.get(work.path))
    work.plan = plan


def _act(
    work: states.Work, call: session.Session, ledger: claims.Ledger, managed_mounts: neighbours.ManagedMounts
) -> None:
    if work.step == "mount":
        _attach(work, call, ledger, managed_mounts)
    elif work.step == "remount":
        mounting.change_mount(work, call, hold.as_seen(ledger.references[work.path], work.plan))
    elif work.step == "unmount":
        unmounting.take_mount_off(work, call, ledger.references[work.path])


def _attach(
    work: states.Work, call: session.Session, ledger: claims.Ledger, managed_mounts: neighbours.ManagedMounts
) -> None:
    try:
        mounting.attach_mount(work, call, ledger, managed_mounts)
    except (errors.MountError, OSError):
        work.outcome_unknown = True  # until everything is taken away again
        mountpoints.clean_up_after(work, call)
        work.outcome_unknown = create.is_mounted(work.mount)
        raise


def _commit(works: t.Sequence[states.Work], call: session.Session, decided_on: claims.Ledger) -> None:
    """Write everything that was done into the ledger at once. What cannot be written is undone."""
    writing = [work for work in works if work.is_going_on and work.plan and work.plan.writes_ledger]
    if not writing and not any(work.removed for work in works):
        return
    try:
        writing = _edit_fstab("old", writing, call, decided_on)
        with call.directory_lock:
            for work in writing:
                _tidy(work, call, decided_on)
            mountpoints.sync_removed({p: r for work in writing for p, r in work.removed.items()}, call)
        _write(works, writing, call)
    except (errors.MountError, OSError) as error:
        _fail(writing, error, call, decided_on)
        _put_back(writing, call)
        return
    kept = set(_edit_fstab("new", writing, call, decided_on))
    failed = [work for work in writing if work not in kept]
    if failed and _write_back(failed, call, decided_on):
        _put_back(failed, call)


def _edit_fstab(
    which: str, works: t.Sequence[states.Work], call: session.Session, decided_on: claims.Ledger
) -> t.List[states.Work]:
    """Take out the old entries of fstab, or write the new; return the works that go on: all or the others."""
    concerned = [work for work in works if getattr(work.boot_change, which)]
    if not concerned:
        return list(works)
    from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.engine import boot

    try:
        (boot.write_entries if which == "new" else boot.remove_entries)(concerned, call)
    except (errors.MountError, OSError) as error:
        _fail(concerned, error, call, decided_on)
        return [work for work in works if work.is_going_on]
    return list(works)


def _put_back(works: t.Sequence[states.Work], call: session.Session) -> None:
    concerned = [work for work in works if any(work.boot_change)]
    if concerned:
        from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.engine import boot

        boot.put_back(concerned, call)


def _fail(
    works: t.Sequence[states.Work],
    error: t.Union[errors.MountError, OSError],
    call: session.Session,
    decided_on: claims.Ledger,
) -> None:
    """Have these works end with this error, and take back what they did."""
    for work in works:
        work.error = states.as_coded(error, work.path, step="record", state=call.request.state)
    _undo(works, call, decided_on)


def _write_back(works: t.Sequence[states.Work], call: session.Session, decided_on: claims.Ledger) -> bool:
    """Have the ledger say what it said before, of works whose entries of fstab could not be written."""
    before = {
        work.path: decided_on.references.get(work.path)
        for work in works
        if work.plan is not None and work.plan.step != "unmount"
    }
    removals = {path: removal for work in works for path, removal in work.removed.items()}
    # What it says meanwhile is put right by the next call; the error that is being told matters more.
    with contextlib.suppress(errors.MountError, OSError), journal.short_lock("ledger", call.lock_deadline):
        ledger = call.ledger.read().changed(before)
        call.ledger.write(mountpoints.remember(ledger, removals, [work.path for work in works]))
        return True
    return False


def _tidy(work: states.Work, call: session.Session, decided_on: claims.Ledger) -> None:
    """Take away the directories of a mount point that nobody is going to hold."""
    reference = decided_on.references.get(work.path)
    if work.plan is not None and work.plan.reference is None and reference is not None:
        try:
            work.removed = mountpoints.take_away(mountpoints.made_for(work.path, decided_on), call)
        except errors.MountError as error:
            if error.code != "locked":
                raise  # else they stay remembered: that is no reason to fail what has been unmounted


def _write(works: t.Sequence[states.Work], writing: t.Sequence[states.Work], call: session.Session) -> None:
    references: t.Dict[str, t.Optional[claims.Reference]] = {
        work.path: work.plan.reference for work in writing if work.plan is not None
    }
    with journal.short_lock("ledger", call.lock_deadline):
        ledger = call.ledger.read()
        # What was seen last of a directory is what counts.
        removals = {path: removal for work in works for path, removal in work.removed.items()}
        changed = mountpoints.remember(
            ledger.changed(references, _made(works)), removals, [work.path for work in works]
        )
        if references or changed.directories != ledger.directories:
            call.ledger.write(changed)


def _made(works: t.Iterable[states.Work]) -> t.Dict[str, model.Identity]:
    return {path: identity for work in works for path, identity in work.made.items()}


def _undo(works: t.Sequence[states.Work], call: session.Session, decided_on: claims.Ledger) -> None:
    """Take back what the ledger could not record. An unmount stays noted, for the next call to record."""
    noted = [work for work in works if work.is_recorded]
    for work in noted:
        work.outcome_unknown = True  # until everything is taken back
    taken = [work for work in noted if _take_back(work, call, decided_on)]
    removals = mountpoints.take_away(_made(taken), call)
    for work in taken:
        work.removed.update({path: removals[path] for path in work.made})
        work.made.clear()
        work.outcome_unknown = work.plan is not None and work.plan.step == "unmount"


def _take_back(work: states.Work, call: session.Session, decided_on: claims.Ledger) -> bool:
    """Undo one mount or change of options; where that is refused it stays noted, for the next call."""
    try:
        if work.mount >= 0:
            create.take_off(work.mount)
            work.drop_mount()
        elif work.plan is not None and work.plan.step == "remount":
            held = decided_on.references[work.path]
            mounting.change_options(
                work.path, held, call, before=mounting.definition_of(work), after=held.definition
            )
    except (errors.MountError, OSError):
        return False
    return True


Notes = t.Mapping[str, t.Sequence[journal.Record]]


def record_intents(
    works: t.Sequence[states.Work], call: session.Session, decided_on: claims.Ledger, growth: int
) -> None:
    """Write the notes of these works, after looking once more, under the ledger's lock, for neighbours.

    growth: how many bytes the ledger will be longer; where there is no room for them, nothing is done.
    A work whose neighbour is under way is marked contended; one whose neighbour has come meanwhile
    gets its error.
    """
    own = [work.path for work in works]
    noted = _in_the_way(works, journal.list_intents(but=own))
    if noted:
        from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.engine import recover

        recover.recover_dead(noted, call)
    with journal.short_lock("ledger", call.lock_deadline):
        ledger = call.ledger.read()
        store.require_room(growth)
        managed_mounts = neighbours.ManagedMounts(ledger.references) if ledger != decided_on else None
        notes = journal.list_intents(but=own)
        for work in works:
            if _in_the_way([work], notes):
                work.is_contended = True
                continue
            if _have_sources_changed(work, ledger, decided_on):
                work.is_contended = True
                continue
            try:
                if managed_mounts is not None:
                    _refuse_new_neighbours(work, call, ledger, managed_mounts)
                _record_intent(work, call, decided_on)
            except (errors.MountError, OSError) as error:
                work.error = states.as_coded(error, work.path, step="note", state=call.request.state)


def _record_intent(work: states.Work, call: session.Session, ledger: claims.Ledger) -> None:
    """Write the note of a work. What unmounts, or records alone, does without one where there is no room.

    Nobody can note a mount then either, so nobody gets in its way; killed between the unmount and the
    ledger, it leaves a reference whose mount is missing, and the next release takes that out.
    """
    reference = work.plan.reference if work.plan and work.step != "unmount" else None
    held = reference or ledger.references[work.path]
    kind = t.cast(steps.IntentKind, "record" if work.step == "none" else work.step)
    note = steps.Intent(work.name, kind, work.path, held.mount_id, reference)
    try:
        work.operation.note(states.to_record(note, call.now))
        work.is_recorded = True
    except OSError as error:
        if kind not in ("record", "unmount") or error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise


def _have_sources_changed(work: states.Work, ledger: claims.Ledger, decided_on: claims.Ledger) -> bool:
    """Whether a managed mount that this one shows was released, or mounted anew, since it was looked at."""
    definition = work.plan.definition if work.plan and work.step == "mount" else None
    if definition is None or ledger is decided_on:
        return False
    sources = definition.source_paths
    ways = {way for source in sources for way in (source, *neighbours.ancestors(source))}
    return any(_mount_id(ledger, way) != _mount_id(decided_on, way) for way in ways)


def _mount_id(ledger: claims.Ledger, path: str) -> int:
    reference = ledger.references.get(path)
    return reference.mount_id if reference else 0


def _refuse_new_neighbours(
    work: states.Work, call: session.Session, ledger: claims.Ledger, managed_mounts: neighbours.ManagedMounts
) -> None:
    if work.step == "mount":
        below = managed_mounts.below(work.path)
        rules.refuse_shadowing(
            work.path, observe.would_be_hidden(work.path, below, ledger.references, call.host)
        )
        if work.plan is not None and work.plan.definition is not None:
            rules.refuse_entangled(work.path, work.plan.definition, managed_mounts)
    if work.step == "unmount":
        rules.refuse_dependents(work.path, managed_mounts)


def _in_the_way(works: t.Iterable[states.Work], notes: Notes) -> t.List[str]:
    """Return the mount points under way that lie above or below these, or that show or are shown by them."""
    if not notes:
        return []
    shown = {path: _sources(records) for path, records in notes.items()}
    return [path for path in notes if any(_are_related(work, path, shown[path]) for work in works)]


def _sources(records: t.Sequence[journal.Record]) -> t.Tuple[str, ...]:
    reference = states.from_records(records[:1]).reference
    return reference.definition.source_paths if reference else ()


def _are_related(work: states.Work, path: str, sources: t.Sequence[str]) -> bool:
    definition = work.plan.definition if work.plan else None
    own_sources = definition.source_paths if definition else ()
    return any(paths.is_within(place, (path,)) for place in (work.path, *own_sources)) or any(
        paths.is_within(place, (work.path,)) for place in (path, *sources)
    )
