# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Mounts that a helper makes, in a stage of their own, and what dead operations left there.

Private to holdfast.mounts.
"""

from __future__ import annotations

import os
import typing as t
from functools import partial

from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast import errors, model, session
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.engine import operation
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.grammar import filesystems
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.kernel import child, system
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.ledger import journal

_SEPARATOR = "-"
# Removing a stage may wait for the server that did not answer before.
_DROP_SECONDS = 5
# How much later than its deadline the child may be that ends what a helper started.
_GRACE_SECONDS = 2


def mount_by_helper(definition: model.Definition, state: operation.Decided, call: session.Session) -> int:
    """Return a detached mount that a helper made. Raises MountError or OSError; nothing is left then."""
    from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.helper import failures, staging

    stage = f"{state.resources.lock.name}{_SEPARATOR}{state.resources.operation}"
    parent = os.getpid()
    try:
        mount = child.run_with_deadline(
            lambda: child.Descriptor(
                staging.mount_staged(
                    stage, definition, point=state.path, parent=parent, seconds=call.request.timeout
                )
            ),
            call.request.timeout + _GRACE_SECONDS,
            kept=(),
            step="mount",
        )
    except errors.MountError as error:
        _drop(stage)
        if error.code == "timeout":
            raise failures.late(filesystems.record_of(definition.fstype), call.request.timeout) from error
        raise
    return mount


def has_stage(operation: str, stages: t.Iterable[str]) -> bool:
    """Whether one of these stages was left by a dead operation on this mount point, by Operation.name."""
    return any(stage.startswith(operation + _SEPARATOR) for stage in stages)


def sweep_stages(operation: str, stages: t.Iterable[str]) -> None:
    """Remove those of these stages that dead operations on this mount point left. Its lock is held."""
    _drop(*(stage for stage in stages if has_stage(operation, (stage,))))


def sweep_all_stages() -> None:
    """Remove the stages of dead operations wherever they were to be mounted: all at once."""
    stages = system.list_stages()
    idle = {name: journal.lock_idle(name) for name in {stage.partition(_SEPARATOR)[0] for stage in stages}}
    locked = {name: operation for name, operation in idle.items() if operation is not None}
    try:
        _drop(*(stage for stage in stages if stage.partition(_SEPARATOR)[0] in locked))
    finally:
        for operation in locked.values():
            operation.close()


def _drop(*stages: str) -> None:
    """Remove stages. LIMIT: where even that waits for a server, it is left to the next call."""
    there = set(system.list_stages()).intersection(stages)
    if not there:
        return
    from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.helper import staging

    tasks = [child.Task(partial(staging.drop_stage, stage, aborts=True)) for stage in sorted(there)]
    child.run_together(tasks, _DROP_SECONDS, step="stage")
