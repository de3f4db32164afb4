# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Everything that a call may have changed, byte for byte, to be compared."""

from __future__ import annotations

import hashlib
import os
import stat
import typing as t
from dataclasses import dataclass

from harness.table import Mount

AREAS = ("/mnt", "/media", "/srv")

Entry = t.Tuple[t.Any, ...]


@dataclass(frozen=True)
class Snapshot:
    """Files and mounts of a world."""

    files: t.Mapping[str, Entry]
    mounts: t.Tuple[t.Any, ...]

    def differences(self, other: Snapshot) -> t.List[str]:
        """Return what is not the same in another one, in words for a failing test."""
        lines = []
        for path in sorted({*self.files, *other.files}):
            if self.files.get(path) != other.files.get(path):
                lines.append(f"{path}: {self.files.get(path)} -> {other.files.get(path)}")
        lines += [f"mount gone: {mount}" for mount in self.mounts if mount not in other.mounts]
        lines += [f"mount new: {mount}" for mount in other.mounts if mount not in self.mounts]
        if not lines and self.mounts != other.mounts:
            lines.append("mounts in another order")
        return lines


def describe(path: str, *, times: bool) -> Entry:
    """Return kind, mode, owner and content of one file, and its times when asked."""
    found = os.lstat(path)
    entry: t.List[t.Any] = [stat.filemode(found.st_mode), found.st_uid, found.st_gid]
    if times:
        entry += [found.st_ino, found.st_mtime_ns, found.st_ctime_ns, found.st_nlink]
    if stat.S_ISREG(found.st_mode):
        with open(path, "rb") as stream:
            entry += [found.st_size, hashlib.sha256(stream.read()).hexdigest()]
    elif stat.S_ISLNK(found.st_mode):
        entry.append(os.readlink(path))
    return tuple(entry)


def walk(root: str, place: str, *, times: bool) -> t.Iterator[t.Tuple[str, Entry]]:
    """Yield every file at and below a place of the world, without following links."""
    top = root + place
    if not os.path.lexists(top):
        return
    yield place, describe(top, times=times)
    for folder, folders, files in os.walk(top):
        for name in [*folders, *files]:
            path = os.path.join(folder, name)
            yield path[len(root) :], describe(path, times=times)


def take(root: str, table: t.List[Mount], *, places: t.Iterable[str], times: bool, numbers: bool) -> Snapshot:
    """Return the state of some places and of the mount table.

    times: inode numbers and times too, as when nothing at all may have been written.
    numbers: the mounts' numbers too, as when nothing may have been mounted again.
    """
    files: t.Dict[str, Entry] = {}
    for place in places:
        files.update(walk(root, place, times=times))
    if numbers:
        return Snapshot(files, tuple(table))
    return Snapshot(files, tuple(sorted(mount.without_numbers() for mount in table)))
