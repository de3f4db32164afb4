# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Files of root's: the one trusted read, the one durable replace, credentials.

Private to holdfast.mounts.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import sys
import typing as t

from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast import errors, model
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.kernel import (
    inodes,
    pathwalk,
    syscalls,
    utf8,
)


class _Unsafe(Exception):
    """Why a file is not root's alone. detail: the same with the place that it is about, if not the file."""

    def __init__(self, what: str, detail: str = "") -> None:
        super().__init__(what)
        self.what, self.detail = what, detail


def _refuse_unsafe_path(walk: pathwalk.Walk) -> None:
    if walk.error is not None:
        raise walk.error
    if walk.obstacle:
        detail = f"'{walk.obstacle}' is a symbolic link or not a directory"
        raise _Unsafe("a symbolic link or not a directory is on its path", detail)
    if walk.writable_ancestor:
        detail = model.why_unsafe(walk.writable_ancestor, walk.writable_type)
        raise _Unsafe("users other than root can write a directory on its path", detail)


def _open_safe(walk: pathwalk.Walk, mode: int) -> t.Optional[int]:
    """Return the file at the end of the walk, open for reading; None where there is none.

    What is checked is what is read, as it is opened once: a regular file of root's with one name, whose mode
    allows no more than this one, on a path without links that nobody else may change. Raises _Unsafe.
    """
    _refuse_unsafe_path(walk)
    if walk.inode is None:
        return None
    if walk.inode.kind != "file":
        raise _Unsafe("it is not a regular file")  # to open it might wait, or set something off
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        fd = os.open(utf8.encoded(walk.name), flags, dir_fd=walk.directory)
    except FileNotFoundError:
        return None
    except OSError as error:
        if error.errno in (errno.EMFILE, errno.ENFILE, errno.ENOMEM):
            raise  # nothing is wrong with the file
        raise _Unsafe(f"it cannot be opened: {error.strerror}") from error
    try:
        inode = inodes.inode_of(fd)
        wrong = (
            (inode.kind != "file", "it is not a regular file"),
            (inode.uid != 0, "it does not belong to root"),
            (bool(inode.mode & 0o7777 & ~mode), f"its mode allows more than {mode:04o}"),
            (inode.links > 1, "it has another name, a hard link"),
        )
        for is_wrong, what in wrong:
            if is_wrong:
                raise _Unsafe(what)
    except BaseException:
        os.close(fd)
        raise
    return fd


def read_credentials(path: str, *, may_block: bool = False) -> str:
    """Return the file's text. Raises MountError, which quotes nothing of it, or OSError.

    Raises MayBlock where the file's filesystem may not answer, unless may_block is set.
    """
    from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.grammar import credentials

    remedy = "make it a file of root's with mode 0600"
    with pathwalk.Walk(path, may_block=may_block) as walk:
        try:
            _refuse_unsafe_path(walk)
            if walk.is_served_file:
                raise _Unsafe("a user or a server says what is in it, not a local filesystem")
            if walk.inode is not None:
                pathwalk.require_nonblocking(walk.inode, path, may_block=may_block)
            fd = _open_safe(walk, 0o600)
        except _Unsafe as error:
            raise _refused("unsafe_path", f"{error.what}; {remedy}", detail=error.detail) from error
    if fd is None:
        raise _refused(
            "mount_failed", "it does not exist; make it, or correct the path", kind=errors.AbsentError
        )
    with os.fdopen(fd, "rb") as file:
        raw = file.read(credentials.MOST_BYTES + 1)
    if len(raw) > credentials.MOST_BYTES:
        raise _refused("mount_failed", f"it is longer than {credentials.MOST_BYTES} bytes")
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        # Not "from": the cause holds the bytes.
        raise _refused("mount_failed", "it is not UTF-8 text") from None


def _refused(
    code: errors.Code, what: str, *, detail: str = "", kind: t.Type[errors.MountError] = errors.MountError
) -> errors.MountError:
    return kind(code, f"the credentials file cannot be used: {what}", step="credentials", detail=detail)


# From what is wrong to the error that reports it.
Untrusted = t.Callable[[str], errors.MountError]
# Makes a new file, of root's alone so far, one that may take the place of the old one.
Finish = t.Callable[[int], None]

