# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Read the kernel's own table of mounts, without a line of the collection's code."""

from __future__ import annotations

import ctypes
import os
import re
import struct
import typing as t
from dataclasses import dataclass

FAN_CLOEXEC = 0x01
FAN_NONBLOCK = 0x02
FAN_REPORT_MNT = 0x4000
FAN_MARK_ADD = 0x01
FAN_MARK_MNTNS = 0x0110
FAN_MNT_ATTACH = 0x01000000
FAN_MNT_DETACH = 0x02000000
STATX_MNT_ID = 0x1000
STATX_MNT_ID_UNIQUE = 0x4000
AT_FDCWD = -100
AT_SYMLINK_NOFOLLOW = 0x100
AT_NO_AUTOMOUNT = 0x800

LIBC = ctypes.CDLL(None, use_errno=True)
LIBC.fanotify_mark.argtypes = [ctypes.c_int, ctypes.c_uint, ctypes.c_uint64, ctypes.c_int, ctypes.c_char_p]


@dataclass(frozen=True)
class Mount:
    """One line of /proc/PID/mountinfo (proc_pid_mountinfo(5)), decoded."""

    number: int
    parent: int
    device: str
    root: str
    point: str
    flags: t.FrozenSet[str]
    propagation: t.Tuple[str, ...]
    fstype: str
    source: str
    options: t.FrozenSet[str]

    def without_numbers(self) -> t.Tuple[t.Any, ...]:
        """Return what stays the same when the same thing is mounted again."""
        flags = tuple(sorted(self.flags))
        return (self.point, self.fstype, self.source, self.root, flags, tuple(sorted(self.options)))


def decode(field: str) -> str:
    """Undo the kernel's octal escapes of space, tab, newline, backslash and hash."""
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match.group(1), 8)), field)


def read_table(pid: int) -> t.List[Mount]:
    """Return all mounts that a process sees, in the kernel's order."""
    with open(f"/proc/{pid}/mountinfo", encoding="utf-8", errors="surrogateescape") as stream:
        lines = [line.rstrip("\n") for line in stream]
    result = []
    for line in lines:
        left, right = line.split(" - ", 1)
        number, parent, device, root, point, flags, *tags = left.split(" ")
        fstype, source, options = right.split(" ", 2)
        result.append(
            Mount(
                int(number),
                int(parent),
                device,
                decode(root),
                decode(point),
                frozenset(flags.split(",")),
                tuple(tag for tag in tags if tag),
                fstype,
                decode(source),
                frozenset(options.split(",")),
            )
        )
    return result


def is_at_or_below(path: str, top: str) -> bool:
    """Return whether a path is this one or lies below it."""
    return path == top or path.startswith(top.rstrip("/") + "/")


def find_stack(table: t.List[Mount], path: str) -> t.List[Mount]:
    """Return the mounts that lie on each other at a path, the visible one last.

    A walk as the kernel's: copies that propagation has put under a covering mount are not met.
    """
    numbers = {mount.number for mount in table}
    roots = [mount for mount in table if mount.parent not in numbers or mount.parent == mount.number]
    current = next(mount for mount in roots if mount.point == "/")
    found: t.List[Mount] = []
    while True:
        children = [
            mount
            for mount in table
            if mount.parent == current.number and mount is not current and is_at_or_below(path, mount.point)
        ]
        if not children:
            return found
        current = min(children, key=lambda mount: len(mount.point))
        if current.point == path:
            found.append(current)


def find_unique_id(path: str) -> int:
    """Return the id, never used again, of the mount that shows this path (statx(2), Linux 6.8).

    LIMIT: an older kernel only has numbers that a later mount may get again.
    """
    found = ask_mount_id(path, STATX_MNT_ID_UNIQUE)
    if found is None:
        found = ask_mount_id(path, STATX_MNT_ID)
    if found is None:
        raise OSError("the kernel tells no mount ids")
    return found


def has_unique_ids() -> bool:
    """Whether the kernel gives mounts ids that it never uses again (Linux 6.8)."""
    return ask_mount_id("/", STATX_MNT_ID_UNIQUE) is not None


def ask_mount_id(path: str, kind: int) -> t.Optional[int]:
    """Return the id of one kind, None when the kernel does not have that kind."""
    buffer = ctypes.create_string_buffer(256)
    flags = AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT
    if LIBC.statx(AT_FDCWD, path.encode("utf-8", "surrogateescape"), flags, kind, buffer) != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), path)
    if not struct.unpack_from("=I", buffer, 0)[0] & kind:
        return None
    return int(struct.unpack_from("=Q", buffer, 0x90)[0])


@dataclass(frozen=True)
class Counts:
    """How many mounts were attached to, and taken out of, a namespace."""

    attached: int
    detached: int


class Counter:
    """Counts what the kernel attaches and detaches in one mount namespace (fanotify(7), Linux 6.15).

    Every attached mount counts, also one that is gone again, and so do the copies that propagation makes.
    """

    def __init__(self, pid: int) -> None:
        self.handle = LIBC.fanotify_init(FAN_REPORT_MNT | FAN_NONBLOCK | FAN_CLOEXEC, 0)
        if self.handle < 0:
            raise OSError(ctypes.get_errno(), "the kernel reports no mounts through fanotify")
        namespace = os.open(f"/proc/{pid}/ns/mnt", os.O_RDONLY)
        try:
            mask = FAN_MNT_ATTACH | FAN_MNT_DETACH
            if LIBC.fanotify_mark(self.handle, FAN_MARK_ADD | FAN_MARK_MNTNS, mask, namespace, None) != 0:
                raise OSError(ctypes.get_errno(), "the kernel watches no mount namespace")
        finally:
            os.close(namespace)

    def take(self) -> Counts:
        """Return the counts since the last time and begin again."""
        attached = detached = 0
        while True:
            try:
                data = os.read(self.handle, 65536)
            except BlockingIOError:
                return Counts(attached, detached)
            offset = 0
            while offset < len(data):
                length, _version, _reserved, _header, mask = struct.unpack_from("=IBBHQ", data, offset)
                attached += bool(mask & FAN_MNT_ATTACH)
                detached += bool(mask & FAN_MNT_DETACH)
                offset += length

    def close(self) -> None:
        """Stop watching."""
        os.close(self.handle)
