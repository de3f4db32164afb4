# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Waves and batches of one call, and the worker processes of what may block.

Private to holdfast.mounts.
"""

from __future__ import annotations

import importlib
import resource
import time
import typing as t
from dataclasses import replace

from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast import claims, errors, model, session
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.decide import neighbours
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.engine import batch, staged, states
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.grammar import filesystems
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.kernel import child, system
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.ledger import journal

_PACKAGE = __name__.rpartition(".engine.")[0]


def execute(call: session.Session) -> t.Tuple[states.Outcome, ...]:
    """Carry out a request; return one outcome for each mount point, those that purge releases last.

    Raises MountError where the whole call is refused.
    """
    _import_rare_parts(call)
    journal.prepare_run()
    if call.request.purge:
        from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.engine import recover

        # What died before the ledger was written is held as well.
        recover.recover_dead(_noted_by(call.request.holder), call)
    ledger = call.ledger.read()
    outcomes: t.Dict[str, states.Outcome] = {}
    for part in parts(call.request, ledger):
        own = replace(call, request=part)
        for wave in waves(part, ledger):
            going, stopped = skip_if_parent_failed(wave, own, outcomes)
            outcomes.update(stopped)
            for group in _group_by_blocking(going, ledger):
                outcomes.update(_run_wave(group, own))
    return tuple(outcomes[path] for path in _paths_in_order(call.request, outcomes))


def _import_rare_parts(call: session.Session) -> None:
    """Import what this call needs and most do not, before the first lock: a missing file is an error now.

    Those who need it import it again, from memory.
    """
    held = call.ledger.read().references.values()
    wanted = [entry.definition for entry in call.request.entries if entry.definition]
    types = [filesystems.record_of(fstype) for fstype in {definition.fstype for definition in wanted}]
    if system.has_selinux():
        importlib.import_module(f"{_PACKAGE}.kernel.labels")
    if held:
        importlib.import_module(f"{_PACKAGE}.overview")
    if any(one.is_block for one in types):
        importlib.import_module(f"{_PACKAGE}.kernel.blocks")
    if any(definition.image for definition in wanted):
        importlib.import_module(f"{_PACKAGE}.kernel.images")
    if any(one.helper for one in types) or system.list_stages():
        importlib.import_module(f"{_PACKAGE}.helper.staging")
    if any(reference.is_at_boot for reference in held) or any(entry.boot for entry in call.request.entries):
        importlib.import_module(f"{_PACKAGE}.engine.boot")
    if call.request.purge or journal.list_intents():
        importlib.import_module(f"{_PACKAGE}.engine.recover")
    if call.request.state != "mounted":
        importlib.import_module(f"{_PACKAGE}.decide.release")


def _noted_by(holder: str) -> t.List[str]:
    notes = [states.from_records(records) for records in journal.list_intents().values()]
    return [note.path for note in notes if note.reference is not None and holder in note.reference.holders]


def _paths_in_order(request: model.Request, outcomes: t.Mapping[str, states.Outcome]) -> t.List[str]:
    given = [entry.path for entry in request.entries]
    return given + sorted(set(outcomes) - set(given))


def parts(request: model.Request, ledger: claims.Ledger) -> t.List[model.Request]:
    """Return the request and, where it purges, the release of everything else that its holder holds."""
    if not request.purge:
        return [request]
    kept = {entry.path for entry in request.entries}
    held = sorted(path for path, r in ledger.references.items() if request.holder in r.holders)
    leaving = tuple(model.Entry(path) for path in held if path not in kept)
    return [request, replace(request, state="released", purge=False, entries=leaving)]


def waves(request: model.Request, ledger: claims.Ledger) -> t.List[t.List[model.Entry]]:
    """Return the entries in waves: parents and sources are mounted first, and released last."""
    entries = {entry.path: entry for entry in request.entries}
    needs: t.Dict[str, t.Optional[model.Definition]] = {}
    for path, entry in entries.items():
        reference = ledger.references.get(path)
        needs[path] = entry.definition or (reference.definition if reference else None)
    ordered = [[entries[path] for path in wave] for wave in neighbours.order(needs)]
    return ordered if request.state == "mounted" else ordered[::-1]


def skip_if_parent_failed(
    wave: t.Sequence[model.Entry], call: session.Session, outcomes: t.Mapping[str, states.Outcome]
) -> t.Tuple[t.List[model.Entry], t.Dict[str, states.Outcome]]:
    """Return what of a wave may go on, and the outcomes of what lies on, or shows, a mount that failed."""
    failed = {path for path, outcome in outcomes.items() if outcome.error is not None}
    if not failed or call.request.state != "mounted":
        return list(wave), {}
    stopped: t.Dict[str, states.Outcome] = {}
    for entry in wave:
        sources = entry.definition.source_paths if entry.definition else ()
        stands_on = {
            *neighbours.ancestors(entry.path),
            *sources,
            *(up for source in sources for up in neighbours.ancestors(source)),
        }
        if failed & stands_on:
            stopped[entry.path] = states.Outcome(
                entry.path, error=_no_footing(entry.path, sorted(failed & stands_on))
            )
    return [entry for entry in wave if entry.path not in stopped], stopped


def _no_footing(path: str, failed: t.Sequence[str]) -> errors.MountError:
    return errors.MountError(
        "mount_failed",
        f"'{path}' was left alone, because '{failed[0]}', which it lies below or shows, was not mounted; "
        "mend that first",
        step="order",
        path=path,
    )


def _group_by_blocking(wave: t.Sequence[model.Entry], ledger: claims.Ledger) -> t.List[t.List[model.Entry]]:
    """Return what answers at once as one group, then each one that may wait for a device alone."""
    stages = system.list_stages()

    def may_wait(entry: model.Entry) -> bool:
        if stages and staged.has_stage(journal.name_of(entry.path), stages):
            return True
        reference = ledger.references.get(entry.path)
        definition = entry.definition or (reference.definition if reference else None)
        # An overlay holds two descriptors for each layer, which no batch is made for.
        known = filesystems.record_of(definition.fstype) if definition else None
        return known is not None and (known.can_hang or known.has_layers)

    quick = [entry for entry in wave if not may_wait(entry)]
    return ([quick] if quick else []) + [[entry] for entry in wave if may_wait(entry)]


def _run_wave(entries: t.Sequence[model.Entry], call: session.Session) -> t.Dict[str, states.Outcome]:
    outcomes: t.Dict[str, states.Outcome] = {}
    # They wait side by side, so that many that are taken cost no more than one.
    deadline = call.lock_deadline
    waiting = sorted(entries, key=lambda entry: entry.path)
    while waiting:
        works, waiting = _take_free(waiting, call, outcomes)
        if not works and not waiting:
            break
        if not works:
            # Waits for the first one only, holding nothing else.
            first, waiting = waiting[0], waiting[1:]
            works = _take(first, deadline, call, outcomes)
            if not works:
                outcomes.setdefault(first.path, states.Outcome(first.path, error=_locked(first.path)))
                continue
        for entry in _finish(works, call, outcomes):
            if time.monotonic() < deadline:
                waiting.append(entry)
            else:
                outcomes[entry.path] = states.Outcome(entry.path, error=_locked(entry.path))
            time.sleep(0.01)
        waiting.sort(key=lambda entry: entry.path)
    return outcomes


def _batch_size() -> int:
    # A mount point takes three descriptors at most: its lock, its mount, a directory.
    return max(1, min(2048, (resource.getrlimit(resource.RLIMIT_NOFILE)[0] - 64) // 3))


def _take_free(
    entries: t.Sequence[model.Entry], call: session.Session, outcomes: t.Dict[str, states.Outcome]
) -> t.Tuple[t.List[states.Work], t.List[model.Entry]]:
    """Lock what is free, up to a batch; return that and the rest. What cannot be locked gets its outcome."""
    size = _batch_size()
    works: t.List[states.Work] = []
    rest: t.List[model.Entry] = []
    for entry in entries:
        taken = _take(entry, time.monotonic(), call, outcomes) if len(works) < size else []
        works += taken
        if not taken and entry.path not in outcomes:
            rest.append(entry)
    return works, rest


def _take(
    entry: model.Entry, deadline: float, call: session.Session, outcomes: t.Dict[str, states.Outcome]
) -> t.List[states.Work]:
    try:
        operation = journal.start_operation(entry.path, deadline)
    except OSError as caught:
        error = states.as_coded(caught, entry.path, step="lock", state=call.request.state)
        outcomes[entry.path] = states.Outcome(entry.path, error=error)
        return []
    return [] if operation is None else [states.Work(entry, operation)]


def _finish(
    works: t.Sequence[states.Work], call: session.Session, outcomes: t.Dict[str, states.Outcome]
) -> t.List[model.Entry]:
    """Run one batch, note its outcomes, and return the entries that have to begin anew."""
    # Its locks may have been waited for, and a lease is as long from now on.
    moment = system.read_moment(call.host.boot_id)
    call = replace(call, now=moment.now, uptime=moment.uptime)
    try:
        batch.run_batch(works, call)
        waiting = [work for work in works if work.needs_worker]
        for work in works:
            if not work.needs_worker:
                work.close()  # done, whatever server its neighbours wait for
        if waiting:
            run_in_workers(waiting, call)
    except BaseException:
        # A signal, for example: what became of the mounts is for the next call to find out.
        for work in works:
            work.outcome_unknown = work.is_recorded
        raise
    finally:
        for work in works:
            work.close()
    for work in works:
        if not work.is_contended:
            outcomes[work.path] = states.Outcome(work.path, work.plan, work.error)
    return [work.entry for work in works if work.is_contended]


def _locked(path: str) -> errors.MountError:
    return errors.MountError(
        "locked",
        f"another call has kept '{path}', or a mount point above or below it, locked for too long; wait "
        "for it, "
        "or wait longer with 'lock_timeout'",
        step="lock",
        path=path,
        detail=journal.describe_occupant(path),
    )


# Each takes a process and two descriptors.
_AT_ONCE = 32


def run_in_workers(works: t.Sequence[states.Work], call: session.Session) -> None:
    """Bring these works to where run_batch brings them, or to C(timeout), all at once."""
    for start in range(0, len(works), _AT_ONCE):
        some = works[start : start + _AT_ONCE]
        tasks = [child.Task(_course(work, call), kept=(work.operation.fd,)) for work in some]
        for work, result in zip(some, child.run_together(tasks, call.request.timeout, step="wait")):
            _take_over(work, result, call)


def _course(work: states.Work, call: session.Session) -> t.Callable[[], t.Dict[str, t.Any]]:
    def run() -> t.Dict[str, t.Any]:
        # The handle of a mount that was made before is closed here; the other process gives it back.
        work.needs_worker, work.outcome_unknown, work.mount = False, False, -1
        batch.run_batch([work], replace(call, may_block=True))
        work.drop_mount()
        return {
            name: getattr(work, name)
            for name in ("plan", "error", "is_contended", "is_recorded", "outcome_unknown")
        }

    return run


def _take_over(work: states.Work, result: child.Result[t.Dict[str, t.Any]], call: session.Session) -> None:
    if isinstance(result, dict):
        for name, value in result.items():
            setattr(work, name, value)
        return
    # Its process has the lock until it is dead; how far it got is for the next call to find out.
    work.operation.leave()
    work.outcome_unknown = True
    work.error = states.as_coded(result, work.path, step="wait", state=call.request.state)
