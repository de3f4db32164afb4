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
from functools import partial

from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast import claims, errors, model, session
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.decide import neighbours
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.engine import batch, operation, staged
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.grammar import filesystems
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.kernel import child, system
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.ledger import codec, journal

_PACKAGE = __name__.rpartition(".engine.")[0]
# What is done with one wave of entries, for a real run or a prediction.
RunWave = t.Callable[[t.Sequence[model.Entry], session.Session], t.Iterable[operation.Outcome]]


def execute(call: session.Session) -> t.Tuple[operation.Outcome, ...]:
    """Carry out a request; return one outcome for each mount point, those that purge releases last.

    Raises MountError where the whole call is refused.
    """
    _import_rare_parts(call)
    journal.prepare_run()
    if call.request.purge:
        from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.engine import recover

        # What died before the ledger was written is held as well.
        recover.recover_dead(_recorded_for(call.request.holder), call)
    ledger = call.ledger.read()

    def run_wave(wave: t.Sequence[model.Entry], own: session.Session) -> t.Iterator[operation.Outcome]:
        for group in _group_by_blocking(wave, ledger):
            yield from _run_group(group, own)

    return run_request(call, ledger, run_wave)


def run_request(
    call: session.Session, ledger: claims.Ledger, run_wave: RunWave
) -> t.Tuple[operation.Outcome, ...]:
    """Return the outcomes of a request, part after part and wave after wave, in the order given."""
    outcomes: t.Dict[str, operation.Outcome] = {}
    for part in _parts(call.request, ledger):
        own = replace(call, request=part)
        for wave in _waves(part, ledger):
            going = _skip_if_parent_failed(wave, part, outcomes)
            outcomes.update((outcome.path, outcome) for outcome in run_wave(going, own))
    given = [entry.path for entry in call.request.entries]
    return tuple(outcomes[path] for path in given + sorted(set(outcomes) - set(given)))


def _import_rare_parts(call: session.Session) -> None:
    """Import what this call needs and most do not, before the first lock: a missing file is an error now.

    Those who need it import it again, from memory.
    """
    held = call.ledger.read().references.values()
    wanted = [entry.definition for entry in call.request.entries if entry.definition]
    types = [filesystems.record_of(fstype) for fstype in {definition.fstype for definition in wanted}]
    if system.has_selinux():
        importlib.import_module(f"{_PACKAGE}.kernel.labels")
    if held or call.request.adopt:
        importlib.import_module(f"{_PACKAGE}.overview")
        importlib.import_module(f"{_PACKAGE}.facts")
    if any(one.is_block for one in types):
        importlib.import_module(f"{_PACKAGE}.kernel.blocks")
    if any(one.is_block or one.shows_path or one.has_layers for one in types):
        importlib.import_module(f"{_PACKAGE}.engine.diagnosis")
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


def _recorded_for(holder: str) -> t.List[str]:
    intents = [codec.intent_from_records(records) for records in journal.list_intents().values()]
    return [
        intent.path
        for intent in intents
        if intent.reference is not None and holder in intent.reference.holders
    ]


def _parts(request: model.Request, ledger: claims.Ledger) -> t.List[model.Request]:
    """Return the request and, where it purges, the release of everything else that its holder holds."""
    if not request.purge:
        return [request]
    kept = {entry.path for entry in request.entries}
    held = sorted(path for path, r in ledger.references.items() if request.holder in r.holders)
    leaving = tuple(model.Entry(path) for path in held if path not in kept)
    return [request, request._replace(state="released", purge=False, entries=leaving)]


def _waves(request: model.Request, ledger: claims.Ledger) -> t.List[t.List[model.Entry]]:
    """Return the entries in waves: parents and sources are mounted first, and released last."""
    entries = {entry.path: entry for entry in request.entries}
    needs: t.Dict[str, t.Optional[model.Definition]] = {}
    for path, entry in entries.items():
        reference = ledger.references.get(path)
        needs[path] = entry.definition or (reference.definition if reference else None)
    ordered = [[entries[path] for path in wave] for wave in neighbours.order(needs)]
    return ordered if request.state == "mounted" else ordered[::-1]


def _skip_if_parent_failed(
    wave: t.Sequence[model.Entry], request: model.Request, outcomes: t.Dict[str, operation.Outcome]
) -> t.List[model.Entry]:
    """Return what of a wave may go on. What lies on, or shows, a mount that failed gets its outcome."""
    failed = {path for path, outcome in outcomes.items() if isinstance(outcome, operation.Failed)}
    if not failed or request.state != "mounted":
        return list(wave)
    going: t.List[model.Entry] = []
    for entry in wave:
        sources = entry.definition.source_paths if entry.definition else ()
        stands_on = {
            *neighbours.ancestors(entry.path),
            *sources,
            *(up for source in sources for up in neighbours.ancestors(source)),
        }
        if failed & stands_on:
            error = _parent_failed(entry.path, min(failed & stands_on))
            outcomes[entry.path] = operation.Failed(entry.path, error)
        else:
            going.append(entry)
    return going


def _parent_failed(path: str, failed: str) -> errors.MountError:
    return errors.MountError(
        "mount_failed",
        f"'{path}' was skipped, because '{failed}', which it lies below or shows, was not mounted; correct "
        "that first",
        step="order",
        path=path,
    )


