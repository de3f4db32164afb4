# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""When the host reconciled last by its own command, and at which mount points that failed.

One small file in /run/holdfast: it dies with the boot, as the mounts do. Private to holdfast.mounts.
"""

from __future__ import annotations

import contextlib
import json
import os
import typing as t

from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast import claims
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.kernel import files
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.ledger import journal

PATH = f"{journal.RUN_PATH}/reconcile.json"
# Seconds from the first failure to the next try, and the most that they grow to.
_FIRST_PAUSE, _LONGEST_PAUSE = 30, 3600


class Failure(t.NamedTuple):
    """What failed last at one mount point.

    time: UTC, ISO 8601 with a Z. tries: failures in a row. next_try: in seconds of the boot clock.
    """

    code: str
    message: str
    log_ref: t.Optional[str]
    time: str
    tries: int
    next_try: int


Failures = t.Mapping[str, Failure]


class LastRun(t.NamedTuple):
    """The last reconciliation. time: in seconds since 1970. has_failed: all of it, or at a mount point."""

    time: float
    has_failed: bool
    failures: Failures


def read_last() -> t.Optional[LastRun]:
    """Return the last run of this boot; None where there was none, and for callers that may not look."""
    try:
        with open(PATH, encoding="ascii") as file:
            data = json.load(file)
            failures = {path: Failure(**one) for path, one in data["failures"].items()}
            return LastRun(os.fstat(file.fileno()).st_mtime, data["failed"], failures)
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None  # the next run writes it again


def record(last: t.Optional[LastRun], failures: Failures, *, has_failed: bool) -> None:
    """Keep that a run has ended just now. Raises MountError.

    last: what read_last returned. Where that says the same already, the file's time is all that changes.
    """
    with contextlib.suppress(OSError):  # what was done matters more than its record
        if last is not None and (last.has_failed, last.failures) == (has_failed, failures):
            os.utime(PATH)
            return
        journal.prepare_run()
        data = {"failed": has_failed, "failures": {path: one._asdict() for path, one in failures.items()}}
        files.publish(PATH, json.dumps(data, sort_keys=True).encode("ascii"), mode=0o600)


def failed_again(before: t.Optional[Failure], error: t.Mapping[str, t.Any], moment: claims.Moment) -> Failure:
    """Return the failure that follows one before: it is tried again after twice the pause.

    error: as a result has it.
    """
    tries = 1 if before is None else before.tries + 1
    pause = min(_FIRST_PAUSE << min(tries - 1, 16), _LONGEST_PAUSE)
    return Failure(error["code"], error["msg"], error["log_ref"], moment.now, tries, moment.uptime + pause)
