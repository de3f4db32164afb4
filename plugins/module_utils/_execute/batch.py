# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Carry out the plans of mount points whose locks are held: one ledger write for all of them.

The order is that of a crash that can be mended: make, note, attach or unmount, write the ledger,
forget the note. Private to holdfast.mounts.
"""

from __future__ import annotations

import contextlib
import typing as t
from dataclasses import replace

from ansible_collections.holdfast.mounts.plugins.module_utils._execute import (
    booting,
    recovering,
    staging,
    unmounting,
)
from ansible_collections.holdfast.mounts.plugins.module_utils._execute.deciding import (
    decide,
    observe,
)
from ansible_collections.holdfast.mounts.plugins.module_utils._execute.declaring import declare
from ansible_collections.holdfast.mounts.plugins.module_utils._execute.directories import (
    clean_up_after,
    in_turn,
    made_for,
    remember,
    take_away,
)
from ansible_collections.holdfast.mounts.plugins.module_utils._execute.mounting import (
    attach_mount,
    change_mount,
    change_options,
    definition_of,
    prepare_mount,
)
from ansible_collections.holdfast.mounts.plugins.module_utils._execute.work import Call, Work, as_coded
from ansible_collections.holdfast.mounts.plugins.module_utils._kernel.attach import is_mounted, take_off
from ansible_collections.holdfast.mounts.plugins.module_utils._kernel.mounts import keep_carriers
from ansible_collections.holdfast.mounts.plugins.module_utils._kernel.stages import list_stages
from ansible_collections.holdfast.mounts.plugins.module_utils._kernel.waiting import WouldWait
from ansible_collections.holdfast.mounts.plugins.module_utils._kernel.walk import keep_ways
from ansible_collections.holdfast.mounts.plugins.module_utils._ledger.codec import Budget
from ansible_collections.holdfast.mounts.plugins.module_utils._ledger.operations import short_lock
from ansible_collections.holdfast.mounts.plugins.module_utils._ledger.store import (
    open_budget,
    read_ledger,
    write_ledger,
)
from ansible_collections.holdfast.mounts.plugins.module_utils._observe.places import refuse_other_namespace
from ansible_collections.holdfast.mounts.plugins.module_utils._observe.second_names import keep_mounts
from ansible_collections.holdfast.mounts.plugins.module_utils._plan.surroundings import Surroundings
from ansible_collections.holdfast.mounts.plugins.module_utils._plan.views import as_seen
from ansible_collections.holdfast.mounts.plugins.module_utils._values.errors import MountError
from ansible_collections.holdfast.mounts.plugins.module_utils._values.host import Identity
from ansible_collections.holdfast.mounts.plugins.module_utils._values.ledger import Ledger, Reference

# So many walk on their own: a way that is kept takes a descriptor, which may be the last one.
_FEW = 8


def run_batch(works: t.Sequence[Work], call: Call) -> None:
    """Bring every work to its plan's end, to its error, or to where it begins anew, contended or apart."""
    try:
        _run(works, call)
    except (MountError, OSError) as error:
        # The ledger or its lock: it stops every mount point of the batch alike.
        for work in works:
            work.is_open = work.is_noted
            if work.error is None:
                work.error = as_coded(error, work.path, step="record", state=call.request.state)


def _run(works: t.Sequence[Work], call: Call) -> None:
    # Before anything is settled: what is gone from here may be alive in the ledger's own namespace.
    refuse_other_namespace(read_ledger(), call.host)
    stages = list_stages()
    _each(works, "recover", call, lambda work: _recover(work, call, stages))
    ledger = _take_over([work.path for work in works if work.is_going_on], read_ledger(), call)
    refuse_other_namespace(ledger, call.host)
    with contextlib.ExitStack() as stack:
        if len(works) > _FEW:
            stack.enter_context(keep_ways(ledger.references))
            stack.enter_context(keep_carriers())
            stack.enter_context(keep_mounts())
        _run_on(works, call, ledger)


def _recover(work: Work, call: Call, stages: t.Sequence[str]) -> None:
    if stages:
        staging.sweep_stages(work.operation.name, stages)
    if work.operation.records():
        recovering.recover(work.operation, call)


def _take_over(paths: t.Sequence[str], ledger: Ledger, call: Call) -> Ledger:
    is_any_at_boot = any(path in ledger.references and ledger.references[path].is_at_boot for path in paths)
    return booting.take_over(paths, ledger, call) if is_any_at_boot else ledger


def _run_on(works: t.Sequence[Work], call: Call, ledger: Ledger) -> None:
    around = Surroundings(ledger.references)
    budget = open_budget()
    _each(works, "look at", call, lambda work: _decide(work, call, ledger, around, budget))
    _each(_at(works, "mount"), "mount", call, lambda work: prepare_mount(work, call, ledger, around))
    acting = [work for work in works if work.step != "none"]
    if acting:
        declare(acting, call, ledger, budget.spent)
        with in_turn():
            _each(acting, "change", call, lambda work: _act(work, call, ledger, around))
    _commit(works, call, ledger)


def _at(works: t.Iterable[Work], step: str) -> t.List[Work]:
    return [work for work in works if work.step == step]


def _each(works: t.Iterable[Work], step: str, call: Call, act: t.Callable[[Work], None]) -> None:
    """Let every work that is going on act; what stops one does not stop its neighbours."""
    for work in works:
        if not work.is_going_on:
            continue
        try:
            act(work)
        except WouldWait:
            work.is_apart = True
        except (MountError, OSError) as error:
            work.error = as_coded(error, work.path, step=step, state=call.request.state)


