# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Look at a mount point and decide its next step: the same for check mode and for the real thing.

Private to holdfast.mounts.
"""

from __future__ import annotations

import typing as t

from ansible_collections.holdfast.mounts.plugins.module_utils._execute.work import Call
from ansible_collections.holdfast.mounts.plugins.module_utils._observe.places import (
    observe_coming,
    observe_leaving,
)
from ansible_collections.holdfast.mounts.plugins.module_utils._plan.mounted import Wish, plan_mounted
from ansible_collections.holdfast.mounts.plugins.module_utils._plan.released import (
    plan_released,
    plan_unmounted,
)
from ansible_collections.holdfast.mounts.plugins.module_utils._plan.surroundings import Surroundings
from ansible_collections.holdfast.mounts.plugins.module_utils._values.errors import MountError
from ansible_collections.holdfast.mounts.plugins.module_utils._values.host import Host
from ansible_collections.holdfast.mounts.plugins.module_utils._values.ledger import Ledger, Reference
from ansible_collections.holdfast.mounts.plugins.module_utils._values.observation import Observation
from ansible_collections.holdfast.mounts.plugins.module_utils._values.plan import Plan
from ansible_collections.holdfast.mounts.plugins.module_utils._values.request import Entry


def observe(entry: Entry, reference: t.Optional[Reference], call: Call) -> Observation:
    """Look at what the request says of one mount point."""
    if entry.definition is None:
        return observe_leaving(entry.path, reference, call.host)
    return observe_coming(
        entry.path,
        reference,
        call.host,
        definition=entry.definition,
        looks_below=call.request.allow_nonempty,
    )


def decide(entry: Entry, call: Call, seen: Observation, around: Surroundings) -> Plan:
    """Return the plan of one mount point. Raises MountError."""
    if entry.definition is not None:
        return plan_mounted(
            Wish(entry.path, entry.definition, call.request, call.host, call.now), seen, around
        )
    if call.request.state == "unmounted":
        return plan_unmounted(entry.path, call.request, seen, around)
    return plan_released(entry.path, call.request, seen, around)


def refuse_other_namespace(ledger: Ledger, host: Host) -> None:
    """Refuse a ledger whose mounts live in another mount namespace of this boot."""
    for reference in ledger.references.values():
        if reference.boot_id == host.boot_id and reference.mount_namespace != host.mount_namespace:
            raise MountError(
                "unsupported",
                "the ledger speaks of another mount namespace than this task's; run it where the mounts were "
                "made, not in a container or a systemd unit with PrivateMounts; where that namespace is gone "
                "for good, move the ledger away",
                step="host",
                detail=f"ledger: {reference.mount_namespace}, here: {host.mount_namespace}",
            )
