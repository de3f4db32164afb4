# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The host's table of filesystems as bytes: entries are found, added and removed, all else is kept.

Pure. Private to holdfast.mounts.
"""

from __future__ import annotations

import re
import typing as t

from ansible_collections.holdfast.mounts.plugins.module_utils._values.fstab import MARK, BootEntry

_ESCAPE = re.compile(rb"\\([0-3][0-7]{2})")


def find_entry(data: bytes, path: str) -> BootEntry:
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
    return BootEntry(ours, is_foreign)


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
    added = [_to_bytes(line) for _path, line in sorted(pending.items()) if line is not None]
    # The last one is what stands behind the last newline.
    end = len(lines) - 1 if lines and not lines[-1] else len(lines)
    return b"\n".join([*lines[:end], *added, *lines[end:]])


def _to_bytes(line: str) -> bytes:
    return line.encode("utf-8", "surrogateescape")


def _fields(line: bytes) -> t.List[bytes]:
    # Blanks and tabs alone separate (fstab(5)); the carriage return is of whoever edits elsewhere.
    text = line.strip(b" \t\r")
    return [] if text.startswith(b"#") else [field for field in re.split(b"[ \t]+", text) if field]


def _mount_point(line: bytes) -> str:
    """Return the mount point in the spelling of the grammar; nothing for what is no entry of a path."""
    fields = _fields(line)
    if len(fields) < 3:
        return ""
    raw = _ESCAPE.sub(lambda match: bytes((int(match.group(1), 8),)), fields[1])
    path = raw.decode("utf-8", "surrogateescape")
    parts = [part for part in path.split("/") if part not in ("", ".")]
    return "/" + "/".join(parts) if path.startswith("/") else ""


def _is_ours(line: bytes) -> bool:
    fields = _fields(line)
    return len(fields) > 3 and MARK.encode("ascii") in fields[3].split(b",")
