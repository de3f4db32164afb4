# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One mount point under way: its states, a type each, and what is decided for it.

Locked -> Decided -> Prepared -> Recorded -> Acted -> Done, or Failed, Contended, NeedsWorker. A step takes a
state and returns the next. Private to holdfast.mounts.
"""

from __future__ import annotations

import errno
import os
import typing as t
from dataclasses import dataclass

from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast import (
    claims,
    errors,
    model,
    observe,
    places,
    session,
    steps,
)
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.decide import hold, neighbours, rules
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.kernel import inodes
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.ledger import journal


class Resources:
    """What one mount point under way has to give back: its lock, with its intent record, and its mount.

    Whoever locked the mount point owns them, and closes them on every path out.
    operation: what tells this operation from others on the same mount point.
    """

    def __init__(self, lock: journal.Operation) -> None:
        self.lock = lock
        self.operation = os.urandom(8).hex()
        self._mount = -1

    def keep(self, mount: int) -> int:
        """Own the descriptor of this detached mount, which dies with it, and return it."""
        self._mount = mount
        return mount

    @property
    def has_mount(self) -> bool:
        """Whether a mount is owned, so that its descriptor is no other file's."""
        return self._mount >= 0

    def drop_mount(self) -> None:
        """Close the descriptor of the mount."""
        mount, self._mount = self._mount, -1
        if mount >= 0:
            os.close(mount)

    def close(self, *, clears: bool = False) -> None:
        """Give back everything that is held. A second call does nothing.

        clears: the intent record with it; else that stays for the next call to replay.
        """
        self.drop_mount()
        self.lock.close(clears=clears)


class Mount(t.NamedTuple):
    """A mount that was made attached nowhere: its descriptor, which Resources owns, and its root."""

    fd: int
    root: inodes.Inode


@dataclass(frozen=True)
class Locked:
    """Nobody else acts on the mount point."""

    entry: model.Entry
    resources: Resources

    @property
    def path(self) -> str:
        """The mount point."""
        return self.entry.path


@dataclass(frozen=True)
class Decided(Locked):
    """It is known what is to be done, and that nothing forbids it. Check mode ends here."""

    plan: steps.Plan


@dataclass(frozen=True)
class Prepared(Decided):
    """The mount is made. mount: None where the plan asks for none."""

    mount: t.Optional[Mount]


@dataclass(frozen=True)
class Recorded(Prepared):
    """The intent record says what is about to be done, so a crash from now on is recovered from."""


@dataclass(frozen=True)
class Acted(Recorded):
    """The kernel has it, the ledger does not yet. made: the directories on the path to it."""

    made: t.Mapping[str, model.Identity]


@dataclass(frozen=True)
class End:
    """Where a mount point gets to. What it had to give back is not part of it."""

    path: str


@dataclass(frozen=True)
class Done(End):
    """The plan was carried out; in check mode, it would be."""

    plan: steps.Plan


@dataclass(frozen=True)
class Failed(End):
    """The error stopped it. outcome_unknown: what became of it is not known, so its intent record stays."""

    error: errors.MountError
    outcome_unknown: bool = False


@dataclass(frozen=True)
class Contended(End):
    """Another operation on or near the mount point is under way; it is retried."""


@dataclass(frozen=True)
class NeedsWorker(End):
    """A filesystem on the path may block; it is retried in a worker process."""


# What became of one mount point, for whoever asked.
Outcome = t.Union[Done, Failed]


def definition_of(plan: steps.Plan) -> model.Definition:
    """Return what a plan mounts."""
    if plan.definition is None:
        raise ValueError("this plan mounts nothing")
    return plan.definition


_HINTS = {
    errno.EACCES: "a security module or a read-only source may forbid it",
    errno.EBUSY: "something else uses the source or the mount point",
    errno.EINVAL: "the filesystem does not take this source or one of these options",
    errno.EMFILE: "too many files are open; raise the limit of open files",
    errno.ENOSPC: "a disk is full, or the limit of mounts in a namespace is reached",
    errno.EPERM: "a security module or a container may forbid it",
    errno.EROFS: "the filesystem is read-only; make it writable, or make what is missing beforehand",
    errno.ESTALE: "the mount point lies on a filesystem whose server lost it",
}
_UNSUPPORTED = (errno.ENOSYS, errno.ENODEV, errno.EOPNOTSUPP)


