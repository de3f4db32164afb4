# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One call of the module from its parameters to its result; the only place where errors become words.

Private to holdfast.mounts.
"""

from __future__ import annotations

import typing as t

from ansible_collections.holdfast.mounts.plugins.module_utils._arguments.build import build_request
from ansible_collections.holdfast.mounts.plugins.module_utils._call.starting import start_call
from ansible_collections.holdfast.mounts.plugins.module_utils._call.telling import log_error, refused
from ansible_collections.holdfast.mounts.plugins.module_utils._execute import predict
from ansible_collections.holdfast.mounts.plugins.module_utils._execute.run import execute
from ansible_collections.holdfast.mounts.plugins.module_utils._execute.unmounting import name_users
from ansible_collections.holdfast.mounts.plugins.module_utils._execute.work import Outcome, as_coded
from ansible_collections.holdfast.mounts.plugins.module_utils._result import result
from ansible_collections.holdfast.mounts.plugins.module_utils._values.errors import MountError
from ansible_collections.holdfast.mounts.plugins.module_utils._values.request import Request


def run_call(
    params: t.Mapping[str, t.Any], *, check_mode: bool, diff_mode: bool, is_verbose: bool = False
) -> result.Result:
    """Return the module's result. Raises nothing that the contract has a code for.

    is_verbose: with a line for each of many mount points.
    """
    try:
        request = build_request(params)
    except MountError as error:
        return refused(error, is_full=False, log_ref=None)
    is_full = request.disclose == "full"
    try:
        call = start_call(request)
        outcomes = name_users(predict.predict(call) if check_mode else execute(call), call.host)
    except (MountError, OSError) as caught:
        coded = as_coded(caught, None, step="start", state=request.state)
        return refused(coded, is_full=is_full, log_ref=log_error(coded, request, writes=not check_mode))
    told = [_tell(outcome, request, writes=not check_mode) for outcome in outcomes]
    messages = [
        result.error_message(outcome.error, is_full=is_full)
        for outcome in outcomes
        if outcome.error is not None
    ]
    if request.is_bulk:
        answer = result.bulk_result(told, call.host.protection, messages)
        if is_verbose:
            answer["lines"] = result.bulk_lines(told, messages)
    else:
        answer = result.single_result(told[0], call.host.protection, "".join(messages))
    if diff_mode:
        answer["diff"] = result.diff_of(o.plan for o in outcomes if o.plan is not None and o.error is None)
    return answer


def _tell(outcome: Outcome, request: Request, *, writes: bool) -> result.Told:
    if outcome.error is None:
        return outcome.path, outcome.plan, None
    log_ref = log_error(outcome.error, request, writes=writes)
    error = result.error_to_dict(outcome.error, log_ref)
    if request.is_bulk:
        error["msg"] = result.error_message(outcome.error, is_full=request.disclose == "full")
    return outcome.path, None, error
