# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One call from its parameters to its result; the only place where errors become words.

Private to holdfast.mounts.
"""

from __future__ import annotations

import typing as t

from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast import (
    errors,
    log,
    model,
    policy,
    result,
    session,
)
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.arguments import accounts, build
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.engine import mounted, operation, run
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.kernel import system
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.ledger import store


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
        else entry._replace(definition=labels.with_canonical_context(entry.definition))
        for entry in request.entries
    ]
    return request._replace(entries=tuple(entries))


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
    warnings += result.warnings_of(request, plans, has_failed=len(plans) < len(outcomes))
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
