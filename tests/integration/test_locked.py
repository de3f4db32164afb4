# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Waiting for a mount point that another process works on, and for no other."""

from __future__ import annotations

from harness.cycle import leave, succeed, tmpfs
from harness.locks import find_lock, hold
from harness.world import World

PATH = "/srv/data"


def hold_and_find(world: World) -> str:
    """Have a holder take the mount point and return its lock."""
    lock = find_lock(world, PATH)
    succeed(world, **tmpfs(PATH, "a"))
    return lock


def test_taken_mount_point_is_waited_for_and_then_locked(world: World) -> None:
    with hold(hold_and_find(world)):
        for arguments in (tmpfs(PATH, "b"), leave(PATH, "a")):
            result = world.call(lock_timeout=1, **arguments)
            assert (result.failed, result.code) == (True, "locked"), result
    assert world.holders(PATH) == ["a"]
    assert succeed(world, **tmpfs(PATH, "b")).action == "joined"


def test_taken_mount_point_blocks_no_other(world: World) -> None:
    with hold(hold_and_find(world)):
        assert succeed(world, **tmpfs("/srv/other", "b", lock_timeout=1)).action == "mounted"
        assert succeed(world, **leave("/srv/other", "b", lock_timeout=1)).action == "unmounted"


def test_waiting_call_goes_on_when_the_lock_is_given_back(world: World) -> None:
    with hold(hold_and_find(world)):
        pid = world.start(arguments=tmpfs(PATH, "b"))
        assert world.ask("wait", pid=pid, seconds=0.3) is None
        assert world.holders(PATH) == ["a"]
    assert world.collect(pid).action == "joined"


def test_bulk_does_the_free_ones_before_it_waits(world: World) -> None:
    lock = hold_and_find(world)
    entries = [{"path": path, "src": "tmpfs", "fstype": "tmpfs"} for path in (PATH, "/srv/free")]
    with hold(lock):
        result = world.call(mounts=entries, holder="b", lock_timeout=1)
        assert (result.failed, result.code) == (True, "locked"), result
        assert result.mounts[1]["action"] == "mounted"
        assert len(world.stack("/srv/free")) == 1
    assert world.holders("/srv/free") == ["b"]
    assert world.holders(PATH) == ["a"]


def test_check_mode_waits_for_nobody(world: World) -> None:
    with hold(hold_and_find(world)):
        predicted = world.predict(lock_timeout=1, **tmpfs(PATH, "b"))
        assert (predicted.failed, predicted.action) == (False, "joined"), predicted
