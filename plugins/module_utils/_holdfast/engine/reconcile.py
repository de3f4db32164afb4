# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Reconcile a whole host: two requests, of those who leave and of what comes back, run as any other.

Private to holdfast.mounts.
"""

from __future__ import annotations

import contextlib
import typing as t
from dataclasses import replace

from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast import (
    claims,
    errors,
    fstab,
    model,
    overview,
    session,
    steps,
)
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.decide import recovery
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.engine import (
    mounted,
    mountpoints,
    operation,
    predict,
    run,
    staged,
)
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.kernel import system
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.ledger import journal, store


class Reconciled(t.NamedTuple):
    """What was found, and what became of each mount point: those that were left first, then those that came.

    dropped: the holders whose references are gone, by mount point.
    """

    drift: t.Tuple[steps.Drift, ...]
    leaving: t.Mapping[str, operation.Outcome]
    coming: t.Mapping[str, operation.Outcome]
    dropped: t.Mapping[str, t.Tuple[str, ...]]


def reconcile(
    call: session.Session, asked: model.Repair, *, writes: bool, waiting: t.Collection[str] = ()
) -> Reconciled:
    """Bring kernel and ledger together, or with writes false return what that would come to.

    waiting: mount points at which nothing is mounted or remounted this time.

    Raises MountError where the whole call is refused.
    """
    ledger = call.ledger.read()
    system.refuse_other_namespace(ledger, call.host)
    reported = overview.observe_facts()["drift"]
    drift = tuple(steps.Drift(item["path"], item["kind"], item["message"]) for item in reported)
    if writes:
        journal.prepare_run()
        staged.sweep_all_stages()
        _discard_unfinished_files(call)
        mountpoints.sweep_leftovers(call)
    prediction = None if writes else predict.Prediction(call)

    def carry_out(request: model.Request) -> t.Dict[str, operation.Outcome]:
        if not request.entries:
            return {}
        own = replace(call, request=request)
        outcomes = run.execute(own) if prediction is None else prediction.predict(own)
        return {outcome.path: outcome for outcome in outcomes}

    leaving = carry_out(_leaving_part(call, ledger, drift, asked))
    now = call.ledger.read() if prediction is None else prediction.ledger
    failed = {path for path, outcome in leaving.items() if isinstance(outcome, operation.Failed)}
    coming = carry_out(_coming_part(call, now, drift, asked, but={*failed, *waiting}))
    named = {outcome.path: outcome for outcome in mounted.name_users(leaving.values(), call.host)}
    return Reconciled(drift, named, coming, _dropped(leaving))


def _discard_unfinished_files(call: session.Session) -> None:
    with journal.short_lock("ledger", call.lock_deadline):
        store.discard_unfinished()
    # What is wrong with the table is reported to who wants an entry.
    with contextlib.suppress(errors.MountError, OSError):
        fstab.edit_fstab({}, call.lock_deadline)


def _paths(drift: t.Iterable[steps.Drift], kinds: t.Collection[str]) -> t.Set[str]:
    return {item.path for item in drift if item.kind in kinds}


def _leaving_part(
    call: session.Session, ledger: claims.Ledger, drift: t.Sequence[steps.Drift], asked: model.Repair
) -> model.Request:
    dying = {
        path
        for path, reference in ledger.references.items()
        if recovery.leaving_holders(reference, asked, call.moment)
    }
    paths = sorted(dying | _paths(drift, asked.kinds))
    return call.request._replace(state="released", entries=tuple(model.Entry(path) for path in paths))


def _coming_part(
    call: session.Session,
    ledger: claims.Ledger,
    drift: t.Sequence[steps.Drift],
    asked: model.Repair,
    *,
    but: t.Collection[str],
) -> model.Request:
    kinds = set(steps.RESTORED) & set(asked.kinds)
    if "missing" in kinds:
        kinds.add("replaced")  # what is missing, and whose source names something else by now, is refused
    wanted = _paths(drift, kinds) - set(but)
    entries = tuple(
        model.Entry(path, ledger.references[path].definition)
        for path in sorted(wanted)
        if path in ledger.references and ledger.references[path].holders
    )
    return call.request._replace(state="mounted", entries=entries)


def _dropped(leaving: t.Mapping[str, operation.Outcome]) -> t.Dict[str, t.Tuple[str, ...]]:
    dropped = {}
    for path, outcome in leaving.items():
        if isinstance(outcome, operation.Done):
            gone = set(outcome.plan.before.holders) - set(outcome.plan.after.holders)
            if gone:
                dropped[path] = tuple(sorted(gone))
    return dropped
