# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How a call tells of an error: to its caller, and in more words to the host's log.

Private to holdfast.mounts.
"""

from __future__ import annotations

import typing as t

from ansible_collections.holdfast.mounts.plugins.module_utils._ledger.log import write_log
from ansible_collections.holdfast.mounts.plugins.module_utils._result import result
from ansible_collections.holdfast.mounts.plugins.module_utils._values.errors import MountError
from ansible_collections.holdfast.mounts.plugins.module_utils._values.request import Request


def refused(error: MountError, *, is_full: bool, log_ref: t.Optional[str]) -> result.Result:
    """Return the result of a call that was refused as a whole."""
    return {
        "failed": True,
        "changed": False,
        "msg": result.error_message(error, is_full=is_full),
        "error": result.error_to_dict(error, log_ref),
    }


def log_error(error: MountError, request: Request, *, writes: bool) -> t.Optional[str]:
    """Keep on the host what the caller may not be told. Check mode writes nothing, so it has no reference."""
    if not writes:
        return None
    return write_log(
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
