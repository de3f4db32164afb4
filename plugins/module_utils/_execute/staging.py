# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Have a helper mount in a stage of the operation's own, and take away stages whose operation is dead.

Private to holdfast.mounts.
"""

from __future__ import annotations

import os
import typing as t
from functools import partial

from ansible_collections.holdfast.mounts.plugins.module_utils._execute.work import Call, Work
from ansible_collections.holdfast.mounts.plugins.module_utils._grammar.filesystems import record_of
from ansible_collections.holdfast.mounts.plugins.module_utils._kernel.child import (
    Descriptor,
    Task,
    run_together,
    run_with_deadline,
)
from ansible_collections.holdfast.mounts.plugins.module_utils._kernel.failures import late
from ansible_collections.holdfast.mounts.plugins.module_utils._kernel.stages import list_stages
from ansible_collections.holdfast.mounts.plugins.module_utils._kernel.staging import (
    drop_stage,
    mount_staged,
)
from ansible_collections.holdfast.mounts.plugins.module_utils._ledger.operations import lock_idle
from ansible_collections.holdfast.mounts.plugins.module_utils._values.errors import MountError
from ansible_collections.holdfast.mounts.plugins.module_utils._values.request import Definition

_SEPARATOR = "-"
# Taking away may wait for the server that did not answer before.
_DROP_SECONDS = 5
# How much later than its deadline the child may be that ends what a helper started.
_GRACE_SECONDS = 2


def mount_by_helper(definition: Definition, work: Work, call: Call) -> int:
    """Return a detached mount that a helper made. Raises MountError or OSError; nothing is left then."""
    stage = f"{work.operation.name}{_SEPARATOR}{work.name}"
    parent = os.getpid()
    try:
        mount = run_with_deadline(
            lambda: Descriptor(
                mount_staged(stage, definition, point=work.path, parent=parent, seconds=call.request.timeout)
            ),
            call.request.timeout + _GRACE_SECONDS,
            kept=(),
            step="mount",
        )
    except MountError as error:
        _drop(stage)
        if error.code == "timeout":
            raise late(record_of(definition.fstype), call.request.timeout) from error
        raise
    return mount


def has_stage(operation: str, stages: t.Iterable[str]) -> bool:
    """Whether one of these stages was left by a dead operation on this mount point, by Operation.name."""
    return any(stage.startswith(operation + _SEPARATOR) for stage in stages)


def sweep_stages(operation: str, stages: t.Iterable[str]) -> None:
    """Take away those of these stages that dead operations on this mount point left. Its lock is held."""
    _drop(*(stage for stage in stages if has_stage(operation, (stage,))))


def sweep_all_stages() -> None:
    """Take away the stages of dead operations wherever they were to be mounted: all at once."""
    stages = list_stages()
    idle = {name: lock_idle(name) for name in {stage.partition(_SEPARATOR)[0] for stage in stages}}
    locked = {name: operation for name, operation in idle.items() if operation is not None}
    try:
        _drop(*(stage for stage in stages if stage.partition(_SEPARATOR)[0] in locked))
    finally:
        for operation in locked.values():
            operation.close()


def _drop(*stages: str) -> None:
    """Take stages away. LIMIT: where even that waits for a server, it is left to the next call."""
    there = set(list_stages()).intersection(stages)
    tasks = [Task(partial(drop_stage, stage, aborts=True)) for stage in sorted(there)]
    run_together(tasks, _DROP_SECONDS, step="stage")