def as_coded(
    error: t.Union[errors.MountError, OSError], path: t.Optional[str], *, step: str, state: str
) -> errors.MountError:
    """Return a failure on one mount point, or with None on the whole call, as an error with a code."""
    if isinstance(error, errors.MountError):
        return error if path is None else error.about(path)
    code: errors.Code = "mount_failed" if state == "mounted" else "unmount_failed"
    if error.errno in _UNSUPPORTED:
        code = "unsupported"
    number = error.errno or 0
    hint = _HINTS.get(number, "see the host's log for what it said")
    what = "the call, which writes to /run/holdfast and the ledger" if path is None else f"'{path}'"
    return errors.MountError(
        code,
        f"the host refused to {step} {what}: {os.strerror(number)}; {hint}",
        step=step,
        path=path,
        errno=error.errno,
        detail=error.strerror or "",
    )


def failed(
    path: str,
    error: t.Union[errors.MountError, OSError],
    call: session.Session,
    *,
    step: str,
    outcome_unknown: bool = False,
) -> Failed:
    """Return the end of a mount point that an error stopped."""
    return Failed(path, as_coded(error, path, step=step, state=call.request.state), outcome_unknown)


def look_at(
    entry: model.Entry,
    references: t.Mapping[str, claims.Reference],
    call: session.Session,
    managed_mounts: neighbours.ManagedMounts,
) -> steps.Observation:
    """Look at what the request says of one mount point."""
    seen = _observe(entry, references, call, managed_mounts)
    is_wanted = entry.boot or (seen.reference is not None and seen.reference.is_at_boot)
    if not is_wanted:
        return seen
    from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast import fstab

    return seen._replace(fstab=fstab.read_entry(entry.path))


def _observe(
    entry: model.Entry,
    references: t.Mapping[str, claims.Reference],
    call: session.Session,
    managed_mounts: neighbours.ManagedMounts,
) -> steps.Observation:
    reference = references.get(entry.path)
    if entry.definition is None:
        return observe.observe_leaving(entry.path, reference, call)
    seen = observe.observe_coming(
        entry.path,
        reference,
        call,
        definition=entry.definition,
        looks_below=call.request.allow_nonempty,
        trusted=managed_mounts.trusted_mounts(call.host.boot_id),
    )
    above = {} if seen.is_here else managed_mounts.held_above(entry.path, entry.definition)
    if above:
        missing = observe.missing_of(above, call)
        staying = tuple(path for path in missing if _is_staying(path, above[path], call))
        seen = seen._replace(missing_above=staying)
    below = managed_mounts.below(entry.path)
    return (
        seen._replace(managed_below=observe.would_be_hidden(entry.path, below, references, call.host))
        if below
        else seen
    )


def _is_staying(path: str, reference: claims.Reference, call: session.Session) -> bool:
    """Whether a holder stays: not one whose lease has ended, nor one who purges it in the same call."""
    names = reference.holders.keys() - set(claims.ended_holders(reference, call.moment))
    if call.request.purge and all(entry.path != path for entry in call.request.entries):
        names -= {call.request.holder}
    return bool(names)


