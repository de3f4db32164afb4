# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The command reconcile: for people, and for the timer, which mostly finds nothing to do.

Private to holdfast.mounts.
"""

from __future__ import annotations

import argparse
import typing as t

from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast import errors, overview, steps
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.console import output
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.kernel import system
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.ledger import attempts


def reconcile(given: argparse.Namespace) -> int:
    """Bring kernel and ledger together, and keep when that was and what has failed."""
    host = system.observe_host()
    # Others than root do not see all of what there is to do.
    system.require_privileges(host.protection)
    last = attempts.read_last()
    before = last.failures if last else {}
    try:
        code, failures = _reconcile(given, before, host.boot_id)
    except errors.MountError:
        if not given.check:
            attempts.record(last, before, has_failed=True)
        raise
    if not given.check:
        attempts.record(last, failures, has_failed=code == output.FAILED or bool(failures))
    return code


def _reconcile(
    given: argparse.Namespace, before: attempts.Failures, boot_id: str
) -> t.Tuple[int, attempts.Failures]:
    """Return the exit code, and the failures there are from now on."""
    now = system.read_moment(boot_id).uptime
    waiting = {path for path, one in before.items() if given.unattended and now < one.next_try}
    drift = overview.observe_facts()["drift"]
    due = {
        item["path"]
        for item in drift
        if item["kind"] in given.repair and not (item["kind"] in steps.RESTORED and item["path"] in waiting)
    }
    waiting &= {item["path"] for item in drift}
    is_asked = given.live_holders is not None or given.drop_holders
    code = output.DONE
    remaining: t.Sequence[t.Mapping[str, t.Any]] = ()
    if due or is_asked:
        code, remaining = _call(given, waiting)
    elif not given.unattended:
        output.say("nothing to do")
    after = system.read_moment(boot_id)
    untried = ({item["path"] for item in drift} - due) | waiting.intersection(
        item["path"] for item in remaining
    )
    kept = {path: one for path, one in before.items() if path in untried}
    again = {
        item["path"]: attempts.failed_again(before.get(item["path"]), item["error"], after)
        for item in remaining
        if item["error"]
    }
    return code, {**kept, **again}


def _call(
    given: argparse.Namespace, waiting: t.Collection[str]
) -> t.Tuple[int, t.Sequence[t.Mapping[str, t.Any]]]:
    """Reconcile as the module does; say a line for each mount point, and return what remains."""
    from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast import repair
    from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.arguments import build
    from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.console import calling

    params = calling.params_of(
        build.RECONCILE_SPEC,
        live_holders=given.live_holders,
        drop_holders=given.drop_holders,
        repair=given.repair,
        on_busy=given.on_busy,
    )
    result = repair.run_reconcile(params, check_mode=given.check, diff_mode=False, waiting=waiting)
    lines: t.Dict[str, t.List[str]] = {}
    for item in result.get("repaired", ()):
        dropped = f", dropped {', '.join(item['dropped'])}" if item["dropped"] else ""
        what = f"{', '.join(item['kinds']) or item['action']}: {item['action']}{dropped}"
        lines.setdefault(item["path"], []).append(what)
    remaining = result.get("remaining", ())
    for item in remaining:
        if not item["error"] and not (item["path"] in waiting and item["kind"] in steps.RESTORED):
            lines.setdefault(item["path"], []).append(f"{item['kind']}: {item['message']}")
    for path, done in sorted(lines.items()):
        output.say(f"{path}: {'; '.join(done)}")
    if not lines and not result.get("failed") and not given.unattended:
        output.say("nothing to do")
    failures = {item["path"]: item["error"] for item in remaining if item["error"]}
    return output.finish(result, list(failures.values()), is_check=given.check), remaining
