# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Look at mount points, their sources and what boots them.

Private to holdfast.mounts.
"""

from __future__ import annotations

import typing as t

from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast import (
    claims,
    errors,
    model,
    places,
    second_names,
    session,
    steps,
)
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.decide import sameness
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.grammar import (
    credentials,
)
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.kernel import (
    inodes,
    mountinfo,
    mounts,
    pathwalk,
    syscalls,
)


def is_mount(inode: t.Optional[inodes.Inode], reference: claims.Reference, host: model.Host) -> bool:
    """Whether the inode is the root of the mount that a reference speaks of."""
    if inode is None or not inode.is_mount_root or not _is_of(reference, host):
        return False
    if inode.mount_id != reference.mount_id:
        return False
    if inode.has_unique_id:
        return True
    found = mounts.mount_under(inode)
    return found is not None and sameness.is_same_mount(found, reference) and _has_same_root(inode, reference)


def _is_of(reference: claims.Reference, host: model.Host) -> bool:
    """Whether a reference's mount was made in this boot and mount namespace: others give the same numbers."""
    return host.shows(reference.boot_id, reference.mount_namespace)


def _has_same_root(inode: inodes.Inode, reference: claims.Reference) -> bool:
    """Whether a mount whose number may be another one's by now has the root that was recorded.

    LIMIT: a tmpfs has no birth before Linux 5.18, so there two of them look alike.
    """
    found, recorded = inode.identity, reference
    if not found.inode:
        return True  # a filesystem that does not tell
    if found.device != recorded.device or (recorded.inode and found.inode != recorded.inode):
        return False
    return not (found.birth and recorded.birth) or found.birth == recorded.birth


def is_alive(reference: claims.Reference, host: model.Host) -> bool:
    """Whether the mount that a reference speaks of still exists, wherever it is."""
    if not reference.mount_id or not _is_of(reference, host):
        return False
    if host.protection == "full":
        return mounts.mount_number(reference.mount_id, is_unique=True) is not None
    found = mounts.find_mount(reference.mount_id, is_unique=False)
    return found is not None and is_its_mount(found, reference)


def is_its_mount(found: model.KernelMount, reference: claims.Reference) -> bool:
    """Whether a mount with a reference's id is its mount, by its root as well where that can be seen.

    Before Linux 6.8 the next mount of a type gets number and device of one that is gone.
    """
    if found.unique_id is not None:
        return True
    if not sameness.is_same_mount(found, reference):
        return False
    try:
        with pathwalk.Walk(found.mount_point) as walk:
            inode = walk.inode
    except OSError:  # a server on the path may not answer (MayBlock)
        return True
    is_hidden = inode is None or inode.mount_id != found.mount_id or not inode.is_mount_root
    return is_hidden or (inode is not None and _has_same_root(inode, reference))


def would_be_hidden(
    path: str, below: t.Sequence[str], references: t.Mapping[str, claims.Reference], host: model.Host
) -> t.Tuple[str, ...]:
    """Return those of the managed mount points below that a mount at this path would hide.

    A new mount point hides them all. One that is managed was there before them: when everything has
    vanished, with a reboot, it comes back first, and only what has not vanished hides it.
    """
    if path not in references:
        return tuple(below)
    return tuple(point for point in below if is_alive(references[point], host))


def observe_leaving(
    path: str, reference: t.Optional[claims.Reference], call: session.Session
) -> steps.Observation:
    """Look at a mount point that is to be released or unmounted."""
    host = call.host
    try:
        with call.walk(path) as walk:
            if reference is None or walk.obstacle or not is_mount(walk.inode, reference, host):
                return _observe_absent(walk, reference, host)
            submounts = _submounts(reference.mount_id, call)
            return _observe_ours(walk, reference, call)._replace(
                submounts=submounts,
                obstructions=mounts_upon(reference, host) if submounts else (),
            )
    except pathwalk.MayBlock:
        hidden = _observe_hidden(path, reference, host)
        if hidden is None:
            raise
        return hidden


