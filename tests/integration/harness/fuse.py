# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The filesystem of FUSE of all tests (fuse(4)): a helper of mount(8), a program, or a server of a test.

A helper is a copy in the place of sshfs: C(mount.fuse.sshfs SOURCE TARGET) and options, which count for
nothing. With a source at C(reads:) it takes what is asked and keeps it, at C(stops:) it does not even take
it, at C(never:) it mounts nothing while its caller waits; from any other it serves directories.

A program is C(fuse.py POINT WORD=VALUE...). C(uid) is who mounts it, by fusermount3(1); root by default. With
C(by=namespace) they do it as root of a user namespace, and a root that was handed the mount attaches it here.
C(options) are those of the mount. C(image) is a file whose bytes are served where the mount point is a file,
else as C(disk.ext4) in it. It says C(ready PID) when it is mounted; stop that process, and nothing is
answered any more. What the file REFUSAL has by then, the number of an error, is its answer to everything.

Whatever is served is said to be root's.
"""

from __future__ import annotations

import ctypes
import errno
import os
import select
import signal
import stat
import struct
import sys
import time
import typing as t
import zlib

DEVICE, HELPER = "/dev/fuse", "sshfs"
REFUSAL = "/run/fuse.errno"
LIBC = ctypes.CDLL(None, use_errno=True)
CLONE_NEWUSER, CLONE_NEWNS = 0x10000000, 0x00020000
FSOPEN, FSCONFIG, FSMOUNT, MOVE_MOUNT = 430, 431, 432, 429

# The protocol's structures (include/uapi/linux/fuse.h), in the order of its numbers of operations.
LOOKUP, FORGET, GETATTR, RMDIR, OPEN, READ, WRITE, STATFS, RELEASE = 1, 2, 3, 11, 14, 15, 16, 17, 18
FSYNC, FLUSH, INIT, OPENDIR, READDIR, RELEASEDIR, ACCESS, POLL = 20, 25, 26, 27, 28, 29, 34, 40
BATCH_FORGET, READDIRPLUS = 42, 44
REQUEST = struct.Struct("=IIQQ16x")
ANSWER = struct.Struct("=IiQ")
ATTRIBUTES = struct.Struct("=6Q10I")
TIMES = struct.Struct("=4Q2I")
INITIAL = struct.Struct("=4I2H2I2H8I")
SPAN = struct.Struct("=QQI20x")
LARGEST = 1 << 16
ROOM = (1 << 17) + 4096
NOTHING = (READDIR, READDIRPLUS, RELEASEDIR, RELEASE, ACCESS, FSYNC, FLUSH)
FIXED: t.Mapping[int, bytes] = {
    STATFS: bytes(80),
    OPEN: bytes(16),
    OPENDIR: bytes(16),
    **dict.fromkeys(NOTHING, b""),
}

Found = t.Union[bytes, int, None]
"""The answer's body, the number of an error, or nothing, which leaves whoever asks waiting."""


class Answers(t.Protocol):
    """Finds the answer to a request: the operation, the node that it is about, and the rest."""

    def __call__(self, operation: int, node: int, body: bytes) -> Found: ...


