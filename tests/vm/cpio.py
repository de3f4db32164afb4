# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Write archives in the "newc" format of cpio, which the kernel unpacks before its first process starts.

The format: Documentation/driver-api/early-userspace/buffer-format.rst of the kernel. Archives may be
appended to each other.
"""

from __future__ import annotations

import stat
import typing as t

END = "TRAILER!!!"


class Entry(t.NamedTuple):
    """A file, or a directory when content is None. The name is relative; mode is that of chmod."""

    name: str
    content: t.Optional[bytes]
    mode: int


def make_archive(entries: t.Iterable[Entry]) -> bytes:
    """Return an archive of entries that belong to root; directories come before what is in them."""
    parts = [_record(number, entry) for number, entry in enumerate(entries, start=1)]
    parts.append(_record(0, Entry(END, b"", 0)))
    archive = b"".join(parts)
    return archive + bytes(-len(archive) % 512)


def _record(number: int, entry: Entry) -> bytes:
    """Return the header, the name and the content of one entry, each padded to four bytes."""
    content = entry.content or b""
    kind = stat.S_IFDIR if entry.content is None else stat.S_IFREG
    name = entry.name.encode() + b"\0"
    mode = 0 if entry.name == END else kind | entry.mode
    fields = (number, mode, 0, 0, 1, 0, len(content), 0, 0, 0, 0, len(name), 0)
    header = b"070701" + b"".join(b"%08X" % field for field in fields)
    return _pad(header + name) + _pad(content)


def _pad(piece: bytes) -> bytes:
    """Return a piece with zeros up to a multiple of four bytes."""
    return piece + bytes(-len(piece) % 4)
