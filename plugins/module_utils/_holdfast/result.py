# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The results of the modules, their lines and their diff.

Private to holdfast.mounts.
"""

from __future__ import annotations

import collections
import typing as t

from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast import errors, model, steps
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.arguments import spec
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.grammar import strings

Result = t.Dict[str, t.Any]
# A mount point, what was planned and carried out, and the error that stopped it.
Report = t.Tuple[str, t.Optional[steps.Plan], t.Optional[Result]]

_DONE: t.Dict[steps.Action, str] = {
    "adopted": "adopted as it was",
    "deferred": "released; the unmount is left for later",
    "joined": "was mounted already, joined",
    "mounted": "mounted",
    "none": "unchanged",
    "released": "released",
    "remounted": "remounted with other options",
    "renewed": "held already; the lease is renewed",
    "unmounted": "unmounted",
}


def error_message(error: errors.MountError, *, is_full: bool, where: str = "") -> str:
    """Return the words for the caller; with is_full also what the host knows beyond them.

    where: the host has more, which is said where the caller does not see all.
    """
    if is_full:
        return f"{error.message} ({strings.visible(error.detail)})" if error.detail else error.message
    return f"{error.message}; {where}" if error.detail and where else error.message


def error_to_dict(error: errors.MountError, log_ref: t.Optional[str]) -> Result:
    """Return the error as data."""
    return {
        "code": error.code,
        "step": error.step,
        "path": error.path,
        "errno": error.errno,
        "log_ref": log_ref,
    }


def single_result(reported: Report, protection: model.Protection, message: str) -> Result:
    """Return the result of a call for one mount point; message is the error's, where there is one."""
    path, plan, error = reported
    if error is not None:
        return {"failed": True, "changed": False, "msg": message, "error": error}
    if plan is None:
        raise ValueError("an outcome without a plan and without an error")
    return {
        "changed": plan.changed,
        "msg": _line(path, plan),
        "action": plan.action,
        "mount": _view_to_dict(plan.after, protection),
    }


def bulk_result(
    reports: t.Sequence[Report], protection: model.Protection, messages: t.Sequence[str]
) -> Result:
    """Return the result of a call for many mount points, in their order; messages are those of the errors."""
    mounts = [_bulk_item(reported, protection) for reported in reports]
    result: Result = {
        "changed": any(plan.changed for _path, plan, error in reports if plan and error is None),
        "mounts": mounts,
    }
    tally = tally_of((item["action"] for item in mounts), none="unchanged") or "nothing to do"
    failures = [error for _path, _plan, error in reports if error is not None]
    if not failures:
        return {**result, "msg": f"mount points: {tally}"}
    more = f" (and {len(failures) - 1} more, see 'mounts')" if len(failures) > 1 else ""
    return {**result, "failed": True, "msg": f"{messages[0]}{more}; {tally}", "error": failures[0]}


def bulk_lines(reports: t.Sequence[Report], messages: t.Iterable[str]) -> t.List[str]:
    """Return one line for each mount point, in their order; messages are those of the errors."""
    words = iter(messages)
    return [
        f"'{path}' failed: {next(words)}" if plan is None else _line(path, plan)
        for path, plan, _error in reports
    ]


def tally_of(actions: t.Iterable[str], *, none: str) -> str:
    """Return how often there is which action, in words; none: the word for the action of that name."""
    counts = collections.Counter(none if action == "none" else action for action in actions)
    return ", ".join(f"{count} {action}" for action, count in sorted(counts.items()))


def _bulk_item(reported: Report, protection: model.Protection) -> Result:
    path, plan, error = reported
    if error is not None:
        return {"path": path, "action": "failed", "changed": False, "failed": True, "error": error}
    if plan is None:
        raise ValueError("an outcome without a plan and without an error")
    return {**_view_to_dict(plan.after, protection), "action": plan.action, "changed": plan.changed}


def _view_to_dict(view: steps.View, protection: model.Protection) -> Result:
    return {
        "path": view.path,
        "src": view.src,
        "fstype": view.fstype,
        "opts": list(view.opts),
        "mounted": view.is_mounted,
        "owned": view.is_owned,
        "holders": list(view.holders),
        "holder_count": len(view.holders),
        "protection": protection,
        "drift": _kinds(view),
    }


def _kinds(view: steps.View) -> t.List[str]:
    return [drift.kind for drift in view.drift]


def _line(path: str, plan: steps.Plan) -> str:
    drift = f"; drift: {', '.join(_kinds(plan.after))}" if plan.after.drift else ""
    return f"'{path}' {_DONE[plan.action]}; {held_by(len(plan.after.holders))}{drift}"


def warnings_of(
    request: model.Request, plans: t.Sequence[steps.Plan], *, has_failed: bool = False
) -> t.List[str]:
    """Return what the caller should know of what was done: where it drifts, and where it may mean another.

    has_failed: of a mount point that has no plan for it, so that it is not known who holds it.
    """
    drifting = [
        f"'{plan.path}' is held from now on, but {drift.kind}: {drift.message}"
        for plan in plans
        if set(plan.after.holders) - set(plan.before.holders)
        for drift in plan.after.drift
    ]
    assumed = [
        f"'{plan.path}': {what}; foreseen as if an earlier task had made it"
        for plan in plans
        for what in plan.assumed
    ]
    strangers = [] if has_failed else _stranger(request, plans)
    return drifting + assumed + _shared_default(request, plans) + strangers


def _shared_default(request: model.Request, plans: t.Sequence[steps.Plan]) -> t.List[str]:
    """Return a warning where whoever gave no name holds already.

    LIMIT: nothing that a module is given tells an ad-hoc command from a task of a playbook.
    """
    is_default = request.state == "mounted" and request.holder == spec.DEFAULT_HOLDER
    held = [plan.path for plan in plans if request.holder in plan.before.holders] if is_default else []
    return [
        f"'{path}' is held already by '{request.holder}', which is whoever gave no holder; if that was "
        "another task, the first of the two to release it releases it for both: give each consumer a holder "
        "of its own"
        for path in held
    ]


def _stranger(request: model.Request, plans: t.Sequence[steps.Plan]) -> t.List[str]:
    """Return a warning where somebody leaves who was not there, and others are."""
    if request.purge and not request.entries and not plans:
        return [f"'{request.holder}' holds nothing on this host; if it should, check the name of the holder"]
    found = {name for plan in plans for name in plan.before.holders}
    if request.state != "released" or not found or request.holder in found:
        return []
    return [
        f"'{request.holder}' holds none of these mount points, but others do ({', '.join(sorted(found))}); "
        "if it should, check the name of the holder"
    ]


def held_by(count: int) -> str:
    """Return how many holders there are, in words."""
    return f"held by {count} holder{'s' if count != 1 else ''}" if count else "held by nobody"


def diff_of(plans: t.Iterable[steps.Plan]) -> Result:
    """Return holders and mount state before and after, by mount point, as Ansible's diff mode shows it."""
    before: Result = {}
    after: Result = {}
    for plan in plans:
        before[plan.path] = _view_to_diff(plan.before)
        after[plan.path] = _view_to_diff(plan.after)
        for shown, line in zip((before, after), plan.boot_change if any(plan.boot_change) else ()):
            shown[plan.path].update(boot=bool(line), fstab=line)
    return {"before": before, "after": after}


def _view_to_diff(view: steps.View) -> Result:
    return {
        "mounted": view.is_mounted,
        "owned": view.is_owned,
        "src": view.src,
        "fstype": view.fstype,
        "opts": list(view.opts),
        "holders": list(view.holders),
    }