def initial(flags: int = 0, largest: int = LARGEST) -> bytes:
    """Return the answer to INIT; the largest write is in bytes."""
    return INITIAL.pack(7, 31, 0, flags, 8, 6, largest, 1, largest // 4096, 0, *[0] * 8)


def attributes(node: int, mode: int = stat.S_IFDIR | 0o755, size: int = 0) -> bytes:
    """Return those of a file or directory of root's."""
    return ATTRIBUTES.pack(node, size, size // 512, 0, 0, 0, 0, 0, 0, mode, 1, 0, 0, 0, 4096, 0)


def entry(node: int, seconds: int, found: bytes) -> bytes:
    """Return the answer to LOOKUP of something with these attributes, which the kernel may keep so long."""
    return TIMES.pack(node, 0, seconds, seconds, 0, 0) + found


class Directories:
    """Empty directories, 0755; any name that begins with the prefix is one until it is removed."""

    def __init__(self, prefix: bytes = b"dir", seconds: int = 0) -> None:
        self.prefix = prefix
        self.seconds = seconds
        self.removed: t.Set[t.Tuple[int, bytes]] = set()

    def __call__(self, operation: int, node: int, body: bytes) -> Found:
        """Return an answer."""
        if operation == INIT:
            return initial()
        if operation == GETATTR:
            return struct.pack("=QII", self.seconds, 0, 0) + attributes(node)
        if operation == LOOKUP:
            if not body.startswith(self.prefix) or (node, body) in self.removed:
                return errno.ENOENT
            child = 2 + zlib.crc32(body, node & 0xFFFFFFFF)
            return entry(child, self.seconds, attributes(child))
        if operation == RMDIR:
            self.removed.add((node, body))
            return b""
        return FIXED.get(operation, errno.ENOSYS)


class Image:
    """The bytes of a file, 0600, at node 1, or in a directory of node 1 at node 2."""

    NAME = b"disk.ext4\0"

    def __init__(self, image: str, is_file: bool) -> None:
        self.file = os.open(image, os.O_RDWR)
        self.node = 1 if is_file else 2

    def _attributes(self, node: int) -> bytes:
        if node != self.node:
            return attributes(node)
        return attributes(node, stat.S_IFREG | 0o600, os.fstat(self.file).st_size)

    def __call__(self, operation: int, node: int, body: bytes) -> Found:
        """Return an answer."""
        if operation == INIT:
            return initial()
        if operation == GETATTR:
            return struct.pack("=QII", 0, 0, 0) + self._attributes(node)
        if operation == LOOKUP:
            return entry(2, 0, self._attributes(2)) if body == self.NAME else errno.ENOENT
        if operation in (READ, WRITE):
            _handle, offset, size = SPAN.unpack_from(body)
            if operation == READ:
                return os.pread(self.file, size, offset)
            return struct.pack("=II", os.pwrite(self.file, body[SPAN.size : SPAN.size + size], offset), 0)
        return FIXED.get(operation, errno.ENOSYS)


def refusal() -> int:
    """Return the number of the error that everything is answered with by now, 0 for none."""
    try:
        with open(REFUSAL, encoding="ascii") as file:
            return int(file.read())
    except FileNotFoundError:
        return 0


def serve(fd: int, answers: Answers, world: int = 0) -> None:
    """Answer until the filesystem is unmounted (ENODEV), or the process of a world has ended."""
    while True:
        if world and not select.select([fd], [], [], 0.5)[0]:
            if not os.path.exists(f"/proc/{world}"):
                return
            continue
        try:
            request = os.read(fd, ROOM)
        except OSError as error:
            if error.errno in (errno.EINTR, errno.ENOENT):
                continue
            return
        _length, operation, unique, node = REQUEST.unpack_from(request)
        if operation in (FORGET, BATCH_FORGET):
            continue
        found = answers(operation, node, request[REQUEST.size :])
        if found is None:
            continue
        number, data = (-found, b"") if isinstance(found, int) else (0, found)
        os.write(fd, ANSWER.pack(ANSWER.size + len(data), number, unique) + data)


def keep_silent(fd: int, is_read: bool) -> None:
    """Answer that it is there, and then nothing; end with the connection, as a daemon does."""
    unique = os.read(fd, ROOM)[8:16]
    answer = initial()
    os.write(fd, struct.pack("=Ii", ANSWER.size + len(answer), 0) + unique + answer)
    poll = select.poll()
    poll.register(fd, select.POLLIN if is_read else 0)
    while not poll.poll()[0][1] & select.POLLERR:
        os.read(fd, ROOM)


# --- Ways to mount it; each returns the connection ---


def mount_as_root(point: str, source: str = "tests", fstype: str = "fuse") -> int:
    """Mount by mount(2) on a directory or a file."""
    fd = os.open(DEVICE, os.O_RDWR | os.O_CLOEXEC)
    mode = "100600" if os.path.isfile(point) else "40755"
    data = f"fd={fd},rootmode={mode},user_id=0,group_id=0".encode()
    if LIBC.mount(source.encode(), point.encode(), fstype.encode(), ctypes.c_ulong(0), data) != 0:
        raise OSError(ctypes.get_errno(), "mount")
    return fd


def become(uid: int) -> None:
    """Be a user without privileges."""
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)


def mount_as_user(uid: int, point: str, options: str) -> int:
    """Have fusermount3(1) mount, as any user may, and be that user from then on."""
    import socket

    ours, theirs = socket.socketpair()
    if os.fork() == 0:
        os.setgroups([])
        become(uid)
        os.environ["_FUSE_COMMFD"] = str(theirs.fileno())
        os.set_inheritable(theirs.fileno(), True)
        os.execv("/usr/bin/fusermount3", ["fusermount3", "-o", options, "--", point])
    theirs.close()
    _text, fds, _flags, _address = socket.recv_fds(ours, 1, 1)
    os.wait()
    become(uid)
    return fds[0]


def call(number: int, *arguments: object) -> int:
    """Make a system call."""
    result = LIBC.syscall(ctypes.c_long(number), *arguments)
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return int(result)


def mount_in_namespace(uid: int, point: str, options: str) -> int:
    """Mount as root of a user namespace, and have root of the host attach that."""
    import socket

    ours, theirs = socket.socketpair()
    connection = os.open(DEVICE, os.O_RDWR)
    child = os.fork()
    if child == 0:
        os.setgroups([])
        become(uid)
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
    for fd in (fds[0], target, connection):
        os.close(fd)
    return fds[1]


# --- What a test has of it ---


class Server:
    """Mounted by root at a path until it is stopped; once it hangs, whoever asks for a name in it waits."""

    def __init__(self, path: str, answers: Answers) -> None:
        fd = mount_as_root(path)
        self.pid = os.fork()
        if self.pid == 0:
            serve(fd, answers)
            os._exit(0)
        os.close(fd)

    def hang(self) -> None:
        """Answer no more. Returns when that is so."""
        os.kill(self.pid, signal.SIGSTOP)
        while self._letter() != "T":
            pass

    def _letter(self) -> str:
        """Return the state of the process as proc_pid_stat(5) has it."""
        with open(f"/proc/{self.pid}/stat", encoding="ascii", errors="replace") as file:
            return file.read().rpartition(")")[2].split()[0]

    def stop(self) -> None:
        """End the server: whoever waits gets an error (ENOTCONN)."""
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)


