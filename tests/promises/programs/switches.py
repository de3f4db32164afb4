# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Kernels that lack something: each switch takes one thing away from the collection's view of this kernel."""

from __future__ import annotations

import errno
import os
import struct
import typing as t

from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.kernel import mounts, syscalls

STATX_MNT_ID_UNIQUE = 0x4000
STATMOUNT_SB_SOURCE = 0x200
# What a kernel says to an operation, or a key, of fsconfig(2) that it does not know.
Unknown = t.Union[int, str]
UNKNOWN: t.Dict[Unknown, int] = {
    syscalls.FSCONFIG_SET_FD: errno.EBADF,
    syscalls.FSCONFIG_CMD_CREATE_EXCL: errno.EOPNOTSUPP,
    "lowerdir+": errno.EINVAL,
}
# And to the first of them where the filesystem still has the interface of mount(2): overlay before Linux 6.5.
STRINGS_ALONE = {**UNKNOWN, syscalls.FSCONFIG_SET_FD: errno.EOPNOTSUPP}


def lack_call(*names: str) -> None:
    """Let these system calls be unknown."""

    def refuse(*_arguments: t.Any, **_more: t.Any) -> t.NoReturn:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))

    for name in names:
        setattr(syscalls, name, refuse)
    # A kernel that lacks a call has never answered it.
    mounts._type_of.cache_clear()
    mounts._tells_source.cache_clear()
    mounts.answers_by_id.cache_clear()


def lack_unique_id() -> None:
    """Linux before 6.8: mounts have numbers that are given again, and nobody is asked about one mount."""
    ask = syscalls.statx

    def statx(fd: int, path: bytes, *, flags: int, mask: int) -> t.Any:
        return ask(fd, path, flags=flags, mask=mask & ~STATX_MNT_ID_UNIQUE)

    syscalls.statx = statx
    lack_call("listmount", "statmount")


def lack_source_of_statmount() -> None:
    """Linux before 6.13: statmount(2) does not tell the source."""
    ask = syscalls.statmount

    def statmount(mount_id: int, mask: int) -> bytes:
        raw = bytearray(ask(mount_id, mask))
        told = struct.unpack_from("=Q", raw, 8)[0]
        struct.pack_into("=Q", raw, 8, told & ~STATMOUNT_SB_SOURCE)
        return bytes(raw)

    syscalls.statmount = statmount
    mounts._tells_source.cache_clear()


def lack_parameter(*unknown: Unknown, refusals: t.Optional[t.Mapping[Unknown, int]] = None) -> None:
    """Let these operations or keys of fsconfig(2) be unknown."""
    ask, told = syscalls.fsconfig, refusals or UNKNOWN

    def fsconfig(
        context: int,
        command: int,
        key: t.Optional[str] = None,
        value: t.Optional[str] = None,
        *,
        aux: int = 0,
    ) -> None:
        for word in unknown:
            if word in (command, key):
                raise OSError(told[word], os.strerror(told[word]))
        ask(context, command, key, value, aux=aux)

    syscalls.fsconfig = fsconfig


def lack_everything() -> None:
    """Linux 5.12, as far as it can be played here."""
    lack_unique_id()
    lack_parameter(*UNKNOWN, refusals=STRINGS_ALONE)


SWITCHES: t.Dict[str, t.Callable[[], None]] = {
    "everything": lambda: None,
    "no unique id (6.8)": lack_unique_id,
    "no statmount (seccomp)": lambda: lack_call("statmount"),
    "no listmount (seccomp)": lambda: lack_call("listmount"),
    "no openat2 (5.6)": lambda: lack_call("openat2"),
    "no source of statmount (6.13)": lack_source_of_statmount,
    "no layers by handle (6.13)": lambda: lack_parameter(syscalls.FSCONFIG_SET_FD),
    "no lowerdir+ (6.5)": lambda: lack_parameter(
        syscalls.FSCONFIG_SET_FD, "lowerdir+", refusals=STRINGS_ALONE
    ),
    "no exclusive create (6.6)": lambda: lack_parameter(syscalls.FSCONFIG_CMD_CREATE_EXCL),
    "none of these (5.12)": lack_everything,
}
