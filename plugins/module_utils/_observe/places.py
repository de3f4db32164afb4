# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Look at one mount point and at the sources of what shall be mounted there.

Private to holdfast.mounts.
"""

from __future__ import annotations

import os
import typing as t
from dataclasses import replace

from ansible_collections.holdfast.mounts.plugins.module_utils._grammar.contexts import CONTEXT
from ansible_collections.holdfast.mounts.plugins.module_utils._grammar.credentials import (
    CREDENTIALS,
    file_for_helper,
)
from ansible_collections.holdfast.mounts.plugins.module_utils._grammar.filesystems import record_of
from ansible_collections.holdfast.mounts.plugins.module_utils._kernel import (
    credentials,
    devices,
    helpers,
    mounts,
    table,
)
from ansible_collections.holdfast.mounts.plugins.module_utils._kernel.calls import listmount
from ansible_collections.holdfast.mounts.plugins.module_utils._kernel.host import refuse_missing_selinux
from ansible_collections.holdfast.mounts.plugins.module_utils._kernel.inodes import Inode
from ansible_collections.holdfast.mounts.plugins.module_utils._kernel.waiting import WouldWait
from ansible_collections.holdfast.mounts.plugins.module_utils._kernel.walk import Walk
from ansible_collections.holdfast.mounts.plugins.module_utils._observe.second_names import (
    device_names,
    server_names,
    system_names,
)
from ansible_collections.holdfast.mounts.plugins.module_utils._plan.sameness import is_same_mount
from ansible_collections.holdfast.mounts.plugins.module_utils._values.errors import MountError
from ansible_collections.holdfast.mounts.plugins.module_utils._values.host import (
    Host,
    KernelMount,
    MountKey,
    Place,
)
from ansible_collections.holdfast.mounts.plugins.module_utils._values.ledger import Ledger, Reference
from ansible_collections.holdfast.mounts.plugins.module_utils._values.observation import Observation, Source
from ansible_collections.holdfast.mounts.plugins.module_utils._values.request import Definition


def place_of(
    walk: Walk,
    *,
    mount: t.Optional[KernelMount] = None,
    has_entries: t.Optional[bool] = None,
    names: t.Tuple[str, ...] = (),
) -> Place:
    """Return what a walk found, as a value. mount: the one whose root that is, where it was asked for."""
    inode = walk.inode
    return Place(
        path=walk.path,
        kind="absent" if inode is None else inode.kind,
        depth=walk.path.count("/") - len(walk.missing),
        obstacle=walk.obstacle,
        writable_ancestor=walk.writable_ancestor,
        writable_type=walk.writable_type,
        remote_ancestor=walk.remote_ancestor,
        remote_type=walk.remote_type,
        silence=(walk.error.strerror or "") if walk.error else "",
        identity=None if inode is None else inode.identity,
        mount=mount,
        has_entries=has_entries,
        system_names=names,
    )


def source_of(walk: Walk) -> Place:
    """Return what a walk to a bind's source or an overlay's layer found."""
    if walk.inode is None or walk.obstacle:
        return place_of(walk)
    return place_of(walk, names=system_names(walk.path, walk.inode, holds=True))


def is_mount(inode: t.Optional[Inode], reference: Reference, host: Host) -> bool:
    """Whether the inode is the root of the mount that a reference speaks of."""
    if inode is None or not inode.is_mount_root or reference.boot_id != host.boot_id:
        return False
    if inode.mount_id != reference.mount_id:
        return False
    if inode.has_unique_id:
        return True
    found = mounts.mount_under(inode)
    return found is not None and is_same_mount(found, reference) and _has_same_root(inode, reference)


def _has_same_root(inode: Inode, reference: Reference) -> bool:
    """Whether a mount whose number may be another one's by now has the root that was noted.

    LIMIT: a tmpfs has no birth before Linux 5.18, so there two of them look alike.
    """
    found, noted = inode.identity, reference
    if found.device != noted.device or (noted.inode and found.inode != noted.inode):
        return False
    return not (found.birth and noted.birth) or found.birth == noted.birth


def is_alive(reference: Reference, host: Host) -> bool:
    """Whether the mount that a reference speaks of still exists, wherever it is."""
    if reference.boot_id != host.boot_id or not reference.mount_id:
        return False
    if host.protection == "full":
        return mounts.mount_number(reference.mount_id, is_unique=True) is not None
    found = mounts.find_mount(reference.mount_id, is_unique=False)
    return found is not None and is_its_mount(found, reference)


def is_its_mount(found: KernelMount, reference: Reference) -> bool:
    """Whether a mount with a reference's id is its mount, by its root as well where that can be seen.

    Before Linux 6.8 the next mount of a type gets number and device of one that is gone.
    """
    if found.unique_id is not None:
        return True
    if not is_same_mount(found, reference):
        return False
    try:
        with Walk(found.mount_point) as walk:
            inode = walk.inode
    except OSError:  # a server on the way may not answer (WouldWait)
        return True
    is_hidden = inode is None or inode.mount_id != found.mount_id or not inode.is_mount_root
    return is_hidden or (inode is not None and _has_same_root(inode, reference))


def would_be_hidden(
    path: str, below: t.Sequence[str], references: t.Mapping[str, Reference], host: Host
) -> t.Tuple[str, ...]:
    """Return those of the managed mount points below that a mount at this path would hide.

    A new mount point hides them all. One that is managed was there before them: when everything has
    vanished, with a reboot, it comes back first, and only what has not vanished is in its way.
    """
    if path not in references:
        return tuple(below)
    return tuple(point for point in below if is_alive(references[point], host))


def observe_leaving(path: str, reference: t.Optional[Reference], host: Host) -> Observation:
    """Look at a mount point that is to be released or unmounted."""
    try:
        with Walk(path, shares=True) as walk:
            if reference is None or walk.obstacle or not is_mount(walk.inode, reference, host):
                return _observe_absent(walk, reference, host)
            submounts = _submounts(reference.mount_id, host)
            return Observation(
                place=place_of(walk),
                reference=reference,
                is_here=True,
                is_alive=True,
                submounts=submounts,
                in_the_way=mounts_upon(reference, host) if submounts else (),
            )
    except WouldWait:
        hidden = _observe_hidden(path, reference, host)
        if hidden is None:
            raise
        return hidden


def observe_coming(
    path: str,
    reference: t.Optional[Reference],
    host: Host,
    *,
    definition: Definition,
    looks_below: bool,
    trusted: t.Container[MountKey] = (),
) -> Observation:
    """Look at a mount point where a definition shall be mounted, and at its source.

    looks_below: whether mounts below the path are of interest, because it may have entries.
    trusted: the mounts whose owners and modes count, whatever their type.
    """
    try:
        with Walk(path, shares=True, trusted=trusted) as walk:
            if reference is not None and not walk.obstacle and is_mount(walk.inode, reference, host):
                # What it shows tells whether other words name the same.
                shown = _covering(walk) if reference.opts != definition.opts else None
                place = place_of(walk, mount=shown)
                return Observation(place=place, reference=reference, is_here=True, is_alive=True)
            seen = _observe_absent(walk, reference, host)
            is_taken = seen.place.mount is not None or walk.obstacle or seen.in_the_way
            has_entries = None if is_taken else walk.has_entries()
            names = () if is_taken else system_names(path, walk.above, holds=False)
    except WouldWait:
        hidden = _observe_hidden(path, reference, host)
        if hidden is None:
            raise
        return hidden
    if seen.in_the_way:
        return seen
    return replace(
        seen,
        place=replace(seen.place, has_entries=has_entries, system_names=names),
        foreign_below=_mounts_below(path) if has_entries and looks_below else (),
        source=observe_source(definition, trusted),
    )


def _observe_absent(walk: Walk, reference: t.Optional[Reference], host: Host) -> Observation:
    """Return what stands at the end of a walk that is not the ledger's mount."""
    is_elsewhere = reference is not None and _is_elsewhere(walk, reference, host)
    return Observation(
        place=place_of(walk, mount=_covering(walk)),
        reference=reference,
        is_alive=is_elsewhere,
        in_the_way=_mounts_hiding(reference, host) if reference is not None and is_elsewhere else (),
    )