def observe_coming(
    path: str,
    reference: t.Optional[claims.Reference],
    call: session.Session,
    *,
    definition: model.Definition,
    looks_below: bool,
    trusted: t.Container[model.MountKey] = (),
) -> steps.Observation:
    """Look at a mount point where a definition shall be mounted, and at its source.

    looks_below: whether mounts below the path are of interest, because it may have entries.
    trusted: the mounts whose owners and modes count, whatever their type.
    """
    host = call.host
    try:
        with call.walk(path, trusted=trusted, springs=call.request.adopt) as walk:
            if reference is not None and not walk.obstacle and is_mount(walk.inode, reference, host):
                return _observe_ours(walk, reference, call)
            seen = _observe_absent(walk, reference, host)
            is_taken = seen.place.mount is not None or walk.obstacle or seen.obstructions
            has_entries = None if is_taken else walk.has_entries()
            names = () if is_taken else second_names.system_names(call.table(), path, walk.above, holds=False)
    except pathwalk.MayBlock:
        hidden = _observe_hidden(path, reference, host)
        if hidden is None:
            raise
        return hidden
    if seen.obstructions:
        return seen
    return seen._replace(
        place=seen.place._replace(has_entries=has_entries, system_names=names),
        foreign_below=mountinfo.points_below(path) if has_entries and looks_below else (),
        source=places.observe_source(
            definition,
            call,
            trusted,
            shown=seen.covering,
            identifies=seen.covering is not None or bool(reference and reference.identity),
        ),
    )


def _observe_ours(
    walk: pathwalk.Walk, reference: claims.Reference, call: session.Session
) -> steps.Observation:
    """Return what stands at the end of a walk that is the ledger's mount."""
    from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast import overview

    mount = _covering(walk)
    source = overview.named_now(reference, mount, lambda: call.table().points) if mount else steps.Source()
    return steps.Observation(
        place=places.place_of(walk, mount=mount),
        reference=reference,
        is_here=True,
        is_alive=True,
        is_stacked=mount is not None and _lies_on_another(walk, mount),
        source=source,
    )


def _lies_on_another(walk: pathwalk.Walk, mount: model.KernelMount) -> bool:
    """Whether a mount lies on the root of another one, and not on what its parent directory lies on.

    A trap in between is not counted.
    """
    is_unique = mount.unique_id is not None
    parent = mounts.mount_parent(mount.unique_id or mount.mount_id, is_unique=is_unique)
    if parent in (walk.above.mount_id, None):
        return False
    below = mounts.find_mount(parent or 0, is_unique=is_unique)
    if below is None or below.fstype != mountinfo.TRAP:
        return True
    return mounts.mount_parent(parent or 0, is_unique=is_unique) != walk.above.mount_id


def _own_mount(reference: claims.Reference, host: model.Host) -> t.Optional[model.KernelMount]:
    return mounts.find_mount(reference.mount_id, is_unique=host.protection == "full")


def _observe_absent(
    walk: pathwalk.Walk, reference: t.Optional[claims.Reference], host: model.Host
) -> steps.Observation:
    """Return what stands at the end of a walk that is not the ledger's mount."""
    is_elsewhere = reference is not None and _is_elsewhere(walk, reference, host)
    mount = _covering(walk)
    return steps.Observation(
        place=places.place_of(walk, mount=mount),
        reference=reference,
        is_alive=is_elsewhere,
        is_stacked=mount is not None and _lies_on_another(walk, mount),
        elsewhere=_own_mount(reference, host) if reference is not None and is_elsewhere else None,
        obstructions=_mounts_hiding(reference, host) if reference is not None and is_elsewhere else (),
    )


def _observe_hidden(
    path: str, reference: t.Optional[claims.Reference], host: model.Host
) -> t.Optional[steps.Observation]:
    """Return what the table tells of a mount that another one hides, None where it does not.

    What hides it may be a filesystem that does not answer, and need not be asked.
    """
    hiding = _mounts_hiding(reference, host) if reference is not None and is_alive(reference, host) else ()
    return (
        steps.Observation(
            model.Place(path, "other"),
            reference,
            is_alive=True,
            elsewhere=_own_mount(reference, host),
            obstructions=hiding,
        )
        if hiding and reference is not None
        else None
    )


