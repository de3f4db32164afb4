# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a holder's leaving, or the wish to have a mount gone, comes to.

Private to holdfast.mounts.
"""

from __future__ import annotations

import typing as t

from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast import claims, model, steps
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.decide import hold, neighbours, rules


def plan_released(
    path: str, request: model.Request, seen: steps.Observation, managed_mounts: neighbours.ManagedMounts
) -> steps.Plan:
    """Return what the holder's leaving changes. Raises MountError where it cannot leave."""
    reference = seen.reference
    if reference is None or request.holder not in reference.holders:
        return _plan(path, seen, "none", "none", reference)
    holders = {name: claim for name, claim in reference.holders.items() if name != request.holder}
    if holders:
        return _plan(path, seen, "released", "none", reference._replace(holders=holders))
    return plan_orphaned(path, request, seen, managed_mounts, reference)


def plan_unmounted(
    path: str, request: model.Request, seen: steps.Observation, managed_mounts: neighbours.ManagedMounts
) -> steps.Plan:
    """Return how the mount goes. Raises MountError where somebody else holds or made it."""
    reference = seen.reference
    others = set(reference.holders if reference else ()) - {request.holder}
    if others:
        raise rules.refusal(
            "in_use",
            path,
            f"'{path}' is held by others ({len(others)}); release it there first",
            detail="held by: " + ", ".join(sorted(others)),
        )
    if reference is None and seen.covering is None:
        return _plan(path, seen, "none", "none", None)
    if reference is not None and not reference.owned and not seen.is_alive and seen.covering is None:
        return _plan(path, seen, "released", "none", None)  # adopted, and gone by itself
    if reference is None or not reference.owned or (seen.covering is not None and not seen.is_alive):
        raise rules.refusal(
            "not_owned",
            path,
            f"the mount at '{path}' was not made by this collection and is left alone; unmount it the way "
            "it was mounted",
        )
    return leave(path, request, seen, managed_mounts, reference)


def plan_orphaned(
    path: str,
    request: model.Request,
    seen: steps.Observation,
    managed_mounts: neighbours.ManagedMounts,
    reference: claims.Reference,
) -> steps.Plan:
    """Return what becomes of a reference that has lost its last holder. Raises MountError."""
    if not reference.owned:
        return _plan(path, seen, "released", "none", None)
    return leave(path, request, seen, managed_mounts, reference)


def leave(
    path: str,
    request: model.Request,
    seen: steps.Observation,
    managed_mounts: neighbours.ManagedMounts,
    reference: claims.Reference,
) -> steps.Plan:
    """Return how a mount goes that nobody holds any longer. Raises MountError where it cannot."""
    rules.refuse_dependents(path, managed_mounts)
    if not seen.is_alive:
        action: steps.Action = "unmounted" if seen.covering is None else "released"
        return _plan(path, seen, action, "none", None)
    if seen.is_here and not seen.submounts:
        return _plan(path, seen, "unmounted", "unmount", None)
    if request.on_busy == "defer" and _is_left(reference):
        return _plan(path, seen, "none", "none", reference)
    if request.on_busy == "defer":
        return _plan(path, seen, "deferred", "none", _deferred(reference))
    if seen.is_here:
        raise rules.busy(path, reference.mount_id)
    raise rules.refusal(
        "not_owned",
        path,
        f"another mount covers the managed one at '{path}', or it was moved; have root unmount that one "
        "(umount(8)), which the host's log names, or leave the unmount for later with 'on_busy: defer'",
        detail=", ".join(map(rules.named_mount, seen.obstructions)),
    )


def deferred(plan: steps.Plan, reference: claims.Reference) -> steps.Plan:
    """Return the plan of an unmount that met a busy mount and is left for later."""
    kept = _deferred(reference)
    after = hold.view_of(plan.path, kept, is_mounted=True)
    action: steps.Action = "none" if _is_left(reference) else "deferred"
    return plan._replace(action=action, step="none", reference=kept, after=after)


def _is_left(reference: claims.Reference) -> bool:
    return reference.deferred and not reference.holders


def _deferred(reference: claims.Reference) -> claims.Reference:
    return reference._replace(holders={}, deferred=True)


def _plan(
    path: str,
    seen: steps.Observation,
    action: steps.Action,
    step: steps.Step,
    after: t.Optional[claims.Reference],
) -> steps.Plan:
    before = hold.view_before(path, seen)
    is_mounted = before.is_mounted and step != "unmount"
    return steps.Plan(path, action, step, before, hold.view_of(path, after, is_mounted=is_mounted), after)
