# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Filesystems that need a helper: mounted where only root can look, checked, and taken out detached.

Private to holdfast.mounts.
"""

from __future__ import annotations

import contextlib
import errno
import os
import time
import typing as t
from functools import partial

from ansible_collections.holdfast.mounts.plugins.module_utils._grammar.credentials import (
    CREDENTIALS,
    file_for_helper,
)
from ansible_collections.holdfast.mounts.plugins.module_utils._grammar.filesystems import record_of
from ansible_collections.holdfast.mounts.plugins.module_utils._grammar.record import Filesystem
from ansible_collections.holdfast.mounts.plugins.module_utils._grammar.sources import is_shown_source
from ansible_collections.holdfast.mounts.plugins.module_utils._kernel import calls
from ansible_collections.holdfast.mounts.plugins.module_utils._kernel.child import (
    Descriptor,
    Task,
    run_together,
    run_with_deadline,
)
from ansible_collections.holdfast.mounts.plugins.module_utils._kernel.create import verify_flags
from ansible_collections.holdfast.mounts.plugins.module_utils._kernel.credentials import read_credentials
from ansible_collections.holdfast.mounts.plugins.module_utils._kernel.failures import (
    failure,
    missing_kernel_type,
)
from ansible_collections.holdfast.mounts.plugins.module_utils._kernel.helpers import (
    arguments,
    end_children,
    run_mount,
    supervise,
)
from ansible_collections.holdfast.mounts.plugins.module_utils._kernel.inodes import inode_of
from ansible_collections.holdfast.mounts.plugins.module_utils._kernel.mounts import (
    ATTRIBUTES,
    attribute_bits,
    mount_under,
)
from ansible_collections.holdfast.mounts.plugins.module_utils._kernel.stages import STAGES
from ansible_collections.holdfast.mounts.plugins.module_utils._kernel.table import read_mounts
from ansible_collections.holdfast.mounts.plugins.module_utils._values.errors import MountError
from ansible_collections.holdfast.mounts.plugins.module_utils._values.host import KernelMount
from ansible_collections.holdfast.mounts.plugins.module_utils._values.request import Definition

_TARGET = "mount"
_MODE = 0x2  # STATX_MODE
_ALL_ATTRIBUTES = attribute_bits(ATTRIBUTES) | 0x70  # MOUNT_ATTR__ATIME is one value of three bits


def mount_staged(name: str, definition: Definition, *, point: str, parent: int, seconds: float) -> int:
    """Return a detached mount that a helper made, with its flags in force. Runs in a child of its own.

    It never touches what may not answer, so it can always end what the helper started, at its deadline or
    when its parent dies: children of its own do. name: of a stage that nobody else uses. point: where the
    mount is going to be seen. Raises MountError or OSError.
    """
    deadline = time.monotonic() + seconds
    supervise(parent, lambda: drop_stage(name, aborts=True))
    filesystem = record_of(definition.fstype)
    _refuse_missing_kernel_type(filesystem)
    target = f"{STAGES}/{name}/{_TARGET}"
    try:
        with contextlib.ExitStack() as stack:
            credentials = _hand_over(filesystem, definition, stack, seconds)
            make_stage(name)
            argv = arguments(filesystem, definition, target, point=point, credentials=credentials)
            kept = () if credentials is None else (credentials,)
            said = run_mount(argv, kept=kept, seconds=deadline - time.monotonic())
        if said.status != 0:
            raise failure(filesystem, said.status, said.output)
        mount = run_with_deadline(
            lambda: Descriptor(_take_out(target, filesystem, definition)),
            deadline - time.monotonic(),
            kept=(),
            step="mount",
        )
    except BaseException:
        end_children()
        drop_stage(name, aborts=True)
        raise
    drop_stage(name)
    return mount


def _refuse_missing_kernel_type(filesystem: Filesystem) -> None:
    """Ask the kernel for the type, which loads its module."""
    if filesystem.helper is None:
        raise ValueError("a type without a helper")
    try:
        os.close(calls.fsopen(filesystem.helper.kernel_type))
    except OSError as error:
        if error.errno != errno.ENODEV:
            raise
        raise missing_kernel_type(filesystem) from error


def _hand_over(
    filesystem: Filesystem, definition: Definition, stack: contextlib.ExitStack, seconds: float
) -> t.Optional[int]:
    """Return a file in memory with the credentials, which no name leads to and no crash leaves behind."""
    path = dict(definition.data).get(CREDENTIALS)
    if path is None:
        return None
    (text,) = run_together([Task(partial(read_credentials, path))], seconds, step="mount")
    if not isinstance(text, str):
        raise text
    content = file_for_helper(filesystem, text)
    fd = os.memfd_create("credentials", os.MFD_CLOEXEC)
    stack.callback(os.close, fd)
    os.write(fd, content.encode("utf-8"))
    return fd


def make_stage(name: str) -> None:
    """Make a filesystem of our own in which a helper may mount: root's, private, gone with its mount."""
    with contextlib.suppress(FileExistsError):
        os.mkdir(STAGES, 0o700)
    found = os.lstat(STAGES)
    if found.st_mode & 0o170077 != 0o040000 or found.st_uid != 0:
        raise MountError(
            "ledger_untrusted",
            f"'{STAGES}' is not a directory that belongs to root and that nobody else may write; remove it",
            step="stage",
        )
    context = calls.fsopen("tmpfs")
    try:
        for key, value in (("source", "holdfast"), ("mode", "0700"), ("size", "65536"), ("nr_inodes", "16")):
            calls.fsconfig(context, calls.FSCONFIG_SET_STRING, key, value)
        calls.fsconfig(context, calls.FSCONFIG_CMD_CREATE)
        stage = calls.fsmount(context, attribute_bits(("nosuid", "nodev", "noexec")))
    finally:
        os.close(context)
    try:
        os.mkdir(_TARGET, 0o700, dir_fd=stage)
        os.mkdir(f"{STAGES}/{name}", 0o700)
        place = os.open(f"{STAGES}/{name}", os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            calls.move_mount(stage, place)
        finally:
            os.close(place)
        # Below a shared mount it has become shared, and a mount cannot be moved from under such a one.
        calls.mount_setattr(stage, propagation=calls.MS_PRIVATE)
    finally:
        os.close(stage)


def drop_stage(name: str, *, aborts: bool = False) -> None:
    """Take a stage away, with what is mounted in it. May wait for a server; a second call does nothing.

    aborts: also cut off a daemon that serves it, and let go whoever waits for one: nobody else uses it.
    """
    path = f"{STAGES}/{name}"
    if aborts:
        _abort(f"{path}/{_TARGET}")
    with contextlib.suppress(FileNotFoundError):
        with contextlib.suppress(OSError):  # EINVAL: nothing is mounted there
            calls.umount2(path, calls.MNT_DETACH | calls.UMOUNT_NOFOLLOW)
        os.rmdir(path)


def _abort(target: str) -> None:
    """End the connection to a daemon: a request that it has read is waited for beyond SIGKILL (fuse(4)).

    The daemon ends by that, as its next read fails (ENODEV). Only of FUSE, where each mount has a superblock
    of its own; others may share theirs with a mount in use.
    """
    if any(mount.mount_point == target and mount.fstype.startswith("fuse") for mount in read_mounts()):
        with contextlib.suppress(OSError):  # EBUSY: it is in use, and its connection has ended all the same
            calls.umount2(target, calls.MNT_FORCE | calls.UMOUNT_NOFOLLOW)


def _take_out(target: str, filesystem: Filesystem, definition: Definition) -> int:
    """Return a detached copy of what is mounted at the target, after looking whether it is what was asked."""
    place = os.open(target, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        mount = mount_under(inode_of(place))
        _refuse_other(mount, target, filesystem, definition)
        _refuse_silent(place)
        copy = calls.open_tree_clone(place)
    finally:
        os.close(place)
    try:
        bits = attribute_bits(definition.flags)
        calls.mount_setattr(copy, attributes=bits, cleared=_ALL_ATTRIBUTES, propagation=calls.MS_PRIVATE)
        verify_flags(copy, definition)
    except BaseException:
        os.close(copy)
        raise
    return copy


def _refuse_silent(place: int) -> None:
    """Refuse a filesystem whose server does not tell of its root, whatever the kernel remembers."""
    try:
        calls.statx(place, b"", flags=calls.AT_EMPTY_PATH | calls.AT_STATX_FORCE_SYNC, mask=_MODE)
    except OSError as error:
        raise _wrong("what the helper mounted does not answer", os.strerror(error.errno or 0)) from error


def _refuse_other(
    mount: t.Optional[KernelMount], target: str, filesystem: Filesystem, definition: Definition
) -> None:
    if mount is None or mount.mount_point != target:
        raise _wrong("the helper said that it had mounted, and there is no mount", "")
    if mount.fstype not in filesystem.shown_types:
        raise _wrong("the helper mounted another type", f"it is {mount.fstype}")
    if not is_shown_source(definition.fstype, definition.src, mount.source):
        raise _wrong("the helper mounted another source", f"it is '{mount.source}'")


def _wrong(what: str, detail: str) -> MountError:
    return MountError("verification_failed", f"{what}; nothing was mounted", step="verify", detail=detail)
