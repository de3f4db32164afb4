# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A helper that mounts and whose daemon then answers nothing: no process stays behind the call."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import time
import typing as t
from pathlib import Path

import pytest
from harness.cycle import leave, succeed, tmpfs, warm_up
from harness.helped import CAN_HELP, make_helper
from harness.reconcile import reconcile
from harness.world import RUN, World

HELD_MEMORY = Path(__file__).resolve().parent / "harness" / "held_memory.py"
PATH = "/srv/remote"


@pytest.fixture
def world(private_world: World) -> World:
    """One world: what this does with the kernel is tried on shared mounts elsewhere."""
    return private_world


@pytest.fixture
def dumb(world: World) -> World:
    """A world whose helper mounts what never answers."""
    if not CAN_HELP:
        pytest.skip("needs sshfs and /dev/fuse")
    warm_up(world)
    make_helper(world)
    return world


def ask(host: str, timeout: int) -> t.Dict[str, t.Any]:
    """Return the arguments of a call that mounts it."""
    source = {"src": f"{host}:/data", "fstype": "fuse.sshfs", "allow_fstypes": ["fuse.sshfs"]}
    return {"path": PATH, **source, "holder": "a", "timeout": timeout}


def wait_until(condition: t.Callable[[], bool], what: t.Callable[[], object]) -> None:
    """Wait for it, and fail with what there is instead."""
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, what()
        time.sleep(0.02)


def assert_nothing_is_left(world: World, before: t.Collection[int]) -> None:
    """Fail when a process, a mount or a stage stays."""
    wait_until(lambda: set(world.processes()) <= set(before), world.processes)
    assert [mount.point for mount in world.table if mount.point.startswith((PATH, RUN))] == []
    assert list(world.file(f"{RUN}/stage").iterdir()) == []


def is_told_where_processes_wait() -> bool:
    """Whether the kernel says so of one that sleeps: some have no such file, or C(0) in it."""
    with subprocess.Popen(["sleep", "60"]) as sleeper:
        place, deadline = Path(f"/proc/{sleeper.pid}/wchan"), time.monotonic() + 2
        is_told = False
        while place.exists() and not is_told and time.monotonic() < deadline:
            is_told = "sleep" in place.read_text(encoding="ascii")
        sleeper.kill()
    return is_told


@pytest.mark.parametrize("host", ["reads", "stops", "never"])
def test_daemon_that_answers_nothing_is_timeout_and_nothing_is_left(dumb: World, host: str) -> None:
    before = dumb.processes()
    result = dumb.call(**ask(host, timeout=2))
    assert result.code == "timeout", result
    assert_nothing_is_left(dumb, before)


@pytest.mark.parametrize("host", ["reads", "stops"])
def test_caller_killed_while_a_daemon_answers_nothing_is_mended_by_the_next_call(
    dumb: World, host: str
) -> None:
    before = dumb.processes()
    caller = dumb.start(arguments=ask(host, timeout=600))

    def waiters() -> t.List[str]:
        others = set(dumb.processes()) - set(before)
        paths = [Path(f"/proc/{pid}/wchan") for pid in others]
        return [path.read_text(encoding="ascii") for path in paths if path.exists()]

    if not is_told_where_processes_wait():
        pytest.skip("needs the kernel to say where a process waits")
    wait_until(lambda: any("fuse" in where or "request_wait" in where for where in waiters()), waiters)
    dumb.kill(caller)
    dumb.wait(caller)
    succeed(dumb, **tmpfs("/srv/other", "a"))
    succeed(dumb, **leave("/srv/other", "a"))
    assert_nothing_is_left(dumb, before)


@pytest.fixture
def held(dumb: World) -> t.Iterator[World]:
    """The same world with a user in it whose process cannot be asked for its command line."""
    dumb.make_directory("/srv/user")
    pid = dumb.until_ready([sys.executable, str(HELD_MEMORY), "/srv/user"])
    yield dumb
    dumb.kill(-pid)  # with the server, so that everybody is let go
    dumb.wait(pid)


def test_control_who_asks_for_the_users_command_line_waits(held: World) -> None:
    reader = held.launch(["sh", "-c", "cat /proc/*/cmdline"])
    with pytest.raises(TimeoutError):
        held.wait(reader, 3)


@pytest.mark.parametrize("host", ["reads", "stops", "never"])
def test_daemon_is_ended_though_a_user_holds_who_looks_for_it(held: World, host: str) -> None:
    result = held.call(**ask(host, timeout=2))
    assert result.code == "timeout", result
    wait_until(lambda: not list(held.file(f"{RUN}/stage").iterdir()), lambda: held.table)
    assert [mount.point for mount in held.table if mount.point.startswith((PATH, RUN))] == []
    assert daemons(held) == []


def daemons(world: World) -> t.List[str]:
    """Return the processes of the world that run the helper, without asking for command lines."""
    namespace, found = os.stat(f"/proc/{world.pid}/ns/mnt").st_ino, []
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            command = Path(f"/proc/{name}/comm").read_text(encoding="ascii", errors="replace")
            if os.stat(f"/proc/{name}/ns/mnt").st_ino == namespace and "sshfs" in command:
                found.append(f"{name} {command}")
        except OSError:
            continue
    return found


def leave_stage(world: World, name: str) -> str:
    """Leave a stage as operations do of which every process was killed; return its directory."""
    place = f"{RUN}/stage/{name}"
    world.make_directory(place)
    world.mount("holdfast", place, "tmpfs")
    return place


def test_stage_is_swept_by_calls_on_its_mount_point_and_by_reconcile(dumb: World) -> None:
    own, other = (leave_stage(dumb, f"{name_of(path)}-0123456789abcdef") for path in (PATH, "/srv/other"))
    succeed(dumb, **tmpfs("/srv/near", "a"))
    assert dumb.exists(own)
    succeed(dumb, **tmpfs(PATH, "a"))
    assert (dumb.exists(own), dumb.exists(other)) == (False, True)
    assert not reconcile(dumb).failed
    assert not dumb.exists(other)


def name_of(path: str) -> str:
    """Return what a mount point is called in names of files."""
    return hashlib.sha256(path.encode()).hexdigest()[:40]
