# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The entries of fstab: their text, and the file.

Private to holdfast.mounts.
"""

from __future__ import annotations

import contextlib
import os
import re
import typing as t

from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast import errors, model
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.kernel import (
    files,
    inodes,
    pathwalk,
    system,
    utf8,
)
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.ledger import journal

FSTAB_PATH = "/etc/fstab"
_HIDDEN = ".fstab.holdfast"


def _untrusted(what: str) -> errors.MountError:
    return errors.MountError(
        "unsafe_path",
        f"the table of filesystems '{FSTAB_PATH}' is left alone: {what}; make it a plain file of root's, or "
        "hold the mount without 'boot: true'",
        step="fstab",
    )


def read_entry(path: str) -> model.BootEntry:
    """Return what the table says of a mount point. Needs no lock. Raises MountError C(unsafe_path)."""
    return find_entry(files.read_trusted(FSTAB_PATH, _untrusted) or b"", path)


def refuse_mount_point() -> None:
    """Refuse a table that is a mount point itself, as in a container: no file can take its place.

    Raises MountError C(unsafe_path). LIMIT: before Linux 5.8 no call tells, so that replacing it fails.
    """
    fd = files.open_trusted(FSTAB_PATH, _untrusted)
    if fd is not None:
        try:
            _refuse_mount_point(fd)
        finally:
            os.close(fd)


def _refuse_mount_point(fd: int) -> None:
    if inodes.inode_of(fd).is_mount_root:
        raise _untrusted("it is a mount point itself, as in a container, so that it cannot be replaced")


def edit_fstab(changes: t.Mapping[str, t.Optional[str]], deadline: float) -> bool:
    """Make these lines our entries, and take out those that are None; return whether that was a change.

    Nobody else's line is touched, and what a writer that died has left goes. Raises MountError or OSError,
    and has changed nothing then.
    """
    with journal.short_lock("fstab", deadline):
        fd = files.open_trusted(FSTAB_PATH, _untrusted)
        try:
            old = b"" if fd is None else _read(fd)
            new = edited(old, changes)
            # Where there was none; a service's new file in /etc would have another label.
            with _replaceable() as file, system.labelled(FSTAB_PATH, is_file=True):
                file.discard_unfinished()
                if new != old and fd is not None:
                    _refuse_mount_point(fd)
                if new != old:
                    file.replace(new, lambda new_fd: _imitate(new_fd, fd), before=None if fd is None else old)
                if model.MARK.encode("ascii") not in new:
                    file.drop_reserve()
        finally:
            if fd is not None:
                os.close(fd)
    return new != old


def _read(fd: int) -> bytes:
    with os.fdopen(os.dup(fd), "rb") as file:
        return file.read()


@contextlib.contextmanager
def _replaceable() -> t.Iterator[files.Replaceable]:
    with pathwalk.Walk(FSTAB_PATH, is_vital=True) as walk:
        files.refuse_unsafe_path(walk, _untrusted)  # a walk that ended early has another directory
        directory = os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=walk.directory)
        try:
            yield files.Replaceable(directory, walk.name, _HIDDEN, _untrusted)
        finally:
            os.close(directory)


def _imitate(fd: int, like: t.Optional[int]) -> None:
    """Give a new table the mode, group and labels of the old one; without one 0644."""
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


_ESCAPE = re.compile(rb"\\([0-3][0-7]{2})")


def find_entry(data: bytes, path: str) -> model.BootEntry:
    """Return what the table says of a mount point, however that is spelled there.

    Of our entry the fields: whoever aligns them, or ends lines otherwise, has not changed what it says.
    """
    ours: t.Optional[str] = None
    is_foreign = False
    for line in data.split(b"\n"):
        if _mount_point(line) != path:
            continue
        if not _is_ours(line):
            is_foreign = True
        elif ours is None:
            ours = utf8.decoded(b" ".join(_fields(line)))
    return model.BootEntry(ours, is_foreign)


def edited(data: bytes, changes: t.Mapping[str, t.Optional[str]]) -> bytes:
    """Return the table with these lines as our entries, and without those that are None.

    Whether the last line ends in a newline stays as it is, so that what was added and taken out
    again leaves every byte as before. An entry that others of ours need comes before them.
    """
    lines, pending = [], dict(changes)
    for line in data.split(b"\n"):
        path = _mount_point(line)
        if path not in changes or not _is_ours(line):
            lines.append(line)
            continue
        new = pending.pop(path, None)
        if new is not None:
            lines.append(utf8.encoded(new))
    # The last one is what stands behind the last newline.
    end = [lines.pop()] if lines and not lines[-1] else []
    table = _Table(lines)
    for path in sorted(pending):
        added = pending[path]
        if added is not None:
            table.add(utf8.encoded(added))
    return b"\n".join([*table.lines, *end])


class _Table:
    """Lines of fstab, to which entries are added: each before the first of ours that needs it, else last."""

    def __init__(self, lines: t.Iterable[bytes]) -> None:
        self.lines = list(lines)
        self._needing: t.Dict[str, bytes] = {}
        for line in filter(_is_ours, self.lines):
            for path in _needed(line):
                self._needing.setdefault(path, line)

    def add(self, line: bytes) -> None:
        """Add an entry of ours."""
        place = self._place_of(_mount_point(line))
        for path in _needed(line):
            if self._place_of(path) >= place:
                self._needing[path] = line
        self.lines.insert(place, line)

    def _place_of(self, path: str) -> int:
        return self.lines.index(self._needing[path]) if path in self._needing else len(self.lines)


def _needed(line: bytes) -> t.Set[str]:
    """Return every path that an entry lies below or shows: what is mounted there comes first (mount(8))."""
    fields = _fields(line)
    words = [word.partition(b"=") for word in fields[3].split(b",")]
    shown = [value for name, _equals, value in words if name == b"x-systemd.requires-mounts-for"]
    own = _mount_point(line)
    ways = [own, *(_path(raw) for raw in (fields[0], *shown))]
    parts = [way.split("/") for way in ways if way]
    return {"/".join(part[:length]) for part in parts for length in range(2, len(part) + 1)} - {own}


def _fields(line: bytes) -> t.List[bytes]:
    # Blanks and tabs alone separate (fstab(5)); the carriage return is of whoever edits elsewhere.
    text = line.strip(b" \t\r")
    return [] if text.startswith(b"#") else [field for field in re.split(b"[ \t]+", text) if field]


def _mount_point(line: bytes) -> str:
    """Return the mount point in the spelling of the grammar; nothing for what is not an entry of a path."""
    fields = _fields(line)
    if len(fields) < 3:
        return ""
    return _path(fields[1])


def _path(field: bytes) -> str:
    path = utf8.decoded(_ESCAPE.sub(lambda match: bytes((int(match.group(1), 8),)), field))
    parts = [part for part in path.split("/") if part not in ("", ".")]
    return "/" + "/".join(parts) if path.startswith("/") else ""


def _is_ours(line: bytes) -> bool:
    fields = _fields(line)
    return len(fields) > 3 and model.MARK.encode("ascii") in fields[3].split(b",")