def _decide(work: Work, call: Call, ledger: Ledger, around: Surroundings, budget: Budget) -> None:
    seen = observe(work.entry, ledger.references, call, around)
    plan = decide(work.entry, call, seen, around)
    budget.spend(plan, ledger.references.get(work.path))
    work.plan = plan


def _act(work: Work, call: Call, ledger: Ledger, around: Surroundings) -> None:
    if work.step == "mount":
        _attach(work, call, around)
    elif work.step == "remount":
        change_mount(work, call, as_seen(ledger.references[work.path], work.plan))
    elif work.step == "unmount":
        unmounting.take_mount_off(work, call, ledger.references[work.path])


def _attach(work: Work, call: Call, around: Surroundings) -> None:
    try:
        attach_mount(work, call, around)
    except (MountError, OSError):
        work.is_open = True  # until everything is taken away again
        clean_up_after(work, call)
        work.is_open = is_mounted(work.mount)
        raise


def _commit(works: t.Sequence[Work], call: Call, decided_on: Ledger) -> None:
    """Write everything that was done into the ledger at once. What cannot be written is undone."""
    writing = [work for work in works if work.is_going_on and work.plan and work.plan.writes_ledger]
    if not writing and not any(work.removed for work in works):
        return
    try:
        with in_turn():
            for work in writing:
                _tidy(work, call, decided_on)
        writing = _edit_fstab("remove", writing, call, decided_on)
        _write(works, writing, call)
    except (MountError, OSError) as error:
        _fail(writing, error, call, decided_on)
        return
    kept = set(_edit_fstab("write", writing, call, decided_on))
    failed = [work for work in writing if work not in kept]
    if failed:
        _write_back(failed, call, decided_on)


def _edit_fstab(change: str, works: t.Sequence[Work], call: Call, decided_on: Ledger) -> t.List[Work]:
    """Change the entries of fstab; return the works that go on: all, or those that have no such entry."""
    concerned = [work for work in works if work.plan is not None and work.plan.boot_change == change]
    if not concerned:
        return list(works)
    try:
        (booting.write_entries if change == "write" else booting.remove_entries)(concerned, call)
    except (MountError, OSError) as error:
        _fail(concerned, error, call, decided_on)
        return [work for work in works if work.is_going_on]
    return list(works)


def _fail(
    works: t.Sequence[Work], error: t.Union[MountError, OSError], call: Call, decided_on: Ledger
) -> None:
    """Have these works end with this error, and take back what they did."""
    for work in works:
        work.error = as_coded(error, work.path, step="record", state=call.request.state)
    _undo(works, call, decided_on)


def _write_back(works: t.Sequence[Work], call: Call, decided_on: Ledger) -> None:
    """Have the ledger say what it said before, of works whose entries of fstab could not be written."""
    before = {
        work.path: decided_on.references.get(work.path)
        for work in works
        if work.plan is not None and work.plan.step != "unmount"
    }
    fates = {path: fate for work in works for path, fate in work.removed.items()}
    # What it says meanwhile is put right by the next call; the error that is being told matters more.
    with contextlib.suppress(MountError, OSError), short_lock("ledger", call.lock_deadline):
        ledger = read_ledger().changed(before)
        write_ledger(remember(ledger, fates, [work.path for work in works]))


def _tidy(work: Work, call: Call, decided_on: Ledger) -> None:
    """Take away the directories of a mount point that nobody is going to hold."""
    reference = decided_on.references.get(work.path)
    if work.plan is not None and work.plan.reference is None and reference is not None:
        same_boot = reference.boot_id == call.host.boot_id
        try:
            work.removed = take_away(made_for(work.path, decided_on), call, same_boot=same_boot)
        except MountError as error:
            if error.code != "locked":
                raise  # else they stay remembered: that is no reason to fail what has been unmounted


def _write(works: t.Sequence[Work], writing: t.Sequence[Work], call: Call) -> None:
    references: t.Dict[str, t.Optional[Reference]] = {
        work.path: work.plan.reference for work in writing if work.plan is not None
    }
    with short_lock("ledger", call.lock_deadline):
        ledger = replace(read_ledger(), boot_id=call.host.boot_id)
        # What was seen last of a directory is what counts.
        fates = {path: fate for work in works for path, fate in work.removed.items()}
        changed = remember(ledger.changed(references, _made(works)), fates, [work.path for work in works])
        if references or changed.directories != ledger.directories:
            write_ledger(changed)


def _made(works: t.Iterable[Work]) -> t.Dict[str, Identity]:
    return {path: identity for work in works for path, identity in work.made.items()}


def _undo(works: t.Sequence[Work], call: Call, decided_on: Ledger) -> None:
    """Take back what the ledger could not record. An unmount stays noted, for the next call to record."""
    noted = [work for work in works if work.is_noted]
    for work in noted:
        work.is_open = True  # until everything is taken back
    taken = [work for work in noted if _take_back(work, call, decided_on)]
    fates = take_away(_made(taken), call, same_boot=True)
    for work in taken:
        work.removed.update({path: fates[path] for path in work.made})
        work.made.clear()
        work.is_open = work.plan is not None and work.plan.step == "unmount"


def _take_back(work: Work, call: Call, decided_on: Ledger) -> bool:
    """Undo one mount or change of options; where that is refused it stays noted, for the next call."""
    try:
        if work.mount >= 0:
            take_off(work.mount)
            work.drop_mount()
        elif work.plan is not None and work.plan.step == "remount":
            held = decided_on.references[work.path]
            change_options(work.path, held, call, before=definition_of(work), after=held.definition)
    except (MountError, OSError):
        return False
    return True
