# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Leases that have ended: taken out before anything else is decided of a mount point.

Private to holdfast.mounts.
"""

from __future__ import annotations

import typing as t
from dataclasses import replace

from ansible_collections.holdfast.mounts.plugins.module_utils._plan.views import view_before
from ansible_collections.holdfast.mounts.plugins.module_utils._values.lease import Moment
from ansible_collections.holdfast.mounts.plugins.module_utils._values.ledger import (
    Reference,
    ended_holders,
)
from ansible_collections.holdfast.mounts.plugins.module_utils._values.observation import Observation
from ansible_collections.holdfast.mounts.plugins.module_utils._values.plan import Plan


def without(reference: Reference, names: t.Collection[str]) -> Reference:
    """Return the reference without these holders."""
    holders = {name: claim for name, claim in reference.holders.items() if name not in names}
    return replace(reference, holders=holders)


def end_leases(
    seen: Observation, moment: Moment, *, but: t.Optional[str] = None
) -> t.Tuple[Observation, t.Tuple[str, ...]]:
    """Return the mount point as it is once ended leases are taken out, and whose those are.

    but: a holder that is leaving anyway.
    """
    if seen.reference is None:
        return seen, ()
    ended = tuple(name for name in ended_holders(seen.reference, moment) if name != but)
    if not ended:
        return seen, ()
    return replace(seen, reference=without(seen.reference, ended)), ended


def with_ended(plan: Plan, seen: Observation) -> Plan:
    """Return the plan as one that takes out ended leases as well; seen: the mount point with them."""
    return replace(plan, before=view_before(plan.path, seen), tidies=True)
