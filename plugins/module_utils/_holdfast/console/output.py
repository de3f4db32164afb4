# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Exit codes, and lines for people: nothing in them that a terminal would obey.

Private to holdfast.mounts.
"""

from __future__ import annotations

import os
import sys
import typing as t

from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.grammar import strings

DONE, FAILED, USAGE, WOULD_CHANGE = 0, 1, 2, 3


def say(text: str) -> None:
    """Write a line to standard output."""
    sys.stdout.write(strings.visible(text) + "\n")


def warn(text: str) -> None:
    """Write a line to standard error."""
    sys.stderr.write(strings.visible(text) + "\n")


def refuse(code: str, message: str) -> int:
    """Say on one line what was refused or has failed, and return the exit code."""
    warn(f"holdfast: {code}: {message}")
    return FAILED


def warn_unseen(what: str) -> None:
    """Say to users other than root what they do not see."""
    if os.geteuid() != 0:
        warn(f"not root: {what} are not seen")


def finish(result: t.Mapping[str, t.Any], failures: t.Sequence[t.Any], *, is_check: bool) -> int:
    """Say each error of a result on a line, and return the exit code."""
    if result.get("failed"):
        for error in failures or [{**result["error"], "msg": result["msg"]}]:
            reference, message = error.get("log_ref") or "", error["msg"]
            more = "" if reference in message else f" (holdfast explain {reference})"
            refuse(error["code"], message + more)
        return FAILED
    return WOULD_CHANGE if is_check and result["changed"] else DONE
