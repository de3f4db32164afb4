# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Kernels that cannot do yet what this one can, and mounts to try them with."""

from __future__ import annotations

import errno
import functools
import os
import typing as t
from pathlib import Path

import pytest
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.kernel import inodes, mounts, syscalls
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.kernel.create import (
    attach,
    create_filesystem,
)
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.kernel.pathwalk import Walk
from ansible_collections.holdfast.mounts.tests.unit.plugins.module_utils.builders import (
    make_definition,
)

Switch = t.Callable[[pytest.MonkeyPatch], None]


def leave_on(_patch: pytest.MonkeyPatch) -> None:
    """Leave the kernel as it is."""


def without_unique_ids(patch: pytest.MonkeyPatch) -> None:
    """Linux 5.8 to 6.7: statx gives the number of mountinfo, and there is no statmount."""
    known = inodes._MNT_ID_UNIQUE
    real = syscalls.statx

    def statx(fd: int, path: bytes, *, flags: int, mask: int) -> t.Any:
        return real(fd, path, flags=flags, mask=mask & ~known)

    def missing(*_arguments: object) -> t.NoReturn:
        raise OSError(errno.ENOSYS, "Function not implemented")

    patch.setattr(syscalls, "statx", statx)
    patch.setattr(syscalls, "statmount", missing)
    patch.setattr(syscalls, "listmount", missing)


def without_source(patch: pytest.MonkeyPatch) -> None:
    """Linux 6.8 to 6.12: statmount does not tell the source."""
    real = syscalls.statmount
    patch.setattr(syscalls, "statmount", lambda mount_id, mask: real(mount_id, mask & ~mounts._SB_SOURCE))
    patch.setattr(mounts, "_tells_source", functools.lru_cache(mounts._tells_source.__wrapped__))


def without_openat2(patch: pytest.MonkeyPatch) -> None:
    """Linux 5.5, and whatever forbids the call by a seccomp filter."""

    def missing(*_arguments: object) -> t.NoReturn:
        raise OSError(errno.ENOSYS, "Function not implemented")

    patch.setattr(syscalls, "openat2", missing)


def without_layer_handles(patch: pytest.MonkeyPatch, *, refusal: int = errno.EBADF) -> None:
    """Before Linux 6.13: fsconfig(2) takes no descriptors of O_PATH."""
    real = syscalls.fsconfig

    def fsconfig(context: int, command: int, *words: t.Optional[str], aux: int = 0) -> None:
        if command == syscalls.FSCONFIG_SET_FD:
            raise OSError(refusal, os.strerror(refusal))
        real(context, command, *words, aux=aux)

    patch.setattr(syscalls, "fsconfig", fsconfig)


def with_strings_alone(patch: pytest.MonkeyPatch) -> None:
    """Before Linux 6.5: an overlay is configured by strings and flags, as mount(2) did it."""
    without_layer_handles(patch, refusal=errno.EOPNOTSUPP)


def attach_at(path: Path, mount: int) -> None:
    """Attach a detached mount to a directory, made where it is missing."""
    path.mkdir(exist_ok=True)
    try:
        with Walk(str(path)) as walk:
            attach(mount, inodes.inode_of(mount), walk)
    finally:
        os.close(mount)


def make_tmpfs(*opts: str) -> int:
    """Return a detached tmpfs."""
    return create_filesystem(make_definition(*opts), device=None, layers=(), may_share=True)
