# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Make mounts, directly or by a helper, and attach them.

Private to holdfast.mounts.
"""

from __future__ import annotations

import contextlib
import errno
import os
import time
import typing as t

from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast import (
    claims,
    model,
    places,
    second_names,
    session,
    steps,
)
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.decide import (
    identity,
    neighbours,
    rules,
    sameness,
)
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.engine import (
    mountpoints,
    operation,
    staged,
)
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.grammar import filesystems
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.kernel import (
    child,
    create,
    devices,
    inodes,
    mountinfo,
    pathwalk,
)
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.ledger import journal

# A device that is just being mounted by another call is busy and not yet in the table.
_PAUSES = (0.0, 0.05, 0.2)
# What the kernel says of a superblock that is mounted, and writable where "ro" is asked, or the reverse
# (fs/super.c, setup_bdev_super and get_tree_bdev).
_OTHER_ACCESS = "would change RO state"


def prepare_mount(
    state: operation.Decided,
    call: session.Session,
    ledger: claims.Ledger,
    managed_mounts: neighbours.ManagedMounts,
) -> operation.Prepared:
    """Make the mount of this plan, attached nowhere, and fill its ids into the plan."""
    plan, definition = state.plan, operation.definition_of(state.plan)
    fd, source_identity = _make_mount(definition, state, call, ledger, managed_mounts)
    mount = operation.Mount(fd, inodes.inode_of(fd))
    if plan.reference is not None:
        root = mount.root.identity
        if filesystems.record_of(definition.fstype).is_block and not source_identity:
            source_identity = (f"{definition.fstype} {root.device} {root.inode} {root.birth}",)
        held = ledger.references.get(state.path)
        if held is not None and held.holders:
            identity.refuse_replaced(state.path, definition, held, source_identity, boot_id=call.host.boot_id)
        reference = plan.reference._replace(
            mount_id=mount.root.mount_id,
            device=root.device,
            inode=root.inode,
            birth=root.birth,
            operation=state.resources.operation,
            identity=source_identity,
            inherited=_inherited_flags(definition, fd),
        )
        plan = plan._replace(reference=reference)
    return operation.Prepared(state.entry, state.resources, plan, mount)


def _inherited_flags(definition: model.Definition, mount: int) -> t.Tuple[str, ...]:
    if not filesystems.record_of(definition.fstype).shows_path:
        return ()
    return sameness.inherited_flags(definition, create.flags_of(mount))


def _make_mount(
    definition: model.Definition,
    state: operation.Decided,
    call: session.Session,
    ledger: claims.Ledger,
    managed_mounts: neighbours.ManagedMounts,
) -> t.Tuple[int, t.Tuple[str, ...]]:
    """Return the mount, and the identity of its source where that was found out in between."""
    source_identity: t.Tuple[str, ...] = ()
    filesystem, keep = filesystems.record_of(definition.fstype), state.resources.keep
    if filesystem.helper:
        mount = keep(staged.mount_by_helper(definition, state, call))
        _refuse_second_name(definition, second_names.server_names(definition, mount), state, call)
    elif filesystem.is_block:
        with _attached(definition, state, call, managed_mounts) as (device, source_identity):
            with _explained(definition, device, state, call):
                made = _create_on_device(definition, device, state, call, managed_mounts)
            mount = keep(int(made))
            source_identity = source_identity or ((made.remark,) if made.remark else ())
            names = second_names.device_names(definition, device, mount)
        _refuse_second_name(definition, names, state, call)
    elif definition.source_paths:
        with _explained(definition, None, state, call):
            made_mount, source_identity = _create_from_paths(definition, state, call, managed_mounts)
        mount = keep(made_mount)
    elif filesystem.can_hang:
        mount = keep(_with_deadline(lambda: _create(definition, None, may_share=True), call))
        _refuse_second_name(definition, second_names.server_names(definition, mount), state, call)
    else:
        mount = keep(_create(definition, None, may_share=True))
    return mount, source_identity


@contextlib.contextmanager
def _explained(
    definition: model.Definition,
    device: t.Optional[devices.Device],
    state: operation.Decided,
    call: session.Session,
) -> t.Iterator[None]:
    """Raise what the kernel refuses with its reason, where that is found, while its device is attached."""
    try:
        yield
    except OSError as error:
        from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.engine import diagnosis

        raise diagnosis.explained(error, definition, device, state.path, call) from error


def _refuse_second_name(
    definition: model.Definition, names: t.Tuple[str, ...], state: operation.Decided, call: session.Session
) -> None:
    """Judge what really came up, while it is attached nowhere, whatever name led to it."""
    rules.refuse_second_name(state.path, definition, steps.Source(names=names), call.roots)


def _create(definition: model.Definition, device: t.Optional[devices.Device], *, may_share: bool) -> int:
    return create.create_filesystem(definition, device=device, layers=(), may_share=may_share)


def _with_deadline(
    act: t.Callable[[], int], call: session.Session, remark: t.Callable[[], str] = str
) -> child.Descriptor:
    """remark: what is found out in the same child, before the mount is made."""

    def run() -> child.Descriptor:
        text = remark()
        descriptor = child.Descriptor(act())
        descriptor.remark = text
        return descriptor

    return child.run_with_deadline(run, call.request.timeout, kept=(), step="mount")


def _create_from_paths(
    definition: model.Definition,
    state: operation.Decided,
    call: session.Session,
    managed_mounts: neighbours.ManagedMounts,
) -> t.Tuple[int, t.Tuple[str, ...]]:
    """Make a bind or an overlay from handles of what is looked at here and now, and return what that is."""
    trusted = managed_mounts.trusted_mounts(call.host.boot_id)
    with contextlib.ExitStack() as stack:
        walks = [
            stack.enter_context(call.walk(path, trusted=trusted, is_cached=False, springs=True))
            for path in definition.source_paths
        ]
        for walk in walks:
            if walk.inode is not None:
                # A mount of it is asked for its flags and root.
                pathwalk.require_nonblocking(walk.inode, walk.path, may_block=call.may_block)
        table = call.table()  # after the walks: it has whatever they have come to
        source = steps.Source(places=tuple(places.source_of(walk, table) for walk in walks))
        found = places.identity_of(source.places)
        rules.refuse_bad_source(state.path, definition, source, call.request)
        rules.refuse_second_name(state.path, definition, source, call.roots)
        handles = [walk.leaf for walk in walks if walk.leaf is not None]
        if filesystems.record_of(definition.fstype).shows_path:
            return create.create_bind(handles[0], definition), found
        names = ["lowerdir"] * len(definition.lower_layers)
        names += [name for name in ("upperdir", "workdir") if name in dict(definition.data)]
        layers = tuple(zip(names, handles))
        mount = create.create_filesystem(definition, device=None, layers=layers, may_share=True)
        return mount, found


@contextlib.contextmanager
def _attached(
    definition: model.Definition,
    state: operation.Decided,
    call: session.Session,
    managed_mounts: neighbours.ManagedMounts,
) -> t.Iterator[t.Tuple[devices.Device, t.Tuple[str, ...]]]:
    """Yield the device that the source names, and of an image what its file is, which the device keeps."""
    if not definition.image:
        yield devices.find_device(definition.src), ()
        return
    trusted = managed_mounts.trusted_mounts(call.host.boot_id)
    with call.walk(definition.image, trusted=trusted, is_cached=False) as walk:
        source = steps.Source(places=(places.source_of(walk, call.table()),))
        rules.refuse_bad_source(state.path, definition, source, call.request)
        rules.refuse_second_name(state.path, definition, source, call.roots)
        found = places.identity_of(source.places)
        loop = _attach_image(definition, walk, call)
    try:
        yield devices.Device(loop.remark, devices.block_number(loop.remark) or ""), found
    finally:
        os.close(loop)


def _attach_image(
    definition: model.Definition, walk: pathwalk.Walk, call: session.Session
) -> child.Descriptor:
    from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.kernel import images

    if walk.leaf is None or walk.inode is None:
        raise ValueError("this image does not exist")
    pathwalk.require_nonblocking(walk.inode, walk.path, may_block=call.may_block)
    file, lock = walk.leaf, f"images-{walk.inode.identity.device}"
    filesystem = filesystems.record_of(definition.fstype)
    is_read_only = "ro" in definition.flags or filesystem.is_read_only(definition.data)

    def attach() -> child.Descriptor:
        # The child's own: whatever ends the call, nobody else attaches the file while this one may.
        with journal.short_lock(lock, call.lock_deadline):
            loop = images.attach(file, definition.image, is_read_only=is_read_only)
        descriptor = child.Descriptor(loop.fd)
        descriptor.remark = loop.path
        return descriptor

    return child.run_with_deadline(attach, call.request.timeout, kept=(file,), step="source")


def _create_on_device(
    definition: model.Definition,
    device: devices.Device,
    state: operation.Decided,
    call: session.Session,
    managed_mounts: neighbours.ManagedMounts,
) -> child.Descriptor:
    twins: t.Tuple[model.KernelMount, ...] = ()
    where = filesystems.record_of(definition.fstype).superblock

    def identify() -> str:
        return devices.filesystem_identity(device, where) if where else ""

    for pause in _PAUSES:
        if pause:
            time.sleep(pause)
        try:
            return _with_deadline(lambda: _create(definition, device, may_share=False), call, identify)
        except OSError as error:
            if error.errno not in (errno.EBUSY, errno.EOPNOTSUPP):
                raise
            twins = second_names.mounts_of(device, mountinfo.read_mounts())
            if twins or error.errno == errno.EOPNOTSUPP:
                break
            if pause == _PAUSES[-1]:
                _refuse_other_superblock(definition, device, state, call)
    rules.refuse_other_superblock(state.path, definition, twins, managed_mounts)
    return _with_deadline(lambda: _create(definition, device, may_share=True), call, identify)


def _refuse_other_superblock(
    definition: model.Definition, device: devices.Device, state: operation.Decided, call: session.Session
) -> None:
    """Refuse a device that lives on in another mount namespace with other options than are wanted.

    Raises OSError EBUSY where something else than a mount has it.
    """
    try:
        shown = child.run_with_deadline(
            lambda: create.show_shared(definition, device), call.request.timeout, kept=(), step="mount"
        )
    except OSError as error:
        if error.errno != errno.EBUSY or _OTHER_ACCESS not in (error.strerror or ""):
            raise
        detail = "rw" if "ro" in definition.flags else "ro"
    else:
        if shown is not None and sameness.is_same_superblock(definition, shown, ()):
            return
        detail = "" if shown is None else ",".join(shown.options)
    raise rules.refusal(
        "conflict",
        state.path,
        f"the source '{definition.src}' is mounted in another mount namespace with other superblock "
        "options; ask for the same, or end the processes that have that namespace",
        detail=detail,
    )


def attach_mount(
    state: operation.Recorded,
    mount: operation.Mount,
    call: session.Session,
    ledger: claims.Ledger,
    managed_mounts: neighbours.ManagedMounts,
    *,
    made: t.Dict[str, model.Identity],
) -> None:
    """Make the mount point where it is missing, look at it once more, and attach the mount to it.

    made: is given the directories that were made, as soon as each is there.
    """
    kind: model.Kind = "file" if mount.root.kind == "file" else "directory"
    mountpoints.make_mount_point(state, call, made, is_file=kind == "file")
    with call.walk(state.path, trusted=managed_mounts.trusted_mounts(call.host.boot_id)) as walk:
        place = places.place_of(walk)
        rules.refuse_unsafe_path(place, call.request, what="mount point", about=state.path)
        rules.refuse_wrong_kind(place, kind)
        _refuse_covered(walk, place)
        if not _is_as_made(walk, made):
            # Not before: what covers it may not answer.
            rules.refuse_entries(place._replace(has_entries=walk.has_entries()), call.request)
        made.update(mountpoints.find_leftovers(state.path, call, ledger, but=made))
        create.attach(mount.fd, mount.root, walk, may_block=call.may_block)


def _is_as_made(walk: pathwalk.Walk, made: t.Mapping[str, model.Identity]) -> bool:
    """Whether this operation has just made the mount point, and only root can have filled it."""
    inode = walk.inode
    if inode is None or inode.is_writable_by_others or walk.is_exposed:
        return False
    return inode.identity == made.get(walk.path)


def _refuse_covered(walk: pathwalk.Walk, place: model.Place) -> None:
    if walk.inode is not None and walk.inode.is_mount_root:
        raise rules.refusal(
            "conflict",
            place.path,
            f"something else was mounted at '{place.path}' meanwhile; look at it, then repeat",
        )
