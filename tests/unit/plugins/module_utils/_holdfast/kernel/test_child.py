# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The child that makes the calls that may hang."""

from __future__ import annotations

import fcntl
import os
import signal
import time
import typing as t
from pathlib import Path

import pytest
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.errors import MountError
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.kernel.child import (
    Descriptor,
    Task,
    run_together,
    run_with_deadline,
)
from ansible_collections.holdfast.mounts.tests.unit.plugins.module_utils.builders import PATH, refused

ERROR = MountError("unsupported", "no", step="create", path=PATH, errno=19, detail="more")


def run(act: t.Callable[[], t.Any], kept: t.Collection[int] = ()) -> t.Any:
    return run_with_deadline(act, 20, kept=kept, step="mount")


def fail(error: BaseException) -> t.NoReturn:
    raise error


def test_child_that_does_not_end_in_time_is_timeout_and_killed(tmp_path: Path) -> None:
    def sleep() -> None:
        (tmp_path / "pid").write_text(str(os.getpid()))
        time.sleep(60)

    started = time.monotonic()
    error = refused(run_with_deadline, sleep, 1, kept=(), step="mount")
    assert (error.code, error.step) == ("timeout", "mount")
    assert time.monotonic() - started < 20
    pid = int((tmp_path / "pid").read_text())
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        try:
            if os.waitpid(pid, os.WNOHANG)[0]:
                return
        except ChildProcessError:
            return  # it was waited for already
        time.sleep(0.01)
    pytest.fail("the child lives")


def test_child_that_dies_is_an_error() -> None:
    assert refused(run, lambda: os._exit(1)).code == "mount_failed"


def test_child_that_fails_by_itself_is_an_error() -> None:
    assert refused(run, lambda: fail(ValueError("a bug"))).code == "mount_failed"


def test_child_carries_a_coded_error_over_whole() -> None:
    error = refused(run, lambda: fail(ERROR))
    assert vars(error) == vars(ERROR)


def test_child_carries_an_os_error_over() -> None:
    with pytest.raises(OSError, match="busy") as caught:
        run(lambda: fail(OSError(16, "busy")))
    assert caught.value.errno == 16


def test_child_returns_nothing() -> None:
    assert run(lambda: None) is None


def test_child_hands_a_value_over_whole() -> None:
    value = {"holders": tuple(f"holder-{number}" for number in range(50_000))}  # far beyond a socket's buffer
    assert run(lambda: value) == value


def test_children_run_together_and_end_apart() -> None:
    tasks = [
        Task(lambda: time.sleep(60)),
        Task(lambda: 7),
        Task(lambda: fail(ERROR)),
        Task(lambda: time.sleep(60)),
    ]
    started = time.monotonic()
    slow, fine, failed, also_slow = run_together(tasks, 1, step="wait")
    assert isinstance(slow, MountError)
    assert isinstance(also_slow, MountError)
    assert (slow.code, slow.step, fine, str(failed)) == ("timeout", "wait", 7, str(ERROR))
    assert time.monotonic() - started < 20


def test_child_that_may_wait_ends_with_its_parent(tmp_path: Path) -> None:
    def wait() -> None:
        (tmp_path / "pid").write_text(str(os.getpid()))
        time.sleep(60)

    parent = os.fork()
    if parent == 0:
        run_together([Task(wait)], 60, step="wait")
        os._exit(0)
    deadline = time.monotonic() + 20
    while not (tmp_path / "pid").exists() or not (tmp_path / "pid").read_text():
        assert time.monotonic() < deadline
    child = int((tmp_path / "pid").read_text())
    os.kill(parent, signal.SIGKILL)
    os.waitpid(parent, 0)
    while os.path.exists(f"/proc/{child}") and "Z" not in Path(f"/proc/{child}/stat").read_text():
        assert time.monotonic() < deadline


def test_child_hands_a_descriptor_over() -> None:
    fd = run(lambda: Descriptor(os.memfd_create("made")))
    try:
        assert "made" in os.readlink(f"/proc/self/fd/{fd}")
    finally:
        os.close(fd)


def test_child_has_only_the_descriptors_that_are_kept(tmp_path: Path) -> None:
    lock, kept = (os.open(tmp_path / name, os.O_CREAT | os.O_RDWR) for name in ("lock", "kept"))

    def look() -> Descriptor:
        found = [name for name in (os.readlink(f"/proc/self/fd/{fd}") for fd in visible()) if "/" in name]
        report = os.memfd_create("report")
        os.write(report, "\n".join(found).encode())
        return Descriptor(report)

    def visible() -> t.List[str]:
        return [fd for fd in os.listdir("/proc/self/fd") if os.path.exists(f"/proc/self/fd/{fd}")]

    report = run(look, kept=(kept,))
    names = set(os.pread(report, 65536, 0).decode().split("\n"))
    for fd in (lock, kept, report):
        os.close(fd)
    assert str(tmp_path / "kept") in names
    assert str(tmp_path / "lock") not in names


def test_child_that_hangs_keeps_no_lock(tmp_path: Path) -> None:
    lock = os.open(tmp_path / "lock", os.O_CREAT | os.O_RDWR)
    fcntl.flock(lock, fcntl.LOCK_EX)
    refused(run_with_deadline, lambda: time.sleep(60), 1, kept=(), step="mount")
    os.close(lock)
    with open(tmp_path / "lock", "rb") as again:
        fcntl.flock(again, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_child_leaves_no_descriptor_open() -> None:
    before = os.listdir("/proc/self/fd")
    run(lambda: None)
    refused(run, lambda: fail(ERROR))
    assert os.listdir("/proc/self/fd") == before


def test_child_has_nothing_of_what_its_caller_has_set(tmp_path: Path) -> None:
    """Its umask, blocked and ignored signals, and a directory that a child that hangs would keep busy."""
    directory, umask = os.getcwd(), os.umask(0)
    ignored = signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGTERM, signal.SIGCHLD))
    os.chdir(tmp_path)

    def look() -> t.Tuple[int, str, t.List[int]]:
        status = Path("/proc/self/status").read_text()
        masks = [line for line in status.splitlines() if line.startswith(("SigBlk:", "SigIgn:"))]
        # Two signals are the C library's own.
        return os.umask(0), os.getcwd(), [int(line.split()[1], 16) & ~(3 << 31) for line in masks]

    try:
        assert run(look) == (0o022, "/", [0, 0])
    finally:
        os.chdir(directory)
        os.umask(umask)
        signal.signal(signal.SIGCHLD, ignored)
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
