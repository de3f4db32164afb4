# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Labels of a host where SELinux is on: what its policy gives to a path, and what it makes of a context.

Imported only there, see system.has_selinux. Private to holdfast.mounts.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import functools
import os
import typing as t

from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast import errors, model
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.grammar import strings
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.kernel import utf8

# By its name: ctypes.util.find_library() may run commands.
_LIBRARY = "libselinux.so.1"
_FILE_CONTEXTS = 0  # SELABEL_CTX_FILE (selinux/label.h)
_CHECK = "/sys/fs/selinux/context"
_NEXT = "/proc/thread-self/attr/fscreate"
_LABEL = "security.selinux"


class _Rules:
    """The policy's file contexts, as restorecon(8) reads them."""

    def __init__(self) -> None:
        """Raises OSError where the library or the policy's file contexts are missing."""
        library = ctypes.CDLL(_LIBRARY, use_errno=True)
        library.selabel_open.restype = ctypes.c_void_p
        library.selabel_open.argtypes = (ctypes.c_uint, ctypes.c_void_p, ctypes.c_uint)
        library.selabel_lookup_raw.argtypes = (
            ctypes.c_void_p,
            ctypes.POINTER(ctypes.c_void_p),
            ctypes.c_char_p,
            ctypes.c_int,
        )
        library.freecon.argtypes = (ctypes.c_void_p,)
        self._library = library
        self._handle = library.selabel_open(_FILE_CONTEXTS, None, 0)
        if not self._handle:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))

    def label_of(self, path: str, mode: int) -> t.Optional[bytes]:
        """Return the label of a path for an inode of this mode's type, None where the policy has none."""
        found = ctypes.c_void_p()
        if self._library.selabel_lookup_raw(self._handle, ctypes.byref(found), utf8.encoded(path), mode):
            return None
        try:
            return ctypes.string_at(found.value or 0)
        finally:
            self._library.freecon(found)


@functools.lru_cache(maxsize=None)
def _rules() -> t.Optional[_Rules]:
    try:
        return _Rules()
    except (AttributeError, OSError):
        return None


def warnings() -> t.List[str]:
    """Return what the caller should know where it cannot be told what label the policy gives to a path."""
    if _rules() is not None:
        return []
    return [
        f"this host has no {_LIBRARY}, which tells the label that its SELinux policy gives to a path; "
        "directories that are made for mount points have the label of their parent: install the library, or "
        "run restorecon(8) on them"
    ]


@contextlib.contextmanager
def created_as(path: str, mode: int) -> t.Iterator[None]:
    """Have what this thread creates meanwhile get the label of this path for an inode of this mode's type.

    Without the library, and where the policy has no label or forbids to choose one, new inodes have the
    label that they would have anyway: that of their directory (setfscreatecon(3)).
    """
    rules = _rules()
    label = None if rules is None else rules.label_of(path, mode)
    is_set = label is not None and _set_next(label)
    try:
        yield
    finally:
        if is_set:
            _set_next(b"")


def _set_next(label: bytes) -> bool:
    """Choose the label of what this thread creates from now on; nothing for the policy's own choice."""
    try:
        fd = os.open(_NEXT, os.O_WRONLY | os.O_CLOEXEC)
        try:
            os.write(fd, label)  # of no length too, which takes it back
        finally:
            os.close(fd)
    except OSError:
        return False
    return True


def copy_label(path: str, fd: int) -> None:
    """Give an open file the label of the one at this path, where that is ours to give."""
    with contextlib.suppress(OSError):
        os.setxattr(fd, _LABEL, os.getxattr(utf8.encoded(path), _LABEL, follow_symlinks=False))


def with_canonical_context(definition: model.Definition) -> model.Definition:
    """Return the definition with its context as the kernel spells it. Raises option_not_allowed."""
    data = dict(definition.data)
    context = data.get(strings.CONTEXT)
    if context is None:
        return definition
    data[strings.CONTEXT] = canonical_context(context)
    return definition._replace(data=tuple(data.items()))


def canonical_context(context: str) -> str:
    """Return a context as the kernel spells it: aliases of types, order and ranges of categories.

    Raises option_not_allowed for one that the policy does not know.
    """
    try:
        fd = os.open(_CHECK, os.O_RDWR | os.O_CLOEXEC)
        try:
            os.write(fd, context.encode("ascii") + b"\0")
            found = os.read(fd, 4096)
        finally:
            os.close(fd)
    except OSError as error:
        if error.errno != errno.EINVAL:
            return context  # not everybody may ask; the mount tells
        raise errors.MountError(
            "option_not_allowed",
            f"the SELinux policy of this host has no context {strings.quote(context)}: its user, role or "
            "type is unknown, they do not go together, or a range is missing or not allowed; write one of "
            "the policy, such as 'system_u:object_r:tmp_t:s0' (matchpathcon(8) tells that of a path)",
            step="host",
        ) from error
    return utf8.decoded(found.rstrip(b"\0"))
