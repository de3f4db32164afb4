# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Mounts of a helper: made in a private staging area, detached from it, swept.

Private to holdfast.mounts.
"""

from __future__ import annotations

import contextlib
import errno
import os
import time
import typing as t
from functools import partial

from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast import errors, model
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.grammar import (
    credentials,
    filesystems,
    record,
    sources,
)
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.helper import command, failures
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.kernel import (
    child,
    create,
    files,
    inodes,
    mountinfo,
    mounts,
    syscalls,
    system,
)

_TARGET = "mount"
# Called by a service, mount(8) may mount on few labels (SELinux); that of this directory is one.
_MOUNTABLE = "/mnt"
_MODE = 0x2  # STATX_MODE
_ALL_ATTRIBUTES = (
    mounts.attribute_bits(mounts.ATTRIBUTES) | 0x70
)  # MOUNT_ATTR__ATIME is one value of three bits


def mount_staged(name: str, definition: model.Definition, *, point: str, parent: int, seconds: float) -> int:
    """Return a detached mount that a helper made, with its flags in force. Runs in a child of its own.

    It never touches what may not answer, so it can always end what the helper started, at its deadline or
    when its parent dies: children of its own do. name: of a stage that nobody else uses. point: where the
    mount is going to be seen. Raises MountError or OSError.
    """
    deadline = time.monotonic() + seconds
    command.supervise(parent, lambda: drop_stage(name, aborts=True))
    filesystem = filesystems.record_of(definition.fstype)
    _refuse_missing_kernel_type(filesystem)
    target = f"{system.STAGES}/{name}/{_TARGET}"
    try:
        with contextlib.ExitStack() as stack:
            credentials = _hand_over(filesystem, definition, stack, seconds)
            make_stage(name)
            argv = command.arguments(filesystem, definition, target, point=point, credentials_fd=credentials)
            kept = () if credentials is None else (credentials,)
            said = command.run_mount(argv, kept=kept, seconds=deadline - time.monotonic())
        if said.status != 0:
            raise failures.failure(filesystem, said.status, said.output)
        mount = child.run_with_deadline(
            lambda: child.Descriptor(_copy_detached(target, filesystem, definition)),
            deadline - time.monotonic(),
            kept=(),
            step="mount",
        )
    except BaseException:
        command.end_children()
        drop_stage(name, aborts=True)
        raise
    drop_stage(name)
    return mount


def _refuse_missing_kernel_type(filesystem: record.Filesystem) -> None:
    """Ask the kernel for the type, which loads its module."""
    if filesystem.helper is None:
        raise ValueError("a type without a helper")
    try:
        os.close(syscalls.fsopen(filesystem.helper.kernel_type))
    except OSError as error:
        if error.errno != errno.ENODEV:
            raise
        raise failures.missing_kernel_type(filesystem) from error


def _hand_over(
    filesystem: record.Filesystem, definition: model.Definition, stack: contextlib.ExitStack, seconds: float
) -> t.Optional[int]:
    """Return a file in memory with the credentials, which no name leads to and no crash leaves behind."""
    path = dict(definition.data).get(credentials.CREDENTIALS)
    if path is None:
        return None
    read = child.Task(partial(files.read_credentials, path, may_block=True))
    (text,) = child.run_together([read], seconds, step="mount")
    if not isinstance(text, str):
        raise text
    content = credentials.file_for_helper(filesystem, text)
    written = os.memfd_create("credentials", os.MFD_CLOEXEC)
    try:
        os.write(written, content.encode("utf-8"))
        if system.has_selinux():
            from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.kernel import labels

            labels.copy_label(path, written)
        # A domain that may read the file itself, but not write it, is refused a descriptor for both.
        fd = os.open(f"/proc/self/fd/{written}", os.O_RDONLY | os.O_CLOEXEC)
    finally:
        os.close(written)
    stack.callback(os.close, fd)
    return fd


def make_stage(name: str) -> None:
    """Make a filesystem of our own in which a helper may mount: root's, private, gone with its mount."""
    with contextlib.suppress(FileExistsError), system.labelled(system.STAGES):
        os.mkdir(system.STAGES, 0o700)
    found = os.lstat(system.STAGES)
    if found.st_mode & 0o170077 != 0o040000 or found.st_uid != 0:
        raise errors.MountError(
            "ledger_untrusted",
            f"'{system.STAGES}' is not a directory that belongs to root and that nobody else may write; "
            "remove it",
            step="stage",
        )
    context = syscalls.fsopen(record.SCRATCH)
    try:
        for key, value in (("source", "holdfast"), ("mode", "0700"), ("size", "65536"), ("nr_inodes", "16")):
            syscalls.fsconfig(context, syscalls.FSCONFIG_SET_STRING, key, value)
        syscalls.fsconfig(context, syscalls.FSCONFIG_CMD_CREATE)
        stage = syscalls.fsmount(context, mounts.attribute_bits(("nosuid", "nodev", "noexec")))
    finally:
        os.close(context)
    try:
        with system.labelled(_MOUNTABLE):
            os.mkdir(_TARGET, 0o700, dir_fd=stage)
        with system.labelled(f"{system.STAGES}/{name}"):
            os.mkdir(f"{system.STAGES}/{name}", 0o700)
        place = os.open(f"{system.STAGES}/{name}", os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            syscalls.move_mount(stage, place)
        finally:
            os.close(place)
        # Below a shared mount it has become shared, and a mount cannot be moved from under such a one.
        syscalls.mount_setattr(stage, propagation=syscalls.MS_PRIVATE)
    finally:
        os.close(stage)


def drop_stage(name: str, *, aborts: bool = False) -> None:
    """Remove a stage, with what is mounted in it. May wait for a server; a second call does nothing.

    aborts: also cut off a daemon that serves it, and let go whoever waits for one: nobody else uses it.
    """
    path = f"{system.STAGES}/{name}"
    if aborts:
        _abort(f"{path}/{_TARGET}")
    with contextlib.suppress(FileNotFoundError):
        with contextlib.suppress(OSError):  # EINVAL: nothing is mounted there
            syscalls.umount2(path, syscalls.MNT_DETACH | syscalls.UMOUNT_NOFOLLOW)
        os.rmdir(path)


def _abort(target: str) -> None:
    """End the connection to a daemon: a request that it has read is waited for beyond SIGKILL (fuse(4)).

    The daemon ends by that, as its next read fails (ENODEV). Only of FUSE, where each mount has a superblock
    of its own; others may share theirs with a mount in use.
    """
    if any(
        mount.mount_point == target and mount.fstype.startswith(record.FUSE)
        for mount in mountinfo.read_mounts()
    ):
        with contextlib.suppress(OSError):  # EBUSY: it is in use, and its connection has ended all the same
            syscalls.umount2(target, syscalls.MNT_FORCE | syscalls.UMOUNT_NOFOLLOW)


def _copy_detached(target: str, filesystem: record.Filesystem, definition: model.Definition) -> int:
    """Return a detached copy of what is mounted at the target, after looking whether it is what was asked."""
    place = os.open(target, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        mount = mounts.mount_under(inodes.inode_of(place))
        _refuse_other(mount, target, filesystem, definition)
        _refuse_silent(place)
        copy = syscalls.open_tree_clone(place)
    finally:
        os.close(place)
    try:
        bits = mounts.attribute_bits(definition.flags)
        syscalls.mount_setattr(
            copy, attributes=bits, cleared=_ALL_ATTRIBUTES, propagation=syscalls.MS_PRIVATE
        )
        create.verify_flags(copy, definition)
    except BaseException:
        os.close(copy)
        raise
    return copy


def _refuse_silent(place: int) -> None:
    """Refuse a filesystem whose server does not answer for its root, whatever the kernel remembers."""
    try:
        syscalls.statx(place, b"", flags=syscalls.AT_EMPTY_PATH | syscalls.AT_STATX_FORCE_SYNC, mask=_MODE)
    except OSError as error:
        raise _wrong("what the helper mounted does not answer", os.strerror(error.errno or 0)) from error


def _refuse_other(
    mount: t.Optional[model.KernelMount],
    target: str,
    filesystem: record.Filesystem,
    definition: model.Definition,
) -> None:
    if mount is None or mount.mount_point != target:
        raise _wrong("the helper said that it had mounted, and there is no mount", "")
    if mount.fstype not in filesystem.shown_types:
        raise _wrong("the helper mounted another type", f"it is {mount.fstype}")
    if not sources.is_shown_source(definition.fstype, definition.src, mount.source):
        raise _wrong("the helper mounted another source", f"it is '{mount.source}'")


def _wrong(what: str, detail: str) -> errors.MountError:
    return errors.MountError(
        "verification_failed", f"{what}; nothing was mounted", step="verify", detail=detail
    )
