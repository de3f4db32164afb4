# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Mount points whose way or source leads through a filesystem that may not answer: each in its own process.

A killed operation is mended by the next call, so one that takes too long may be killed.

Private to holdfast.mounts.
"""

from __future__ import annotations

import typing as t

from ansible_collections.holdfast.mounts.plugins.module_utils._execute.batch import run_batch
from ansible_collections.holdfast.mounts.plugins.module_utils._execute.work import Call, Work, as_coded
from ansible_collections.holdfast.mounts.plugins.module_utils._kernel.child import Result, Task, run_together

# Each takes a process and two descriptors.
_AT_ONCE = 32


def run_apart(works: t.Sequence[Work], call: Call) -> None:
    """Bring these works to where run_batch brings them, or to C(timeout), all at once."""
    for start in range(0, len(works), _AT_ONCE):
        some = works[start : start + _AT_ONCE]
        tasks = [Task(_course(work, call), kept=(work.operation.fd,)) for work in some]
        for work, result in zip(some, run_together(tasks, call.request.timeout, step="wait")):
            _take_over(work, result, call)


def _course(work: Work, call: Call) -> t.Callable[[], t.Dict[str, t.Any]]:
    def run() -> t.Dict[str, t.Any]:
        # The handle of a mount that was made before is closed here; the other process gives it back.
        work.is_apart, work.is_open, work.mount = False, False, -1
        run_batch([work], call)
        work.drop_mount()
        return {
            name: getattr(work, name) for name in ("plan", "error", "is_contended", "is_noted", "is_open")
        }

    return run


def _take_over(work: Work, result: Result[t.Dict[str, t.Any]], call: Call) -> None:
    if isinstance(result, dict):
        for name, value in result.items():
            setattr(work, name, value)
        return
    # Its process has the lock until it is dead; how far it got is for the next call to find out.
    work.operation.leave()
    work.is_open = True
    work.error = as_coded(result, work.path, step="wait", state=call.request.state)