def _group_by_blocking(wave: t.Sequence[model.Entry], ledger: claims.Ledger) -> t.List[t.List[model.Entry]]:
    """Return what answers at once as one group, then each one that may wait for a device by itself."""
    stages = system.list_stages()

    def may_wait(entry: model.Entry) -> bool:
        if stages and staged.has_stage(journal.name_of(entry.path), stages):
            return True
        reference = ledger.references.get(entry.path)
        definition = entry.definition or (reference.definition if reference else None)
        # An overlay holds two descriptors for each layer, which no batch is made for.
        known = filesystems.record_of(definition.fstype) if definition else None
        return known is not None and (known.can_hang or known.has_layers)

    waits = {entry.path: may_wait(entry) for entry in wave}
    quick = [entry for entry in wave if not waits[entry.path]]
    return ([quick] if quick else []) + [[entry] for entry in wave if waits[entry.path]]


def _run_group(entries: t.Sequence[model.Entry], call: session.Session) -> t.Iterable[operation.Outcome]:
    outcomes: t.Dict[str, operation.Outcome] = {}
    # They wait side by side, so that many that are locked cost no more than one.
    deadline = call.lock_deadline
    waiting = sorted(entries, key=lambda entry: entry.path)
    while waiting:
        points, waiting = _lock_free(waiting, call, outcomes)
        if not points and not waiting:
            break
        if not points:
            # Waits for the first one only, holding nothing else.
            first, waiting = waiting[0], waiting[1:]
            points = _lock(first, deadline, call, outcomes)
            if not points:
                outcomes.setdefault(first.path, _locked(first.path))
                continue
        for entry in _finish(points, call, outcomes):
            if time.monotonic() < deadline:
                waiting.append(entry)
            else:
                outcomes[entry.path] = _locked(entry.path)
            time.sleep(0.01)
        waiting.sort(key=lambda entry: entry.path)
    return outcomes.values()


def _batch_size() -> int:
    # A mount point takes three descriptors at most: its lock, its mount, a directory.
    return max(1, min(2048, (resource.getrlimit(resource.RLIMIT_NOFILE)[0] - 64) // 3))


def _lock_free(
    entries: t.Sequence[model.Entry], call: session.Session, outcomes: t.Dict[str, operation.Outcome]
) -> t.Tuple[t.List[operation.Locked], t.List[model.Entry]]:
    """Lock what is free, up to a batch; return that and the rest. What cannot be locked gets its outcome."""
    size = _batch_size()
    points: t.List[operation.Locked] = []
    rest: t.List[model.Entry] = []
    for entry in entries:
        locked = _lock(entry, time.monotonic(), call, outcomes) if len(points) < size else []
        points += locked
        if not locked and entry.path not in outcomes:
            rest.append(entry)
    return points, rest


def _lock(
    entry: model.Entry,
    deadline: float,
    call: session.Session,
    outcomes: t.Dict[str, operation.Outcome],
) -> t.List[operation.Locked]:
    try:
        lock = journal.start_operation(entry.path, deadline)
    except OSError as error:
        outcomes[entry.path] = operation.failed(entry.path, error, call, step="lock")
        return []
    return [] if lock is None else [operation.Locked(entry, operation.Resources(lock))]


def _finish(
    points: t.Sequence[operation.Locked], call: session.Session, outcomes: t.Dict[str, operation.Outcome]
) -> t.List[model.Entry]:
    """Run one batch, keep its outcomes, and return the entries that have to be retried."""
    # Its locks may have been waited for, and a lease is as long from now on.
    moment = system.read_moment(call.host.boot_id)
    call = replace(call, now=moment.now, uptime=moment.uptime)
    contended: t.List[model.Entry] = []

    def end(point: operation.Locked, state: operation.End) -> None:
        point.resources.close(clears=not (isinstance(state, operation.Failed) and state.outcome_unknown))
        if isinstance(state, (operation.Done, operation.Failed)):
            outcomes[point.path] = state
        else:
            contended.append(point.entry)

    try:
        blocked = []
        for point, state in zip(points, batch.run_batch(points, call)):
            if isinstance(state, operation.NeedsWorker):
                blocked.append(point)
            else:
                end(point, state)  # whatever server its neighbours wait for
        if blocked:
            for point, state in zip(blocked, run_in_workers(blocked, call)):
                end(point, state)
    finally:
        # After a signal, for example, the intent records stay: the next call finds out what became of them.
        for point in points:
            point.resources.close()
    return contended


def _locked(path: str) -> operation.Failed:
    error = errors.MountError(
        "locked",
        f"another call has kept '{path}', or a mount point above or below it, locked for too long; try "
        "again, or wait longer with 'lock_timeout'",
        step="lock",
        path=path,
        detail=journal.describe_occupant(path),
    )
    return operation.Failed(path, error)


# Each takes a process and two descriptors.
_AT_ONCE = 32


def run_in_workers(points: t.Sequence[operation.Locked], call: session.Session) -> t.List[operation.End]:
    """Return what run_batch does, or C(timeout); each runs in a process of its own, all at once."""
    ends: t.List[operation.End] = []
    worker = replace(call, may_block=True)
    for start in range(0, len(points), _AT_ONCE):
        some = points[start : start + _AT_ONCE]
        tasks = [child.Task(partial(_run_alone, p, worker), kept=(p.resources.lock.fd,)) for p in some]
        results = child.run_together(tasks, call.request.timeout, step="wait")
        ends += [_end_of(point, result, call) for point, result in zip(some, results)]
    return ends


def _run_alone(point: operation.Locked, call: session.Session) -> operation.End:
    # The descriptor of a mount that was made before is closed here; the other process gives it back.
    resources = operation.Resources(point.resources.lock)
    (end,) = batch.run_batch([operation.Locked(point.entry, resources)], call)
    resources.drop_mount()
    return end


def _end_of(
    point: operation.Locked, result: child.Result[operation.End], call: session.Session
) -> operation.End:
    if isinstance(result, operation.End):
        return result
    # Its process has the lock until it is dead; how far it got is for the next call to find out.
    point.resources.lock.leave()
    return operation.failed(point.path, result, call, step="wait", outcome_unknown=True)
