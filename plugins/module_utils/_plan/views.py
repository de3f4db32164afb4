# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One mount point as it is and as it is going to be, in the words of a result.

Private to holdfast.mounts.
"""

from __future__ import annotations

import typing as t
from dataclasses import replace

from ansible_collections.holdfast.mounts.plugins.module_utils._values.ledger import Reference
from ansible_collections.holdfast.mounts.plugins.module_utils._values.observation import Observation
from ansible_collections.holdfast.mounts.plugins.module_utils._values.plan import Plan, View


def view_before(path: str, seen: Observation) -> View:
    """Return the mount point as it was seen. Of a foreign mount only its being there is told."""
    return view_of(path, seen.reference, is_mounted=seen.is_here or seen.covering is not None)


def view_of(path: str, reference: t.Optional[Reference], *, is_mounted: bool) -> View:
    """Return the mount point as the ledger has it."""
    if reference is None:
        return View(path, None, None, (), is_mounted, False, ())
    return View(
        path,
        reference.src,
        reference.fstype,
        reference.opts,
        is_mounted,
        reference.owned,
        tuple(sorted(reference.holders)),
    )


def as_seen(reference: Reference, plan: t.Optional[Plan]) -> Reference:
    """Return the reference with the flags in force, where a plan says that they are not the ledger's."""
    if plan is None or plan.seen_flags is None:
        return reference
    seen = replace(reference.definition, flags=plan.seen_flags)
    return replace(reference, opts=seen.opts)
