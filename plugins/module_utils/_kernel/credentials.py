# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A file of credentials: read only where nobody but root can have written or read it.

Private to holdfast.mounts.
"""

from __future__ import annotations

import os
import typing as t

from ansible_collections.holdfast.mounts.plugins.module_utils._grammar.credentials import MOST_BYTES
from ansible_collections.holdfast.mounts.plugins.module_utils._kernel.inodes import inode_of
from ansible_collections.holdfast.mounts.plugins.module_utils._kernel.waiting import refuse_to_wait
from ansible_collections.holdfast.mounts.plugins.module_utils._kernel.walk import Walk
from ansible_collections.holdfast.mounts.plugins.module_utils._values.errors import Code, MountError
from ansible_collections.holdfast.mounts.plugins.module_utils._values.host import why_unsafe


def read_credentials(path: str) -> str:
    """Return the file's text. Raises MountError, which quotes nothing of it, or OSError.

    The way is walked without links and the file is opened once: what is checked is what is read.
    Raises WouldWait where the file's filesystem may not answer, unless this process may wait.
    """
    with Walk(path) as walk:
        if walk.error is not None:
            raise walk.error
        if walk.obstacle:
            raise _refused(
                "unsafe_path", "a symbolic link or no directory is on its way", detail=f"'{walk.obstacle}'"
            )
        if walk.writable_ancestor:
            raise _refused(
                "unsafe_path",
                "others than root may write a directory on its way",
                detail=why_unsafe(walk.writable_ancestor, walk.writable_type),
            )
        if walk.leaf is None or walk.inode is None:
            raise _refused("mount_failed", "it does not exist; make it, or correct the path")
        if walk.inode.kind != "file":
            raise _refused("unsafe_path", "it is not a regular file; make it a file of root's with mode 0600")
        refuse_to_wait(walk.inode, path)
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        fd = os.open(walk.name, flags, dir_fd=walk.directory)
    try:
        _refuse_unsafe(fd)
        raw = os.read(fd, MOST_BYTES + 1)
    finally:
        os.close(fd)
    if len(raw) > MOST_BYTES:
        raise _refused("mount_failed", f"it is longer than {MOST_BYTES} bytes")
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        # Not "from": the cause holds the bytes.
        raise _refused("mount_failed", "it is not UTF-8 text") from None


def _refuse_unsafe(fd: int) -> None:
    inode = inode_of(fd)
    wrong: t.Sequence[t.Tuple[bool, str]] = (
        (inode.kind != "file", "it is not a regular file"),
        (inode.uid != 0, "it does not belong to root"),
        (bool(inode.mode & 0o7177), "its mode is not 0600"),
        (inode.links > 1, "it has a second name, a hard link"),
    )
    for is_wrong, what in wrong:
        if is_wrong:
            raise _refused("unsafe_path", f"{what}; make it a file of root's with mode 0600")


def _refused(code: Code, what: str, *, detail: str = "") -> MountError:
    return MountError(code, f"the credentials file cannot be used: {what}", step="credentials", detail=detail)
