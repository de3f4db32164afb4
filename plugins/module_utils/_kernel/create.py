# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""New mounts, made complete while they are attached nowhere.

Private to holdfast.mounts.
"""

from __future__ import annotations

import errno
import os
import typing as t

from ansible_collections.holdfast.mounts.plugins.module_utils._kernel import calls
from ansible_collections.holdfast.mounts.plugins.module_utils._kernel.devices import Device
from ansible_collections.holdfast.mounts.plugins.module_utils._kernel.mounts import (
    ATIME_MASK,
    attribute_bits,
)
from ansible_collections.holdfast.mounts.plugins.module_utils._values.errors import MountError
from ansible_collections.holdfast.mounts.plugins.module_utils._values.request import Definition

# statvfs(3): the flags that a detached mount shows of itself
_IN_FORCE = {
    "ro": 1,
    "nosuid": 2,
    "nodev": 4,
    "noexec": 8,
    "noatime": 1024,
    "nodiratime": 2048,
    "nosymfollow": 0x2000,
}


# Open handles of an overlay's directories, as (option, descriptor), the uppermost lower layer first.
Layers = t.Sequence[t.Tuple[str, int]]


def create_bind(source: int, definition: Definition) -> int:
    """Return a detached mount of the directory or file that is open as source, without its submounts."""
    mount = calls.open_tree_clone(source)
    try:
        # A copy of a shared mount stays in its peer group until it is made private. The mode of access
        # times is one value, which is set only where it is cleared too (mount_setattr(2)).
        bits = attribute_bits(definition.flags)
        cleared = ATIME_MASK if bits & ATIME_MASK else 0
        calls.mount_setattr(mount, attributes=bits, cleared=cleared, propagation=calls.MS_PRIVATE)
        verify_flags(mount, definition)
    except BaseException:
        os.close(mount)
        raise
    return mount


def create_filesystem(
    definition: Definition, *, device: t.Optional[Device], layers: Layers, may_share: bool
) -> int:
    """Return a detached mount of a filesystem that the kernel makes by itself.

    may_share: whether the superblock may be one that is mounted elsewhere; without it that ends in
    OSError EBUSY where the kernel can tell (Linux 6.6). Raises MountError or OSError.
    """
    context = _open_context(definition)
    try:
        _configure(context, definition, device, layers)
        command = calls.FSCONFIG_CMD_CREATE if may_share else calls.FSCONFIG_CMD_CREATE_EXCL
        _fsconfig(context, command)
        mount = calls.fsmount(context, attribute_bits(definition.flags))
    finally:
        os.close(context)
    try:
        verify_flags(mount, definition)
    except BaseException:
        os.close(mount)
        raise
    return mount


def _open_context(definition: Definition) -> int:
    try:
        return calls.fsopen(definition.fstype)
    except OSError as error:
        if error.errno != errno.ENODEV:
            raise
        raise MountError(
            "unsupported",
            f"the kernel of this host has no filesystem '{definition.fstype}'; load or install its module",
            step="create",
            errno=error.errno,
        ) from error


def _configure(context: int, definition: Definition, device: t.Optional[Device], layers: Layers) -> None:
    source = definition.src if device is None else device.path
    _fsconfig(context, calls.FSCONFIG_SET_STRING, "source", source)
    if device is not None and "ro" in definition.flags:
        _fsconfig(context, calls.FSCONFIG_SET_FLAG, "ro")
    _set_layers(context, layers)
    by_handle = {option for option, _fd in layers}
    for name, value in definition.data:
        if name in by_handle:
            continue
        if value is None:
            _fsconfig(context, calls.FSCONFIG_SET_FLAG, name)
        else:
            _fsconfig(context, calls.FSCONFIG_SET_STRING, name, value)


def _set_layers(context: int, layers: Layers) -> None:
    """Name the layers by their handles, so that a name that is swapped meanwhile changes nothing."""
    for key, fd in (("lowerdir+" if option == "lowerdir" else option, fd) for option, fd in layers):
        try:
            calls.fsconfig(context, calls.FSCONFIG_SET_FD, key, aux=fd)  # Linux 6.13
        except OSError as error:
            # Before Linux 6.5 an overlay takes nothing but strings: EOPNOTSUPP.
            if error.errno not in (errno.EINVAL, errno.EOPNOTSUPP):
                raise
            break
    else:
        return
    lower = ":".join(f"/proc/self/fd/{fd}" for option, fd in layers if option == "lowerdir")
    _fsconfig(context, calls.FSCONFIG_SET_STRING, "lowerdir", lower)
    for option, fd in layers:
        if option != "lowerdir":
            _fsconfig(context, calls.FSCONFIG_SET_STRING, option, f"/proc/self/fd/{fd}")


def _fsconfig(context: int, command: int, key: t.Optional[str] = None, value: t.Optional[str] = None) -> None:
    """As fsconfig(2), with what the filesystem wrote into its context as the error's detail."""
    try:
        calls.fsconfig(context, command, key, value)
    except OSError as error:
        said = _messages(context)
        raise OSError(error.errno, "; ".join([str(error.strerror), *said])) from error


def _messages(context: int) -> t.List[str]:
    messages: t.List[str] = []
    while len(messages) < 16:
        try:
            messages.append(os.read(context, 1024).decode("utf-8", "replace").strip())
        except OSError:
            break  # ENODATA: nothing more was said
    return messages


def verify_flags(mount: int, definition: Definition) -> None:
    """Refuse a mount on which a requested flag is not in force."""
    in_force = os.fstatvfs(mount).f_flag
    missing = [name for name in definition.flags if name in _IN_FORCE and not in_force & _IN_FORCE[name]]
    if missing:
        raise MountError(
            "verification_failed",
            f"the kernel did not put {', '.join(missing)} in force; nothing was mounted",
            step="verify",
        )