def decide(
    entry: model.Entry,
    call: session.Session,
    seen: steps.Observation,
    managed_mounts: neighbours.ManagedMounts,
) -> steps.Plan:
    """Return the plan of one mount point. Raises MountError.

    An entry of fstab is written only where root alone can move the names that it is going to be reached by;
    whoever leaves does so even where it cannot be written again.
    """
    if seen.source.absent is not None:
        raise seen.source.absent.about(entry.path)
    plan = _decide_on_mount(entry, call, seen, managed_mounts)
    if plan.reference is not None and plan.step in ("none", "remount"):
        from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast import facts

        plan = facts.with_drift(plan, seen, call.host, call.moment)
    if plan.reference is not None and (plan.step == "mount" or plan.action == "adopted"):
        rules.refuse_system_place(seen.place)
        rules.refuse_second_name(entry.path, plan.reference.definition, seen.source, call.roots)
        if plan.step == "mount":
            rules.refuse_other_superblock(
                entry.path, plan.reference.definition, seen.source.twins, managed_mounts
            )
    if seen.fstab is None:
        return plan
    from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast import fstab
    from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.decide import boot

    if entry.boot and entry.definition is not None and boot.has_counted_name(entry.definition):
        raise boot.counted_name(entry.path, entry.definition, places.stable_name(entry.definition, call))
    plan = boot.with_entry(plan, entry, seen.fstab)
    if plan.reference is None or not (entry.boot or plan.boot_change.new):
        return plan
    try:
        if plan.boot_change.new:
            fstab.refuse_mount_point()
        rules.refuse_unsafe_boot(
            entry.path, observe.named_places(entry.path, plan.reference.definition, call, seen)
        )
    except (errors.MountError, OSError):
        if entry.definition is not None:
            raise
        return plan._replace(boot_change=steps.NO_BOOT_CHANGE)
    return plan


def _decide_on_mount(
    entry: model.Entry,
    call: session.Session,
    seen: steps.Observation,
    managed_mounts: neighbours.ManagedMounts,
) -> steps.Plan:
    if call.request.repair is not None:
        from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.decide import recovery

        if entry.definition is None:
            return recovery.plan_drop(
                entry.path, call.request, seen, managed_mounts, moment=call.moment, policy=call.policy
            )
        return recovery.plan_restore(entry.path, entry.definition, call.request, seen, host=call.host)
    leaver = call.request.holder if call.request.state == "released" else None
    live, ended = hold.end_leases(seen, call.moment, but=leaver)
    plan = _decide(entry, call, live, managed_mounts, is_orphaned=bool(ended))
    return hold.with_ended(plan, seen) if ended else plan


def _decide(
    entry: model.Entry,
    call: session.Session,
    seen: steps.Observation,
    managed_mounts: neighbours.ManagedMounts,
    *,
    is_orphaned: bool,
) -> steps.Plan:
    """is_orphaned: whether a lease has just ended, so that the mount goes if it was the last one."""
    request = call.request
    if entry.definition is not None:
        rules.refuse_cycles(entry.path, entry.definition, managed_mounts)
        rules.refuse_shared_layers(entry.path, entry.definition, managed_mounts)
        if entry.boot:
            rules.refuse_boot_without_parents(entry.path, entry.definition, managed_mounts)
        wish = hold.Wish(
            entry.path,
            entry.definition,
            request,
            call.host,
            call.now,
            uptime=call.uptime,
            ttl=entry.ttl,
            boot=entry.boot,
            network=entry.network,
            implied=entry.implied,
        )
        return hold.plan_mounted(wish, seen)
    from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.decide import release

    if request.state == "unmounted":
        return release.plan_unmounted(entry.path, request, seen, managed_mounts)
    if is_orphaned and seen.reference is not None and not seen.reference.holders:
        return release.plan_orphaned(entry.path, request, seen, managed_mounts, seen.reference)
    return release.plan_released(entry.path, request, seen, managed_mounts)


def refuse_new_neighbours(
    state: Prepared,
    call: session.Session,
    ledger: claims.Ledger,
    managed_mounts: neighbours.ManagedMounts,
) -> None:
    """Refuse what has become wrong by what was mounted or released since it was decided."""
    path, plan = state.path, state.plan
    if plan.step == "mount":
        below = managed_mounts.below(path)
        rules.refuse_shadowing(path, observe.would_be_hidden(path, below, ledger.references, call.host))
        rules.refuse_cycles(path, definition_of(plan), managed_mounts)
        rules.refuse_shared_layers(path, definition_of(plan), managed_mounts)
    if plan.step == "unmount":
        rules.refuse_dependents(path, managed_mounts)
