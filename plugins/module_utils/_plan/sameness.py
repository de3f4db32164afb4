# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""When a request and a mount are the same.

Private to holdfast.mounts.
"""

from __future__ import annotations

import typing as t
from dataclasses import replace

from ansible_collections.holdfast.mounts.plugins.module_utils._grammar.filesystems import FILESYSTEMS
from ansible_collections.holdfast.mounts.plugins.module_utils._grammar.options import canonical_shown
from ansible_collections.holdfast.mounts.plugins.module_utils._values.host import (
    Identity,
    KernelMount,
    Place,
)
from ansible_collections.holdfast.mounts.plugins.module_utils._values.ledger import Reference
from ansible_collections.holdfast.mounts.plugins.module_utils._values.observation import Source
from ansible_collections.holdfast.mounts.plugins.module_utils._values.request import Definition

# What a sole holder may change of a mount that stays (mount_setattr(2), fsconfig(2)).
_CHANGEABLE_DATA = {"tmpfs": ("size",)}
# What tells one mount of a superblock from another, and is none of its options (btrfs(5)).
_OF_THE_MOUNT = {"btrfs": ("subvol", "subvolid")}

Data = t.Tuple[t.Tuple[str, t.Optional[str]], ...]


def differences(wanted: Definition, held: Definition) -> t.Tuple[str, ...]:
    """Return the names of the options in which two definitions differ."""
    pairs = [
        ("fstype", wanted.fstype, held.fstype),
        ("src", wanted.src, held.src),
        ("opts", wanted.opts, held.opts),
    ]
    return tuple(name for name, one, other in pairs if one != other)


def is_changeable(wanted: Definition, held: Definition) -> bool:
    """Whether the one can be had from the other without a new mount."""
    if (wanted.fstype, wanted.src) != (held.fstype, held.src):
        return False
    changeable = _CHANGEABLE_DATA.get(wanted.fstype, ())
    fixed = [
        tuple(pair for pair in definition.data if pair[0] not in changeable) for definition in (wanted, held)
    ]
    # LIMIT: a limit that was never given cannot be taken away by a remount, so both must name it.
    named = [{name for name, _value in definition.data} for definition in (wanted, held)]
    return fixed[0] == fixed[1] and named[0] == named[1]


def foreign_differences(
    wanted: Definition, mount: KernelMount, place: Place, source: Source
) -> t.Tuple[str, ...]:
    """Return the options in which a mount that is there already is not what is wanted.

    Type and source must be the same, and every requested and implied option in force; what the
    kernel shows beyond that does not matter. What another user than root serves equals nothing: what it
    says of itself is that user's choice.
    """
    if mount.server is not None:
        return ("server",)
    if wanted.fstype == "bind":
        same = bool(source.places) and source.places[0].identity == place.identity
        wrong = [] if same else ["src"]
    else:
        wrong = [] if mount.fstype in FILESYSTEMS[wanted.fstype].shown_types else ["fstype"]
        if not _is_source(wanted, mount, source):
            wrong.append("src")
    if not (_has_flags(wanted, mount) and _shows(wanted.fstype, wanted.data, mount)):
        wrong.append("opts")
    return tuple(wrong)


def _is_source(wanted: Definition, mount: KernelMount, source: Source) -> bool:
    if source.device_number:
        return mount.device == source.device_number or mount.source == source.device_path
    return mount.source == wanted.src


def _has_flags(wanted: Definition, mount: KernelMount) -> bool:
    in_force = set(mount.flags) | ({"ro"} & set(mount.options))
    if not {"noatime", "relatime"} & in_force:
        in_force.add("strictatime")  # the one that the kernel does not show
    return set(wanted.flags) <= in_force


def _shows(fstype: str, data: Data, mount: KernelMount) -> bool:
    shown = canonical_shown(fstype, mount.options)
    return all(name in shown and value in _as_shown(fstype, name, shown[name], value) for name, value in data)


def _as_shown(
    fstype: str, name: str, shown: t.Optional[str], wanted: t.Optional[str]
) -> t.Tuple[t.Optional[str], ...]:
    """Return the values that a filesystem shows as this one: tmpfs rounds its size up to whole pages."""
    if (fstype, name) != ("tmpfs", "size") or not (shown and wanted and wanted.isdigit() and shown.isdigit()):
        return (shown,)
    rounded = {str(-(-int(wanted) // page) * page) for page in (4096, 16384, 65536)}
    return (shown, wanted) if shown in rounded else (shown,)


def _of_superblock(definition: Definition) -> Data:
    apart = _OF_THE_MOUNT.get(definition.fstype, ())
    return tuple(pair for pair in definition.data if pair[0] not in apart)


def is_same_superblock(wanted: Definition, mount: KernelMount, held: t.Iterable[Definition]) -> bool:
    """Whether a device may be mounted again: its superblock has just the options that are wanted.

    held: definitions of the managed mounts of this device. Where there is none, the kernel's word
    is all there is: what it shows must hold everything that is wanted.
    """
    is_read_only = "ro" in wanted.flags
    if mount.fstype != wanted.fstype or is_read_only != ("ro" in mount.options):
        return False
    superblock = _of_superblock(wanted)
    managed = tuple(held)
    if managed:
        return all(_of_superblock(other) == superblock for other in managed)
    return _shows(wanted.fstype, superblock, mount)


def known_by(reference: Reference, mount: KernelMount, place: Place) -> Reference:
    """Return the reference as that of a mount that stands at its place already.

    The root's inode and birth go along: where the kernel has no unique ids they tell the mount from others.
    """
    root = place.identity or Identity(mount.device, 0, 0)
    return replace(
        reference,
        mount_id=mount.mount_id if mount.unique_id is None else mount.unique_id,
        device=root.device,
        inode=root.inode,
        birth=root.birth,
    )
