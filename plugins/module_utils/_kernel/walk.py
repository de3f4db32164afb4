# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The way from / to a path, one component at a time and never through a symbolic link.

Private to holdfast.mounts.
"""

from __future__ import annotations

import errno
import os
import typing as t

from ansible_collections.holdfast.mounts.plugins.module_utils._kernel.inodes import Inode, inode_of
from ansible_collections.holdfast.mounts.plugins.module_utils._kernel.waiting import refuse_to_wait

_OPEN = os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC


class Walk:
    """Open handles on a path as it was found; a name that is swapped afterwards does not move them.

    directory: handle of the deepest directory on the way; the parent of the last component when
        nothing is missing but that.
    leaf: handle of the last component, or of the obstacle; None when a component is missing.
    missing: the components that do not exist.
    obstacle: the prefix of the path that is a symbolic link or, before the end, no directory.
    writable_ancestor: the first directory on the way that others than root may write, by owner or mode.

    Raises WouldWait where a name would have to be looked up in a filesystem that may not answer, unless
    this process may wait, or waits is set: for what nothing can be done without.
    """

    def __init__(self, path: str, *, waits: bool = False) -> None:
        self.path = path
        self.waits = waits
        self.directory = os.open("/", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        self.leaf: t.Optional[int] = None
        self.inode: t.Optional[Inode] = None
        self.missing: t.Tuple[str, ...] = ()
        self.obstacle: t.Optional[str] = None
        self.writable_ancestor: t.Optional[str] = None
        try:
            self._descend(path[1:].split("/"))
        except BaseException:
            self.close()
            raise

    def _descend(self, names: t.Sequence[str]) -> None:
        here, inode = "", inode_of(self.directory)
        # A root filesystem that does not answer would have stopped this process long ago.
        asked = inode.mount_id
        for position, name in enumerate(names):
            if inode.mount_id != asked and not self.waits:
                refuse_to_wait(inode, here)
                asked = inode.mount_id
            if self.writable_ancestor is None and (inode.uid != 0 or inode.mode & 0o022):
                self.writable_ancestor = here or "/"
            try:
                leaf = os.open(name, _OPEN, dir_fd=self.directory)
            except FileNotFoundError:
                self.missing = tuple(names[position:])
                return
            here, inode, is_last = f"{here}/{name}", inode_of(leaf), position == len(names) - 1
            if is_last or inode.kind != "directory":
                self.leaf, self.inode = leaf, inode
                if inode.is_symlink or not is_last:
                    self.obstacle = here
                return
            os.close(self.directory)
            self.directory = leaf

    @property
    def name(self) -> str:
        """The last component of the path."""
        return self.path.rpartition("/")[2]

    def has_entries(self) -> bool:
        """Whether the directory at the end of the path has entries. False for everything else."""
        if self.leaf is None or self.inode is None or self.inode.kind != "directory":
            return False
        listing = os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=self.leaf)
        try:
            with os.scandir(listing) as entries:
                return next(entries, None) is not None
        finally:
            os.close(listing)

    def drop_leaf(self) -> None:
        """Close the handle of the last component: an open one keeps its mount busy (umount2(2))."""
        leaf, self.leaf = self.leaf, None
        if leaf is not None:
            os.close(leaf)

    def close(self) -> None:
        """Close every handle. A second call does nothing."""
        self.drop_leaf()
        directory, self.directory = self.directory, -1
        if directory >= 0:
            os.close(directory)

    def __enter__(self) -> Walk:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


def open_directory(path: str) -> t.Optional[int]:
    """Return a handle of the directory at path, None if something on the way is missing or in the way."""
    with Walk(path) as walk:
        if walk.leaf is None or walk.obstacle or walk.inode is None or walk.inode.kind != "directory":
            return None
        handle, walk.leaf = walk.leaf, None
        return handle


def is_gone(error: OSError) -> bool:
    """Whether the error says that the object is not there."""
    return error.errno in (errno.ENOENT, errno.ENOTDIR)