def _observe_hidden(path: str, reference: t.Optional[Reference], host: Host) -> t.Optional[Observation]:
    """Return what the table tells of a mount that another one hides, None where it does not.

    What hides it may be a filesystem that does not answer, and need not be asked.
    """
    hiding = _mounts_hiding(reference, host) if reference is not None and is_alive(reference, host) else ()
    return Observation(Place(path, "other"), reference, is_alive=True, in_the_way=hiding) if hiding else None


def _mounts_hiding(reference: Reference, host: Host) -> t.Tuple[KernelMount, ...]:
    number = mounts.mount_number(reference.mount_id, is_unique=host.protection == "full")
    return () if number is None else table.hiding(table.read_mounts(), number)


def mounts_upon(reference: Reference, host: Host) -> t.Tuple[KernelMount, ...]:
    """Return what is mounted on or below the mount of a reference; no filesystem is asked."""
    number = mounts.mount_number(reference.mount_id, is_unique=host.protection == "full")
    return () if number is None else table.upon(table.read_mounts(), number)


def _covering(walk: Walk) -> t.Optional[KernelMount]:
    """Return the mount whose root is at the end of the walk."""
    is_root = walk.inode is not None and walk.inode.is_mount_root and not walk.obstacle
    return mounts.mount_under(walk.inode) if walk.inode is not None and is_root else None