_NEW = os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_BLOCK = 4096


def refuse_unsafe_path(walk: pathwalk.Walk, untrusted: Untrusted) -> None:
    """Refuse a path that leads through a link, or through a directory that others may write."""
    try:
        _refuse_unsafe_path(walk)
    except _Unsafe as error:
        raise untrusted(error.detail) from error


def open_trusted(path: str, untrusted: Untrusted) -> t.Optional[int]:
    """Return the file at path, open for reading; None where there is none. Needs neither root nor a lock.

    Raises what untrusted returns, or OSError where the host has run out of something.
    """
    try:
        with pathwalk.Walk(path, is_vital=True) as walk:
            return _open_safe(walk, 0o644)
    except pathwalk.MayBlock as error:
        raise untrusted(f"'{error.path}' is a filesystem of FUSE, which any user may have mounted") from error
    except _Unsafe as error:
        raise untrusted(error.detail or error.what) from error


def read_trusted(path: str, untrusted: Untrusted, *, most: int = sys.maxsize) -> t.Optional[bytes]:
    """Return what the file at path holds; None where there is none. Raises as open_trusted.

    most: bytes that its reader takes; of a longer one one byte more is returned.
    """
    fd = open_trusted(path, untrusted)
    if fd is None:
        return None
    with os.fdopen(fd, "rb") as file:
        # As much memory is taken as is asked for, so no more is than there is to read.
        return file.read(min(os.fstat(fd).st_size, most) + 1)


