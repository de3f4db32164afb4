# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is observed of a mount point, and what is decided for it.

Private to holdfast.mounts.
"""

from __future__ import annotations

import typing as t

from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast import claims, errors, model


class Source(t.NamedTuple):
    """What a definition's source is on this host.

    places: of a bind's source, an image, or an overlay's layers, in the order of Definition.source_paths.
    device_path, device_number: of a block device.
    rivals: the paths of other devices that have the same tag.
    names: every path at which the mount table shows what a device or a server would show here.
    twins: the mounts of a device that the table shows.
    memory: of the host, in bytes, where a part of it is asked for; 0 where nobody asked.
    identity: of a device that of its filesystem, of places one each: C(type major:minor inode birth); empty
        where nobody looked.
    trees: what the mount table shows at each place, where only that was looked at.
    absent: the refusal of a device or a credentials file that is not there; nothing else is known then.
    layers: what the kernel has at hand of each layer, or of the image, then; None where that is nothing.
    image: the file that the mount's loop device has, as the kernel names it, where only that was looked at.
    is_read_only: whether that device is.
    """

    places: t.Tuple[model.Place, ...] = ()
    device_path: str = ""
    device_number: str = ""
    rivals: t.Tuple[str, ...] = ()
    names: t.Tuple[str, ...] = ()
    twins: t.Tuple[model.KernelMount, ...] = ()
    memory: int = 0
    identity: t.Tuple[str, ...] = ()
    trees: t.Tuple[t.Optional[model.Tree], ...] = ()
    absent: t.Optional[errors.AbsentError] = None
    layers: t.Tuple[t.Optional[model.Identity], ...] = ()
    image: str = ""
    is_read_only: bool = False


class Observation(t.NamedTuple):
    """One mount point: what stands there, what the ledger says, and whether the two agree.

    is_here: the ledger's mount is the topmost one at the path.
    is_alive: the ledger's mount exists, here or elsewhere.
    is_stacked: the mount at the path lies on another one that has the same mount point.
    elsewhere: the ledger's mount, where it exists and is not here.
    submounts: ids of what is mounted on or below the ledger's mount.
    obstructions: those, or what keeps a lookup of the path from reaching the ledger's mount, for people.
    managed_below: managed mount points below the path that a mount there would hide.
    missing_above: managed mount points that the path or its source lies at or below, held and not mounted.
    foreign_below: mount points of the kernel's table below the path, looked up only where the path
        has entries that shall be covered.
    fstab: what the host's table of filesystems says of the path, None if nobody looked.
    """

    place: model.Place
    reference: t.Optional[claims.Reference] = None
    is_here: bool = False
    is_alive: bool = False
    is_stacked: bool = False
    elsewhere: t.Optional[model.KernelMount] = None
    submounts: t.Tuple[int, ...] = ()
    obstructions: t.Tuple[model.KernelMount, ...] = ()
    managed_below: t.Tuple[str, ...] = ()
    missing_above: t.Tuple[str, ...] = ()
    foreign_below: t.Tuple[str, ...] = ()
    source: Source = Source()
    fstab: t.Optional[model.BootEntry] = None

    @property
    def covering(self) -> t.Optional[model.KernelMount]:
        """The mount at the path that is not the ledger's, None where there is none."""
        return None if self.is_here else self.place.mount


DriftKind = t.Literal[
    "deferred",
    "expired",
    "interrupted",
    "missing",
    "options_changed",
    "orphaned",
    "replaced",
    "stacked",
    "unhealthy",
]
# What a reconciliation repairs unless the task says otherwise, and for which it mounts or remounts.
REPAIRED: t.Tuple[DriftKind, ...] = ("deferred", "expired", "interrupted", "missing", "orphaned")
RESTORED: t.Tuple[DriftKind, ...] = ("missing", "options_changed", "replaced")


class Drift(t.NamedTuple):
    """One disagreement. message is a sentence for people, without the mount point."""

    path: str
    kind: DriftKind
    message: str


Action = t.Literal[
    "adopted", "deferred", "joined", "mounted", "none", "released", "remounted", "renewed", "unmounted"
]
Step = t.Literal["mount", "none", "remount", "unmount"]


class BootChange(t.NamedTuple):
    """An entry of fstab before and after, empty for none. Both are empty where it stays."""

    old: str = ""
    new: str = ""


NO_BOOT_CHANGE = BootChange()


class View(t.NamedTuple):
    """One mount point as a result shows it."""

    path: str
    src: t.Optional[str]
    fstype: t.Optional[str]
    opts: t.Tuple[str, ...]
    is_mounted: bool
    is_owned: bool
    holders: t.Tuple[str, ...]
    drift: t.Tuple[Drift, ...] = ()


class Plan(t.NamedTuple):
    """One mount point's next step.

    step: what is asked of the kernel; none when only the ledger changes, or nothing does.
    reference: what the ledger shall hold afterwards, None for nothing. Ids of a mount that is yet
        to be made are filled in by its execution.
    definition: what is mounted or remounted.
    tidies: the ledger is written though nothing is different for anybody, as when a lease has ended.
    boot_change: what becomes of the entry of fstab.
    seen_flags: the flags in force, where they are not those of the ledger; only of a remount.
    assumed: what is not there and was taken to be, in check mode alone.
    """

    path: str
    action: Action
    step: Step
    before: View
    after: View
    reference: t.Optional[claims.Reference] = None
    definition: t.Optional[model.Definition] = None
    tidies: bool = False
    boot_change: BootChange = NO_BOOT_CHANGE
    seen_flags: t.Optional[t.Tuple[str, ...]] = None
    assumed: t.Tuple[str, ...] = ()

    @property
    def changed(self) -> bool:
        """Whether anything is different afterwards."""
        return self.action not in ("none", "renewed")

    @property
    def writes_ledger(self) -> bool:
        """Whether the ledger is different afterwards."""
        return self.action != "none" or self.tidies


IntentKind = t.Literal["mount", "record", "remount", "unmount"]


class Intent(t.NamedTuple):
    """What an operation said before it acted.

    kind: what was to be done with the mount; record where only the ledger and the entry of fstab change.
    mount_id: of the mount that it was about to attach, change or unmount.
    reference: what the ledger was going to hold, for a mount.
    pid, since: the process, and when it began: UTC, ISO 8601 with a Z.
    made: directories and files made on the path to the mount point.
    """

    operation: str
    kind: IntentKind
    path: str
    mount_id: int
    reference: t.Optional[claims.Reference]
    pid: int
    since: str
    made: t.Tuple[t.Tuple[str, model.Identity], ...] = ()
