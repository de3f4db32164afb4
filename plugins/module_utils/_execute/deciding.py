# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Look at a mount point and decide its next step: the same for check mode and for the real thing.

Private to holdfast.mounts.
"""

from __future__ import annotations

import typing as t
from dataclasses import replace

from ansible_collections.holdfast.mounts.plugins.module_utils._execute.work import Call
from ansible_collections.holdfast.mounts.plugins.module_utils._observe.booting import with_fstab
from ansible_collections.holdfast.mounts.plugins.module_utils._observe.places import (
    observe_coming,
    observe_leaving,
    would_be_hidden,
)
from ansible_collections.holdfast.mounts.plugins.module_utils._plan.booting import with_entry
from ansible_collections.holdfast.mounts.plugins.module_utils._plan.leases import end_leases, with_ended
from ansible_collections.holdfast.mounts.plugins.module_utils._plan.mounted import Wish, plan_mounted
from ansible_collections.holdfast.mounts.plugins.module_utils._plan.refusals import (
    refuse_entangled,
    refuse_groundless,
)
from ansible_collections.holdfast.mounts.plugins.module_utils._plan.released import (
    plan_orphaned,
    plan_released,
    plan_unmounted,
)
from ansible_collections.holdfast.mounts.plugins.module_utils._plan.surroundings import Surroundings
from ansible_collections.holdfast.mounts.plugins.module_utils._values.ledger import Reference
from ansible_collections.holdfast.mounts.plugins.module_utils._values.observation import Observation
from ansible_collections.holdfast.mounts.plugins.module_utils._values.plan import Plan
from ansible_collections.holdfast.mounts.plugins.module_utils._values.request import Entry


def observe(
    entry: Entry, references: t.Mapping[str, Reference], call: Call, around: Surroundings
) -> Observation:
    """Look at what the request says of one mount point."""
    return with_fstab(_observe(entry, references, call, around), entry)


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
    )
    if call.request.repair is not None:
        # Here, as below: what a module imports, the host compiles in every task, and few of them repair.
        from ansible_collections.holdfast.mounts.plugins.module_utils._observe.repairing import (
            with_own_mount,
        )

        seen = with_own_mount(seen, call.host)
    below = around.below(entry.path)
    return (
        replace(seen, managed_below=would_be_hidden(entry.path, below, references, call.host))
        if below
        else seen
    )


def decide(entry: Entry, call: Call, seen: Observation, around: Surroundings) -> Plan:
    """Return the plan of one mount point. Raises MountError."""
    return with_entry(_decide_on_mount(entry, call, seen, around), entry, seen.fstab)


def _decide_on_mount(entry: Entry, call: Call, seen: Observation, around: Surroundings) -> Plan:
    if call.request.repair is not None:
        from ansible_collections.holdfast.mounts.plugins.module_utils._plan.repair import (
            plan_coming,
            plan_leaving,
        )

        if entry.definition is None:
            return plan_leaving(entry.path, call.request, seen, around, moment=call.moment)
        return plan_coming(entry.path, entry.definition, call.request, seen, host=call.host)
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
        return plan_unmounted(entry.path, request, seen, around)
    if is_orphaned and seen.reference is not None and not seen.reference.holders:
        return plan_orphaned(entry.path, request, seen, around, seen.reference)
    return plan_released(entry.path, request, seen, around)
