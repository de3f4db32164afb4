# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A filesystem of FUSE that serves one file's bytes: image_fuse.py UID MOUNT_POINT IMAGE.

Where the mount point is a file, that is what is served, else C(disk.ext4) in it. A UID other than 0 has it
mounted by fusermount3(1). Everything in it is said to be root's alone. Says C(ready PID) when it is mounted;
stop that process (SIGSTOP), and nothing is answered any more.
"""

from __future__ import annotations

import ctypes
import errno
import os
import select
import struct
import sys

from harness.user_fuse import (
    ACCESS,
    BATCH_FORGET,
    FORGET,
    GETATTR,
    INIT,
    LOOKUP,
    OPENDIR,
    READDIR,
    RELEASEDIR,
    STATFS,
    mount_as_user,
)

OPEN, READ, WRITE, RELEASE, FSYNC, FLUSH = 14, 15, 16, 18, 20, 25
NAME, NODE = b"disk.ext4", 2


class Server:
    """Answers for an image at node 1, or in a directory of node 1 at node 2."""

    def __init__(self, image: str, is_file: bool) -> None:
        self.file = os.open(image, os.O_RDWR)
        self.node = 1 if is_file else NODE

    def attributes(self, node: int) -> bytes:
        """Return those of a file or directory of root's."""
        if node != self.node:
            return struct.pack("=6Q10I", node, 0, 0, 0, 0, 0, 0, 0, 0, 0o40755, 2, 0, 0, 0, 4096, 0)
        size = os.fstat(self.file).st_size
        return struct.pack("=6Q10I", node, size, size // 512, 0, 0, 0, 0, 0, 0, 0o100600, 1, 0, 0, 0, 4096, 0)

    def answer(self, operation: int, node: int, body: bytes) -> bytes | int:
        """Return an answer, or the number of an error."""
        if operation == INIT:
            return struct.pack("=4I2H2I2H8I", 7, 31, 0, 0, 1, 1, 65536, 1, 0, 0, *[0] * 8)
        if operation == GETATTR:
            return struct.pack("=QII", 0, 0, 0) + self.attributes(node)
        if operation == LOOKUP:
            known = body.rstrip(b"\0") == NAME
            return (
                struct.pack("=4Q2I", NODE, 0, 0, 0, 0, 0) + self.attributes(NODE) if known else errno.ENOENT
            )
        if operation == READ:
            _handle, offset, size = struct.unpack_from("=QQI", body)
            return os.pread(self.file, size, offset)
        if operation == WRITE:
            _handle, offset, size = struct.unpack_from("=QQI", body)
            return struct.pack("=II", os.pwrite(self.file, body[40 : 40 + size], offset), 0)
        nothing = (READDIR, RELEASEDIR, RELEASE, ACCESS, FSYNC, FLUSH)
        fixed = {STATFS: bytes(80), OPEN: bytes(16), OPENDIR: bytes(16), **dict.fromkeys(nothing, b"")}
        return fixed.get(operation, errno.ENOSYS)

    def serve(self, fd: int, world: int) -> None:
        """Answer until the filesystem is unmounted (ENODEV), or the process of the world has ended."""
        while True:
            if not select.select([fd], [], [], 0.5)[0]:
                if not os.path.exists(f"/proc/{world}"):
                    return
                continue
            try:
                request = os.read(fd, 1 << 18)
            except OSError as error:
                if error.errno in (errno.EINTR, errno.ENOENT):
                    continue
                return
            _length, operation, unique, node = struct.unpack_from("=IIQQ", request)
            if operation in (FORGET, BATCH_FORGET):
                continue
            found = self.answer(operation, node, request[40:])
            number, data = (-found, b"") if isinstance(found, int) else (0, found)
            os.write(fd, struct.pack("=IiQ", 16 + len(data), number, unique) + data)


def mount_as_root(point: str, is_file: bool) -> int:
    """Mount, and return the connection."""
    fd = os.open("/dev/fuse", os.O_RDWR)
    data = f"fd={fd},rootmode={'100600' if is_file else '40755'},user_id=0,group_id=0".encode()
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mount(b"images", point.encode(), b"fuse", ctypes.c_ulong(0), data) != 0:
        raise OSError(ctypes.get_errno(), "mount")
    return fd


def main() -> None:
    """Mount, say so, serve."""
    uid, point, image = int(sys.argv[1]), sys.argv[2], sys.argv[3]
    is_file, world = os.path.isfile(point), os.getppid()
    server = Server(image, is_file)
    fd = mount_as_user(uid, point, "allow_other") if uid else mount_as_root(point, is_file)
    pid = os.fork()
    if pid == 0:
        null = os.open(os.devnull, os.O_RDWR)
        for standard in (0, 1, 2):
            os.dup2(null, standard)
        os.setsid()
        server.serve(fd, world)
        os._exit(0)
    sys.stdout.write(f"ready {pid}\n")


if __name__ == "__main__":
    main()
