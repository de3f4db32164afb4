# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A user's process whose memory cannot be asked for: held_memory.py DIRECTORY [FILE ...].

Who reads its command line, as ps(1) does, or what it maps, waits for ever. A file of a filesystem that the
user serves, and never answers for, is mapped, and the other files are too, which the user may read. One
thread reads it through /proc/self/mem, which keeps the lock of the memory meanwhile; another one waits for
that lock to map something, and everybody waits behind it. Calls itself "sleep" once that is so. Root is
needed for the mount alone, which a user makes with fusermount3(1).
"""

from __future__ import annotations

import ctypes
import mmap
import os
import signal
import stat
import struct
import sys
import threading
import time

USER, PAGE = 12345, 4096
INIT, LOOKUP, OPEN, READ = 26, 1, 14, 15
ATTRIBUTES = struct.pack("=6Q10I", 2, 1 << 20, 0, 0, 0, 0, 0, 0, 0, stat.S_IFREG | 0o644, 1, 0, 0, 0, PAGE, 0)
ANSWERS = {
    INIT: struct.pack("=4I2H2I2H8I", 7, 31, 0, 0, 1, 1, 65536, 1, 0, 0, *[0] * 8),
    LOOKUP: struct.pack("=4Q2I", 2, 0, 3600, 3600, 0, 0) + ATTRIBUTES,
    OPEN: bytes(16),
}
PR_SET_NAME = 15
LIBC = ctypes.CDLL(None, use_errno=True)
LIBC.mmap.restype = ctypes.c_void_p


def serve(fd: int, told: int) -> None:
    """Answer all but what is read."""
    while True:
        request = os.read(fd, 1 << 18)
        _length, opcode, unique = struct.unpack_from("=IIQ", request)
        if opcode == READ:
            os.write(told, b"x")
            continue
        body = ANSWERS.get(opcode, b"")
        os.write(fd, struct.pack("=IiQ", 16 + len(body), 0, unique) + body)


def main() -> None:
    """Mount, then have one thread keep the lock and another one wait for it."""
    place = sys.argv[1]
    server = os.open("/dev/fuse", os.O_RDWR)
    data = f"fd={server},rootmode=40755,user_id={USER},group_id={USER},allow_other".encode()
    if LIBC.mount(b"user", place.encode(), b"fuse", ctypes.c_ulong(6), data) != 0:
        sys.exit("mount")
    memory = os.open("/proc/self/mem", os.O_RDONLY)
    os.setgroups([])
    os.setresgid(USER, USER, USER)
    os.setresuid(USER, USER, USER)
    reader, told = os.pipe()
    if os.fork() == 0:
        os.close(memory)
        serve(server, told)
    os.close(server)
    size = ctypes.c_size_t(PAGE)
    for path in (*sys.argv[2:], f"{place}/file"):
        file = os.open(path, os.O_RDONLY)
        address = LIBC.mmap(None, size, mmap.PROT_READ, mmap.MAP_PRIVATE, file, ctypes.c_long(0))
        os.close(file)
    nothing = (size, mmap.PROT_READ, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS, -1, ctypes.c_long(0))
    # A thread needs memory when it is started, so both are before the lock is kept.
    is_kept, is_waited_for = threading.Event(), threading.Event()

    def keep() -> None:
        is_kept.wait()
        os.pread(memory, 1, address)

    def wait() -> None:
        is_waited_for.wait()
        LIBC.mmap(None, *nothing)  # mmap.mmap() would keep the interpreter's lock as well

    for work in (keep, wait):
        threading.Thread(target=work).start()
    is_kept.set()
    os.read(reader, 1)
    is_waited_for.set()
    time.sleep(0.2)  # it comes to nothing more than to wait
    LIBC.prctl(PR_SET_NAME, b"sleep")
    signal.pause()


main()
