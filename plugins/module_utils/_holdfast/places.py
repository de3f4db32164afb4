# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Look at places, and at what a source names now.

Private to holdfast.mounts.
"""

from __future__ import annotations

import os
import typing as t

from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast import (
    errors,
    model,
    second_names,
    session,
    steps,
)
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.grammar import (
    credentials,
    filesystems,
    strings,
)
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.kernel import (
    child,
    devices,
    files,
    pathwalk,
    system,
)


def place_of(
    walk: pathwalk.Walk,
    *,
    mount: t.Optional[model.KernelMount] = None,
    has_entries: t.Optional[bool] = None,
    names: t.Tuple[str, ...] = (),
) -> model.Place:
    """Return what a walk found, as a value. mount: the one whose root that is, where it was asked for."""
    inode = walk.inode
    parent = walk.path.rsplit("/", len(walk.missing))[0]
    return model.Place(
        path=walk.path,
        kind="absent" if inode is None else inode.kind,
        depth=walk.path.count("/") - len(walk.missing),
        obstacle=walk.obstacle,
        is_link=inode is not None and inode.is_symlink,
        writable_ancestor=walk.writable_ancestor,
        writable_type=walk.writable_type,
        remote_ancestor=walk.remote_ancestor,
        remote_type=walk.remote_type,
        silence=(walk.error.strerror or "") if walk.error else "",
        identity=None if inode is None else inode.identity,
        append_only=parent if walk.missing and walk.above.is_append_only else "",
        is_writable_file=walk.is_served_file
        or (inode is not None and inode.kind == "file" and inode.is_writable_by_others),
        mount=mount,
        has_entries=has_entries,
        system_names=names,
    )


def source_of(walk: pathwalk.Walk, table: second_names.Table) -> model.Place:
    """Return what a walk to a bind's source or an overlay's layer found.

    table: one for all layers, as each reading goes through every mount of the host.
    """
    if walk.inode is None or walk.obstacle:
        return place_of(walk)
    names = second_names.system_names(table, walk.path, walk.inode, holds=True)
    mount_id = walk.inode.mount_id if walk.inode.has_unique_id else 0
    return place_of(walk, names=names)._replace(fstype=pathwalk.type_of(walk.inode) or "", mount_id=mount_id)


def identity_of(places: t.Sequence[model.Place]) -> t.Tuple[str, ...]:
    """Return what tells these places from others that may come to have their names, see steps.Source."""
    if any(place.identity is None or place.obstacle for place in places):
        return ()
    found = [(place.fstype or "-", place.identity) for place in places if place.identity is not None]
    return tuple(f"{fstype} {one.device} {one.inode} {one.birth}" for fstype, one in found)


def observe_source(
    definition: model.Definition,
    call: session.Session,
    trusted: t.Container[model.MountKey] = (),
    *,
    shown: t.Optional[model.KernelMount] = None,
    identifies: bool = False,
) -> steps.Source:
    """Look at a definition's source, and at what mounting it needs of the host. Raises MountError.

    A server is not asked. shown: what stands at the mount point already. identifies: whether a device is
    asked for its filesystem's identity, which takes a child.
    """
    try:
        return _observe_source(definition, call, trusted, shown=shown, identifies=identifies)
    except errors.AbsentError as error:
        return steps.Source(absent=error)


def _observe_source(
    definition: model.Definition,
    call: session.Session,
    trusted: t.Container[model.MountKey],
    *,
    shown: t.Optional[model.KernelMount],
    identifies: bool,
) -> steps.Source:
    filesystem, data = filesystems.record_of(definition.fstype), dict(definition.data)
    if strings.CONTEXT in data:
        system.refuse_missing_selinux()
    if filesystem.helper:
        from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.helper import command

        command.refuse_missing_helper(filesystem)
        file = data.get(credentials.CREDENTIALS)
        if file is not None:
            credentials.file_for_helper(filesystem, files.read_credentials(file, may_block=call.may_block))
    if definition.image:
        return _observe_image(definition, call, trusted, shown)
    if filesystem.is_block:
        device = devices.find_device(definition.src)
        names = second_names.device_names(definition, device)
        identity = identify(definition, device, call) if identifies else ""
        path = shown.source if shown is not None and devices.is_member(device.number, shown) else device.path
        found = (identity,) if identity else ()
        return steps.Source(
            device_path=path,
            device_number=device.number,
            rivals=_rivals(definition, device, call),
            names=names,
            twins=second_names.mounts_of(device, call.table().rows),
            identity=found,
        )
    table = call.table() if definition.source_paths else None
    places = tuple(source_at(path, call, trusted, table=table) for path in definition.source_paths)
    is_part = any((value or "").endswith("%") for value in data.values())
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") if is_part else 0
    names = second_names.server_names(definition)
    return steps.Source(places=places, names=names, memory=memory, identity=identity_of(places))


def _observe_image(
    definition: model.Definition,
    call: session.Session,
    trusted: t.Container[model.MountKey],
    shown: t.Optional[model.KernelMount],
) -> steps.Source:
    from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.kernel import blocks

    image = source_at(definition.image, call, trusted)
    found = (image,)
    device = blocks.loop_of(image.path, image.identity)
    source = steps.Source(
        places=found,
        names=() if device is None else second_names.device_names(definition, device),
        twins=() if device is None else second_names.mounts_of(device, call.table().rows),
        identity=identity_of(found),
    )
    if shown is None or not blocks.is_file(blocks.image_of(shown), image.path, image.identity):
        return source
    return source._replace(device_path=shown.source, device_number=shown.device)


def identify(definition: model.Definition, device: devices.Device, call: session.Session) -> str:
    """Return the identity of the filesystem on a device, empty for a type that keeps none."""
    where = filesystems.record_of(definition.fstype).superblock
    if not where:
        return ""
    return child.run_with_deadline(
        lambda: devices.filesystem_identity(device, where), call.request.timeout, kept=(), step="source"
    )


def _rivals(definition: model.Definition, device: devices.Device, call: session.Session) -> t.Tuple[str, ...]:
    """Return the paths of other devices with the same tag, which have another filesystem or a copy of it."""
    from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.kernel import blocks

    others = [other for other in blocks.devices_with_tag(definition.src) if other.number != device.number]
    extents = devices.extents_of(device.number) if others else frozenset()
    others = [
        other
        for other in others
        if not any(one.overlaps(own) for one in devices.extents_of(other.number) for own in extents)
    ]
    if others and filesystems.record_of(definition.fstype).has_own_numbers:  # its members have one tag
        own_identity = identify(definition, device, call)
        others = [other for other in others if identify(definition, other, call) != own_identity]
    return tuple(other.path for other in others)


def stable_name(definition: model.Definition, call: session.Session) -> str:
    """Return a name of the device that outlives a boot, by udev or its superblock; empty without one."""
    device = devices.find_device(definition.src)
    found = devices.stable_name(device.path) or identify(definition, device, call)
    return found if "UUID=" in found else ""


def place_at(path: str, call: session.Session, trusted: t.Container[model.MountKey] = ()) -> model.Place:
    """Walk to a path and return what is there. trusted: see Walk."""
    with call.walk(path, trusted=trusted, is_cached=False) as walk:
        return place_of(walk)


def source_at(
    path: str,
    call: session.Session,
    trusted: t.Container[model.MountKey] = (),
    *,
    table: t.Optional[second_names.Table] = None,
) -> model.Place:
    """Walk to a bind's source or an overlay's layer and return what is there. trusted: see Walk."""
    with call.walk(path, trusted=trusted, is_cached=False, springs=True) as walk:
        return source_of(walk, table or call.table())
