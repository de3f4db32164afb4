# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a reconciliation looks at beyond what a request does.

Private to holdfast.mounts.
"""

from __future__ import annotations

import typing as t
from dataclasses import replace

from ansible_collections.holdfast.mounts.plugins.module_utils._facts.drift import Drift
from ansible_collections.holdfast.mounts.plugins.module_utils._kernel.mounts import find_mount
from ansible_collections.holdfast.mounts.plugins.module_utils._observe.facts import observe_facts
from ansible_collections.holdfast.mounts.plugins.module_utils._values.host import Host
from ansible_collections.holdfast.mounts.plugins.module_utils._values.observation import Observation


def with_own_mount(seen: Observation, host: Host) -> Observation:
    """Return the observation with the ledger's mount as the kernel shows it, where that is in its place."""
    if seen.reference is None or not seen.is_here:
        return seen
    found = find_mount(seen.reference.mount_id, is_unique=host.protection == "full")
    return replace(seen, place=replace(seen.place, mount=found))


def observe_drift() -> t.Tuple[Drift, ...]:
    """Return where the kernel and the ledger disagree, as the facts tell it. Raises MountError."""
    found = observe_facts()["drift"]
    return tuple(Drift(item["path"], item["kind"], item["message"]) for item in found)