def _mounts_hiding(reference: claims.Reference, host: model.Host) -> t.Tuple[model.KernelMount, ...]:
    number = mounts.mount_number(reference.mount_id, is_unique=host.protection == "full")
    return () if number is None else mountinfo.hiding(mountinfo.read_mounts(), number)


def mounts_upon(reference: claims.Reference, host: model.Host) -> t.Tuple[model.KernelMount, ...]:
    """Return what is mounted on or below the mount of a reference; no filesystem is asked."""
    number = mounts.mount_number(reference.mount_id, is_unique=host.protection == "full")
    return () if number is None else mountinfo.upon(mountinfo.read_mounts(), number)


def _covering(walk: pathwalk.Walk) -> t.Optional[model.KernelMount]:
    """Return the mount whose root is at the end of the walk."""
    is_root = walk.inode is not None and walk.inode.is_mount_root and not walk.obstacle
    found = mounts.mount_under(walk.inode) if walk.inode is not None and is_root else None
    return None if found is None else mounts.with_shutdown(found, walk.inode)


def _is_elsewhere(walk: pathwalk.Walk, reference: claims.Reference, host: model.Host) -> bool:
    """Whether the mount that a reference speaks of exists, though it is not what the walk has found."""
    inode = walk.inode
    # Another mount that has the number of the ledger's got it after that one was gone.
    is_reused = inode and inode.is_mount_root and not walk.obstacle and inode.mount_id == reference.mount_id
    return not is_reused and is_alive(reference, host)


def _submounts(mount_id: int, call: session.Session) -> t.Tuple[int, ...]:
    if call.caches and call.caches.has_no_submounts(mount_id, is_unique=call.is_unique):
        return ()
    if call.is_unique:
        return syscalls.listmount(mount_id, 256)
    return tuple(mount.mount_id for mount in mountinfo.read_mounts() if mount.parent_id == mount_id)


def named_places(
    path: str,
    definition: model.Definition,
    call: session.Session,
    seen: t.Optional[steps.Observation] = None,
) -> t.List[model.Place]:
    """Return the place of everything that an entry of fstab names by a path: what it shows, and where.

    seen: what was seen of these already, in check mode of what is not there yet.
    """
    known = {} if seen is None else {place.path: place for place in (seen.place, *seen.source.places)}
    file = dict(definition.data).get(credentials.CREDENTIALS)
    named = (path, *definition.source_paths, *((file,) if file else ()))
    return [known[one] if one in known else places.place_at(one, call) for one in named]


def booted_places(
    paths: t.Iterable[str], ledger: claims.Ledger, call: session.Session
) -> t.Iterator[t.Tuple[str, claims.Reference, steps.Observation]]:
    """Yield those of these mount points that the ledger knows from another boot, and wants in this one."""
    from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast import fstab

    for path in paths:
        reference = ledger.references.get(path)
        if reference is None or reference.boot_id == call.host.boot_id or not reference.is_at_boot:
            continue
        try:
            definition = reference.definition
            seen = observe_coming(path, reference, call, definition=definition, looks_below=False)
            if not seen.is_stacked:  # a boot makes one alone
                yield path, reference, seen._replace(fstab=fstab.read_entry(path))
        except (errors.MountError, OSError):
            continue  # whoever decides of this mount point meets it again, and reports it


def missing_of(references: t.Mapping[str, claims.Reference], call: session.Session) -> t.Tuple[str, ...]:
    """Return those of these managed mount points at which nothing is mounted."""
    return tuple(
        path
        for path, reference in references.items()
        if not is_alive(reference, call.host) and not stands(path, reference, call)
    )


def stands(path: str, reference: claims.Reference, call: session.Session) -> bool:
    """Whether any mount stands at this managed mount point; false where seeing it may take waiting."""
    try:
        seen = observe_leaving(path, reference, call)
    except (errors.MountError, OSError):
        return False
    return seen.is_here or seen.covering is not None
