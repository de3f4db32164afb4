# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Mount points that are missing are made, and what was made is removed: that and nothing else.

Every inode is known before it gets its name, so that after a crash it can be told from others.

Private to holdfast.mounts.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import typing as t

from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast import model
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.kernel import (
    inodes,
    pathwalk,
    syscalls,
    system,
    utf8,
)

Remove = t.Literal["forgotten", "kept", "removed"]

# Only who may mount on the host may set it (xattr(7)), and it is of one inode: a copy has it in vain.
_MARK = "trusted.holdfast.mounts"
_TEMPORARY = re.compile(r"\.holdfast-[0-9a-f]{16}-[0-9]{1,2}")


def temporary_name(operation: str, depth: int) -> str:
    """Return the name that a directory has until it is known; depth is its component's place in the path."""
    return f".holdfast-{operation}-{depth}"


def make_missing(
    walk: pathwalk.Walk,
    *,
    operation: str,
    is_file: bool,
    attributes: model.MountPointAttributes,
    record: t.Callable[[str, model.Identity], None],
) -> None:
    """Make the missing components of the walk's path, the last one as a file or a directory.

    attributes: of the last one where it is a directory. A file is always root's, 0600: under the mount it
    stays a file of the host, which a second name of its directory, or another mount namespace, shows.
    record is given each path and inode before the path shows it. What somebody else makes meanwhile is
    left as it is, and the next look at the path finds out what that is. Raises OSError.
    """
    depth = walk.path.count("/") - len(walk.missing)
    parent, path = walk.directory, walk.path.rsplit("/", len(walk.missing))[0]
    try:
        for name in walk.missing:
            depth, path = depth + 1, f"{path}/{name}"
            is_last = path == walk.path
            made = _Made(parent, temporary_name(operation, depth), is_last and is_file)
            with system.labelled(path, is_file=made.is_file):
                made.make(attributes if is_last else model.MountPointAttributes())
            record(path, made.identity)
            made.reveal(name)
            if is_last:
                return
            deeper = os.open(
                utf8.encoded(name), os.O_PATH | os.O_NOFOLLOW | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=parent
            )
            if parent != walk.directory:
                os.close(parent)
            parent = deeper
            if inodes.inode_of(parent).mount_id != walk.above.mount_id:
                raise OSError(errno.EAGAIN, "something was mounted on the path meanwhile")
    finally:
        if parent != walk.directory:
            os.close(parent)


class _Made:
    """One new directory or empty file, under a name of its own until it is revealed."""

    def __init__(self, parent: int, temporary: str, is_file: bool) -> None:
        self.parent = parent
        self.temporary = temporary
        self.is_file = is_file
        self.identity = model.Identity("", 0, 0)

    def make(self, attributes: model.MountPointAttributes) -> None:
        if self.is_file:
            flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY
        else:
            os.mkdir(self.temporary, 0o700, dir_fd=self.parent)
            flags = os.O_RDONLY | os.O_DIRECTORY
        try:
            fd = os.open(self.temporary, flags | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600, dir_fd=self.parent)
            try:
                inode, above = inodes.inode_of(fd), inodes.inode_of(self.parent)
                if inode.mount_id != above.mount_id:
                    raise OSError(errno.EAGAIN, "a new directory was exchanged for a mount point")
                # Where nobody but root may write, nobody else can put another one in its place.
                if above.is_writable_by_others:
                    _refuse_swapped(fd, inode, is_file=self.is_file)
                _mark(fd, inode.identity)
                if self.is_file:
                    attributes = model.MountPointAttributes(mode=0o600)
                if (inode.uid, inode.gid) != (attributes.uid, attributes.gid):
                    os.fchown(fd, attributes.uid, attributes.gid)
                os.fchmod(fd, attributes.mode)
                self.identity = inode.identity
            finally:
                os.close(fd)
        except BaseException:
            self.discard()
            raise

    def reveal(self, name: str) -> None:
        try:
            syscalls.renameat2(self.parent, self.temporary, name, syscalls.RENAME_NOREPLACE)
        except OSError as error:
            if error.errno == errno.EINVAL:  # nfs, ceph, 9p and some daemons cannot rename so
                self._reveal_by_link(name)
                return
            self.discard()
            if error.errno != errno.EEXIST:
                raise

    def _reveal_by_link(self, name: str) -> None:
        """Give the inode its name where nothing has it: a file by link(2), a directory over a new, empty one.

        LIMIT: a kill between the two calls for a directory leaves an empty one, of root's alone, behind.
        """
        try:
            if self.is_file:
                os.link(self.temporary, utf8.encoded(name), src_dir_fd=self.parent, dst_dir_fd=self.parent)
                os.unlink(self.temporary, dir_fd=self.parent)
                return
            os.mkdir(utf8.encoded(name), 0o700, dir_fd=self.parent)
            os.rename(self.temporary, utf8.encoded(name), src_dir_fd=self.parent, dst_dir_fd=self.parent)
        except FileExistsError:
            self.discard()
        except BaseException:
            self.discard()
            raise

    def discard(self) -> None:
        _remove_name(self.parent, self.temporary, is_file=self.is_file)


def _mark(fd: int, identity: model.Identity) -> None:
    """Have the inode say that it was made here. LIMIT: not without births, or such attributes (nfs, vfat)."""
    if identity.birth:
        with contextlib.suppress(OSError):
            os.setxattr(fd, _MARK, _mark_of(identity))


