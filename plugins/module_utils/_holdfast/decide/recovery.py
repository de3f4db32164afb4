# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Decide what is to be done after a crash, a reboot or a change by hand.

Private to holdfast.mounts.
"""

from __future__ import annotations

import typing as t

from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast import claims, model, steps
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.decide import (
    hold,
    identity,
    neighbours,
    permissions,
    release,
    rules,
    sameness,
)
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.grammar import filesystems


class Replay(t.NamedTuple):
    """What brings ledger and kernel together again.

    commits: the ledger shall hold reference at the path, and remember what was made.
    undoes: what was made is to be removed again.
    unmounts: the mount got to another place than its own and is to be unmounted there.
    restores: the mount's options are to be set as the ledger has them.
    """

    commits: bool = False
    reference: t.Optional[claims.Reference] = None
    undoes: bool = False
    unmounts: bool = False
    restores: bool = False


def replay(intent: steps.Intent, ledger: claims.Ledger, *, is_at_path: bool, is_alive: bool) -> Replay:
    """Return what completes or undoes an operation that died.

    is_alive: the mount of the intent exists. is_at_path: and its mount point is the intent's path.
    """
    held = ledger.references.get(intent.path)
    if intent.kind == "record":
        return Replay()  # the entry of fstab is written as the ledger has it, whatever that is
    if intent.kind == "remount":
        return Replay(restores=is_at_path and held is not None)
    if intent.kind == "unmount":
        return Replay(commits=held is not None and held.mount_id == intent.mount_id and not is_alive)
    if held is not None and held.operation == intent.operation:
        return Replay()
    if is_at_path:
        return Replay(commits=True, reference=intent.reference)
    return Replay(undoes=True, unmounts=is_alive)


def leaving_holders(
    reference: claims.Reference, repair: model.Repair, moment: claims.Moment
) -> t.Tuple[str, ...]:
    """Return the holders whose references a reconciliation drops, sorted."""
    ended = claims.ended_holders(reference, moment) if "expired" in repair.kinds else ()
    return tuple(
        sorted(
            name
            for name in reference.holders
            if name in ended
            or name in repair.dropped
            or (repair.live is not None and name not in repair.live)
        )
    )


def plan_drop(
    path: str,
    request: model.Request,
    seen: steps.Observation,
    managed_mounts: neighbours.ManagedMounts,
    *,
    moment: claims.Moment,
    policy: t.Optional[model.Policy] = None,
) -> steps.Plan:
    """Return what the leaving of dead holders, or of the last one before, comes to. Raises MountError."""
    reference, repair = seen.reference, request.repair
    if reference is None or repair is None:
        return _plan(path, seen, "none", "none", reference)
    leaving = leaving_holders(reference, repair, moment)
    permissions.refuse_dropping(path, sorted({*leaving} - {*claims.ended_holders(reference, moment)}), policy)
    left = hold.without(reference, leaving)
    if left.holders:
        return _plan(path, seen, "released" if leaving else "none", "none", left)
    if not leaving and _kind_of_orphan(reference, seen) not in repair.kinds:
        return _plan(path, seen, "none", "none", reference)
    return release.plan_orphaned(path, request, seen, managed_mounts, reference)


def _kind_of_orphan(reference: claims.Reference, seen: steps.Observation) -> str:
    if not seen.is_alive:
        return "missing" if seen.covering is None else "replaced"
    return "deferred" if reference.deferred else "orphaned"


def plan_restore(
    path: str,
    definition: model.Definition,
    request: model.Request,
    seen: steps.Observation,
    *,
    host: model.Host,
) -> steps.Plan:
    """Return how what is held comes to be there as it was asked for. Raises MountError where it cannot.

    definition: what was to be looked at; if the ledger has another one by now, nothing is done.
    """
    reference, kinds = seen.reference, request.repair.kinds if request.repair else ()
    if reference is None or not reference.holders or reference.definition != definition:
        return _plan(path, seen, "none", "none", reference)
    if seen.is_here:
        mount = seen.place.mount
        if mount is not None and "options_changed" in kinds:
            return _plan_options(path, seen, reference, mount)
    elif seen.is_alive:
        if "replaced" in kinds:
            raise _not_ours(path, "covers the one that is held, or that one was moved")
    elif seen.covering is not None:
        if "replaced" in kinds:
            return _plan_replaced(path, seen, reference, seen.covering, host=host)
    elif "missing" in kinds:
        return _plan_missing(path, request, seen, reference, host=host)
    return _plan(path, seen, "none", "none", reference)


def _plan_missing(
    path: str,
    request: model.Request,
    seen: steps.Observation,
    reference: claims.Reference,
    *,
    host: model.Host,
) -> steps.Plan:
    definition = reference.definition
    identity.refuse_replaced(path, definition, reference, seen.source.identity, boot_id=host.boot_id)
    rules.refuse_unsafe_path(seen.place, request, what="mount point", about=path)
    rules.refuse_mount(path, definition, seen, request)
    again = _restored(reference, host)._replace(owned=True)
    return _plan(path, seen, "mounted", "mount", again, definition=definition)


def _restored(reference: claims.Reference, host: model.Host) -> claims.Reference:
    return reference._replace(
        boot_id=host.boot_id,
        mount_namespace=host.mount_namespace,
        mount_id=0,
        device="",
        inode=0,
        birth=0,
        operation="",
        deferred=False,
    )


def _plan_replaced(
    path: str,
    seen: steps.Observation,
    reference: claims.Reference,
    mount: model.KernelMount,
    *,
    host: model.Host,
) -> steps.Plan:
    identity.refuse_replaced(
        path, reference.definition, reference, seen.source.identity, boot_id=host.boot_id
    )
    different = sameness.foreign_differences(reference.definition, mount, seen.place, seen.source)
    if different:
        raise _not_ours(path, f"stands there, with different {' and '.join(different)}")
    held = _restored(reference, host)._replace(owned=False)
    return _plan(path, seen, "adopted", "none", sameness.with_identity_of(held, mount, seen.place))


def _plan_options(
    path: str, seen: steps.Observation, reference: claims.Reference, mount: model.KernelMount
) -> steps.Plan:
    definition = reference.definition
    changes = sameness.changed_options(
        definition, mount, is_owned=reference.owned, inherited=reference.inherited
    )
    if not changes:
        return _plan(path, seen, "none", "none", reference)
    if not reference.owned:
        raise _not_ours(path, "is held as it is, and its options were changed")
    stuck = [word for word in changes if not _is_changeable(word[1:], definition, mount)]
    if stuck:
        raise rules.refusal(
            "conflict",
            path,
            f"the mount at '{path}' has other options than those asked for ({', '.join(stuck)}), and they "
            "cannot be changed in place; release it everywhere, then hold it again",
        )
    plan = _plan(path, seen, "remounted", "remount", reference, definition=definition)
    in_force = sameness.flags_in_force(mount).difference(reference.inherited)
    return plan._replace(seen_flags=tuple(sorted(in_force)))


def _is_changeable(word: str, definition: model.Definition, mount: model.KernelMount) -> bool:
    if word == "ro" and "ro" in mount.options and "ro" not in definition.flags:
        return filesystems.record_of(definition.fstype).has_superblock
    changeable = (*model.MOUNT_FLAGS, *filesystems.record_of(definition.fstype).changeable)
    return word.partition("=")[0] in changeable


def _not_ours(path: str, what: str) -> Exception:
    return rules.refusal(
        "not_owned",
        path,
        f"at '{path}' a mount that this collection did not make {what}; remove it the way it "
        "was made, then reconcile again",
    )


def _plan(
    path: str,
    seen: steps.Observation,
    action: steps.Action,
    step: steps.Step,
    reference: t.Optional[claims.Reference],
    *,
    definition: t.Optional[model.Definition] = None,
) -> steps.Plan:
    before = hold.view_before(path, seen)
    is_mounted = before.is_mounted or step == "mount"
    after = hold.view_of(path, reference, is_mounted=is_mounted)
    return steps.Plan(path, action, step, before, after, reference, definition)
