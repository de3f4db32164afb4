# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One reconciliation from its parameters to its result.

Private to holdfast.mounts.
"""

from __future__ import annotations

import typing as t

from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast import (
    call,
    errors,
    log,
    model,
    result,
    steps,
)
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.arguments import build
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.decide import rules
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.engine import operation, reconcile


def run_reconcile(
    params: t.Mapping[str, t.Any],
    *,
    check_mode: bool,
    diff_mode: bool,
    is_verbose: bool = False,
    waiting: t.Collection[str] = (),
) -> result.Result:
    """Return the module's result. Raises nothing that the contract has a code for.

    is_verbose: with a line for each mount point. waiting: see reconcile.reconcile.
    """
    try:
        asked, request = build.build_repair(params)
    except errors.MountError as error:
        return call.refused(error, is_full=False, log_ref=None)
    is_full = request.disclose == "full"
    try:
        own = call.start_call(request)
        found = reconcile.reconcile(own, asked, writes=not check_mode, waiting=waiting)
    except (errors.MountError, OSError) as caught:
        coded = operation.as_coded(caught, None, step="start", state=request.state)
        return call.refused(
            coded, is_full=is_full, log_ref=call.log_error(coded, request, writes=not check_mode)
        )
    points = _points(found, asked, request, writes=not check_mode)
    answer = repair_result(points, asked.kinds, own.host.boot_id)
    if is_verbose:
        answer["lines"] = repair_lines(answer)
    if diff_mode:
        answer["diff"] = result.diff_of(_as_one(point.plans) for point in points if point.plans)
    return answer


def _as_one(plans: t.Sequence[steps.Plan]) -> steps.Plan:
    first, last = plans[0], plans[-1]
    return steps.Plan(last.path, last.action, last.step, first.before, last.after, last.reference)


def _points(
    found: reconcile.Reconciled, asked: model.Repair, request: model.Request, *, writes: bool
) -> t.List[Point]:
    points = []
    for path in sorted({*found.leaving, *found.coming, *(item.path for item in found.drift)}):
        outcomes = [part[path] for part in (found.leaving, found.coming) if path in part]
        failures = [outcome.error for outcome in outcomes if isinstance(outcome, operation.Failed)]
        drift = tuple(item for item in found.drift if item.path == path)
        beyond_repair = {item.kind for item in drift}.intersection(asked.kinds, _BEYOND_REPAIR)
        if not failures and beyond_repair:
            failures = [_left(path, min(beyond_repair))]
        points.append(
            Point(
                path,
                drift,
                tuple(outcome.plan for outcome in outcomes if isinstance(outcome, operation.Done)),
                found.dropped.get(path, ()),
                _describe_error(failures[0], request, writes=writes) if failures else None,
            )
        )
    return points


_BEYOND_REPAIR: t.Mapping[str, t.Tuple[errors.Code, str]] = {
    "stacked": (
        "not_owned",
        "a mount that this collection did not make is stacked with the one that is held; remove it the way "
        "it was made, then reconcile again",
    ),
    "unhealthy": (
        "conflict",
        "the kernel has stopped the filesystem after an error; see the kernel's log, have it released "
        "everywhere, check it (fsck(8)), then hold it again",
    ),
}


def _left(path: str, kind: str) -> errors.MountError:
    code, message = _BEYOND_REPAIR[kind]
    return rules.refusal(code, path, f"at '{path}' {message}")


def _describe_error(error: errors.MountError, request: model.Request, *, writes: bool) -> result.Result:
    log_ref = call.log_error(error, request, writes=writes)
    message = result.error_message(error, is_full=request.disclose == "full", where=log.where_is(log_ref))
    return {**result.error_to_dict(error, log_ref), "msg": message}


_LEFT_FOR_LATER = "Nobody holds it; it was busy when the last holder left."


class Point(t.NamedTuple):
    """One mount point: its drift before, the plans that were carried out, who was dropped, and the error.

    error: as data, None where nothing failed.
    """

    path: str
    drift: t.Tuple[steps.Drift, ...]
    plans: t.Tuple[steps.Plan, ...]
    dropped: t.Tuple[str, ...] = ()
    error: t.Optional[result.Result] = None

    @property
    def last(self) -> t.Optional[steps.Plan]:
        """What was carried out last."""
        return self.plans[-1] if self.plans else None

    @property
    def action(self) -> str:
        """The last thing that was done, none if nothing was."""
        return next((plan.action for plan in reversed(self.plans) if plan.action != "none"), "none")


def repair_result(points: t.Sequence[Point], kinds: t.Collection[str], boot_id: str) -> result.Result:
    """Return the result; kinds: of drift, that were to be put right. boot_id: of the running kernel."""
    repaired, remaining = [], []
    for point in points:
        solved = [item for item in point.drift if _is_solved(item.kind, point, kinds, boot_id)]
        if solved or any(plan.changed for plan in point.plans):
            repaired.append(_repaired(point, solved))
        remaining += _remaining(point, [item for item in point.drift if item not in solved])
    failures = [item["error"] for item in remaining if item["error"] is not None]
    answer = {
        "changed": bool(repaired),
        "repaired": repaired,
        "remaining": remaining,
        "msg": _message(repaired, remaining),
    }
    if failures:
        answer.update(failed=True, error=failures[0], msg=f"{failures[0]['msg']}; {answer['msg']}")
    return answer


def _is_solved(kind: str, point: Point, kinds: t.Collection[str], boot_id: str) -> bool:
    last = point.last
    if last is None:
        return False
    if last.reference is None:
        return kind != "interrupted" or kind in kinds
    if kind in ("expired", "interrupted"):
        return kind in kinds
    if kind == "missing":
        # What stands there is ours if it is of this boot: made meanwhile, or taken over from the boot.
        is_ours = last.after.is_mounted and last.reference.boot_id == boot_id
        return last.action == "mounted" or (kind in kinds and is_ours and point.error is None)
    if kind == "options_changed":
        return last.action in ("mounted", "remounted")
    if kind == "replaced":
        return last.action == "adopted"
    return kind in ("deferred", "orphaned") and bool(last.reference.holders)


def _repaired(point: Point, solved: t.Sequence[steps.Drift]) -> result.Result:
    last = point.last
    return {
        "path": point.path,
        "kinds": sorted({item.kind for item in solved}),
        "action": point.action,
        "dropped": list(point.dropped),
        "holders": list(last.after.holders) if last else [],
        "mounted": bool(last and last.after.is_mounted),
    }


def _remaining(point: Point, unsolved: t.Sequence[steps.Drift]) -> t.List[result.Result]:
    is_other = point.error is not None and point.error["step"] == "identity"
    rows: t.List[result.Result] = [
        {
            "path": item.path,
            "kind": "replaced" if is_other and item.kind == "missing" else item.kind,
            "message": item.message,
            "error": point.error,
        }
        for item in unsolved
    ]
    last = point.last
    is_left = last is not None and last.reference is not None and last.reference.deferred
    if is_left and not any(item.kind == "deferred" for item in unsolved):
        rows = [row for row in rows if row["kind"] != "orphaned"]
        rows.append({"path": point.path, "kind": "deferred", "message": _LEFT_FOR_LATER, "error": None})
    if point.error is not None and not unsolved:
        message = "What was asked for could not be done here."
        rows.append({"path": point.path, "kind": None, "message": message, "error": point.error})
    return rows


def _message(repaired: t.Sequence[result.Result], remaining: t.Sequence[result.Result]) -> str:
    done = result.tally_of((item["action"] for item in repaired), none="finished")
    left = len({item["path"] for item in remaining})
    reported = [done] if done else []
    if left:
        reported.append(f"{left} left as {'it is' if left == 1 else 'they are'}")
    return f"mount points: {'; '.join(reported) or 'nothing to repair'}"


def repair_lines(answer: result.Result) -> t.List[str]:
    """Return a line for each item of an answer of repair_result: what was put right, then what is left."""
    lines = []
    for item in answer["repaired"]:
        why = [*item["kinds"], *(f"dropped {name}" for name in item["dropped"])]
        done = "finished" if item["action"] == "none" else item["action"]
        lines.append(f"'{item['path']}' {done} ({', '.join(why)}); {result.held_by(len(item['holders']))}")
    for item in answer["remaining"]:
        reported = item["message"] if item["error"] is None else item["error"]["msg"]
        lines.append(f"'{item['path']}' left as it is ({item['kind'] or 'not dropped'}): {reported}")
    return lines
