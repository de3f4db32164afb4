# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Where the kernel's mount table and the ledger disagree, one mount point at a time.

Pure. Private to holdfast.mounts.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from ansible_collections.holdfast.mounts.plugins.module_utils._grammar.filesystems import record_of
from ansible_collections.holdfast.mounts.plugins.module_utils._grammar.sources import is_shown_source
from ansible_collections.holdfast.mounts.plugins.module_utils._kernel.table import Visible
from ansible_collections.holdfast.mounts.plugins.module_utils._plan.sameness import (
    changed_options,
    is_same_mount,
    may_show,
)
from ansible_collections.holdfast.mounts.plugins.module_utils._values.host import Host, KernelMount
from ansible_collections.holdfast.mounts.plugins.module_utils._values.lease import Moment
from ansible_collections.holdfast.mounts.plugins.module_utils._values.ledger import (
    Reference,
    ended_holders,
)

DriftKind = t.Literal[
    "deferred",
    "expired",
    "interrupted",
    "missing",
    "options_changed",
    "orphaned",
    "replaced",
    "stacked",
]


@dataclass(frozen=True)
class Drift:
    """One disagreement. message is a sentence for people, without the mount point."""

    path: str
    kind: DriftKind
    message: str


@dataclass(frozen=True)
class Scene:
    """What holds for all mount points of one call.

    alive: for each path of the ledger the number in mountinfo of the mount that its reference
        means, None when that mount is gone. Numbers are asked for outside of this room.
    now: UTC, ISO 8601. uptime: in seconds of the boot clock.
    """

    host: Host
    alive: t.Mapping[str, t.Optional[int]]
    now: str
    uptime: int = 0

    @property
    def moment(self) -> Moment:
        """When this is."""
        return Moment(self.host.boot_id, self.now, self.uptime)


def find_drift(
    path: str, reference: Reference, visible: t.Optional[Visible], scene: Scene
) -> t.Tuple[Drift, ...]:
    """Return where this reference and the kernel disagree, the gravest first."""
    found = [
        _find_in_table(path, reference, visible, scene),
        _find_in_claims(path, reference, visible, scene),
    ]
    if visible is not None and is_ours(path, reference, visible.mount, scene):
        found.extend(_find_on_mount(path, reference, visible))
    ended = sorted(ended_holders(reference, scene.moment))
    if ended:
        found.append(Drift(path, "expired", f"The lease of {', '.join(ended)} has ended."))
    return tuple(drift for drift in found if drift is not None)


def is_ours(path: str, reference: Reference, mount: KernelMount, scene: Scene) -> bool:
    """Return whether this is the very mount that the reference means."""
    number = scene.alive.get(path)
    if number is None or mount.mount_id != number or not _is_comparable(reference, scene.host):
        return False
    return scene.host.protection == "full" or is_same_mount(mount, reference)


def _is_comparable(reference: Reference, host: Host) -> bool:
    return reference.boot_id == host.boot_id and reference.mount_namespace == host.mount_namespace


def _find_in_table(
    path: str, reference: Reference, visible: t.Optional[Visible], scene: Scene
) -> t.Optional[Drift]:
    if visible is None:
        return _tell_absent(path, reference, scene)
    if is_ours(path, reference, visible.mount, scene):
        return None
    if _was_booted(reference, visible.mount, scene):
        return Drift(path, "missing", "Mounted at boot by its entry; the next call here takes it over.")
    if any(is_ours(path, reference, mount, scene) for mount in visible.covered):
        return Drift(path, "stacked", "Another mount covers the one that is held.")
    return Drift(path, "replaced", "Another mount stands where the one that is held should be.")


def _was_booted(reference: Reference, mount: KernelMount, scene: Scene) -> bool:
    """Whether this may be what the boot has made from our entry of fstab; who takes it over looks closer."""
    if not reference.is_at_boot or reference.boot_id == scene.host.boot_id or mount.server is not None:
        return False
    known = record_of(reference.fstype)
    if not may_show(reference.fstype, mount.fstype):
        return False
    is_named = not known.shows_path and not known.is_block
    if is_named and not is_shown_source(reference.fstype, reference.src, mount.source):
        return False
    return not changed_options(reference.definition, mount, is_owned=False)


def _tell_absent(path: str, reference: Reference, scene: Scene) -> Drift:
    if reference.boot_id != scene.host.boot_id:
        return Drift(path, "missing", "Not mounted since the host was booted again.")
    if reference.mount_namespace != scene.host.mount_namespace:
        return Drift(path, "missing", "Mounted in another mount namespace, not in this one.")
    if scene.alive.get(path) is not None and scene.host.protection == "full":
        return Drift(
            path, "replaced", "The mount that is held was moved, or lies hidden below another mount."
        )
    return Drift(path, "missing", "Not mounted any more.")


def _find_in_claims(
    path: str, reference: Reference, visible: t.Optional[Visible], scene: Scene
) -> t.Optional[Drift]:
    if reference.holders or not _is_mounted(path, reference, visible, scene):
        return None
    if reference.deferred:
        return Drift(path, "deferred", "Nobody holds it; it was busy when the last holder left.")
    return Drift(path, "orphaned", "Nobody holds it, and it is still mounted.") if reference.owned else None


def _is_mounted(path: str, reference: Reference, visible: t.Optional[Visible], scene: Scene) -> bool:
    stack = () if visible is None else (visible.mount, *visible.covered)
    return any(is_ours(path, reference, mount, scene) for mount in stack)


def _find_on_mount(path: str, reference: Reference, visible: Visible) -> t.Iterator[Drift]:
    if visible.stacked:
        yield Drift(path, "stacked", "It is stacked with another mount at the same mount point.")
    changes = changed_options(reference.definition, visible.mount, is_owned=reference.owned)
    if changes:
        yield Drift(path, "options_changed", f"Its options are not as asked ({' '.join(changes)}).")
