# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which filesystems are local, and who may ask the others: a child with a deadline, and nobody else.

A local one answers at once, and the owners and modes that it shows are those that the kernel heeds.

Private to holdfast.mounts.
"""

from __future__ import annotations

import errno
import os
import typing as t

from ansible_collections.holdfast.mounts.plugins.module_utils._grammar.filesystems import LOCAL_TYPES
from ansible_collections.holdfast.mounts.plugins.module_utils._kernel.inodes import Inode
from ansible_collections.holdfast.mounts.plugins.module_utils._kernel.mounts import mount_type, mount_under

# Everything else than LOCAL_TYPES may have a server or a daemon, which may stop answering, and says of owners
# what it likes. LIMIT: a layer of an overlay may have a server.
_may_wait = False


class WouldWait(OSError):
    """Going on would ask a filesystem that may not answer; it has to be done apart (EWOULDBLOCK)."""

    def __init__(self, path: str) -> None:
        super().__init__(errno.EWOULDBLOCK, os.strerror(errno.EWOULDBLOCK))
        self.path = path


def allow_waiting() -> None:
    """Let this process ask every filesystem: it is a child that somebody ends at a deadline."""
    global _may_wait
    _may_wait = True


def type_of(inode: Inode) -> t.Optional[str]:
    """Return the type of the filesystem that an open handle lies on, None where the kernel does not tell."""
    return mount_type(inode.mount_id, is_unique=inode.has_unique_id, device=inode.identity.device)


def answers_at_once(inode: Inode) -> bool:
    """Whether the filesystem that an open handle lies on is of a type that needs no server."""
    fstype = type_of(inode)
    return fstype is None or fstype in LOCAL_TYPES


def is_served_by_user(inode: Inode) -> bool:
    """Whether the filesystem that an open handle lies on is FUSE that a process of another user serves."""
    if answers_at_once(inode):
        return False
    found = mount_under(inode)
    return found is not None and found.server is not None


def refuse_to_wait(inode: Inode, path: str, *, waits: bool = False) -> None:
    """Raise WouldWait if the filesystem behind this handle may not answer and nobody keeps watch.

    waits: for what nothing can be done without, but not for FUSE, which any user may mount.
    """
    if _may_wait or answers_at_once(inode):
        return
    if not waits or (type_of(inode) or "").startswith("fuse"):
        raise WouldWait(path)