def _is_elsewhere(walk: Walk, reference: Reference, host: Host) -> bool:
    """Whether the mount that a reference speaks of exists, though it is not what the walk has found."""
    inode = walk.inode
    # Another mount that has the number of the ledger's got it after that one was gone.
    is_reused = inode and inode.is_mount_root and not walk.obstacle and inode.mount_id == reference.mount_id
    return not is_reused and is_alive(reference, host)


def observe_source(definition: Definition, trusted: t.Container[MountKey] = ()) -> Source:
    """Look at a definition's source, and at what mounting it needs of the host. Raises MountError.

    A server is not asked.
    """
    filesystem, data = record_of(definition.fstype), dict(definition.data)
    if CONTEXT in data:
        refuse_missing_selinux()
    if filesystem.helper:
        helpers.refuse_missing_helper(filesystem)
        file = data.get(CREDENTIALS)
        if file is not None:
            file_for_helper(filesystem, credentials.read_credentials(file))
    if filesystem.is_block:
        device = devices.find_device(definition.src)
        names = device_names(definition, device)
        return Source(device_path=device.path, device_number=device.number, names=names)
    places = tuple(source_at(path, trusted) for path in definition.source_paths)
    is_part = any((value or "").endswith("%") for value in data.values())
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") if is_part else 0
    return Source(places=places, names=server_names(definition), memory=memory)


def place_at(path: str, trusted: t.Container[MountKey] = ()) -> Place:
    """Walk to a path and return what is there. trusted: see Walk."""
    with Walk(path, trusted=trusted) as walk:
        return place_of(walk)


def source_at(path: str, trusted: t.Container[MountKey] = ()) -> Place:
    """Walk to a bind's source or an overlay's layer and return what is there. trusted: see Walk."""
    with Walk(path, trusted=trusted) as walk:
        return source_of(walk)


def _submounts(mount_id: int, host: Host) -> t.Tuple[int, ...]:
    is_unique = host.protection == "full"
    if mounts.carries_none(mount_id, is_unique=is_unique):
        return ()
    if is_unique:
        return listmount(mount_id, 256)
    return tuple(mount.mount_id for mount in table.read_mounts() if mount.parent_id == mount_id)


def _mounts_below(path: str) -> t.Tuple[str, ...]:
    return tuple(m.mount_point for m in table.read_mounts() if m.mount_point.startswith(path + "/"))


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
