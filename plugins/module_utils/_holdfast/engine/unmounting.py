# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Take a mount off, and say what is in the way where that cannot be done.

Private to holdfast.mounts.
"""

from __future__ import annotations

import contextlib
import errno
import time
import typing as t
from dataclasses import replace

from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast import (
    claims,
    errors,
    model,
    observe,
    session,
)
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.decide import rules
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.engine import states
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.grammar import filesystems
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.kernel import (
    child,
    create,
    mounts,
    pathwalk,
)

# Whoever looks at a path holds its mount for some microseconds: that is no use of it.
_UNMOUNT_PAUSES = (0.0, 0.01, 0.03, 0.1)


def take_mount_off(work: states.Work, call: session.Session, reference: claims.Reference) -> None:
    """Unmount the mount of a reference; where it is busy, do what the request says of that."""
    error: t.Optional[OSError] = None
    for pause in _UNMOUNT_PAUSES:
        if pause:
            time.sleep(pause)
        error = _try(work, call, reference, lazily=False)
        if error is None:
            return
    if error is None or error.errno != errno.EBUSY:
        raise error or OSError(errno.EIO, "the unmount did not end")
    if call.request.on_busy == "lazy" and not _has_submounts(reference, call):
        error = _try(work, call, reference, lazily=True)
        if error is None:
            return
    if call.request.on_busy == "defer" and work.plan is not None:
        from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.decide import release

        work.plan = release.deferred(work.plan, reference)
        return
    raise rules.busy(work.path, reference.mount_id, errno=error.errno)


def _has_submounts(reference: claims.Reference, call: session.Session) -> bool:
    return mounts.has_submounts(reference.mount_id, is_unique=call.is_unique)


def _try(
    work: states.Work, call: session.Session, reference: claims.Reference, *, lazily: bool
) -> t.Optional[OSError]:
    """Unmount once; return EBUSY, raise everything else."""
    try:
        with call.walk(work.path) as walk:
            _refuse_replaced(walk, reference, call.host)
            can_hang = filesystems.record_of(reference.fstype).can_hang
            is_quick = not can_hang and walk.inode is not None and pathwalk.answers_at_once(walk.inode)
            if is_quick:
                create.unmount(walk, lazily=lazily)
        if not is_quick:
            _unmount_in_child(work, call, reference, lazily=lazily)
    except OSError as error:
        if error.errno != errno.EBUSY:
            raise
        return error
    if observe.is_alive(reference, call.host):
        return OSError(errno.EBUSY, "something was mounted on it just then")
    return None


def _refuse_replaced(walk: pathwalk.Walk, reference: claims.Reference, host: model.Host) -> None:
    if walk.obstacle or not observe.is_mount(walk.inode, reference, host):
        raise rules.refusal(
            "not_owned",
            walk.path,
            f"the mount at '{walk.path}' was replaced or covered meanwhile; look at it, then repeat",
        )


def _unmount_in_child(
    work: states.Work, call: session.Session, reference: claims.Reference, *, lazily: bool
) -> None:
    """Unmount what may wait for a device or a server; its last handle is closed there, which may wait too."""

    def act() -> None:
        with pathwalk.Walk(work.path, may_block=True) as walk:
            _refuse_replaced(walk, reference, call.host)
            create.unmount(walk, lazily=lazily)

    try:
        child.run_with_deadline(act, call.request.timeout, kept=(work.operation.fd,), step="unmount")
    except errors.MountError as error:
        # The child still has the lock, and ends the unmount or not: the next caller finds out which.
        work.outcome_unknown = error.code != "not_owned"
        raise


def name_users(outcomes: t.Iterable[states.Outcome], host: model.Host) -> t.Tuple[states.Outcome, ...]:
    """Return the outcomes, with what uses the busy ones. Of all at once, when no lock is held any longer."""
    outcomes = tuple(outcomes)
    busy_ones = [outcome.error for outcome in outcomes if isinstance(outcome.error, errors.BusyError)]
    if not busy_ones:
        return outcomes
    is_unique = host.protection == "full"
    numbers: t.Dict[int, t.Optional[int]] = {}
    found: t.Mapping[int, model.Users] = {}
    with contextlib.suppress(errors.MountError, OSError):  # to tell that it is busy matters more
        from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.kernel import users

        numbers = {
            error.mount_id: mounts.mount_number(error.mount_id, is_unique=is_unique) for error in busy_ones
        }
        found = users.find_users([number for number in numbers.values() if number is not None])

    def named(outcome: states.Outcome) -> states.Outcome:
        if not isinstance(outcome.error, errors.BusyError):
            return outcome
        using = found.get(numbers.get(outcome.error.mount_id) or 0, model.Users())
        return replace(outcome, error=rules.busy_with(outcome.error, using))

    return tuple(map(named, outcomes))
