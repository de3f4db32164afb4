# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a reconciliation tells: mount by mount what was put right, and what is left.

Private to holdfast.mounts.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from ansible_collections.holdfast.mounts.plugins.module_utils._facts.drift import Drift
from ansible_collections.holdfast.mounts.plugins.module_utils._result.result import (
    Result,
    held_by,
    tally_of,
)
from ansible_collections.holdfast.mounts.plugins.module_utils._values.plan import Plan

_LEFT_FOR_LATER = "Nobody holds it; it was busy when the last holder left."


@dataclass(frozen=True)
class Point:
    """One mount point: its drift before, the plans that were carried out, who was dropped, and the error.

    error: as data, None where nothing failed. is_settled: whether it was looked at under its lock.
    """

    path: str
    drift: t.Tuple[Drift, ...]
    plans: t.Tuple[Plan, ...]
    dropped: t.Tuple[str, ...] = ()
    error: t.Optional[Result] = None

    @property
    def last(self) -> t.Optional[Plan]:
        """What was carried out last."""
        return self.plans[-1] if self.plans else None

    @property
    def action(self) -> str:
        """The last thing that was done, none if nothing was."""
        return next((plan.action for plan in reversed(self.plans) if plan.action != "none"), "none")


def repair_result(points: t.Sequence[Point], kinds: t.Collection[str], boot_id: str) -> Result:
    """Return the result; kinds: of drift, that were to be put right. boot_id: of the running kernel."""
    repaired, remaining = [], []
    for point in points:
        solved = [item for item in point.drift if _is_solved(item.kind, point, kinds, boot_id)]
        if solved or any(plan.changed for plan in point.plans):
            repaired.append(_repaired(point, solved))
        remaining += _remaining(point, [item for item in point.drift if item not in solved])
    errors = [item["error"] for item in remaining if item["error"] is not None]
    result = {
        "changed": bool(repaired),
        "repaired": repaired,
        "remaining": remaining,
        "msg": _message(repaired, remaining),
    }
    if errors:
        result.update(failed=True, error=errors[0], msg=f"{errors[0]['msg']}; {result['msg']}")
    return result


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


def _repaired(point: Point, solved: t.Sequence[Drift]) -> Result:
    last = point.last
    return {
        "path": point.path,
        "kinds": sorted({item.kind for item in solved}),
        "action": point.action,
        "dropped": list(point.dropped),
        "holders": list(last.after.holders) if last else [],
        "mounted": bool(last and last.after.is_mounted),
    }


def _remaining(point: Point, unsolved: t.Sequence[Drift]) -> t.List[Result]:
    rows: t.List[Result] = [
        {"path": item.path, "kind": item.kind, "message": item.message, "error": point.error}
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


def _message(repaired: t.Sequence[Result], remaining: t.Sequence[Result]) -> str:
    done = tally_of((item["action"] for item in repaired), none="finished")
    left = len({item["path"] for item in remaining})
    told = [done] if done else []
    if left:
        told.append(f"{left} left as {'it is' if left == 1 else 'they are'}")
    return f"mount points: {'; '.join(told) or 'nothing to repair'}"


def repair_lines(result: Result) -> t.List[str]:
    """Return a line for each item of a result of repair_result: what was put right, then what is left."""
    lines = []
    for item in result["repaired"]:
        why = [*item["kinds"], *(f"dropped {name}" for name in item["dropped"])]
        done = "finished" if item["action"] == "none" else item["action"]
        lines.append(f"'{item['path']}' {done} ({', '.join(why)}); {held_by(len(item['holders']))}")
    for item in result["remaining"]:
        told = item["message"] if item["error"] is None else item["error"]["msg"]
        lines.append(f"'{item['path']}' left as it is ({item['kind'] or 'not dropped'}): {told}")
    return lines
