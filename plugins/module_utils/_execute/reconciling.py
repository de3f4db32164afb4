# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Reconcile a whole host: two requests, of those who leave and of what comes back, run as any other.

Private to holdfast.mounts.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, replace

from ansible_collections.holdfast.mounts.plugins.module_utils._execute.predict import Prediction
from ansible_collections.holdfast.mounts.plugins.module_utils._execute.run import execute
from ansible_collections.holdfast.mounts.plugins.module_utils._execute.staging import sweep_all_stages
from ansible_collections.holdfast.mounts.plugins.module_utils._execute.unmounting import name_users
from ansible_collections.holdfast.mounts.plugins.module_utils._execute.work import Call, Outcome
from ansible_collections.holdfast.mounts.plugins.module_utils._facts.drift import Drift
from ansible_collections.holdfast.mounts.plugins.module_utils._ledger.operations import prepare_run
from ansible_collections.holdfast.mounts.plugins.module_utils._ledger.store import read_ledger
from ansible_collections.holdfast.mounts.plugins.module_utils._observe.places import refuse_other_namespace
from ansible_collections.holdfast.mounts.plugins.module_utils._observe.repairing import observe_drift
from ansible_collections.holdfast.mounts.plugins.module_utils._plan.repair import leaving_holders
from ansible_collections.holdfast.mounts.plugins.module_utils._values.ledger import Ledger
from ansible_collections.holdfast.mounts.plugins.module_utils._values.request import (
    Entry,
    Repair,
    Request,
)

_COMING = ("missing", "options_changed", "replaced")


@dataclass(frozen=True)
class Reconciled:
    """What was found, and what became of each mount point: those that were left first, then those that came.

    dropped: the holders whose references are gone, by mount point.
    """

    drift: t.Tuple[Drift, ...]
    leaving: t.Mapping[str, Outcome]
    coming: t.Mapping[str, Outcome]
    dropped: t.Mapping[str, t.Tuple[str, ...]]


def reconcile(call: Call, repair: Repair, *, writes: bool) -> Reconciled:
    """Bring kernel and ledger together, or with writes false tell what that would come to.

    Raises MountError where the whole call is refused.
    """
    ledger = read_ledger()
    refuse_other_namespace(ledger, call.host)
    drift = observe_drift()
    if writes:
        prepare_run()
        sweep_all_stages()
    prediction = None if writes else Prediction(call.host)

    def run(request: Request) -> t.Dict[str, Outcome]:
        if not request.entries:
            return {}
        own = replace(call, request=request)
        outcomes = execute(own) if prediction is None else prediction.predict(own)
        return {outcome.path: outcome for outcome in outcomes}

    leaving = run(_leaving_part(call, ledger, drift, repair))
    now = read_ledger() if prediction is None else prediction.ledger
    failed = {path for path, outcome in leaving.items() if outcome.error is not None}
    coming = run(_coming_part(call, now, drift, repair, but=failed))
    named = {outcome.path: outcome for outcome in name_users(leaving.values(), call.host)}
    return Reconciled(drift, named, coming, _dropped(leaving))


def _paths(drift: t.Iterable[Drift], kinds: t.Collection[str]) -> t.Set[str]:
    return {item.path for item in drift if item.kind in kinds}


def _leaving_part(call: Call, ledger: Ledger, drift: t.Sequence[Drift], repair: Repair) -> Request:
    dying = {
        path
        for path, reference in ledger.references.items()
        if leaving_holders(reference, repair, call.moment)
    }
    paths = sorted(dying | _paths(drift, repair.kinds))
    return replace(call.request, state="released", entries=tuple(Entry(path) for path in paths))


def _coming_part(
    call: Call, ledger: Ledger, drift: t.Sequence[Drift], repair: Repair, *, but: t.Collection[str]
) -> Request:
    wanted = _paths(drift, set(_COMING) & set(repair.kinds)) - set(but)
    entries = tuple(
        Entry(path, ledger.references[path].definition)
        for path in sorted(wanted)
        if path in ledger.references and ledger.references[path].holders
    )
    return replace(call.request, state="mounted", entries=entries)


def _dropped(leaving: t.Mapping[str, Outcome]) -> t.Dict[str, t.Tuple[str, ...]]:
    dropped = {}
    for path, outcome in leaving.items():
        if outcome.plan is not None and outcome.error is None:
            gone = set(outcome.plan.before.holders) - set(outcome.plan.after.holders)
            if gone:
                dropped[path] = tuple(sorted(gone))
    return dropped
