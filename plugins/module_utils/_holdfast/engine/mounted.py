# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Mounts that are there: change their options, unmount them, and say what keeps them busy.

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
    steps,
)
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.decide import rules
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.engine import operation
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.grammar import filesystems
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.kernel import (
    child,
    create,
    mountinfo,
    mounts,
    pathwalk,
)

# Whoever looks at a path holds its mount for some microseconds: that is no use of it.
_UNMOUNT_PAUSES = (0.0, 0.01, 0.03, 0.1)


def change_mount(plan: steps.Plan, call: session.Session, old: claims.Reference) -> None:
    """Give a mount that stays the options of the plan. Undoes a half-made change."""
    definition = operation.definition_of(plan)
    try:
        change_options(plan.path, old, call, before=old.definition, after=definition)
    except OSError:
        change_options(plan.path, old, call, before=definition, after=old.definition)
        raise


def _refuse_twins(path: str, ours: model.KernelMount) -> None:
    """Refuse to make a superblock writable that others have mounted, and rely on as it is."""
    # A copy at the same path is one that the mount's own propagation has made.
    twins = [m for m in mountinfo.read_mounts() if m.device == ours.device and m.mount_point != path]
    if twins:
        raise rules.refusal(
            "conflict",
            path,
            f"the source of '{path}' is mounted read-only elsewhere, and would become writable there too; "
            "release it there first",
            detail="; ".join(f"'{m.mount_point}'" for m in twins),
        )


def change_options(
    path: str,
    reference: claims.Reference,
    call: session.Session,
    *,
    before: model.Definition,
    after: model.Definition,
) -> None:
    """Change the flags and the changeable options of a reference's mount from one definition to another."""
    with call.walk(path, is_cached=False) as walk:
        if walk.leaf is None or walk.inode is None or not observe.is_mount(walk.inode, reference, call.host):
            raise rules.refusal(
                "conflict", path, f"the mount at '{path}' was replaced meanwhile; look at it, then repeat"
            )
        pathwalk.require_nonblocking(walk.inode, path, may_block=call.may_block)
        filesystem = filesystems.record_of(after.fstype)
        parameters = [(name, value) for name, value in after.data if name in filesystem.changeable]
        # btrfs shows other device numbers for its files, which the reference has, than for its mounts.
        ours = mounts.mount_under(walk.inode) if filesystem.has_superblock else None
        # Of its superblock, not of the mount alone (statvfs(3) shows both as one).
        if ours is not None and "ro" not in after.flags and "ro" in ours.options:
            _refuse_twins(path, ours)
            parameters = [("rw", None), *parameters]
        if parameters:
            create.reconfigure(walk.leaf, parameters)
        create.change_flags(walk.leaf, before, after)


def unmount(state: operation.Recorded, call: session.Session, reference: claims.Reference) -> steps.Plan:
    """Unmount the mount of a reference, and return the plan; where it is busy, do what the request says."""
    error: t.Optional[OSError] = None
    for pause in _UNMOUNT_PAUSES:
        if pause:
            time.sleep(pause)
        error = _try(state, call, reference, lazily=False)
        if error is None:
            return state.plan
    if error is None or error.errno != errno.EBUSY:
        raise error or OSError(errno.EIO, "the unmount did not end")
    if call.request.on_busy == "lazy" and not _has_submounts(reference, call):
        error = _try(state, call, reference, lazily=True)
        if error is None:
            return state.plan
    if call.request.on_busy == "defer":
        from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.decide import release

        return release.deferred(state.plan, reference)
    raise rules.busy(state.path, reference.mount_id, errno=error.errno)


def _has_submounts(reference: claims.Reference, call: session.Session) -> bool:
    return mounts.has_submounts(reference.mount_id, is_unique=call.is_unique)


def _try(
    state: operation.Recorded, call: session.Session, reference: claims.Reference, *, lazily: bool
) -> t.Optional[OSError]:
    """Unmount once; return EBUSY, raise everything else."""
    try:
        with call.walk(state.path) as walk:
            _refuse_replaced(walk, reference, call.host)
            can_hang = filesystems.record_of(reference.fstype).can_hang
            is_quick = not can_hang and walk.inode is not None and pathwalk.answers_at_once(walk.inode)
            if is_quick:
                create.unmount(walk, lazily=lazily)
        if not is_quick:
            _unmount_in_child(state, call, reference, lazily=lazily)
    except OSError as error:
        if error.errno != errno.EBUSY:
            raise
        return error
    try:
        is_there = observe.is_alive(reference, call.host)
    except OSError as error:
        what = f"whether '{state.path}' is unmounted cannot be seen ({error.strerror}); repeat the call"
        raise errors.LostError("unmount_failed", what, step="unmount", errno=error.errno) from error
    return OSError(errno.EBUSY, "something was mounted on it just then") if is_there else None


def _refuse_replaced(walk: pathwalk.Walk, reference: claims.Reference, host: model.Host) -> None:
    if walk.obstacle or not observe.is_mount(walk.inode, reference, host):
        raise rules.refusal(
            "not_owned",
            walk.path,
            f"the mount at '{walk.path}' was replaced or covered meanwhile; look at it, then repeat",
        )


def _unmount_in_child(
    state: operation.Recorded, call: session.Session, reference: claims.Reference, *, lazily: bool
) -> None:
    """Unmount what may wait for a device or a server; its last handle is closed there, which may wait too."""

    def act() -> None:
        with pathwalk.Walk(state.path, may_block=True) as walk:
            _refuse_replaced(walk, reference, call.host)
            create.unmount(walk, lazily=lazily)

    # A child that does not answer has the lock still: the next caller finds out whether it has unmounted.
    child.run_with_deadline(act, call.request.timeout, kept=(state.resources.lock.fd,), step="unmount")


def name_users(outcomes: t.Iterable[operation.Outcome], host: model.Host) -> t.Tuple[operation.Outcome, ...]:
    """Return the outcomes, with what uses the busy ones. Of all at once, when no lock is held any longer."""
    outcomes = tuple(outcomes)
    failures = [outcome.error for outcome in outcomes if isinstance(outcome, operation.Failed)]
    busy_ones = [error for error in failures if isinstance(error, errors.BusyError)]
    if not busy_ones:
        return outcomes
    is_unique = host.protection == "full"
    numbers: t.Dict[int, t.Optional[int]] = {}
    found: t.Mapping[int, model.Users] = {}
    with contextlib.suppress(errors.MountError, OSError):  # to report that it is busy matters more
        from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.kernel import users

        numbers = {
            error.mount_id: mounts.mount_number(error.mount_id, is_unique=is_unique) for error in busy_ones
        }
        found = users.find_users([number for number in numbers.values() if number is not None])

    def named(outcome: operation.Outcome) -> operation.Outcome:
        if not isinstance(outcome, operation.Failed) or not isinstance(outcome.error, errors.BusyError):
            return outcome
        using = found.get(numbers.get(outcome.error.mount_id) or 0, model.Users())
        return replace(outcome, error=rules.busy_with(outcome.error, using))

    return tuple(map(named, outcomes))
