# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is going to happen at one mount point, and what will be reported of it.

Private to holdfast.mounts.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from ansible_collections.holdfast.mounts.plugins.module_utils._values.ledger import Reference
from ansible_collections.holdfast.mounts.plugins.module_utils._values.request import Definition

Action = t.Literal[
    "adopted", "deferred", "joined", "mounted", "none", "released", "remounted", "renewed", "unmounted"
]
BootChange = t.Literal["keep", "remove", "write"]
Step = t.Literal["mount", "none", "remount", "unmount"]


@dataclass(frozen=True)
class View:
    """One mount point as a result shows it."""

    path: str
    src: t.Optional[str]
    fstype: t.Optional[str]
    opts: t.Tuple[str, ...]
    is_mounted: bool
    is_owned: bool
    holders: t.Tuple[str, ...]


@dataclass(frozen=True)
class Plan:
    """One mount point's next step.

    step: what is asked of the kernel; none when only the ledger changes, or nothing does.
    reference: what the ledger shall hold afterwards, None for nothing. Ids of a mount that is yet
        to be made are filled in by its execution.
    definition: what is mounted or remounted.
    tidies: the ledger is written though nothing is different for anybody, as when a lease has ended.
    boot_change: what is done to the entry of fstab.
    seen_flags: the flags in force, where they are not those of the ledger; only of a remount.
    """

    path: str
    action: Action
    step: Step
    before: View
    after: View
    reference: t.Optional[Reference] = None
    definition: t.Optional[Definition] = None
    tidies: bool = False
    boot_change: BootChange = "keep"
    seen_flags: t.Optional[t.Tuple[str, ...]] = None

    @property
    def changed(self) -> bool:
        """Whether anything is different afterwards."""
        return self.action not in ("none", "renewed")

    @property
    def writes_ledger(self) -> bool:
        """Whether the ledger is different afterwards."""
        return self.action != "none" or self.tidies
