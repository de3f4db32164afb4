# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The system calls of a mount in a bulk, one after the other, with nothing decided between them.

What a lock, a note, a mount point and a last look cost at least in this Python: no module can be faster.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import typing as t

from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.kernel import (
    inodes,
    mounts,
    pathwalk,
    syscalls,
)

HANDLE = os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC
DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
LOCK = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
# Bytes of the lines that a note of a tmpfs has.
INTENT, MADE = b"x" * 600, b"x" * 100


def mount_bare(directory: int, path: str, file: str) -> None:
    """Mount a tmpfs at a path that is missing in this directory; file: of its lock and note."""
    name = os.path.basename(path)
    lock = os.open(file, LOCK, 0o600)
    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    os.fstat(lock)
    os.lstat(file)
    with contextlib.suppress(FileNotFoundError):
        os.close(os.open(name, HANDLE, dir_fd=directory))
    mount, inode = _make()
    os.write(lock, INTENT)
    _make_mount_point(directory, name, lock)
    leaf = os.open(name, HANDLE, dir_fd=directory)
    inodes.inode_of(leaf)
    syscalls.move_mount(mount, leaf)
    mounts.mount_parent(inode.mount_id, is_unique=True)
    pathwalk.look_at(path)
    os.close(leaf)
    os.close(mount)
    os.unlink(file)
    os.close(lock)


def _make() -> t.Tuple[int, inodes.Inode]:
    context = syscalls.fsopen("tmpfs")
    syscalls.fsconfig(context, syscalls.FSCONFIG_SET_STRING, "source", "x")
    syscalls.fsconfig(context, syscalls.FSCONFIG_CMD_CREATE)
    mount = syscalls.fsmount(context, mounts.attribute_bits(("nodev", "nosuid")))
    os.close(context)
    os.fstatvfs(mount)
    return mount, inodes.inode_of(mount)


def _make_mount_point(directory: int, name: str, lock: int) -> None:
    os.mkdir(f".{name}", 0o700, dir_fd=directory)
    made = os.open(f".{name}", DIRECTORY, dir_fd=directory)
    inodes.inode_of(made)
    inodes.inode_of(directory)
    os.fchmod(made, 0o755)
    os.close(made)
    os.write(lock, MADE)
    syscalls.renameat2(directory, f".{name}", name, syscalls.RENAME_NOREPLACE)