def go_to_the_background() -> int:
    """Have a child go on, without its parent's output; returns 0 there, and here the number of the child."""
    pid = os.fork()
    if pid == 0:
        os.setsid()
        null = os.open(os.devnull, os.O_RDWR)
        for standard in (0, 1, 2):
            os.dup2(null, standard)
    return pid


def help_to_mount(source: str, target: str) -> None:
    """Mount, then serve in a session of its own, as the source says."""
    host = source.partition(":")[0]
    if host == "never":
        if os.fork() == 0:
            os.setsid()
            os.close(1)
            os.close(2)
        signal.pause()
    time.sleep(0.02)
    fd = mount_as_root(target, source, "fuse.sshfs")
    if go_to_the_background() != 0:
        os._exit(0)
    if host in ("reads", "stops"):
        keep_silent(fd, host == "reads")
    else:
        serve(fd, Directories(seconds=3600))


def main(point: str, words: t.Mapping[str, str]) -> None:
    """Mount, say so, serve."""
    uid, options, world = int(words.get("uid", "0")), words.get("options", "allow_other"), os.getppid()
    answers: Answers = Image(words["image"], os.path.isfile(point)) if "image" in words else Directories()
    if words.get("by") == "namespace":
        fd = mount_in_namespace(uid, point, options)
    else:
        fd = mount_as_user(uid, point, options) if uid else mount_as_root(point)
    pid = go_to_the_background()
    if pid == 0:
        serve(fd, lambda operation, node, body: refusal() or answers(operation, node, body), world)
        os._exit(0)
    sys.stdout.write(f"ready {pid}\n")


if __name__ == "__main__":
    if sys.argv[0].endswith(HELPER):
        help_to_mount(*sys.argv[1:3])
    else:
        main(sys.argv[1], dict(word.partition("=")[::2] for word in sys.argv[2:]))
