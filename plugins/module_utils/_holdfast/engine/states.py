# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Mount points on their way, their intent records, and what is decided for each.

Private to holdfast.mounts.
"""

from __future__ import annotations

import errno
import os
import typing as t
from dataclasses import dataclass, field, replace

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
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.ledger import codec, journal


def to_record(note: steps.Intent, now: str) -> journal.Record:
    """Return the first line of a note: everything but the directories, which are yet to be made."""
    return {
        "operation": note.operation,
        "kind": note.kind,
        "path": note.path,
        "mount_id": note.mount_id,
        "reference": None if note.reference is None else codec.reference_to_dict(note.reference),
        "pid": os.getpid(),
        "since": now,
    }


def made_record(path: str, identity: model.Identity) -> journal.Record:
    """Return the line that tells of a directory before it gets its name."""
    # Its depth tells which it is: all lie on the way to the path that the first line has.
    depth = path.count("/")
    return {"made": depth, "device": identity.device, "inode": identity.inode, "birth": identity.birth}


def from_records(records: t.Sequence[journal.Record]) -> steps.Intent:
    """Return the note that these lines tell, as far as they go. Raises ledger_corrupt."""
    first = t.cast(journal.Record, codec.operation_from_dict(records[0]))
    reference = first["reference"]
    return steps.Intent(
        operation=first["operation"],
        kind=first["kind"],
        path=first["path"],
        mount_id=first["mount_id"],
        reference=None if reference is None else codec.reference_from_dict(reference),
        made=tuple(codec.made_from_dict(line, first["path"]) for line in records[1:]),
    )


@dataclass(frozen=True)
class Outcome:
    """What became of one mount point: a plan that was carried out, or an error."""

    path: str
    plan: t.Optional[steps.Plan] = None
    error: t.Optional[errors.MountError] = None


class Removal(t.NamedTuple):
    """What became of a directory that was to be taken away: kept because something uses it, or gone."""

    identity: model.Identity
    is_kept: bool


@dataclass(eq=False)
class Work:
    """One mount point whose lock is held.

    name: of this operation. mount: a detached mount, -1 for none; root: its root.
    made and removed: directories.
    is_noted: a note is in the lock's file. is_open: what became of it is not known, so the note stays.
    is_contended: another operation is in the way, so it begins anew.
    is_apart: a filesystem on its way may not answer, so it begins anew in a process of its own.
    """

    entry: model.Entry
    operation: journal.Operation
    name: str = field(default_factory=lambda: os.urandom(8).hex())
    plan: t.Optional[steps.Plan] = None
    error: t.Optional[errors.MountError] = None
    mount: int = -1
    root: t.Optional[inodes.Inode] = None
    made: t.Dict[str, model.Identity] = field(default_factory=dict)
    removed: t.Dict[str, Removal] = field(default_factory=dict)
    is_recorded: bool = False
    outcome_unknown: bool = False
    is_contended: bool = False
    needs_worker: bool = False

    @property
    def path(self) -> str:
        """The mount point."""
        return self.entry.path

    @property
    def step(self) -> str:
        """What its plan asks of the kernel, C(none) after a failure."""
        return self.plan.step if self.plan is not None and self.is_going_on else "none"

    @property
    def boot_change(self) -> steps.BootChange:
        """What becomes of its entry of fstab."""
        return (self.plan and self.plan.boot_change) or steps.BootChange("", "")

    @property
    def is_going_on(self) -> bool:
        """Whether nothing has stopped it."""
        return self.error is None and not self.is_contended and not self.needs_worker

    def drop_mount(self) -> None:
        """Close the handle of its mount; a detached one dies with it."""
        mount, self.mount = self.mount, -1
        if mount >= 0:
            os.close(mount)

    def close(self) -> None:
        """Give back everything that is held. A second call does nothing."""
        self.drop_mount()
        self.operation.close(clears=self.is_recorded and not self.outcome_unknown)
        self.is_recorded = False


_HINTS = {
    errno.EACCES: "a security module or a read-only source may forbid it",
    errno.EBUSY: "something else uses the source or the mount point",
    errno.EINVAL: "the filesystem does not take this source or one of these options",
    errno.EMFILE: "too many files are open; raise the limit of open files",
    errno.ENOSPC: "a disk is full, or the limit of mounts in a namespace is reached",
    errno.EPERM: "a security module or a container may forbid it",
    errno.EROFS: "the filesystem is read-only; make it writable, or what is missing beforehand",
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

    return replace(seen, fstab=fstab.read_entry(entry.path))


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
    below = managed_mounts.below(entry.path)
    return (
        replace(seen, managed_below=observe.would_be_hidden(entry.path, below, references, call.host))
        if below
        else seen
    )


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
    if seen.fstab is None:
        return plan
    from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast import fstab
    from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.decide import boot

    if entry.boot and entry.definition is not None and boot.has_counted_name(entry.definition):
        raise boot.counted_name(entry.path, entry.definition, places.stable_name(entry.definition, call))
    plan = boot.with_entry(plan, entry, seen.fstab)
    if plan.reference is None or not (entry.boot or (plan.boot_change and plan.boot_change.new)):
        return plan
    try:
        if plan.boot_change and plan.boot_change.new:
            fstab.refuse_mount_point()
        rules.refuse_unsafe_boot(
            entry.path, observe.named_places(entry.path, plan.reference.definition, call, seen)
        )
    except (errors.MountError, OSError):
        if entry.definition is not None:
            raise
        return replace(plan, boot_change=None)
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
        rules.refuse_entangled(entry.path, entry.definition, managed_mounts)
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
        )
        return hold.plan_mounted(wish, seen)
    from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.decide import release

    if request.state == "unmounted":
        return release.plan_unmounted(entry.path, request, seen, managed_mounts)
    if is_orphaned and seen.reference is not None and not seen.reference.holders:
        return release.plan_orphaned(entry.path, request, seen, managed_mounts, seen.reference)
    return release.plan_released(entry.path, request, seen, managed_mounts)
