# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Look at a mount point and decide its next step: the same for check mode and for the real thing.

Private to holdfast.mounts.
"""

from __future__ import annotations

import typing as t
from dataclasses import replace

from ansible_collections.holdfast.mounts.plugins.module_utils._execute.work import Call
from ansible_collections.holdfast.mounts.plugins.module_utils._observe import booting as fstab_view
from ansible_collections.holdfast.mounts.plugins.module_utils._observe import repairing
from ansible_collections.holdfast.mounts.plugins.module_utils._observe.places import (
    observe_coming,
    observe_leaving,
    would_be_hidden,
)
from ansible_collections.holdfast.mounts.plugins.module_utils._plan import booting as fstab_plan
from ansible_collections.holdfast.mounts.plugins.module_utils._plan import released, repair
from ansible_collections.holdfast.mounts.plugins.module_utils._plan.leases import end_leases, with_ended
from ansible_collections.holdfast.mounts.plugins.module_utils._plan.mounted import Wish, plan_mounted
from ansible_collections.holdfast.mounts.plugins.module_utils._plan.refusals import (
    refuse_entangled,
    refuse_groundless,
    refuse_second_name,
    refuse_system_place,
    refuse_unsafe_boot,
)
from ansible_collections.holdfast.mounts.plugins.module_utils._plan.surroundings import Surroundings
from ansible_collections.holdfast.mounts.plugins.module_utils._values.errors import MountError
from ansible_collections.holdfast.mounts.plugins.module_utils._values.ledger import Reference
from ansible_collections.holdfast.mounts.plugins.module_utils._values.observation import Observation
from ansible_collections.holdfast.mounts.plugins.module_utils._values.plan import Plan
from ansible_collections.holdfast.mounts.plugins.module_utils._values.request import Entry


def observe(
    entry: Entry, references: t.Mapping[str, Reference], call: Call, around: Surroundings
) -> Observation:
    """Look at what the request says of one mount point."""
    seen = _observe(entry, references, call, around)
    is_wanted = entry.boot or (seen.reference is not None and seen.reference.is_at_boot)
    return fstab_view.with_fstab(seen, entry) if is_wanted else seen


def _observe(
    entry: Entry, references: t.Mapping[str, Reference], call: Call, around: Surroundings
) -> Observation:
    reference = references.get(entry.path)
    if entry.definition is None:
        return observe_leaving(entry.path, reference, call.host)
    seen = observe_coming(
        entry.path,
        reference,
        call.host,
        definition=entry.definition,
        looks_below=call.request.allow_nonempty,
        trusted=around.trusted_mounts(call.host.boot_id),
    )
    if call.request.repair is not None:
        seen = repairing.with_own_mount(seen, call.host)
    below = around.below(entry.path)
    return (
        replace(seen, managed_below=would_be_hidden(entry.path, below, references, call.host))
        if below
        else seen
    )


def decide(entry: Entry, call: Call, seen: Observation, around: Surroundings) -> Plan:
    """Return the plan of one mount point. Raises MountError.

    An entry of fstab is written only where root alone can move the names that it is going to be reached by;
    whoever leaves does so even where it cannot be written again.
    """
    plan = _decide_on_mount(entry, call, seen, around)
    if plan.reference is not None and (plan.step == "mount" or plan.action == "adopted"):
        refuse_system_place(seen.place)
        refuse_second_name(entry.path, plan.reference.definition, seen.source, call.roots)
    if seen.fstab is None:
        return plan
    plan = fstab_plan.with_entry(plan, entry, seen.fstab)
    if plan.reference is None or not (entry.boot or plan.boot_change == "write"):
        return plan
    try:
        refuse_unsafe_boot(entry.path, fstab_view.named_places(entry.path, plan.reference.definition, seen))
    except (MountError, OSError):
        if entry.definition is not None:
            raise
        return replace(plan, boot_change="keep")
    return plan


def _decide_on_mount(entry: Entry, call: Call, seen: Observation, around: Surroundings) -> Plan:
    if call.request.repair is not None:
        if entry.definition is None:
            return repair.plan_leaving(
                entry.path, call.request, seen, around, moment=call.moment, policy=call.policy
            )
        return repair.plan_coming(entry.path, entry.definition, call.request, seen, host=call.host)
    leaver = call.request.holder if call.request.state == "released" else None
    live, ended = end_leases(seen, call.moment, but=leaver)
    plan = _decide(entry, call, live, around, is_orphaned=bool(ended))
    return with_ended(plan, seen) if ended else plan


def _decide(entry: Entry, call: Call, seen: Observation, around: Surroundings, *, is_orphaned: bool) -> Plan:
    """is_orphaned: whether a lease has just ended, so that the mount goes if it was the last one."""
    request = call.request
    if entry.definition is not None:
        refuse_entangled(entry.path, entry.definition, around)
        if entry.boot:
            refuse_groundless(entry.path, entry.definition, around)
        wish = Wish(
            entry.path,
            entry.definition,
            request,
            call.host,
            call.now,
            uptime=call.uptime,
            ttl=entry.ttl,
            boot=entry.boot,
        )
        return plan_mounted(wish, seen)
    if request.state == "unmounted":
        return released.plan_unmounted(entry.path, request, seen, around)
    if is_orphaned and seen.reference is not None and not seen.reference.holders:
        return released.plan_orphaned(entry.path, request, seen, around, seen.reference)
    return released.plan_released(entry.path, request, seen, around)
