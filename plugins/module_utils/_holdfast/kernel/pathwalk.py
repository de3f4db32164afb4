# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""From a path to a handle, one component at a time, and which filesystems on the way may block.

Private to holdfast.mounts.
"""

from __future__ import annotations

import errno
import os
import typing as t

from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast import model
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.grammar import filesystems, record
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.kernel import (
    inodes,
    mountinfo,
    mounts,
    syscalls,
    utf8,
)

_OPEN = os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC


class Walk:
    """Open handles on a path as it was found; a name that is swapped afterwards does not move them.

    directory: handle of the deepest directory on the way; the parent of the last component when
        nothing is missing but that. above: its inode.
    leaf: handle of the last component, or of the obstacle; None when a component is missing.
    missing: the components that do not exist.
    obstacle: the prefix of the path that is a symbolic link or, before the end, no directory that root can
        search. error: what the filesystem answered there, where it answered at all.
    writable_ancestor: the first directory on the way that others than root can write. Owners and modes count
        where they are the kernel's: on the root filesystem, on local ones, and on the mounts in trusted; a
        directory on any other counts as one that others may write, and writable_type is that filesystem's.
    remote_ancestor: the first directory on the way whose filesystem is not local, trusted or not.
    remote_type: of that filesystem.
    is_exposed: users other than root can change the names in directory.

    Raises MayBlock where a name would have to be looked up in a filesystem that may not answer, unless
    may_block is set, in a worker process that is given up at a deadline; or is_vital, for what nothing can be
    done without, and FUSE even then.

    springs: at the end of the path too. What an automounter mounts on the way is always waited for.

    cache: start at the directory of an earlier walk. The last look at what was done must not: only a walk
        from / shows what everybody else sees.
    """

    def __init__(
        self,
        path: str,
        *,
        may_block: bool = False,
        is_vital: bool = False,
        springs: bool = False,
        cache: t.Optional[DirectoryCache] = None,
        trusted: t.Container[model.MountKey] = (),
    ) -> None:
        self.path = path
        self._may_block = may_block
        self._is_vital = is_vital
        self._springs = springs
        self._trusted = trusted
        self._types: t.Dict[int, t.Optional[str]] = {}
        self.leaf: t.Optional[int] = None
        self.inode: t.Optional[inodes.Inode] = None
        self.missing: t.Tuple[str, ...] = ()
        self.obstacle: t.Optional[str] = None
        self.error: t.Optional[OSError] = None
        self.writable_ancestor: t.Optional[str] = None
        self.writable_type = ""
        self.remote_ancestor: t.Optional[str] = None
        self.remote_type = ""
        self.is_exposed = False
        self.directory, self._is_lent = -1, False
        try:
            self.above = self._start(cache)
        except BaseException:
            self.close()
            raise

    def _start(self, cache: t.Optional[DirectoryCache]) -> inodes.Inode:
        """Go from where another walk has come by, or from /; return the inode of the last directory."""
        known = cache.find(self.path) if cache is not None else None
        above = self._follow(known) if known is not None else None
        if above is None:
            self.directory = os.open("/", _OPEN | os.O_DIRECTORY)
            root = inodes.inode_of(self.directory)
            # A root filesystem that does not answer would have stopped this process long ago, and whoever
            # serves it has the host.
            self._types[root.mount_id] = ""
            above = self._descend(self.path[1:].split("/"), "", root)
        is_at_end = self.obstacle in (None, self.path)
        is_plain = self.writable_ancestor is None and self.remote_ancestor is None
        if cache is not None and not self._is_lent and is_at_end and is_plain:
            here = self.path.rsplit("/", len(self.missing) or 1)[0]
            self._is_lent = cache.keep(here, self.directory, above)
        return above

    def _follow(self, known: _Directory) -> t.Optional[inodes.Inode]:
        self.directory, self._is_lent = known.handle, True
        above = self._descend(self.path[len(known.path) + 1 :].split("/"), known.path, known.inode)
        if not self.missing or not self._is_lent or inodes.inode_of(known.handle).links:
            return above
        # It was removed meanwhile, and may be there again, as another one.
        self.missing, self.directory, self._is_lent = (), -1, False
        return None

    def _descend(self, names: t.Sequence[str], here: str, inode: inodes.Inode) -> inodes.Inode:
        """Go down from a directory, whose inode this is; return the inode of the last one."""
        asked, distrusted = inode.mount_id, ""
        for position, name in enumerate(names):
            if inode.mount_id != asked:
                asked, distrusted = inode.mount_id, self._enter(inode, here)
            self.is_exposed = inode.is_writable_by_others or bool(distrusted)
            if self.writable_ancestor is None and self.is_exposed:
                self.writable_ancestor, self.writable_type = here or "/", distrusted
            try:
                leaf = os.open(utf8.encoded(name), _OPEN, dir_fd=self.directory)
            except FileNotFoundError as error:
                if self._is_trap(inode):  # where an automounter alone can make anything
                    self.obstacle, self.error = f"{here}/{name}", error
                else:
                    self.missing = tuple(names[position:])
                break
            except OSError as error:
                if error.errno not in inodes.SILENT:
                    raise
                self.obstacle, self.error = here or "/", error
                break
            self.leaf = leaf  # so that whatever stops this walk closes it
            here, found, is_last = f"{here}/{name}", inodes.inode_of(leaf), position == len(names) - 1
            if (self._springs or not is_last) and self._is_trap(found):
                self.drop_leaf()
                try:
                    self.leaf = leaf = self._spring(name, here, found)
                    found = inodes.inode_of(leaf)
                except MayBlock:
                    raise
                except OSError as error:
                    self.drop_leaf()
                    self.obstacle, self.error = here, error
                    break
            if is_last or found.kind != "directory":
                self.inode = found
                if found.is_symlink or not is_last:
                    self.obstacle = here
                break
            if not self._is_lent:
                os.close(self.directory)
            self.directory, self.leaf, self._is_lent, inode = leaf, None, False, found
        return inode

    def _type(self, inode: inodes.Inode) -> t.Optional[str]:
        if inode.mount_id not in self._types:
            self._types[inode.mount_id] = type_of(inode)
        return self._types[inode.mount_id]

    def _is_trap(self, inode: inodes.Inode) -> bool:
        return inode.kind == "directory" and self._type(inode) == mountinfo.TRAP

    def _spring(self, name: str, here: str, trap: inodes.Inode) -> int:
        """Have the automounter mount what belongs on a trap, and return that; waits for it.

        Only a lookup that wants a directory springs a trap at its end (fs/namei.c, follow_automount).
        """
        require_nonblocking(trap, here, may_block=self._may_block, is_vital=self._is_vital)
        return os.open(utf8.encoded(name), _OPEN | os.O_DIRECTORY, dir_fd=self.directory)

    def _enter(self, inode: inodes.Inode, here: str) -> str:
        """Go on in another mount, at this directory of it; return its type if its owners do not count."""
        fstype = self._type(inode) or "unknown"
        if fstype in filesystems.LOCAL_TYPES:
            return ""
        require_nonblocking(inode, here, may_block=self._may_block, is_vital=self._is_vital)
        if self.remote_ancestor is None:
            self.remote_ancestor, self.remote_type = here, fstype
        # Names on a trap are the automounter's, which is root's (fs/autofs/root.c).
        is_trusted = fstype == mountinfo.TRAP or (inode.mount_id, inode.identity.device) in self._trusted
        return "" if is_trusted else fstype

    @property
    def name(self) -> str:
        """The last component of the path."""
        return self.path.rpartition("/")[2]

    @property
    def is_served_file(self) -> bool:
        """Whether a user or a server says what is in the file at the end, and whose it is.

        Of a server only where the file is a mount of its own: else the directories on the way have told.
        """
        if self.inode is None or self.inode.kind != "file" or answers_at_once(self.inode):
            return False
        return self.inode.mount_id != self.above.mount_id or is_served_by_user(self.inode)

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
        if directory >= 0 and not self._is_lent:
            os.close(directory)

    def __enter__(self) -> Walk:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


class _Directory(t.NamedTuple):
    path: str
    handle: int
    inode: inodes.Inode


class DirectoryCache:
    """Directories that walks have come by, below which other walks start: for many mount points in one.

    Only root can have moved such a directory, as nobody else may write any on the way to it. managed: the
    mount points in the ledger; a handle below one of them would make it busy.
    """

    def __init__(self, managed: t.Container[str]) -> None:
        self._managed = managed
        self._found: t.Dict[str, _Directory] = {}

    def find(self, path: str) -> t.Optional[_Directory]:
        """Return the deepest directory above the path that is known."""
        above = (self._found.get(up) for up in _at_or_above(path.rpartition("/")[0]))
        return next(filter(None, above), None)

    def keep(self, path: str, handle: int, inode: inodes.Inode) -> bool:
        """Take a directory's handle, unless it lies on a mount that somebody may want to unmount."""
        is_on_managed = any(up in self._managed for up in _at_or_above(path))
        if not path or is_on_managed or len(self._found) >= _MOST_DIRECTORIES or path in self._found:
            return False
        self._found[path] = _Directory(path, handle, inode)
        return True

    def close(self) -> None:
        """Close every handle. A second call does nothing."""
        while self._found:
            os.close(self._found.popitem()[1].handle)


