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
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.kernel import files, inodes, pathwalk
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

    Nobody else's line is touched. Raises MountError or OSError, and has changed nothing then.
    """
    with journal.short_lock("fstab", deadline):
        fd = files.open_trusted(FSTAB_PATH, _untrusted)
        try:
            old = b"" if fd is None else _read(fd)
            new = edited(old, changes)
            if new == old:
                return False
            if fd is not None:
                _refuse_mount_point(fd)
            _replace(new, fd)
        finally:
            if fd is not None:
                os.close(fd)
    return True


def _read(fd: int) -> bytes:
    with os.fdopen(os.dup(fd), "rb") as file:
        return file.read()


def _replace(content: bytes, like: t.Optional[int]) -> None:
    """Put a new file in the place of the old one, with its mode, group and labels; without one 0644."""
    with pathwalk.Walk(FSTAB_PATH, is_vital=True) as walk:
        directory = os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=walk.directory)
        try:
            file = files.Replaceable(directory, walk.name, _HIDDEN)
            file.replace(content, lambda fd: _imitate(fd, like))
            if model.MARK.encode("ascii") not in content:
                file.drop_reserve()
        finally:
            os.close(directory)


def _imitate(fd: int, like: t.Optional[int]) -> None:
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
            ours = b" ".join(_fields(line)).decode("utf-8", "surrogateescape")
    return model.BootEntry(ours, is_foreign)


def edited(data: bytes, changes: t.Mapping[str, t.Optional[str]]) -> bytes:
    """Return the table with these lines as our entries, and without those that are None.

    Whether the last line ends in a newline stays as it is, so that what was added and taken out
    again leaves every byte as before.
    """
    lines, pending = [], dict(changes)
    for line in data.split(b"\n"):
        path = _mount_point(line)
        if path not in changes or not _is_ours(line):
            lines.append(line)
            continue
        new = pending.pop(path, None)
        if new is not None:
            lines.append(_to_bytes(new))
    # The last one is what stands behind the last newline.
    end = len(lines) - 1 if lines and not lines[-1] else len(lines)
    body, rest = lines[:end], lines[end:]
    for _path, added in sorted(pending.items()):
        if added is not None:
            body = _with(body, _to_bytes(added))
    return b"\n".join([*body, *rest])


def _with(lines: t.Sequence[bytes], added: bytes, moved: t.FrozenSet[bytes] = frozenset()) -> t.List[bytes]:
    """Return the lines with one more, before the first that needs it, else at the end.

    mount -a goes in the order of the lines. What it needs itself goes before it, where that is ours.
    moved: lines that have gone once, and stay now.
    LIMIT: somebody else's line is never moved.
    """
    place = next((index for index, line in enumerate(lines) if _needs(line, added)), len(lines))
    late = [line for line in lines[place:] if _is_ours(line) and line not in moved and _needs(added, line)]
    kept = [*lines[:place], added, *(line for line in lines[place:] if line not in late)]
    for line in late:
        kept = _with(kept, line, moved.union(late, (added,)))
    return kept


# What an entry shows besides its first field.
_SHOWS = (b"lowerdir", b"upperdir", b"workdir", b"x-systemd.requires-mounts-for")


def _needs(line: bytes, other: bytes) -> bool:
    """Whether an entry lies below the mount point of another one, or shows what is there."""
    below, path = _mount_point(other), _mount_point(line)
    if not below or not path or path == below:
        return False
    fields = _fields(line)
    words = [word.partition(b"=") for word in (fields[3].split(b",") if len(fields) > 3 else ())]
    shown = [_path(part) for name, _equals, value in words if name in _SHOWS for part in value.split(b":")]
    return any(way == below or way.startswith(f"{below}/") for way in (path, _path(fields[0]), *shown))


def _to_bytes(line: str) -> bytes:
    return line.encode("utf-8", "surrogateescape")


def _fields(line: bytes) -> t.List[bytes]:
    # Blanks and tabs alone separate (fstab(5)); the carriage return is of whoever edits elsewhere.
    text = line.strip(b" \t\r")
    return [] if text.startswith(b"#") else [field for field in re.split(b"[ \t]+", text) if field]


def _mount_point(line: bytes) -> str:
    """Return the mount point in the spelling of the grammar; nothing for what is not an entry of a path."""
    fields = _fields(line)
    return _path(fields[1]) if len(fields) > 2 else ""


def _path(field: bytes) -> str:
    """Return the path that a field has, in the spelling of the grammar; nothing where it has none."""
    raw = _ESCAPE.sub(lambda match: bytes((int(match.group(1), 8),)), field)
    path = raw.decode("utf-8", "surrogateescape")
    parts = [part for part in path.split("/") if part not in ("", ".")]
    return "/" + "/".join(parts) if path.startswith("/") else ""


def _is_ours(line: bytes) -> bool:
    fields = _fields(line)
    return len(fields) > 3 and model.MARK.encode("ascii") in fields[3].split(b",")
