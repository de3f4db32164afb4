# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One call from its parameters to its result; the only place where errors become words.

Private to holdfast.mounts.
"""

from __future__ import annotations

import typing as t
from dataclasses import replace

from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast import (
    errors,
    log,
    model,
    policy,
    result,
    session,
    steps,
)
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.arguments import accounts, build
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.decide import rules
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.engine import (
    mounted,
    operation,
    run,
)
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.kernel import system
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.ledger import store

if t.TYPE_CHECKING:
    from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.engine import reconcile


def start_call(request: model.Request) -> session.Session:
    """Return the call, once the host's policy allows all of it; no source and no mount point is looked at.

    Raises MountError: C(unsupported), C(not_permitted), or C(policy_untrusted) where it is not known what is
    allowed, which holds for leaving as well.
    """
    host = system.observe_host()
    system.require_privileges(host.protection)
    system.refuse_unknown_namespace(host)
    moment = system.read_moment(host.boot_id)
    try:
        allowed = policy.read_policy()
    except errors.MountError:
        store.LedgerFile().read()  # in the same directory, and graver: it is reported first
        raise
    if allowed is not None:
        from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.decide import permissions

        permissions.refuse_forbidden(request, allowed)
    if system.has_selinux():
        request = _with_canonical_contexts(request)
    return session.Session(
        request, host, moment.now, moment.uptime, allowed, ledger=store.LedgerFile(host.boot_id)
    )


def _with_canonical_contexts(request: model.Request) -> model.Request:
    from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.kernel import labels

    entries = [
        entry
        if entry.definition is None
        else replace(entry, definition=labels.with_canonical_context(entry.definition))
        for entry in request.entries
    ]
    return replace(request, entries=tuple(entries))


def refused(error: errors.MountError, *, is_full: bool, log_ref: t.Optional[str]) -> result.Result:
    """Return the result of a call that was refused as a whole."""
    return {
        "failed": True,
        "changed": False,
        "msg": result.error_message(error, is_full=is_full, where=log.where_is(log_ref)),
        "error": result.error_to_dict(error, log_ref),
    }


def log_error(error: errors.MountError, request: model.Request, *, writes: bool) -> t.Optional[str]:
    """Keep on the host what the caller may not see. Check mode writes nothing, so it has no reference."""
    if not writes:
        return None
    return log.write_log(
        {
            "code": error.code,
            "step": error.step,
            "path": error.path,
            "errno": error.errno,
            "state": request.state,
            "holder": request.holder,
            "message": error.message,
            "detail": error.detail,
        }
    )


def run_call(
    params: t.Mapping[str, t.Any], *, check_mode: bool, diff_mode: bool, is_verbose: bool = False
) -> result.Result:
    """Return the module's result. Raises nothing that the contract has a code for.

    is_verbose: with a line for each of many mount points.
    """
    unknown: t.List[str] = []
    if check_mode:
        params, unknown = accounts.with_known_names(params)
    try:
        request = build.build_request(params)
    except errors.MountError as error:
        return refused(error, is_full=False, log_ref=None)
    is_full = request.disclose == "full"
    try:
        call = start_call(request)
        outcomes = mounted.name_users((_predict if check_mode else run.execute)(call), call.host)
    except (errors.MountError, OSError) as caught:
        coded = operation.as_coded(caught, None, step="start", state=request.state)
        return refused(coded, is_full=is_full, log_ref=log_error(coded, request, writes=not check_mode))
    reported = [_report(outcome, request, writes=not check_mode) for outcome in outcomes]
    messages = [
        result.error_message(outcome.error, is_full=is_full, where=log.where_is(error["log_ref"]))
        for outcome, (_path, _plan, error) in zip(outcomes, reported)
        if isinstance(outcome, operation.Failed) and error is not None
    ]
    if request.is_bulk:
        answer = result.bulk_result(reported, call.host.protection, messages)
        if is_verbose:
            answer["lines"] = result.bulk_lines(reported, messages)
    else:
        answer = result.single_result(reported[0], call.host.protection, "".join(messages))
    plans = [outcome.plan for outcome in outcomes if isinstance(outcome, operation.Done)]
    warnings = [f"{what}; foreseen as if an earlier task had made it" for what in unknown]
    warnings += result.warnings_of(request, plans)
    if system.has_selinux() and any(plan.action == "mounted" for plan in plans):
        from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.kernel import labels

        warnings += labels.warnings()
    if warnings:
        answer["warnings"] = warnings
    if diff_mode:
        answer["diff"] = result.diff_of(plans)
    return answer


def _predict(call: session.Session) -> t.Tuple[operation.Outcome, ...]:
    from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.engine import predict

    return predict.predict(call)


def _report(outcome: operation.Outcome, request: model.Request, *, writes: bool) -> result.Report:
    if isinstance(outcome, operation.Done):
        return outcome.path, outcome.plan, None
    log_ref = log_error(outcome.error, request, writes=writes)
    error = result.error_to_dict(outcome.error, log_ref)
    if request.is_bulk:
        error["msg"] = result.error_message(outcome.error, is_full=request.disclose == "full")
    return outcome.path, None, error


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
    from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.engine import reconcile

    try:
        asked, request = build.build_repair(params)
    except errors.MountError as error:
        return refused(error, is_full=False, log_ref=None)
    is_full = request.disclose == "full"
    try:
        call = start_call(request)
        found = reconcile.reconcile(call, asked, writes=not check_mode, waiting=waiting)
    except (errors.MountError, OSError) as caught:
        coded = operation.as_coded(caught, None, step="start", state=request.state)
        return refused(coded, is_full=is_full, log_ref=log_error(coded, request, writes=not check_mode))
    points = _points(found, asked, request, writes=not check_mode)
    answer = result.repair_result(points, asked.kinds, call.host.boot_id)
    if is_verbose:
        answer["lines"] = result.repair_lines(answer)
    if diff_mode:
        answer["diff"] = result.diff_of(_as_one(point.plans) for point in points if point.plans)
    return answer


def _as_one(plans: t.Sequence[steps.Plan]) -> steps.Plan:
    first, last = plans[0], plans[-1]
    return steps.Plan(last.path, last.action, last.step, first.before, last.after, last.reference)


def _points(
    found: reconcile.Reconciled, asked: model.Repair, request: model.Request, *, writes: bool
) -> t.List[result.Point]:
    points = []
    for path in sorted({*found.leaving, *found.coming, *(item.path for item in found.drift)}):
        outcomes = [part[path] for part in (found.leaving, found.coming) if path in part]
        failures = [outcome.error for outcome in outcomes if isinstance(outcome, operation.Failed)]
        drift = tuple(item for item in found.drift if item.path == path)
        beyond_repair = {item.kind for item in drift}.intersection(asked.kinds, _BEYOND_REPAIR)
        if not failures and beyond_repair:
            failures = [_left(path, min(beyond_repair))]
        points.append(
            result.Point(
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
        "a mount that this collection did not make is stacked with the one that is held; unmount it by the "
        "means that made it, then reconcile again",
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
    log_ref = log_error(error, request, writes=writes)
    message = result.error_message(error, is_full=request.disclose == "full", where=log.where_is(log_ref))
    return {**result.error_to_dict(error, log_ref), "msg": message}
