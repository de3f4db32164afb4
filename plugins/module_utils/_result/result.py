# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a call tells its caller: outcomes in the words of the contract.

Private to holdfast.mounts.
"""

from __future__ import annotations

import collections
import typing as t

from ansible_collections.holdfast.mounts.plugins.module_utils._grammar.text import visible
from ansible_collections.holdfast.mounts.plugins.module_utils._values.errors import MountError
from ansible_collections.holdfast.mounts.plugins.module_utils._values.host import Protection
from ansible_collections.holdfast.mounts.plugins.module_utils._values.plan import Action, Plan, View

Result = t.Dict[str, t.Any]
# A mount point, what was planned and carried out, and the error that stopped it.
Told = t.Tuple[str, t.Optional[Plan], t.Optional[Result]]

_DONE: t.Dict[Action, str] = {
    "adopted": "adopted as it was",
    "deferred": "released; the unmount is left for later",
    "joined": "was mounted already, joined",
    "mounted": "mounted",
    "none": "as it should be",
    "released": "released",
    "remounted": "remounted with other options",
    "renewed": "held already; the lease is renewed",
    "unmounted": "unmounted",
}


def error_message(error: MountError, *, is_full: bool) -> str:
    """Return the words for the caller; with is_full also what the host knows beyond them."""
    return f"{error.message} ({visible(error.detail)})" if is_full and error.detail else error.message


def error_to_dict(error: MountError, log_ref: t.Optional[str]) -> Result:
    """Return the error as data."""
    return {
        "code": error.code,
        "step": error.step,
        "path": error.path,
        "errno": error.errno,
        "log_ref": log_ref,
    }


def single_result(told: Told, protection: Protection, message: str) -> Result:
    """Return the result of a call for one mount point; message is the error's, where there is one."""
    path, plan, error = told
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


def bulk_result(all_told: t.Sequence[Told], protection: Protection, messages: t.Sequence[str]) -> Result:
    """Return the result of a call for many mount points, in their order; messages are those of the errors."""
    mounts = [_bulk_item(told, protection) for told in all_told]
    result: Result = {
        "changed": any(plan.changed for _path, plan, error in all_told if plan and error is None),
        "mounts": mounts,
    }
    tally = tally_of((item["action"] for item in mounts), none="unchanged") or "nothing to do"
    errors = [error for _path, _plan, error in all_told if error is not None]
    if not errors:
        return {**result, "msg": f"mount points: {tally}"}
    more = f" (and {len(errors) - 1} more, see 'mounts')" if len(errors) > 1 else ""
    return {**result, "failed": True, "msg": f"{messages[0]}{more}; {tally}", "error": errors[0]}


def bulk_lines(all_told: t.Sequence[Told], messages: t.Iterable[str]) -> t.List[str]:
    """Return one line for each mount point, in their order; messages are those of the errors."""
    words = iter(messages)
    return [
        f"'{path}' failed: {next(words)}" if plan is None else _line(path, plan)
        for path, plan, _error in all_told
    ]


def tally_of(actions: t.Iterable[str], *, none: str) -> str:
    """Return how often there is which action, in words; none: the word for the action of that name."""
    counts = collections.Counter(none if action == "none" else action for action in actions)
    return ", ".join(f"{count} {action}" for action, count in sorted(counts.items()))


def _bulk_item(told: Told, protection: Protection) -> Result:
    path, plan, error = told
    if error is not None:
        return {"path": path, "action": "failed", "changed": False, "failed": True, "error": error}
    if plan is None:
        raise ValueError("an outcome without a plan and without an error")
    return {**_view_to_dict(plan.after, protection), "action": plan.action, "changed": plan.changed}


def _view_to_dict(view: View, protection: Protection) -> Result:
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
    }


def _line(path: str, plan: Plan) -> str:
    return f"'{path}' {_DONE[plan.action]}; {held_by(len(plan.after.holders))}"


def held_by(count: int) -> str:
    """Return how many holders there are, in words."""
    return f"held by {count} holder{'s' if count != 1 else ''}" if count else "held by nobody"


def diff_of(plans: t.Iterable[Plan]) -> Result:
    """Return holders and mount state before and after, by mount point, as Ansible's diff mode shows it."""
    before: Result = {}
    after: Result = {}
    for plan in plans:
        before[plan.path] = _view_to_diff(plan.before)
        after[plan.path] = _view_to_diff(plan.after)
        if plan.boot_change != "keep":
            before[plan.path]["boot"] = plan.boot_change == "remove"
            after[plan.path]["boot"] = plan.boot_change == "write"
    return {"before": before, "after": after}


def _view_to_diff(view: View) -> Result:
    return {
        "mounted": view.is_mounted,
        "owned": view.is_owned,
        "src": view.src,
        "fstype": view.fstype,
        "opts": list(view.opts),
        "holders": list(view.holders),
    }
