# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A filesystem of empty directories whose server answers until it is told to answer no more (fuse(4))."""

from __future__ import annotations

import errno
import os
import select
import signal
import stat
import struct
import typing as t
import zlib

from harness.namespace import mount

DEVICE = "/dev/fuse"
PREFIX = b"held"
ROOM = 1 << 17

# The protocol's structures (include/uapi/linux/fuse.h), in the order of its numbers of operations.
LOOKUP, FORGET, GETATTR, STATFS, INIT, OPENDIR, READDIR, RELEASEDIR = 1, 2, 3, 17, 26, 27, 28, 29
BATCH_FORGET, READDIRPLUS = 42, 44
REQUEST = struct.Struct("=IIQQ16x")
ANSWER = struct.Struct("=IiQ")
ATTRIBUTES = struct.Struct("=QQQQQQIIIIIIIIII")
TIMES = struct.Struct("=QQQQII")
INITIAL = struct.Struct("=IIIIHHIIHHI28x")


class SlowServer:
    """Mounted at a path until it is stopped; once it hangs, whoever asks for a name in it waits."""

    def __init__(self, path: str) -> None:
        handle = os.open(DEVICE, os.O_RDWR | os.O_CLOEXEC)
        mount("slow", path, "fuse", 0, f"fd={handle},rootmode=40755,user_id=0,group_id=0")
        reader, self.writer = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            os.close(self.writer)
            serve(handle, reader)
        os.close(handle)
        os.close(reader)

    def hang(self) -> None:
        """Answer no more. Returns when that is so."""
        os.write(self.writer, b"x")
        while stat_letter(self.pid) != "T":
            pass

    def stop(self) -> None:
        """End the server: whoever waits gets an error (ENOTCONN)."""
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)


def stat_letter(pid: int) -> str:
    """Return the state of a process as proc_pid_stat(5) has it."""
    with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:
        return file.read().rpartition(")")[2].split()[0]


def serve(handle: int, told: int) -> t.NoReturn:
    """Answer what is asked until told to hang."""
    while True:
        ready = select.select([handle, told], [], [])[0]
        if told in ready:
            os.kill(os.getpid(), signal.SIGSTOP)
        message = os.read(handle, ROOM)
        _length, operation, unique, node = REQUEST.unpack_from(message)
        if operation in (FORGET, BATCH_FORGET):
            continue
        body = answer(operation, node, message[REQUEST.size :])
        number = -body if isinstance(body, int) else 0
        data = body if isinstance(body, bytes) else b""
        os.write(handle, ANSWER.pack(ANSWER.size + len(data), number, unique) + data)


def answer(operation: int, node: int, body: bytes) -> t.Union[bytes, int]:
    """Return the answer's body, or the number of an error."""
    if operation == INIT:
        return INITIAL.pack(7, 31, 0, 0, 8, 6, 4096, 1, 1, 0, 0)
    if operation == LOOKUP:
        if node != 1 or not body.startswith(PREFIX):
            return errno.ENOENT
        number = 2 + zlib.crc32(body)
        return TIMES.pack(number, 1, 0, 0, 0, 0) + attributes(number)
    if operation == GETATTR:
        return struct.pack("=QII", 0, 0, 0) + attributes(node)
    if operation == STATFS:
        return bytes(80)
    if operation == OPENDIR:
        return bytes(16)
    return b"" if operation in (READDIR, READDIRPLUS, RELEASEDIR) else errno.ENOSYS


def attributes(node: int) -> bytes:
    """Return those of a directory of root's."""
    return ATTRIBUTES.pack(node, 0, 0, 0, 0, 0, 0, 0, 0, stat.S_IFDIR | 0o755, 2, 0, 0, 0, 512, 0)
