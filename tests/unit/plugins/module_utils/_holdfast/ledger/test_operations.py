# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Locks on the real kernel, between real processes."""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import signal
import time
import typing as t
from pathlib import Path

import pytest
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.ledger import journal
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.ledger.journal import Operation
from ansible_collections.holdfast.mounts.tests.unit.plugins.module_utils._holdfast.ledger.locking import (
    Child,
    lock,
    locked,
)
from ansible_collections.holdfast.mounts.tests.unit.plugins.module_utils.builders import PATH, refused

pytestmark = pytest.mark.usefixtures("run")


@pytest.mark.parametrize("where", ["flock", "fstat"])
def test_lock_that_the_kernel_refuses_leaves_no_descriptor(
    monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    def refuse(*_arguments: t.Any) -> t.NoReturn:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    before = os.listdir("/proc/self/fd")
    with monkeypatch.context() as patched:
        patched.setattr(fcntl if where == "flock" else os, where, refuse)
        with pytest.raises(OSError, match="lock"):
            journal.start_operation(PATH, 0)
    assert os.listdir("/proc/self/fd") == before
    operation = journal.start_operation(PATH, 0)
    assert operation is not None
    operation.close()


# --- Refusals ---


@pytest.mark.parametrize("mode", [0o755, 0o770, 0o707], ids=oct)
def test_prepare_run_that_others_may_enter_is_untrusted(run: Path, mode: int) -> None:
    run.chmod(mode)
    assert refused(journal.prepare_run).code == "ledger_untrusted"


def test_prepare_run_of_another_owner_is_untrusted(run: Path) -> None:
    os.chown(run / "operations", 65534, 0)
    assert refused(journal.prepare_run).code == "ledger_untrusted"


def test_prepare_run_that_is_a_link_is_untrusted(run: Path) -> None:
    run.rename(run.parent / "real")
    run.symlink_to("real")
    assert refused(journal.prepare_run).code == "ledger_untrusted"


def test_lock_that_a_living_process_has_stays_taken(start: t.Callable[..., Child]) -> None:
    start()
    assert lock(seconds=0.05) is None


def test_short_lock_that_is_taken_is_locked(run: Path) -> None:
    with journal.short_lock("ledger", time.monotonic()):
        context = journal.short_lock("ledger", time.monotonic() + 0.02)
        assert refused(context.__enter__).code == "locked"
    with journal.short_lock("ledger", time.monotonic()):
        assert os.listdir(run) == ["ledger.lock", "operations"] or "ledger.lock" in os.listdir(run)


# --- Locks ---


def test_lock_of_another_mount_point_is_free(start: t.Callable[..., Child]) -> None:
    start()
    locked("/srv/b").close()


def test_lock_is_had_as_soon_as_its_process_is_killed(start: t.Callable[..., Child]) -> None:
    child = start()
    child.kill()
    locked(seconds=5).close()


def test_lock_waits_for_the_one_before(start: t.Callable[..., Child]) -> None:
    child = start()
    if os.fork() == 0:
        time.sleep(0.1)
        os.kill(child.pid, signal.SIGKILL)
        os._exit(0)
    started = time.monotonic()
    locked(seconds=30).close()
    assert time.monotonic() - started >= 0.05


def test_lock_of_a_removed_run_directory_makes_it_anew(run: Path) -> None:
    shutil.rmtree(run)
    locked().close()
    assert run.is_dir()


def test_close_without_a_note_removes_the_file(run: Path) -> None:
    operation = locked()
    operation.close()
    operation.close()
    assert os.listdir(run / "operations") == []


def count_meetings(monkeypatch: pytest.MonkeyPatch, *, checks: bool) -> int:
    """Let one open the file, another remove it while it has the lock, and a third lock the new one."""
    if not checks:
        monkeypatch.setattr(journal, "_is_named", lambda _fd, _file: True)
    first, original = locked(), fcntl.flock

    def remove_then_lock(fd: int, how: int) -> None:
        monkeypatch.setattr(fcntl, "flock", original)
        first.close()
        inside.append(locked())
        original(fd, how)

    inside: t.List[Operation] = []
    monkeypatch.setattr(fcntl, "flock", remove_then_lock)
    late = lock()
    if late is not None:
        inside.append(late)
    return len(inside)


def test_lock_whose_file_was_removed_lets_nobody_else_in(monkeypatch: pytest.MonkeyPatch) -> None:
    assert count_meetings(monkeypatch, checks=True) == 1


def test_lock_without_the_look_at_its_name_would_let_two_in(monkeypatch: pytest.MonkeyPatch) -> None:
    assert count_meetings(monkeypatch, checks=False) == 2


def test_lock_is_exclusive_among_many_processes_that_remove_it(private_place: Path) -> None:
    # Each adds one to a number, which two at once would lose.
    number = private_place / "number"
    number.write_text("0")
    children = []
    for _child in range(4):
        pid = os.fork()
        if pid == 0:
            try:
                for _turn in range(50):
                    operation = locked(seconds=60)
                    number.write_text(str(int(number.read_text()) + 1))
                    operation.close()
            finally:
                os._exit(0)
        children.append(pid)
    for pid in children:
        os.waitpid(pid, 0)
    assert number.read_text() == "200"


def test_operation_closes_after_somebody_cleaned_run(run: Path) -> None:
    operation = locked()
    shutil.rmtree(run)
    operation.close()
    assert operation.fd == -1


def test_idle_lock_of_an_operation_under_way_is_none(start: t.Callable[..., Child]) -> None:
    start()
    assert journal.lock_idle(name_of_the_lock()) is None


@pytest.mark.parametrize("name", ["", "x", "../ledger.lock", "0" * 39, "0" * 40 + "/x", "A" * 40])
def test_idle_lock_of_what_is_no_name_is_none_and_makes_nothing(run: Path, name: str) -> None:
    before = sorted(run.rglob("*"))
    assert journal.lock_idle(name) is None
    assert sorted(run.rglob("*")) == before


def test_idle_lock_keeps_the_note_of_the_dead(start: t.Callable[..., Child]) -> None:
    start({"path": "/srv/a", "kind": "mount"}).kill()
    idle = journal.lock_idle(name_of_the_lock())
    assert idle is not None
    assert lock() is None
    idle.close()
    operation = locked()
    assert operation.records() == ({"path": "/srv/a", "kind": "mount"},)
    operation.close()


def test_idle_lock_of_a_free_mount_point_leaves_no_file(run: Path) -> None:
    name = name_of_the_lock()
    idle = journal.lock_idle(name)
    assert idle is not None
    assert idle.name == name
    idle.close()
    assert list((run / "operations").iterdir()) == []


def name_of_the_lock() -> str:
    """Return what the lock of the tests' mount point is called."""
    return os.path.basename(journal._file_of(PATH))