def publish(path: str, content: bytes, *, mode: int = 0o644) -> None:
    """Have the file at path hold this, in one piece, for whoever reads it; not durably. Raises OSError.

    The directory may be another user's: whatever has the name is replaced, a link too, and nothing followed.
    """
    folder, name = os.path.split(utf8.encoded(path))
    new = b".%b.%b" % (name, os.urandom(6).hex().encode("ascii"))
    directory = os.open(folder or b".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fd = os.open(new, _NEW, 0o600, dir_fd=directory)
        try:
            with os.fdopen(fd, "wb") as file:
                file.write(content)
                os.fchmod(fd, mode)
            os.rename(new, name, src_dir_fd=directory, dst_dir_fd=directory)
        except BaseException:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(new, dir_fd=directory)
            raise
    finally:
        os.close(directory)


class Replaceable:
    """One file in an open directory, which is replaced in one piece or not at all, and a reserve beside it.

    The reserve has as many blocks as the file. So what is no longer than that can be written when somebody
    has filled the filesystem: into the reserve, which then changes places with the file, whose blocks are
    the reserve from then on.
    LIMIT: not where blocks are never written twice (btrfs, zfs), nor twice in a row where two names cannot
    be exchanged (nfs, 9p).
    """

    def __init__(self, directory: int, name: str, hidden: str, untrusted: Untrusted) -> None:
        """directory: root's alone. hidden: how the names of new file and reserve begin."""
        self._directory, self._name, self._untrusted = directory, name, untrusted
        self._new, self._reserve = f"{hidden}.new", f"{hidden}.reserve"

    def replace(self, content: bytes, finish: Finish, *, before: t.Optional[bytes]) -> None:
        """Have the file hold this content, durably. Raises OSError, and has changed nothing then.

        before: what it holds, None where there is no file.
        """
        is_longer = len(content) > self._size(self._name)
        try:
            try:
                self._keep_reserve(len(content))
            except OSError:
                if is_longer:
                    raise
            self._write_new(content, finish)
            self._rename(self._new)
            self._trim_reserve(len(content))
        except OSError as error:
            self._discard(self._new)
            if is_longer or error.errno not in _FULL:
                raise
            self._write_into_reserve(content, finish)
        except BaseException:
            self._discard(self._new)
            raise
        try:
            os.fsync(self._directory)
        except OSError:
            self._put_back(before, finish)
            raise

    def _put_back(self, before: t.Optional[bytes], finish: Finish) -> None:
        """Have the file say what it said, though nobody knows what it is going to say after a power cut."""
        with contextlib.suppress(OSError):
            if before is None:
                self._discard(self._name)
            else:
                self._write_new(before, finish)
                self._rename(self._new)

    def require_room(self, growth: int) -> None:
        """Refuse, before anything is done, what would not fit if it were so much longer. Raises OSError."""
        self.discard_unfinished()
        if not growth:
            return
        size = _rounded(self._size(self._name) + growth)
        fd = os.open(self._new, _NEW, 0o600, dir_fd=self._directory)
        try:
            _allocate(fd, size + max(0, size - self._size(self._reserve)))
        finally:
            os.close(fd)
            self._discard(self._new)

    def discard_unfinished(self) -> None:
        """Remove the new file of a writer that died. Raises what untrusted returns where that is none."""
        self._discard(self._new)

    def drop_reserve(self) -> None:
        """Keep no blocks any longer."""
        self._discard(self._reserve)

    def _write_new(self, content: bytes, finish: Finish) -> None:
        self._discard(self._new)
        with os.fdopen(os.open(self._new, _NEW, 0o600, dir_fd=self._directory), "wb") as file:
            file.write(content)
            file.flush()
            finish(file.fileno())
            os.fsync(file.fileno())

    def _keep_reserve(self, size: int) -> None:
        found = self._size(self._reserve)
        if found >= _rounded(size):
            return
        fd = self._open_reserve()
        try:
            _allocate(fd, _rounded(size))
        except OSError:
            if not found:
                self._discard(self._reserve)
            raise
        finally:
            os.close(fd)

    def _trim_reserve(self, size: int) -> None:
        # The file is the new one by now, whatever becomes of blocks that nobody needs.
        with contextlib.suppress(OSError):
            if self._size(self._reserve) > _rounded(size):
                fd = self._open_reserve()
                os.ftruncate(fd, _rounded(size))
                os.close(fd)

    def _open_reserve(self) -> int:
        with contextlib.suppress(FileNotFoundError):
            found = os.stat(self._reserve, dir_fd=self._directory, follow_symlinks=False)
            if stat.S_ISREG(found.st_mode) and (found.st_uid, found.st_nlink) == (0, 1):
                return os.open(self._reserve, _NEW & ~(os.O_CREAT | os.O_EXCL), dir_fd=self._directory)
        self._discard(self._reserve)
        return os.open(self._reserve, _NEW, 0o600, dir_fd=self._directory)

    def _write_into_reserve(self, content: bytes, finish: Finish) -> None:
        if self._size(self._reserve) < len(content):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        fd = self._open_reserve()
        try:
            # To its end: blocks that are cut off before it has the name would be somebody else's at once.
            padded = content.ljust(os.fstat(fd).st_size, b"\n")
            if os.pwrite(fd, padded, 0) != len(padded):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            finish(fd)
            os.fsync(fd)
            self._take_name()
            with contextlib.suppress(OSError):
                os.ftruncate(fd, len(content))
        finally:
            os.close(fd)

    def _take_name(self) -> None:
        """Have the reserve and the file change places."""
        try:
            syscalls.renameat2(self._directory, self._reserve, self._name, syscalls.RENAME_EXCHANGE)
        except OSError as error:
            if error.errno not in (errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP):
                raise
            size = self._size(self._name)
            self._rename(self._reserve)
            with contextlib.suppress(OSError):
                self._keep_reserve(size)
            return
        with contextlib.suppress(OSError):
            os.chmod(self._reserve, 0o600, dir_fd=self._directory)

    def _rename(self, name: str) -> None:
        os.rename(name, self._name, src_dir_fd=self._directory, dst_dir_fd=self._directory)

    def _size(self, name: str) -> int:
        try:
            return os.stat(name, dir_fd=self._directory, follow_symlinks=False).st_size
        except FileNotFoundError:
            return 0

    def _discard(self, name: str) -> None:
        try:
            found = os.stat(name, dir_fd=self._directory, follow_symlinks=False)
        except FileNotFoundError:
            return
        if stat.S_ISDIR(found.st_mode):
            raise self._untrusted(f"'{name}' beside it is a directory, where a new file is to be written")
        os.unlink(name, dir_fd=self._directory)


def _rounded(size: int) -> int:
    return -(-size // _BLOCK) * _BLOCK


def _allocate(fd: int, size: int) -> None:
    try:
        os.posix_fallocate(fd, 0, size)
    except OSError as error:
        if error.errno in _FULL:
            raise  # else this filesystem keeps no blocks for anybody
