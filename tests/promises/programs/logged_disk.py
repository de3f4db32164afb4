# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A disk whose writes and flushes are logged: a file that a FUSE server holds, for a loop device (fuse(4)).

A flush of the loop device arrives as FSYNC, so what was written before it is on the disk, and what was
written since may be there or not. Beside the disk lies a file for marks, which come into the same log.
"""

from __future__ import annotations

import errno
import os
import pickle
import stat
import struct
import typing as t

from harness import fuse

DISK, MARKS = 2, 3
NAMES = {b"disk\0": DISK, b"marks\0": MARKS}
LARGEST = 1 << 17
BIG_WRITES, MAX_PAGES, DIRECT_IO = 1 << 5, 1 << 22, 1
END = b"end"


class Write(t.NamedTuple):
    """Bytes that were written to the disk."""

    offset: int
    data: bytes


class Flush(t.NamedTuple):
    """Whatever was written before is on the disk."""


class Mark(t.NamedTuple):
    """Something that the program has to say of this moment."""

    text: str


Event = t.Union[Write, Flush, Mark]


class LoggedDisk:
    """An image that is served at a path until it is stopped; its log is in a file once C(END) was marked."""

    def __init__(self, image: str, path: str, log: str) -> None:
        self.path = path
        self.server = fuse.Server(path, Disk(image, log))
        self.marks = os.open(f"{path}/marks", os.O_WRONLY | os.O_CLOEXEC)

    def mark(self, text: str) -> None:
        """Put a mark into the log."""
        os.write(self.marks, text.encode())

    def stop(self) -> None:
        """End the server."""
        os.close(self.marks)
        self.server.stop()


class Disk:
    """Answers for the disk and the file of marks."""

    def __init__(self, image: str, log: str) -> None:
        self.image = os.open(image, os.O_RDWR | os.O_CLOEXEC)
        self.size = os.fstat(self.image).st_size
        self.log = log
        self.events: t.Optional[t.List[Event]] = []

    def __call__(self, operation: int, node: int, body: bytes) -> fuse.Found:
        """Return an answer."""
        if operation == fuse.READ:
            _file, offset, size = fuse.SPAN.unpack_from(body)
            return os.pread(self.image, min(size, self.size - offset), offset) if node == DISK else b""
        if operation == fuse.WRITE:
            _file, offset, size = fuse.SPAN.unpack_from(body)
            self.note(node, offset, body[fuse.SPAN.size : fuse.SPAN.size + size])
            return struct.pack("=II", size, 0)
        if operation == fuse.FSYNC and self.events is not None:
            self.events.append(Flush())
        if operation == fuse.INIT:
            return fuse.initial(BIG_WRITES | MAX_PAGES, LARGEST)
        if operation == fuse.LOOKUP:
            found = NAMES.get(body, 0)
            return fuse.entry(found, 60, self.attributes(found)) if found else errno.ENOENT
        if operation == fuse.GETATTR:
            return struct.pack("=QII", 60, 0, 0) + self.attributes(node)
        if operation == fuse.OPEN:
            return struct.pack("=QII", 0, DIRECT_IO if node == MARKS else 0, 0)
        return fuse.FIXED.get(operation, errno.ENOSYS)

    def note(self, node: int, offset: int, data: bytes) -> None:
        """Do a write, and log it; with the last mark the log is closed."""
        if node == DISK:
            os.pwrite(self.image, data, offset)
        if self.events is None:
            return
        self.events.append(Write(offset, data) if node == DISK else Mark(data.decode()))
        if node == MARKS and data == END:
            with open(self.log, "wb") as file:
                pickle.dump(self.events, file)
            self.events = None

    def attributes(self, node: int) -> bytes:
        """Return those of the folder or of a file."""
        mode = stat.S_IFDIR | 0o755 if node == 1 else stat.S_IFREG | 0o600
        return fuse.attributes(node, mode, self.size if node == DISK else 0)
