# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Make mounts, directly or by a helper, and change them.

Private to holdfast.mounts.
"""

from __future__ import annotations

import contextlib
import errno
import os
import time
import typing as t
from dataclasses import replace

from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast import (
    claims,
    model,
    observe,
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
    staged,
    states,
)
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.grammar import filesystems
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.kernel import (
    child,
    create,
    devices,
    inodes,
    mountinfo,
    mounts,
    pathwalk,
)
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.ledger import journal

# A device that is just being mounted by another call is busy and not yet in the table.
_PAUSES = (0.0, 0.05, 0.2)
# What the kernel says of a superblock that is mounted, and writable where "ro" is asked or the other way
# round (fs/super.c, setup_bdev_super and get_tree_bdev).
_OTHER_ACCESS = "would change RO state"


def definition_of(work: states.Work) -> model.Definition:
    """Return what a work mounts."""
    if work.plan is None or work.plan.definition is None:
        raise ValueError("this work mounts nothing")
    return work.plan.definition


def prepare_mount(
    work: states.Work, call: session.Session, ledger: claims.Ledger, managed_mounts: neighbours.ManagedMounts
) -> None:
    """Make the mount of this work, attached nowhere, and fill its ids into the plan."""
    definition = definition_of(work)
    source_identity = _make_mount(definition, work, call, ledger, managed_mounts)
    work.root = inodes.inode_of(work.mount)
    if work.plan is not None and work.plan.reference is not None:
        root = work.root.identity
        if filesystems.record_of(definition.fstype).is_block and not source_identity:
            source_identity = (f"{definition.fstype} {root.device} {root.inode} {root.birth}",)
        held = ledger.references.get(work.path)
        if held is not None and held.holders:
            identity.refuse_replaced(work.path, definition, held, source_identity, boot_id=call.host.boot_id)
        reference = replace(
            work.plan.reference,
            mount_id=work.root.mount_id,
            device=root.device,
            inode=root.inode,
            birth=root.birth,
            operation=work.name,
            identity=source_identity,
        )
        work.plan = replace(work.plan, reference=reference)


def _make_mount(
    definition: model.Definition,
    work: states.Work,
    call: session.Session,
    ledger: claims.Ledger,
    managed_mounts: neighbours.ManagedMounts,
) -> t.Tuple[str, ...]:
    """Make the mount, and return the identity of its source where that was found out on the way."""
    source_identity: t.Tuple[str, ...] = ()
    if filesystems.record_of(definition.fstype).helper:
        work.mount = staged.mount_by_helper(definition, work, call)
        _refuse_second_name(definition, second_names.server_names(definition, work.mount), work, call)
    elif filesystems.record_of(definition.fstype).is_block:
        with _attached(definition, work, call, managed_mounts) as (device, source_identity):
            with _explained(definition, device, work, call):
                made = _create_on_device(definition, device, work, call, ledger)
            work.mount = int(made)
            source_identity = source_identity or ((made.remark,) if made.remark else ())
            names = second_names.device_names(definition, device, work.mount)
        _refuse_second_name(definition, names, work, call)
    elif definition.source_paths:
        with _explained(definition, None, work, call):
            work.mount, source_identity = _create_from_paths(definition, work, call, managed_mounts)
    elif filesystems.record_of(definition.fstype).can_hang:
        work.mount = _with_deadline(lambda: _create(definition, None, may_share=True), call)
        _refuse_second_name(definition, second_names.server_names(definition, work.mount), work, call)
    else:
        work.mount = _create(definition, None, may_share=True)
    return source_identity


@contextlib.contextmanager
def _explained(
    definition: model.Definition, device: t.Optional[devices.Device], work: states.Work, call: session.Session
) -> t.Iterator[None]:
    """Raise what the kernel refuses with its reason, where that is found, while its device is attached."""
    try:
        yield
    except OSError as error:
        from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.engine import diagnosis

        raise diagnosis.explained(error, definition, device, work.path, call) from error


def _refuse_second_name(
    definition: model.Definition, names: t.Tuple[str, ...], work: states.Work, call: session.Session
) -> None:
    """Judge what really came up, while it is attached nowhere, whatever name led to it."""
    rules.refuse_second_name(work.path, definition, steps.Source(names=names), call.roots)


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
    work: states.Work,
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
        rules.refuse_bad_source(work.path, definition, source, call.request)
        rules.refuse_second_name(work.path, definition, source, call.roots)
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
    work: states.Work,
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
        rules.refuse_bad_source(work.path, definition, source, call.request)
        rules.refuse_second_name(work.path, definition, source, call.roots)
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
    work: states.Work,
    call: session.Session,
    ledger: claims.Ledger,
) -> child.Descriptor:
    twins: t.List[model.KernelMount] = []
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
            twins = _mounts_of(device)
            if twins or error.errno == errno.EOPNOTSUPP:
                break
            if pause == _PAUSES[-1]:
                _refuse_other_superblock(definition, device, work, call)
    held = [ledger.references[m.mount_point].definition for m in twins if m.mount_point in ledger.references]
    if not all(sameness.is_same_superblock(definition, twin, held) for twin in twins):
        raise rules.refusal(
            "conflict",
            work.path,
            f"the source '{definition.src}' is mounted elsewhere with other superblock options; ask for "
            "the same",
            detail="; ".join(f"'{m.mount_point}': {','.join(m.options)}" for m in twins),
        )
    return _with_deadline(lambda: _create(definition, device, may_share=True), call, identify)


def _refuse_other_superblock(
    definition: model.Definition, device: devices.Device, work: states.Work, call: session.Session
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
        work.path,
        f"the source '{definition.src}' is mounted in another mount namespace with other superblock "
        "options; ask for the same, or end the processes that have that namespace",
        detail=detail,
    )


def _mounts_of(device: devices.Device) -> t.List[model.KernelMount]:
    # btrfs shows a number of its own, so the source's path counts as well, or that of another member.
    return [
        m
        for m in mountinfo.read_mounts()
        if m.device == device.number or m.source == device.path or devices.is_member(device.number, m)
    ]


def attach_mount(
    work: states.Work, call: session.Session, ledger: claims.Ledger, managed_mounts: neighbours.ManagedMounts
) -> None:
    """Make the mount point where it is missing, look at it once more, and attach the mount to it."""
    if work.root is None:
        raise ValueError("this work has no mount")
    kind: model.Kind = "file" if work.root.kind == "file" else "directory"
    mountpoints.make_mount_point(work, call, is_file=kind == "file")
    with call.walk(work.path, trusted=managed_mounts.trusted_mounts(call.host.boot_id)) as walk:
        place = places.place_of(walk)
        rules.refuse_unsafe_way(place, call.request, what="mount point", about=work.path)
        rules.refuse_wrong_kind(place, kind)
        _refuse_covered(walk, place)
        if not _is_as_made(walk, work):
            # Not before: what covers it may not answer.
            rules.refuse_entries(replace(place, has_entries=walk.has_entries()), call.request)
        work.made.update(mountpoints.find_leftovers(work.path, call, ledger, but=work.made))
        create.attach(work.mount, work.root, walk, may_block=call.may_block)


def _is_as_made(walk: pathwalk.Walk, work: states.Work) -> bool:
    """Whether this operation has just made the mount point, and only root can have filled it."""
    inode = walk.inode
    if inode is None or inode.is_writable_by_others or walk.is_exposed:
        return False
    return inode.identity == work.made.get(work.path)


def _refuse_covered(walk: pathwalk.Walk, place: model.Place) -> None:
    if walk.inode is not None and walk.inode.is_mount_root:
        raise rules.refusal(
            "conflict",
            place.path,
            f"something else was mounted at '{place.path}' meanwhile; look at it, then repeat",
        )


def change_mount(work: states.Work, call: session.Session, old: claims.Reference) -> None:
    """Give a mount that stays the options of the plan. Undoes a half-made change."""
    definition = definition_of(work)
    try:
        change_options(work.path, old, call, before=old.definition, after=definition)
    except OSError:
        change_options(work.path, old, call, before=definition, after=old.definition)
        raise


def _refuse_twins(path: str, ours: model.KernelMount) -> None:
    """Refuse to make a superblock writable that others have mounted, and rely on as it is."""
    # A copy at the same path is one that the mount's own propagation has made.
    twins = [m for m in mountinfo.read_mounts() if m.device == ours.device and m.mount_point != path]
    if twins:
        raise rules.refusal(
            "conflict",
            path,
            f"the source of '{path}' is mounted read-only elsewhere, and would become writable there too; "
            "release it there first",
            detail="; ".join(f"'{m.mount_point}'" for m in twins),
        )


def change_options(
    path: str,
    reference: claims.Reference,
    call: session.Session,
    *,
    before: model.Definition,
    after: model.Definition,
) -> None:
    """Change the flags and the changeable options of a reference's mount from one definition to another."""
    with call.walk(path, is_cached=False) as walk:
        if walk.leaf is None or walk.inode is None or not observe.is_mount(walk.inode, reference, call.host):
            raise rules.refusal(
                "conflict", path, f"the mount at '{path}' was replaced meanwhile; look at it, then repeat"
            )
        pathwalk.require_nonblocking(walk.inode, path, may_block=call.may_block)
        filesystem = filesystems.record_of(after.fstype)
        parameters = [(name, value) for name, value in after.data if name in filesystem.changeable]
        # btrfs shows other device numbers for its files, which the reference has, than for its mounts.
        ours = mounts.mount_under(walk.inode) if filesystem.has_superblock else None
        # Of its superblock, not of the mount alone (statvfs(3) tells both in one).
        if ours is not None and "ro" not in after.flags and "ro" in ours.options:
            _refuse_twins(path, ours)
            parameters = [("rw", None), *parameters]
        if parameters:
            create.reconfigure(walk.leaf, parameters)
        create.change_flags(walk.leaf, before, after)