_MOST_DIRECTORIES = 32


def _at_or_above(path: str) -> t.Iterator[str]:
    while path:
        yield path
        path = path.rpartition("/")[0]


def look_at(path: str, *, may_block: bool = False) -> t.Optional[inodes.Inode]:
    """Return the inode that everybody sees at path, from / on; None where a link or nothing is on the way.

    Raises MayBlock, as a walk does.
    """
    inode = cached_at(path)  # what has just been walked is
    if inode is None:
        with Walk(path, may_block=may_block) as walk:
            return None if walk.obstacle else walk.inode
    return None if inode.is_symlink else inode


def cached_at(path: str) -> t.Optional[inodes.Inode]:
    """Return the inode at path where the kernel has all of the way at hand, so that no filesystem is asked.

    None where it does not, where a link is on the way, and before Linux 5.12.
    """
    try:
        fd = syscalls.openat2(
            syscalls.AT_FDCWD, path, _OPEN, syscalls.RESOLVE_NO_SYMLINKS | syscalls.RESOLVE_CACHED
        )
    except OSError:
        return None
    try:
        return inodes.inode_of(fd)
    finally:
        os.close(fd)


class MayBlock(OSError):
    """Going on would ask a filesystem that may not answer; it needs a worker process (EWOULDBLOCK).

    That is every type but LOCAL_TYPES: it may have a server or a daemon, which may stop answering, and says
    of owners what it likes. LIMIT: a layer of an overlay may have a server.
    """

    def __init__(self, path: str) -> None:
        super().__init__(errno.EWOULDBLOCK, os.strerror(errno.EWOULDBLOCK))
        self.path = path


def type_of(inode: inodes.Inode) -> t.Optional[str]:
    """Return the type of the filesystem that an open handle lies on, None where the kernel does not tell."""
    return mounts.mount_type(inode.mount_id, is_unique=inode.has_unique_id, device=inode.identity.device)


def answers_at_once(inode: inodes.Inode) -> bool:
    """Whether the filesystem that an open handle lies on is of a type that needs no server."""
    fstype = type_of(inode)
    return fstype is None or fstype in filesystems.LOCAL_TYPES


def is_served_by_user(inode: inodes.Inode) -> bool:
    """Whether the filesystem that an open handle lies on is FUSE that a process of another user serves."""
    if answers_at_once(inode):
        return False
    found = mounts.mount_under(inode)
    return found is not None and found.server is not None


def require_nonblocking(
    inode: inodes.Inode, path: str, *, may_block: bool = False, is_vital: bool = False
) -> None:
    """Raise MayBlock if the filesystem behind this handle may not answer and nobody keeps watch.

    is_vital: for what nothing can be done without, but not for FUSE, which any user may mount.
    """
    if may_block or answers_at_once(inode):
        return
    if not is_vital or (type_of(inode) or "").startswith(record.FUSE):
        raise MayBlock(path)
