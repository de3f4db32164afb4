# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What keeps a mount busy, asked of real processes, sockets, loop devices and namespaces."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import mmap
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import typing as t
from pathlib import Path

import pytest
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.kernel import inodes, users
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.kernel.mountinfo import read_mounts
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.model import Users
from ansible_collections.holdfast.mounts.tests.unit.plugins.module_utils.conftest import LIBC, check

Use = t.Callable[[Path], object]
CLONE_VM, CLONE_FS, CLONE_FILES, CLONE_SIGHAND, CLONE_NEWNS = 0x100, 0x200, 0x400, 0x800, 0x20000
STACK = 8192
MS_BIND, MS_REC, MS_SLAVE = 1 << 12, 1 << 14, 1 << 19


def use_directory(place: Path) -> object:
    os.chdir(place)
    return None


def use_root(place: Path) -> object:
    os.chroot(place)
    return None


def use_file(place: Path) -> object:
    return os.open(place / "file", os.O_RDONLY)


def use_mapping(place: Path) -> object:
    with open(place / "file", "rb") as file:
        return mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ)


def use_directory_of_a_thread(place: Path) -> object:
    return in_thread(place, CLONE_FS, os.chdir)


def use_file_of_a_thread(place: Path) -> object:
    return in_thread(place, CLONE_FILES, lambda path: os.open(path / "file", os.O_RDONLY))


def in_thread(place: Path, unshared: int, act: Use) -> object:
    """Have a thread use the place, with a directory or descriptors of its own."""
    done = threading.Event()

    def work() -> None:
        check(LIBC.unshare(ctypes.c_int(unshared)), "unshare")
        act(place)
        done.set()
        time.sleep(60)

    threading.Thread(target=work, daemon=True).start()
    done.wait()
    return None


def use_socket(place: Path) -> object:
    bound = socket.socket(socket.AF_UNIX)
    bound.bind(str(place / "listens here"))
    bound.listen()
    return bound


def use_socket_bound_from_within(place: Path) -> object:
    os.chdir(place)
    bound = socket.socket(socket.AF_UNIX)
    bound.bind("relative")
    os.chdir("/")
    return bound


def use_copy(place: Path) -> object:
    check(LIBC.unshare(ctypes.c_int(CLONE_NEWNS)), "unshare")
    check(LIBC.mount(b"none", b"/", b"", ctypes.c_ulong(MS_SLAVE | MS_REC), b""), "make slave")
    os.chdir(place)
    return None


def use_nothing(_place: Path) -> object:
    return None


def use_copy_of_another(place: Path) -> object:
    """Use another mount of the same filesystem, from another namespace that has copies of both."""
    check(LIBC.unshare(ctypes.c_int(CLONE_NEWNS)), "unshare")
    os.chdir(place.parent / "twin")
    return None


@pytest.fixture(name="mounted")
def mount_with_a_file(private_place: Path, mount_at: t.Callable[[Path], Path]) -> Path:
    place = mount_at(private_place / "m")
    (place / "file").write_text("text")
    return place


def number_of(place: Path) -> int:
    (mount,) = [mount for mount in read_mounts() if mount.mount_point == str(place)]
    return mount.mount_id


def found_on(place: Path) -> Users:
    return users.find_users([number_of(place)])[number_of(place)]


def users_while(act: Use, place: Path, *, command: bytes = b"holder") -> t.Tuple[int, Users]:
    """Return a child that uses the place, and the users that are found meanwhile."""
    ready = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            Path("/proc/self/comm").write_bytes(command)
            used = act(place)
            os.write(ready[1], repr(used)[:1].encode())
            time.sleep(60)
        finally:
            os._exit(0)
    try:
        os.close(ready[1])
        assert os.read(ready[0], 1)
        found = found_on(place)
    finally:
        os.close(ready[0])
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    return pid, found


