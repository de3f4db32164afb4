# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One call of safe_mount_reconcile from its parameters to its result.

Private to holdfast.mounts.
"""

from __future__ import annotations

import typing as t

from ansible_collections.holdfast.mounts.plugins.module_utils._arguments.reconcile import build_repair
from ansible_collections.holdfast.mounts.plugins.module_utils._call.starting import start_call
from ansible_collections.holdfast.mounts.plugins.module_utils._call.telling import log_error, refused
from ansible_collections.holdfast.mounts.plugins.module_utils._execute.reconciling import (
    Reconciled,
    reconcile,
)
from ansible_collections.holdfast.mounts.plugins.module_utils._execute.work import as_coded
from ansible_collections.holdfast.mounts.plugins.module_utils._plan.refusals import refusal
from ansible_collections.holdfast.mounts.plugins.module_utils._result.reconcile import (
    Point,
    repair_lines,
    repair_result,
)
from ansible_collections.holdfast.mounts.plugins.module_utils._result.result import (
    Result,
    diff_of,
    error_message,
    error_to_dict,
)
from ansible_collections.holdfast.mounts.plugins.module_utils._values.errors import MountError
from ansible_collections.holdfast.mounts.plugins.module_utils._values.plan import Plan
from ansible_collections.holdfast.mounts.plugins.module_utils._values.request import Repair, Request


def run_reconcile(
    params: t.Mapping[str, t.Any], *, check_mode: bool, diff_mode: bool, is_verbose: bool = False
) -> Result:
    """Return the module's result. Raises nothing that the contract has a code for.

    is_verbose: with a line for each mount point.
    """
    try:
        repair, request = build_repair(params)
    except MountError as error:
        return refused(error, is_full=False, log_ref=None)
    is_full = request.disclose == "full"
    try:
        call = start_call(request)
        found = reconcile(call, repair, writes=not check_mode)
    except (MountError, OSError) as caught:
        coded = as_coded(caught, None, step="start", state=request.state)
        return refused(coded, is_full=is_full, log_ref=log_error(coded, request, writes=not check_mode))
    points = _points(found, repair, request, writes=not check_mode)
    answer = repair_result(points, repair.kinds, call.host.boot_id)
    if is_verbose:
        answer["lines"] = repair_lines(answer)
    if diff_mode:
        answer["diff"] = diff_of(_as_one(point.plans) for point in points if point.plans)
    return answer


def _as_one(plans: t.Sequence[Plan]) -> Plan:
    first, last = plans[0], plans[-1]
    return Plan(last.path, last.action, last.step, first.before, last.after, last.reference)


def _points(found: Reconciled, repair: Repair, request: Request, *, writes: bool) -> t.List[Point]:
    points = []
    for path in sorted({*found.leaving, *found.coming, *(item.path for item in found.drift)}):
        outcomes = [part[path] for part in (found.leaving, found.coming) if path in part]
        errors = [outcome.error for outcome in outcomes if outcome.error is not None]
        drift = tuple(item for item in found.drift if item.path == path)
        if not errors and "stacked" in repair.kinds and any(item.kind == "stacked" for item in drift):
            errors = [_stacked(path)]
        points.append(
            Point(
                path,
                drift,
                tuple(outcome.plan for outcome in outcomes if outcome.plan and not outcome.error),
                found.dropped.get(path, ()),
                _tell(errors[0], request, writes=writes) if errors else None,
            )
        )
    return points


def _stacked(path: str) -> MountError:
    return refusal(
        "not_owned",
        path,
        f"at '{path}' a mount that this collection did not make is stacked with the one that is held; take "
        "it away by the means that made it, then reconcile again",
    )


def _tell(error: MountError, request: Request, *, writes: bool) -> Result:
    told = error_to_dict(error, log_error(error, request, writes=writes))
    return {**told, "msg": error_message(error, is_full=request.disclose == "full")}
