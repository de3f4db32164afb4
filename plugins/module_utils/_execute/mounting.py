# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Make a mount complete, then attach it; or change one that stays.

Private to holdfast.mounts.
"""

from __future__ import annotations

import contextlib
import errno
import os
import time
import typing as t
from dataclasses import replace

from ansible_collections.holdfast.mounts.plugins.module_utils._execute import staging
from ansible_collections.holdfast.mounts.plugins.module_utils._execute.directories import make_mount_point
from ansible_collections.holdfast.mounts.plugins.module_utils._execute.work import Call, Work
from ansible_collections.holdfast.mounts.plugins.module_utils._grammar.filesystems import record_of
from ansible_collections.holdfast.mounts.plugins.module_utils._kernel import attach, child, devices, table
from ansible_collections.holdfast.mounts.plugins.module_utils._kernel.create import (
    create_bind,
    create_filesystem,
)
from ansible_collections.holdfast.mounts.plugins.module_utils._kernel.inodes import Inode, inode_of
from ansible_collections.holdfast.mounts.plugins.module_utils._kernel.mounts import mount_under
from ansible_collections.holdfast.mounts.plugins.module_utils._kernel.waiting import refuse_to_wait
from ansible_collections.holdfast.mounts.plugins.module_utils._kernel.walk import Walk
from ansible_collections.holdfast.mounts.plugins.module_utils._observe.places import (
    is_mount,
    place_of,
    source_of,
)
from ansible_collections.holdfast.mounts.plugins.module_utils._observe.second_names import (
    device_names,
    server_names,
)
from ansible_collections.holdfast.mounts.plugins.module_utils._plan import sameness
from ansible_collections.holdfast.mounts.plugins.module_utils._plan.refusals import (
    refusal,
    refuse_bad_source,
    refuse_entries,
    refuse_second_name,
    refuse_unsafe_way,
    refuse_wrong_kind,
)
from ansible_collections.holdfast.mounts.plugins.module_utils._plan.surroundings import Surroundings
from ansible_collections.holdfast.mounts.plugins.module_utils._values.host import KernelMount, Kind, Place
from ansible_collections.holdfast.mounts.plugins.module_utils._values.ledger import Ledger, Reference
from ansible_collections.holdfast.mounts.plugins.module_utils._values.observation import Source
from ansible_collections.holdfast.mounts.plugins.module_utils._values.request import Definition

# A device that is just being mounted by another call is busy and not yet in the table.
_PAUSES = (0.0, 0.05, 0.2)


def definition_of(work: Work) -> Definition:
    """Return what a work mounts."""
    if work.plan is None or work.plan.definition is None:
        raise ValueError("this work mounts nothing")
    return work.plan.definition


def prepare_mount(work: Work, call: Call, ledger: Ledger, around: Surroundings) -> None:
    """Make the mount of this work, attached nowhere, and fill its ids into the plan."""
    definition = definition_of(work)
    if record_of(definition.fstype).helper:
        work.mount = staging.mount_by_helper(definition, work, call)
        _refuse_second_name(definition, server_names(definition, work.mount), work, call)
    elif record_of(definition.fstype).is_block:
        device = devices.find_device(definition.src)
        work.mount = _create_on_device(definition, device, work, call, ledger)
        _refuse_second_name(definition, device_names(definition, device, work.mount), work, call)
    elif definition.source_paths:
        work.mount = _create_from_paths(definition, work, call, around)
    elif record_of(definition.fstype).can_hang:
        work.mount = _with_deadline(lambda: _create(definition, None, may_share=True), call)
        _refuse_second_name(definition, server_names(definition, work.mount), work, call)
    else:
        work.mount = _create(definition, None, may_share=True)
    work.root = inode_of(work.mount)
    if work.plan is not None and work.plan.reference is not None:
        identity = work.root.identity
        reference = replace(
            work.plan.reference,
            mount_id=work.root.mount_id,
            device=identity.device,
            inode=identity.inode,
            birth=identity.birth,
            operation=work.name,
        )
        work.plan = replace(work.plan, reference=reference)


def _refuse_second_name(definition: Definition, names: t.Tuple[str, ...], work: Work, call: Call) -> None:
    """Judge what really came up, while it is attached nowhere, whatever name led to it."""
    refuse_second_name(work.path, definition, Source(names=names), call.roots)


def _create(definition: Definition, device: t.Optional[devices.Device], *, may_share: bool) -> int:
    return create_filesystem(definition, device=device, layers=(), may_share=may_share)


def _with_deadline(act: t.Callable[[], int], call: Call) -> int:
    return child.run_with_deadline(
        lambda: child.Descriptor(act()), call.request.timeout, kept=(), step="mount"
    )


def _create_from_paths(definition: Definition, work: Work, call: Call, around: Surroundings) -> int:
    """Make a bind or an overlay from handles of what is looked at here and now."""
    trusted = around.trusted_mounts(call.host.boot_id)
    with contextlib.ExitStack() as stack:
        walks = [stack.enter_context(Walk(path, trusted=trusted)) for path in definition.source_paths]
        for walk in walks:
            if walk.inode is not None:
                refuse_to_wait(walk.inode, walk.path)  # a mount of it is asked for its flags and root
        source = Source(places=tuple(source_of(walk) for walk in walks))
        refuse_bad_source(work.path, definition, source, call.request)
        refuse_second_name(work.path, definition, source, call.roots)
        handles = [walk.leaf for walk in walks if walk.leaf is not None]
        if record_of(definition.fstype).shows_path:
            return create_bind(handles[0], definition)
        names = ["lowerdir"] * len(definition.lower_layers)
        names += [name for name in ("upperdir", "workdir") if name in dict(definition.data)]
        layers = tuple(zip(names, handles))
        return create_filesystem(definition, device=None, layers=layers, may_share=True)


def _create_on_device(
    definition: Definition, device: devices.Device, work: Work, call: Call, ledger: Ledger
) -> int:
    twins: t.List[KernelMount] = []
    for pause in _PAUSES:
        if pause:
            time.sleep(pause)
        try:
            return _with_deadline(lambda: _create(definition, device, may_share=False), call)
        except OSError as error:
            if error.errno not in (errno.EBUSY, errno.EOPNOTSUPP):
                raise
            twins = _mounts_of(device)
            if twins or error.errno == errno.EOPNOTSUPP:
                break
            if pause == _PAUSES[-1]:
                raise
    held = [ledger.references[m.mount_point].definition for m in twins if m.mount_point in ledger.references]
    if not all(sameness.is_same_superblock(definition, twin, held) for twin in twins):
        raise refusal(
            "conflict",
            work.path,
            f"the source '{definition.src}' is mounted elsewhere with other superblock options; ask for "
            "the same",
            detail="; ".join(f"'{m.mount_point}': {','.join(m.options)}" for m in twins),
        )
    return _with_deadline(lambda: _create(definition, device, may_share=True), call)


def _mounts_of(device: devices.Device) -> t.List[KernelMount]:
    # btrfs shows a number of its own, so the source's path counts as well.
    return [m for m in table.read_mounts() if m.device == device.number or m.source == device.path]


def attach_mount(work: Work, call: Call, around: Surroundings) -> None:
    """Make the mount point where it is missing, look at it once more, and attach the mount to it."""
    if work.root is None:
        raise ValueError("this work has no mount")
    kind: Kind = "file" if work.root.kind == "file" else "directory"
    make_mount_point(work, call, is_file=kind == "file")
    with Walk(work.path, shares=True, trusted=around.trusted_mounts(call.host.boot_id)) as walk:
        place = place_of(walk)
        refuse_unsafe_way(place, call.request, what="mount point", about=work.path)
        refuse_wrong_kind(place, kind)
        _refuse_covered(walk, place)
        if not _is_as_made(walk, work):
            # Not before: what covers it may not answer.
            refuse_entries(replace(place, has_entries=walk.has_entries()), call.request)
        attach.attach(work.mount, work.root, walk)


def _is_as_made(walk: Walk, work: Work) -> bool:
    """Whether this operation has just made the mount point, and only root can have filled it."""
    inode = walk.inode
    if inode is None or inode.is_writable_by_others or walk.is_exposed:
        return False
    return inode.identity == work.made.get(work.path)


def _refuse_covered(walk: Walk, place: Place) -> None:
    if walk.inode is not None and walk.inode.is_mount_root:
        raise refusal(
            "conflict",
            place.path,
            f"something else was mounted at '{place.path}' meanwhile; look at it, then repeat",
        )


def change_mount(work: Work, call: Call, old: Reference) -> None:
    """Give a mount that stays the options of the plan. Undoes a half-made change."""
    definition = definition_of(work)
    try:
        change_options(work.path, old, call, before=old.definition, after=definition)
    except OSError:
        change_options(work.path, old, call, before=definition, after=old.definition)
        raise


def _is_read_only(fd: int) -> bool:
    return bool(os.fstatvfs(fd).f_flag & os.ST_RDONLY)


def _refuse_twins(path: str, inode: Inode) -> None:
    """Refuse to make a superblock writable that others have mounted, and rely on as it is."""
    # btrfs shows other device numbers for its files, which the reference has, than for its mounts.
    ours = mount_under(inode)
    rows = () if ours is None else table.read_mounts()
    # A copy at the same path is one that the mount's own propagation has made.
    twins = [m for m in rows if ours and m.device == ours.device and m.mount_point != path]
    if twins:
        raise refusal(
            "conflict",
            path,
            f"the source of '{path}' is mounted read-only elsewhere, and would become writable there too; "
            "release it there first",
            detail="; ".join(f"'{m.mount_point}'" for m in twins),
        )


def change_options(
    path: str, reference: Reference, call: Call, *, before: Definition, after: Definition
) -> None:
    """Change the flags and the changeable options of a reference's mount from one definition to another."""
    with Walk(path) as walk:
        if walk.leaf is None or walk.inode is None or not is_mount(walk.inode, reference, call.host):
            raise refusal(
                "conflict", path, f"the mount at '{path}' was replaced meanwhile; look at it, then repeat"
            )
        refuse_to_wait(walk.inode, path)
        filesystem = record_of(after.fstype)
        parameters = [(name, value) for name, value in after.data if name in filesystem.changeable]
        if filesystem.is_block and "ro" not in after.flags and _is_read_only(walk.leaf):
            _refuse_twins(path, walk.inode)
            parameters = [("rw", None)]
        if parameters:
            attach.reconfigure(walk.leaf, parameters)
        attach.change_flags(walk.leaf, before, after)
