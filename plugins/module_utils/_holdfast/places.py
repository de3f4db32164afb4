# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Look at places, and at what a source names now.

Private to holdfast.mounts.
"""

from __future__ import annotations

import os
import typing as t

from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast import (
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
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.helper import command
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.kernel import (
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
    return model.Place(
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


def source_of(walk: pathwalk.Walk, call: session.Session) -> model.Place:
    """Return what a walk to a bind's source or an overlay's layer found."""
    if walk.inode is None or walk.obstacle:
        return place_of(walk)
    return place_of(walk, names=second_names.system_names(call.table(), walk.path, walk.inode, holds=True))


def observe_source(
    definition: model.Definition, call: session.Session, trusted: t.Container[model.MountKey] = ()
) -> steps.Source:
    """Look at a definition's source, and at what mounting it needs of the host. Raises MountError.

    A server is not asked.
    """
    filesystem, data = filesystems.record_of(definition.fstype), dict(definition.data)
    if strings.CONTEXT in data:
        system.refuse_missing_selinux()
    if filesystem.helper:
        command.refuse_missing_helper(filesystem)
        file = data.get(credentials.CREDENTIALS)
        if file is not None:
            credentials.file_for_helper(filesystem, files.read_credentials(file, may_block=call.may_block))
    if filesystem.is_block:
        device = devices.find_device(definition.src)
        names = second_names.device_names(definition, device)
        return steps.Source(device_path=device.path, device_number=device.number, names=names)
    places = tuple(source_at(path, call, trusted) for path in definition.source_paths)
    is_part = any((value or "").endswith("%") for value in data.values())
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") if is_part else 0
    return steps.Source(places=places, names=second_names.server_names(definition), memory=memory)


def place_at(path: str, call: session.Session, trusted: t.Container[model.MountKey] = ()) -> model.Place:
    """Walk to a path and return what is there. trusted: see Walk."""
    with call.walk(path, trusted=trusted, is_cached=False) as walk:
        return place_of(walk)


def source_at(path: str, call: session.Session, trusted: t.Container[model.MountKey] = ()) -> model.Place:
    """Walk to a bind's source or an overlay's layer and return what is there. trusted: see Walk."""
    with call.walk(path, trusted=trusted, is_cached=False) as walk:
        return source_of(walk, call)