@pytest.mark.parametrize(
    ("act", "how"),
    [
        pytest.param(use_directory, "", id="working directory"),
        pytest.param(use_root, "", id="root"),
        pytest.param(use_file, "", id="open file"),
        pytest.param(use_mapping, "", id="mapped file"),
        pytest.param(use_directory_of_a_thread, "", id="a thread's directory"),
        pytest.param(use_file_of_a_thread, "", id="a thread's file"),
        pytest.param(use_socket, " with the socket '{}/listens here'", id="listening socket"),
        pytest.param(use_socket_bound_from_within, " with the socket '{}/relative'", id="relative socket"),
        pytest.param(use_copy, " in another mount namespace", id="copy in another namespace"),
    ],
)
def test_user_is_found_by(mounted: Path, act: Use, how: str) -> None:
    pid, found = users_while(act, mounted)
    assert [user.text for user in found.found] == [f"{pid} (holder){how.format(mounted)}"]
    assert [(user.kind, user.pid) for user in found.found] == [("process", pid)]
    assert found.is_complete


def test_user_whose_leader_has_ended_is_found(mounted: Path) -> None:
    script = (
        "import ctypes, os, sys, threading, time\n"
        "def work():\n  os.chdir(sys.argv[1])\n  print('ready', flush=True)\n  time.sleep(60)\n"
        "threading.Thread(target=work).start()\n"
        "ctypes.CDLL(None).pthread_exit(None)\n"
    )
    argv = [sys.executable, "-c", script, str(mounted)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == b"ready\n"
            deadline = time.monotonic() + 20
            while "Z" not in Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[0]:
                assert time.monotonic() < deadline
            assert [user.pid for user in found_on(mounted).found] == [process.pid]
        finally:
            process.kill()


@pytest.mark.parametrize("act", [use_nothing, use_copy_of_another], ids=["elsewhere", "copy of another"])
def test_user_of_something_else_is_not_found(mounted: Path, private_place: Path, act: Use) -> None:
    twin = private_place / "twin"
    twin.mkdir()
    arguments = (str(mounted).encode(), str(twin).encode(), b"", ctypes.c_ulong(MS_BIND), b"")
    check(LIBC.mount(*arguments), "bind")
    assert users_while(act, mounted)[1] == Users((), is_complete=True)


def test_user_of_a_mapped_file_of_the_same_filesystem_is_not_found(
    mounted: Path, private_place: Path
) -> None:
    """A bind of a directory is not used by those that use the filesystem that it shows."""
    (mounted / "directory").mkdir()
    bound = private_place / "bound"
    bound.mkdir()
    arguments = (str(mounted / "directory").encode(), str(bound).encode(), b"", ctypes.c_ulong(MS_BIND), b"")
    check(LIBC.mount(*arguments), "bind")
    assert users_while(lambda _bound: use_mapping(mounted), bound)[1].found == ()


def test_user_of_another_mount_of_the_kind_is_not_found(
    mounted: Path, private_place: Path, mount_at: t.Callable[[Path], Path]
) -> None:
    other = mount_at(private_place / "other")
    (other / "file").write_text("text")
    assert users_while(lambda _place: os.open(other / "file", os.O_RDONLY), mounted)[1].found == ()


def test_mount_on_it_is_found(mounted: Path, mount_at: t.Callable[[Path], Path]) -> None:
    (mounted / "on").mkdir()
    mount_at(mounted / "on")
    (user,) = found_on(mounted).found
    assert (user.kind, user.text) == ("mount", f"tmpfs at '{mounted}/on'")


def test_loop_device_is_found(mounted: Path) -> None:
    image = mounted / "image"
    with open(image, "wb") as file:
        file.truncate(1 << 20)
    attached = subprocess.run(
        ["losetup", "--find", "--show", str(image)], check=False, capture_output=True, text=True
    )
    if attached.returncode != 0:
        pytest.skip("needs losetup and loop devices")
    device = attached.stdout.strip()
    try:
        (user,) = found_on(mounted).found
        assert (user.kind, user.text) == ("loop device", f"{device} of '{image}'")
    finally:
        subprocess.run(["losetup", "--detach", device], check=True)


def test_swap_area_is_found(mounted: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read = users._read
    table = b"Filename Type Size Used Priority\n" + str(mounted).encode() + b"/with\\040blank file 4 0 -2\n"
    monkeypatch.setattr(users, "_read", lambda path: table if path == "/proc/swaps" else read(path))
    (user,) = found_on(mounted).found
    assert (user.kind, user.text) == ("swap area", f"swap '{mounted}/with blank'")


@pytest.mark.parametrize("number", [errno.EIO, errno.EACCES, errno.ESTALE], ids=["EIO", "EACCES", "ESTALE"])
def test_user_of_a_filesystem_that_fails_is_found(
    mounted: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    """As one does that the kernel has shut down."""

    def fail(_path: str) -> t.NoReturn:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(inodes, "inode_behind", fail)
    pid, found = users_while(use_directory, mounted)
    assert [user.pid for user in found.found] == [pid]


def test_user_of_another_users_fuse_is_found(mounted: Path, private_place: Path) -> None:
    if not os.path.exists("/dev/fuse"):
        pytest.skip("needs /dev/fuse")
    place = private_place / "fuse"
    place.mkdir()
    server = os.open("/dev/fuse", os.O_RDWR | os.O_CLOEXEC)
    data = f"fd={server},rootmode=40755,user_id=12345,group_id=12345".encode()
    check(LIBC.mount(b"user", str(place).encode(), b"fuse", ctypes.c_ulong(6), data), "mount")
    try:
        pid, found = users_while(lambda path: os.open(path, os.O_PATH), place)
        assert [user.pid for user in found.found] == [pid]
        on_it = mounted / "on"
        on_it.mkdir()
        check(LIBC.mount(str(place).encode(), str(on_it).encode(), b"", ctypes.c_ulong(MS_BIND), b""), "bind")
        assert [user.text for user in found_on(mounted).found] == [
            f"fuse at '{on_it}', served by the user 12345"
        ]
    finally:
        os.close(server)


def test_name_of_a_process_cannot_pass_for_anothers(mounted: Path) -> None:
    pid, found = users_while(use_directory, mounted, command=b"a), 1 (\x1b[2J")
    assert found.found[0].text == f"{pid} (a\\x29\\x2c 1 \\x28\\x1b\\x5b2J)"


def test_caller_itself_is_not_counted(mounted: Path) -> None:
    with open(mounted / "file", "rb"):
        assert found_on(mounted).found == ()


def test_mount_that_is_gone_has_no_users() -> None:
    assert users.find_users([2**30]) == {}


@pytest.mark.parametrize("act", [lambda: time.sleep(60), lambda: time.sleep(0.01)], ids=["held", "many"])
def test_search_that_does_not_come_to_its_end_is_told_with_what_was_found(
    mounted: Path, monkeypatch: pytest.MonkeyPatch, act: t.Callable[[], None]
) -> None:
    """One process holds who looks at its memory, or there are very many of them."""
    read = users._read

    def slow(path: str) -> bytes:
        if path.endswith("/maps"):
            act()
        return read(path)

    monkeypatch.setattr(users, "_read", slow)
    monkeypatch.setattr(users, "_tasks", lambda pid: [pid] * 100)
    started = time.monotonic()
    pid, found = users_while(use_directory, mounted)
    assert time.monotonic() - started < 10
    assert ([user.pid for user in found.found], found.is_complete) == ([pid], False)


@contextlib.contextmanager
def crowd(size: int) -> t.Iterator[None]:
    """Have so many processes more, which share all that processes can share and wait."""
    ready = os.pipe()
    leader = os.fork()
    if leader == 0:
        try:
            os.setsid()
            stacks = mmap.mmap(-1, size * STACK)
            top = ctypes.addressof(ctypes.c_char.from_buffer(stacks)) + STACK
            pause = ctypes.cast(LIBC.pause, ctypes.c_void_p)
            flags = ctypes.c_int(CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | signal.SIGCHLD)
            made = [LIBC.clone(pause, ctypes.c_void_p(top + n * STACK), flags, None) for n in range(size)]
            os.write(ready[1], b"x" if min(made) > 0 else b"-")
            signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # whoever ends is no zombie
            time.sleep(60)
        finally:
            os._exit(0)
    os.close(ready[1])
    try:
        if os.read(ready[0], 1) != b"x":
            pytest.skip(f"this host has no room for {size} processes")
        yield
    finally:
        os.close(ready[0])
        while children := Path(f"/proc/{leader}/task/{leader}/children").read_text().split():
            for pid in map(int, children):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        os.kill(leader, signal.SIGKILL)
        os.waitpid(leader, 0)


def test_search_among_ten_thousand_processes_ends_within_a_second(mounted: Path) -> None:
    with crowd(10_000):
        started = time.monotonic()
        found = found_on(mounted)
        took = time.monotonic() - started
        pid, used = users_while(use_directory, mounted)
    assert took < 2, "a second, and what a busy machine takes"
    assert found.found == ()
    assert [user.pid for user in used.found] == [pid] or not used.is_complete
