# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Why the kernel refused a mount, and what to write instead.

Filesystems rarely write into their context (fsopen(2)): ext4, xfs and overlay say it in the kernel's own log
alone, without the mount that it is about. So what they look at is looked at here. Private to holdfast.mounts.
"""

from __future__ import annotations

import errno
import typing as t

from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast import errors, model, session
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.grammar import filesystems
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.kernel import (
    child,
    devices,
    mountinfo,
    pathwalk,
)


def explained(
    error: OSError,
    definition: model.Definition,
    device: t.Optional[devices.Device],
    path: str,
    call: session.Session,
) -> t.Union[errors.MountError, OSError]:
    """Return the error with its reason and the remedy, or as it is where neither is known."""
    reason = ""
    try:
        if device is not None:
            reason = _of_device(error.errno, definition, device, call)
        elif filesystems.record_of(definition.fstype).has_layers:
            reason = _of_layers(error.errno, definition, call)
    except (errors.MountError, OSError, pathwalk.MayBlock):
        return error
    if not reason:
        return error
    return errors.MountError(
        "mount_failed",
        f"the host refused to mount '{path}': {reason}",
        step="mount",
        path=path,
        errno=error.errno,
        detail=error.strerror or "",
    )


def _of_device(
    number: t.Optional[int], definition: model.Definition, device: devices.Device, call: session.Session
) -> str:
    filesystem = filesystems.record_of(definition.fstype)
    if number in (errno.EACCES, errno.EROFS) and devices.is_read_only(device):
        if "ro" not in definition.flags:
            return "its device is read-only; write 'ro' into opts"
        recovery = filesystem.options.get("norecovery")
        if recovery is not None and number == errno.EROFS:
            return (
                "its journal has to be replayed, and its device is read-only; "
                f"write '{recovery.name}' into opts, which leaves that out"
            )
    if number == errno.EINVAL and "nouuid" in filesystem.options and _has_clone(device, filesystem, call):
        return (
            "another filesystem with the same UUID is mounted, as of a clone or a snapshot; write 'nouuid' "
            "into opts, or give one of them another (xfs_admin -U generate)"
        )
    if number == errno.EINVAL and definition.image and _has_partitions(device, call):
        return (
            "the image has a partition table; attach it with 'losetup --partscan', and write the partition, "
            "/dev/loopNpM, as src"
        )
    return ""


def _has_partitions(device: devices.Device, call: session.Session) -> bool:
    from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.kernel import images

    return child.run_with_deadline(
        lambda: images.has_partitions(device), call.request.timeout, kept=(), step="mount"
    )


def _has_clone(device: devices.Device, filesystem: t.Any, call: session.Session) -> bool:
    """Whether another device with a filesystem of the same identity is mounted."""

    def search() -> bool:
        own = devices.filesystem_identity(device, filesystem.superblock)
        others = {
            (mount.source, mount.device)
            for mount in mountinfo.read_mounts()
            if mount.fstype == filesystem.name and mount.device != device.number
        }
        return any(
            devices.filesystem_identity(devices.Device(source, number), filesystem.superblock) == own
            for source, number in others
        )

    return child.run_with_deadline(search, call.request.timeout, kept=(), step="mount")


def _of_layers(number: t.Optional[int], definition: model.Definition, call: session.Session) -> str:
    work = dict(definition.data).get("workdir")
    if number != errno.EINVAL or work is None:
        return ""
    mark = f"{work}/work/incompat/volatile"
    with call.walk(mark, is_cached=False) as walk:
        if walk.leaf is None or walk.inode is None:
            return ""
    return (
        "it was mounted with 'volatile' before, so its upperdir may have lost writes; see that it is whole, "
        f"then remove '{mark}'"
    )
