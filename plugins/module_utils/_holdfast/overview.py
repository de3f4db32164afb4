# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The whole host at a glance: its mount table beside its ledger, as facts.

Apart from what looks at single mount points, so that a look costs little. Private to holdfast.mounts.
"""

from __future__ import annotations

import typing as t

from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast import claims, facts, model, steps
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.grammar import filesystems
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.kernel import (
    mountinfo,
    mounts,
    pathwalk,
    system,
)
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.ledger import journal, store


def observe_facts(patterns: t.Sequence[str] = ()) -> facts.Facts:
    """Return the facts of this host, of the mount points that match one of the patterns or of all.

    Needs no root and no lock, writes nothing, never touches a mounted filesystem. Raises MountError.
    LIMIT: an operation that ends between the readings shows as drift; only root sees interrupted ones.
    """
    host = system.observe_host()
    ledger = store.LedgerFile().read()
    table = mountinfo.read_mounts()
    moment = system.read_moment(host.boot_id)
    alive = mounts.living_mounts(ledger.references, host, table)
    visible = [
        _looked_at(seen) if seen.mount.mount_point in ledger.references else seen
        for seen in mountinfo.visible_mounts(table)
    ]
    points = {seen.mount.mount_point: seen.mount for seen in visible}
    sources = {
        path: named_now(reference, points[path], lambda: points)
        for path, reference in ledger.references.items()
        if path in points and points[path].mount_id == alive[path]
    }
    gone = [path for path in ledger.references if path not in points and alive[path] is None]
    sources.update({path: known_to_udev(ledger.references[path]) for path in gone})
    scene = facts.Scene(host, alive, moment, sources)
    interrupted = journal.list_interrupted()
    return facts.build_facts(scene, ledger, visible, interrupted=interrupted, patterns=patterns)


def _looked_at(seen: mountinfo.Visible) -> mountinfo.Visible:
    if not filesystems.record_of(seen.mount.fstype).hides_shutdown:
        return seen
    try:
        with pathwalk.Walk(seen.mount.mount_point) as walk:
            return seen._replace(mount=mounts.with_shutdown(seen.mount, walk.inode))
    except OSError:
        return seen  # not everybody may look there, and what is on the path may not answer (MayBlock)


def named_now(
    reference: claims.Reference,
    mount: model.KernelMount,
    points: t.Callable[[], t.Mapping[str, model.KernelMount]],
) -> steps.Source:
    """Return what a reference's source names now, by names and tables alone: no filesystem is asked.

    mount: the reference's own. points: the mounts that lookups reach, by mount point.
    """
    filesystem = filesystems.record_of(reference.fstype)
    if not (filesystem.is_block or filesystem.shows_path or filesystem.has_layers):
        return steps.Source()
    from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.kernel import devices

    if filesystem.is_block and not reference.image:
        number = devices.number_named(reference.src) or ""
        # btrfs has a number of its own in the table.
        is_same = number and filesystem.has_own_numbers and devices.is_member(number, mount)
        return steps.Source(device_number=mount.device if is_same else number)
    from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast import second_names

    named = reference.definition.source_paths
    found = () if filesystem.shows_path else map(pathwalk.cached_at, named)
    seen = steps.Source(
        trees=tuple(second_names.tree_named(path, points()) for path in named),
        layers=tuple(None if inode is None else inode.identity for inode in found),
    )
    if not reference.image:
        return seen
    from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.kernel import blocks

    loop = blocks.loop_behind(mount)
    is_read_only = loop is not None and devices.is_read_only(loop)
    return seen._replace(image=blocks.image_of(mount), is_read_only=is_read_only)


def known_to_udev(reference: claims.Reference) -> steps.Source:
    """Return what udev says that a reference's source names now: the UUID of the filesystem on that device.

    No device is asked. Nothing where udev has not seen it, and where the ledger has another kind of identity.
    """
    is_uuid = reference.identity[:1] and reference.identity[0].startswith("UUID=")
    if not is_uuid or not filesystems.record_of(reference.fstype).is_block:
        return steps.Source()
    from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.kernel import devices

    found = devices.stable_name(devices.tag_link(reference.src) or reference.src) or ""
    return steps.Source(identity=(found,) if found.startswith("UUID=") else ())
