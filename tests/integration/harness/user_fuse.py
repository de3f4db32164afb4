# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A filesystem of FUSE that a user mounts and serves: user_fuse.py UID MOUNT_POINT OPTIONS [namespace].

Mounted by fusermount3(1), as any user may; C(namespace): by the user as root of a user namespace, and
attached here by a root that was handed it. Every directory in it is said to be root's, 0755, and any name
that begins with C(dir) is one until it is removed. Says C(ready) when it is mounted. What the file REFUSAL
has by then, the number of an error, is its answer to everything.
"""

from __future__ import annotations

import array
import ctypes
import errno
import os
import select
import socket
import struct
import sys
import zlib

LIBC = ctypes.CDLL(None, use_errno=True)
CLONE_NEWUSER, CLONE_NEWNS = 0x10000000, 0x00020000
FSOPEN, FSCONFIG, FSMOUNT, MOVE_MOUNT = 430, 431, 432, 429

REFUSAL = "/run/user_fuse.errno"
REMOVED: set[tuple[int, bytes]] = set()

LOOKUP, FORGET, GETATTR, RMDIR, STATFS, OPENDIR, READDIR, RELEASEDIR = 1, 2, 3, 11, 17, 27, 28, 29
INIT, ACCESS, BATCH_FORGET = 26, 34, 42


def attributes(node: int) -> bytes:
    """Return those of a directory of root's."""
    return struct.pack("=6Q10I", node, 0, 0, 0, 0, 0, 0, 0, 0, 0o40755, 2, 0, 0, 0, 4096, 0)


def answer(operation: int, node: int, body: bytes) -> bytes | int:
    """Return an answer, or the number of an error."""
    if operation == INIT:
        return struct.pack("=4I2H2I2H8I", 7, 31, 0, 0, 1, 1, 65536, 1, 0, 0, *[0] * 8)
    if operation == GETATTR:
        return struct.pack("=QII", 0, 0, 0) + attributes(node)
    if operation == LOOKUP:
        if not body.startswith(b"dir") or (node, body) in REMOVED:
            return errno.ENOENT
        child = 2 + zlib.crc32(body, node & 0xFFFFFFFF)
        return struct.pack("=4Q2I", child, 0, 0, 0, 0, 0) + attributes(child)
    if operation == RMDIR:
        REMOVED.add((node, body))
        return b""
    fixed = {STATFS: bytes(80), OPENDIR: bytes(16), READDIR: b"", RELEASEDIR: b"", ACCESS: b""}
    return fixed.get(operation, errno.ENOSYS)


def refusal() -> int:
    """Return the number of the error that everything is answered with by now, 0 for none."""
    try:
        with open(REFUSAL, encoding="ascii") as file:
            return int(file.read())
    except FileNotFoundError:
        return 0


def serve(fd: int, world: int) -> None:
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
        found = refusal() or answer(operation, node, request[40:])
        number, data = (-found, b"") if isinstance(found, int) else (0, found)
        os.write(fd, struct.pack("=IiQ", 16 + len(data), number, unique) + data)


def receive(channel: socket.socket) -> int:
    """Return the descriptor that comes over a socket."""
    fds = array.array("i")
    _text, ancillary, _flags, _address = channel.recvmsg(1, socket.CMSG_SPACE(4))
    for _level, _type, data in ancillary:
        fds.frombytes(data)
    return fds[0]


def mount_as_user(uid: int, point: str, options: str) -> int:
    """Have fusermount3(1) mount, and return the connection."""
    ours, theirs = socket.socketpair()
    if os.fork() == 0:
        os.setgroups([])
        os.setresgid(uid, uid, uid)
        os.setresuid(uid, uid, uid)
        os.environ["_FUSE_COMMFD"] = str(theirs.fileno())
        os.set_inheritable(theirs.fileno(), True)
        os.execv("/usr/bin/fusermount3", ["fusermount3", "-o", options, "--", point])
    theirs.close()
    fd = receive(ours)
    os.wait()
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)
    return fd


def call(number: int, *arguments: object) -> int:
    """Make a system call."""
    result = LIBC.syscall(ctypes.c_long(number), *arguments)
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return int(result)


def mount_in_namespace(uid: int, point: str, options: str) -> int:
    """Mount as root of a user namespace, have root of the host attach that, and return the connection."""
    ours, theirs = socket.socketpair()
    connection = os.open("/dev/fuse", os.O_RDWR)
    child = os.fork()
    if child == 0:
        os.setgroups([])
        os.setresgid(uid, uid, uid)
        os.setresuid(uid, uid, uid)
        LIBC.prctl(4, 1, 0, 0, 0)  # PR_SET_DUMPABLE: else what is below /proc/self belongs to root
        if LIBC.unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0:
            os._exit(1)
        for name, text in (("setgroups", "deny"), ("uid_map", f"0 {uid} 1"), ("gid_map", f"0 {uid} 1")):
            file = os.open(f"/proc/self/{name}", os.O_WRONLY)  # a codec would have to be imported by the user
            os.write(file, text.encode())
            os.close(file)
        connection = os.open(f"/proc/self/fd/{connection}", os.O_RDWR)  # of this namespace
        context = call(FSOPEN, b"fuse", ctypes.c_uint(0))
        words = dict(word.partition("=")[::2] for word in options.split(","))
        words.update(fd=str(connection), rootmode="40755", user_id="0", group_id="0")
        words["source"] = words.pop("fsname", "user")
        for name, value in words.items():
            if value:
                call(FSCONFIG, ctypes.c_int(context), ctypes.c_uint(1), name.encode(), value.encode(), 0)
            else:
                call(FSCONFIG, ctypes.c_int(context), ctypes.c_uint(0), name.encode(), None, 0)
        call(FSCONFIG, ctypes.c_int(context), ctypes.c_uint(6), None, None, 0)
        mount = call(FSMOUNT, ctypes.c_int(context), ctypes.c_uint(0), ctypes.c_uint(6))
        socket.send_fds(theirs, [b"x"], [mount, connection])
        os._exit(0)
    theirs.close()
    _text, fds, _flags, _address = socket.recv_fds(ours, 1, 2)
    os.waitpid(child, 0)
    target = os.open(point, os.O_PATH | os.O_DIRECTORY)
    call(MOVE_MOUNT, ctypes.c_int(fds[0]), b"", ctypes.c_int(target), b"", ctypes.c_uint(0x44))
    os.close(fds[0])
    os.close(target)
    os.close(connection)
    return fds[1]


def main() -> None:
    """Mount, say so, serve."""
    uid, point, options = int(sys.argv[1]), sys.argv[2], sys.argv[3]
    mount = mount_in_namespace if "namespace" in sys.argv[4:] else mount_as_user
    world = os.getppid()
    fd = mount(uid, point, options)
    if os.fork() == 0:
        null = os.open(os.devnull, os.O_RDWR)
        for standard in (0, 1, 2):
            os.dup2(null, standard)
        serve(fd, world)
        os._exit(0)
    sys.stdout.write("ready\n")


if __name__ == "__main__":
    main()
