# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The host's table of filesystems: read where it is root's alone, replaced in one piece under a lock.

Private to holdfast.mounts.
"""

from __future__ import annotations

import contextlib
import os
import typing as t

from ansible_collections.holdfast.mounts.plugins.module_utils._kernel.walk import Walk
from ansible_collections.holdfast.mounts.plugins.module_utils._ledger.fstab_text import edited, find_entry
from ansible_collections.holdfast.mounts.plugins.module_utils._ledger.operations import short_lock
from ansible_collections.holdfast.mounts.plugins.module_utils._ledger.trusted import (
    Replaceable,
    open_trusted,
    read_trusted,
)
from ansible_collections.holdfast.mounts.plugins.module_utils._values.errors import MountError
from ansible_collections.holdfast.mounts.plugins.module_utils._values.fstab import MARK, BootEntry

FSTAB_PATH = "/etc/fstab"
_HIDDEN = ".fstab.holdfast"


def _untrusted(what: str) -> MountError:
    return MountError(
        "unsafe_path",
        f"the table of filesystems '{FSTAB_PATH}' is left alone: {what}; make it a plain file of root's, or "
        "hold the mount without 'boot: true'",
        step="fstab",
    )


def read_entry(path: str) -> BootEntry:
    """Return what the table says of a mount point. Needs no lock. Raises MountError C(unsafe_path)."""
    return find_entry(read_trusted(FSTAB_PATH, _untrusted) or b"", path)


def edit_fstab(changes: t.Mapping[str, t.Optional[str]], deadline: float) -> bool:
    """Make these lines our entries, and take out those that are None; return whether that was a change.

    Nobody else's line is touched. Raises MountError or OSError, and has changed nothing then.
    """
    with short_lock("fstab", deadline):
        fd = open_trusted(FSTAB_PATH, _untrusted)
        try:
            old = b"" if fd is None else _read(fd)
            new = edited(old, changes)
            if new == old:
                return False
            _replace(new, fd)
        finally:
            if fd is not None:
                os.close(fd)
    return True


def _read(fd: int) -> bytes:
    with os.fdopen(os.dup(fd), "rb") as file:
        return file.read()


def _replace(content: bytes, like: t.Optional[int]) -> None:
    """Put a new file in the place of the old one, with its mode, group and labels; without one 0644."""
    with Walk(FSTAB_PATH, waits=True) as walk:
        directory = os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=walk.directory)
        try:
            file = Replaceable(directory, walk.name, _HIDDEN)
            file.replace(content, lambda fd: _imitate(fd, like))
            if MARK.encode("ascii") not in content:
                file.drop_reserve()
        finally:
            os.close(directory)


def _imitate(fd: int, like: t.Optional[int]) -> None:
    if like is None:
        os.fchmod(fd, 0o644)
        return
    found = os.fstat(like)
    os.fchown(fd, found.st_uid, found.st_gid)
    os.fchmod(fd, found.st_mode & 0o7777)
    for name in os.listxattr(like):
        # A label of a security module may not be ours to set; the directory's default holds then.
        with contextlib.suppress(OSError):
            os.setxattr(fd, name, os.getxattr(like, name))
