# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""SIGKILL at any moment: the next call on that mount point heals, and nothing acknowledged is lost."""

from __future__ import annotations

import random
import signal

import pytest
from harness.cycle import leave, succeed, tmpfs, warm_up
from harness.world import World

PATH = "/srv/app/data"
ROUNDS = 40


def kill_midway(world: World, choose: random.Random, longest: float, **arguments: object) -> bool:
    """Start a call, kill it after a random while, and return whether it had been acknowledged before."""
    pid = world.start(arguments=arguments)
    ended = world.ask("wait", pid=pid, seconds=choose.uniform(0, longest))
    if ended is not None:
        assert ended["rc"] == 0, ended
        return True
    world.kill(pid, signal.SIGKILL)
    finished = world.wait(pid)
    return finished.rc == 0


def assert_agreement(world: World) -> None:
    """References and mounts say the same, and there is no stack."""
    assert len(world.stack(PATH)) == (1 if world.holders(PATH) else 0)


def assert_nothing(world: World) -> None:
    """Everything is as before the mount."""
    assert world.references == {}
    assert world.stack(PATH) == []
    assert not world.exists("/srv/app")


@pytest.mark.parametrize("seed", range(2))
def test_killed_acquire_is_finished_by_the_next(world: World, seed: int) -> None:
    choose = random.Random(seed)
    warm_up(world)
    for _round in range(ROUNDS):
        acknowledged = kill_midway(world, choose, 0.05, **tmpfs(PATH, "a"))
        if acknowledged:
            assert world.holders(PATH) == ["a"]
        result = succeed(world, **tmpfs(PATH, "a"))
        assert result.holders == ["a"]
        assert len(world.stack(PATH)) == 1
        assert succeed(world, **leave(PATH, "a")).action == "unmounted"
        assert_nothing(world)


@pytest.mark.parametrize("seed", range(2))
def test_killed_acquire_is_undone_by_a_release(world: World, seed: int) -> None:
    choose = random.Random(seed)
    warm_up(world)
    for _round in range(ROUNDS):
        acknowledged = kill_midway(world, choose, 0.05, **tmpfs(PATH, "a"))
        result = succeed(world, **leave(PATH, "a"))
        if acknowledged:
            assert result.action == "unmounted"
        assert_nothing(world)


@pytest.mark.parametrize("seed", range(2))
def test_killed_release_is_finished_by_the_next(world: World, seed: int) -> None:
    choose = random.Random(seed)
    warm_up(world)
    for _round in range(ROUNDS):
        succeed(world, **tmpfs(PATH, "a"))
        kill_midway(world, choose, 0.05, **leave(PATH, "a"))
        succeed(world, **leave(PATH, "a"))
        assert_nothing(world)


def test_killed_release_lets_another_come(world: World) -> None:
    choose = random.Random(7)
    warm_up(world)
    for _round in range(ROUNDS):
        succeed(world, **tmpfs(PATH, "a"))
        kill_midway(world, choose, 0.05, **leave(PATH, "a"))
        result = succeed(world, **tmpfs(PATH, "b"))
        assert "b" in result.holders
        assert_agreement(world)
        for holder in ("a", "b"):
            succeed(world, **leave(PATH, holder))
        assert_nothing(world)


def test_killed_joining_loses_nobody_else(world: World) -> None:
    choose = random.Random(11)
    warm_up(world)
    succeed(world, **tmpfs(PATH, "keeper"))
    before = world.unique_id(PATH)
    for _round in range(ROUNDS):
        kill_midway(world, choose, 0.05, **tmpfs(PATH, "a"))
        assert "keeper" in world.holders(PATH)
        kill_midway(world, choose, 0.05, **leave(PATH, "a"))
        assert "keeper" in world.holders(PATH)
        assert world.unique_id(PATH) == before
    succeed(world, **leave(PATH, "a"))
    assert succeed(world, **leave(PATH, "keeper")).action == "unmounted"
    assert_nothing(world)


def test_killed_bulk_is_finished_by_the_next(world: World) -> None:
    choose = random.Random(13)
    warm_up(world)
    names = [f"/srv/app/{number}" for number in range(20)]
    entries = [{"path": path, "src": "tmpfs", "fstype": "tmpfs"} for path in names]
    paths = [{"path": path} for path in names]
    for _round in range(15):
        kill_midway(world, choose, 0.15, mounts=entries, holder="a")
        succeed(world, mounts=entries, holder="a")
        assert [len(world.stack(path)) for path in names] == [1] * 20
        assert sorted(world.references) == sorted(names)
        kill_midway(world, choose, 0.15, mounts=paths, holder="a", state="released")
        succeed(world, mounts=paths, holder="a", state="released")
        assert world.references == {}
        assert not world.exists("/srv/app")


def test_killed_call_leaves_no_lock_behind(world: World) -> None:
    choose = random.Random(17)
    warm_up(world)
    for _round in range(ROUNDS):
        kill_midway(world, choose, 0.05, **tmpfs(PATH, "a"))
        assert not world.call(**tmpfs(PATH, "b", lock_timeout=5)).failed
        for holder in ("a", "b"):
            succeed(world, **leave(PATH, holder))
        assert_nothing(world)


def test_interrupted_operation_is_told_or_over(world: World) -> None:
    choose = random.Random(19)
    warm_up(world)
    told = {"interrupted", "orphaned", "missing"}
    for _round in range(ROUNDS):
        kill_midway(world, choose, 0.05, **tmpfs(PATH, "a"))
        facts = world.facts()
        assert {drift["kind"] for drift in facts["drift"]} <= told, facts["drift"]
        mounted = bool(world.stack(PATH))
        if mounted != bool(world.holders(PATH)):
            assert facts["drift"], "kernel and ledger disagree and the facts are silent"
        succeed(world, **leave(PATH, "a"))
        assert_nothing(world)
