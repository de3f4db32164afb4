# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The kernel's table of mounts in bytes, and a mount's number by statx(2), without the collection's code."""

from __future__ import annotations

import ctypes
import os
import re
import struct
import typing as t
from pathlib import Path

from harness.table import AT_FDCWD, AT_NO_AUTOMOUNT, AT_SYMLINK_NOFOLLOW, LIBC

STATX_MNT_ID = 0x1000
MOUNT_ID_OFFSET = 0x90
ESCAPE = re.compile(rb"\\([0-7]{3})")


class Shown(t.NamedTuple):
    """One row of proc_pid_mountinfo(5), its escapes undone after it was split."""

    number: int
    root: bytes
    point: bytes
    flags: t.FrozenSet[bytes]
    fstype: bytes
    source: bytes
    options: t.Tuple[bytes, ...]

    @property
    def layers(self) -> t.List[bytes]:
        """The lower layers of an overlay, given one by one (Linux 6.5) or in one text."""
        words = [word.partition(b"=") for word in self.options]
        single = [value for name, _equals, value in words if name == b"lowerdir+"]
        joined = [value for name, _equals, value in words if name == b"lowerdir"]
        return single or b":".join(joined).split(b":")


def decode(field: bytes) -> bytes:
    """Undo the octal escapes."""
    return ESCAPE.sub(lambda match: bytes((int(match.group(1), 8),)), field)


def read_rows(pid: int) -> t.List[Shown]:
    """Return what a process sees mounted."""
    rows = []
    for line in Path(f"/proc/{pid}/mountinfo").read_bytes().split(b"\n")[:-1]:
        fields = line.split(b" ")
        dash = fields.index(b"-")
        rows.append(
            Shown(
                int(fields[0]),
                decode(fields[3]),
                decode(fields[4]),
                frozenset(fields[5].split(b",")),
                fields[dash + 1],
                decode(fields[dash + 2]),
                tuple(map(decode, fields[dash + 3].split(b","))),
            )
        )
    return rows


def find_mount_number(path: str) -> int:
    """Return the first column of the mount that shows this path (statx(2), Linux 5.8)."""
    buffer = ctypes.create_string_buffer(256)
    flags = AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT
    if LIBC.statx(AT_FDCWD, os.fsencode(path), flags, STATX_MNT_ID, buffer) != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), path)
    return int(struct.unpack_from("=Q", buffer, MOUNT_ID_OFFSET)[0])
