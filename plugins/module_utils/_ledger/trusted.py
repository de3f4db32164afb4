# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Files of root's that decide something: opened only when nobody else can have written them.

Private to holdfast.mounts.
"""

from __future__ import annotations

import errno
import os
import typing as t

from ansible_collections.holdfast.mounts.plugins.module_utils._kernel.inodes import inode_of
from ansible_collections.holdfast.mounts.plugins.module_utils._kernel.walk import Walk
from ansible_collections.holdfast.mounts.plugins.module_utils._values.errors import MountError

# From what is wrong to the error that tells it.
Untrusted = t.Callable[[str], MountError]


def refuse_unsafe_way(walk: Walk, untrusted: Untrusted) -> None:
    """Refuse a way that leads through a link, or through a directory that others may write."""
    if walk.obstacle:
        raise untrusted(f"'{walk.obstacle}' is a symbolic link or no directory")
    if walk.writable_ancestor:
        raise untrusted(f"'{walk.writable_ancestor}' may be written by others than root")


def open_trusted(path: str, untrusted: Untrusted) -> t.Optional[int]:
    """Return the file at path, open for reading; None where there is none. Needs neither root nor a lock.

    Raises what untrusted returns, or OSError where the host has run out of something.
    """
    with Walk(path, waits=True) as walk:
        refuse_unsafe_way(walk, untrusted)
        if walk.leaf is None:
            return None
        try:
            flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
            fd = os.open(walk.name, flags, dir_fd=walk.directory)
        except FileNotFoundError:
            return None
        except OSError as error:
            if error.errno in (errno.EMFILE, errno.ENFILE, errno.ENOMEM):
                raise  # nothing is wrong with the file
            raise untrusted(f"it cannot be opened: {error.strerror}") from error
    try:
        _refuse_unsafe_file(fd, untrusted)
    except MountError:
        os.close(fd)
        raise
    return fd


def read_trusted(path: str, untrusted: Untrusted) -> t.Optional[bytes]:
    """Return what the file at path holds; None where there is none. Raises as open_trusted."""
    fd = open_trusted(path, untrusted)
    if fd is None:
        return None
    with os.fdopen(fd, "rb") as file:
        return file.read()


def _refuse_unsafe_file(fd: int, untrusted: Untrusted) -> None:
    inode = inode_of(fd)
    wrong = [
        (inode.kind != "file", "it is not a regular file"),
        (inode.uid != 0, "it does not belong to root"),
        (bool(inode.mode & 0o7022), "others than root may write it, or it has odd bits (mode 0644 is right)"),
        (bool(inode.mode & 0o111), "it is executable (mode 0644 is right)"),
        (inode.links > 1, "it has a second name, a hard link"),
    ]
    for is_wrong, what in wrong:
        if is_wrong:
            raise untrusted(what)