def _mark_of(identity: model.Identity) -> bytes:
    return f"{identity.inode} {identity.birth}".encode("ascii")


def has_mark(path: str) -> bool:
    """Whether what is at this path may be marked, which is_leftover finds out."""
    try:
        return bool(os.getxattr(utf8.encoded(path), _MARK, follow_symlinks=False))
    except OSError:
        return False


def _is_marked(leaf: int, inode: inodes.Inode) -> bool:
    try:
        return os.getxattr(f"/proc/self/fd/{leaf}", _MARK) == _mark_of(inode.identity)
    except OSError:
        return False


def is_leftover(walk: pathwalk.Walk) -> bool:
    """Whether at the end of the walk is what was made here and belongs to nobody, if no reference has it.

    A temporary name tells that as well, where root alone may give it.
    """
    inode = walk.inode
    if inode is None or walk.leaf is None or walk.obstacle or walk.writable_ancestor or inode.is_mount_root:
        return False
    if inode.kind not in ("directory", "file") or pathwalk.is_served_by_user(inode):
        return False
    return _is_marked(walk.leaf, inode) or (inode.uid == 0 and is_temporary(walk.name))


def give_away(walk: pathwalk.Walk, identity: model.Identity) -> None:
    """Take the mark off what was made and is somebody else's from now on."""
    if walk.leaf is not None and walk.inode is not None and walk.inode.identity.inode == identity.inode:
        with contextlib.suppress(OSError):
            os.removexattr(f"/proc/self/fd/{walk.leaf}", _MARK)


def find_leftovers(walk: pathwalk.Walk, but: t.Container[str]) -> t.List[str]:
    """Return the names in the directory at the end of the walk that may be leftovers; nothing where that
    is not root's alone.

    but: paths that are not to be touched, such as mount points, whose filesystem may not answer.
    """
    inode = walk.inode
    is_safe = inode is not None and not walk.obstacle and not walk.writable_ancestor
    if not is_safe or inode is None or inode.kind != "directory" or inode.is_writable_by_others:
        return []
    listing = os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=walk.leaf)
    try:
        raw = os.listdir(f"/proc/self/fd/{listing}".encode("ascii"))
        names = [name for name in map(utf8.decoded, raw) if f"{walk.path}/{name}" not in but]
        return [name for name in names if is_temporary(name) or has_mark(f"/proc/self/fd/{listing}/{name}")]
    finally:
        os.close(listing)


def is_temporary(name: str) -> bool:
    """Whether a directory has this name only while the lock of its filesystem's directories is held."""
    return bool(_TEMPORARY.fullmatch(name))


def remove_leftover(walk: pathwalk.Walk) -> None:
    """Remove a leftover that is empty."""
    if walk.inode is not None and is_leftover(walk) and not (walk.inode.kind == "file" and walk.inode.size):
        _remove_name(walk.directory, walk.name, is_file=walk.inode.kind == "file")


def sync(walk: pathwalk.Walk) -> None:
    """Have what was removed from the directory at the end of the walk stay removed after a power cut."""
    if walk.leaf is not None and not walk.obstacle:
        fd = os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=walk.leaf)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)


def _refuse_swapped(fd: int, inode: inodes.Inode, *, is_file: bool) -> None:
    """Refuse what is not the new, empty inode of root's: who may write the parent may have swapped it."""
    is_new = inode.uid == 0 and not inode.mode & 0o077 and inode.kind == ("file" if is_file else "directory")
    if not is_new or (inode.size if is_file else os.listdir(fd)):
        raise OSError(errno.EAGAIN, "a new directory was swapped for another one")


def _remove_name(parent: int, name: str, *, is_file: bool) -> bool:
    raw = utf8.encoded(name)
    try:
        if is_file:
            os.unlink(raw, dir_fd=parent)
        else:
            os.rmdir(raw, dir_fd=parent)
    except OSError:
        return False
    return True


def remove_made(walk: pathwalk.Walk, identity: model.Identity) -> Remove:
    """Remove the directory or empty file at the end of the walk if it is what was made and nothing uses it.

    kept: it has entries, content or a mount. forgotten: it is gone, or another one stands there.
    """
    inode = walk.inode
    if walk.error is not None:
        return "kept"
    if inode is None or walk.obstacle:
        return "forgotten"
    if pathwalk.is_served_by_user(inode):
        return "kept"  # its inode is whatever that user says
    found = inode.identity
    is_same = (found.inode, found.birth) == (identity.inode, identity.birth)
    if inode.is_mount_root:
        return "kept"
    if not is_same or identity.device not in ("", found.device):
        return "forgotten"
    is_file = inode.kind == "file"
    if is_file and inode.size:
        return "kept"
    return "removed" if _remove_name(walk.directory, walk.name, is_file=is_file) else "kept"


def sweep_temporaries(path: str, operation: str, *, may_block: bool = False) -> None:
    """Remove what an operation that was killed left under its own names on the path."""
    names = path[1:].split("/")
    for depth in range(1, len(names) + 1):
        temporary = "/".join(["", *names[: depth - 1], temporary_name(operation, depth)])
        with pathwalk.Walk(temporary, may_block=may_block) as walk:
            if walk.inode is not None and not walk.obstacle:
                _remove_name(walk.directory, walk.name, is_file=walk.inode.kind == "file")
