# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Many at once: never a stack, never a lost reference, an empty ledger and table at the end."""

from __future__ import annotations

import random
import typing as t

import pytest
from harness.calls import Calls
from harness.cycle import leave, tmpfs, warm_up
from harness.results import Result, play, read_adhoc, task
from harness.world import World

PATH = "/srv/shared/data"
RUNS = 16

# Every run waits until all have seen that nothing is mounted: what a race can do, made certain.
NAIVE = """
import os, subprocess, sys, time
path, barrier, count, me = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4]
os.makedirs(path, exist_ok=True)
if not os.path.ismount(path):
    open(os.path.join(barrier, me), "w").close()
    while len(os.listdir(barrier)) < count:
        time.sleep(0.01)
    subprocess.run(["mount", "-n", "-t", "tmpfs", "tmpfs", path], check=True)
"""


def assert_empty(world: World) -> None:
    """Nothing is held, mounted or left."""
    assert world.references == {}
    assert not world.exists("/srv/shared")
    assert [mount for mount in world.table if mount.point.startswith("/srv/")] == []


def expect(results: t.Iterable[Result], actions: t.Mapping[str, int]) -> None:
    """Fail unless exactly these actions were reported, each as often as given."""
    found: t.Dict[t.Optional[str], int] = {}
    for result in results:
        assert not result.failed, result
        found[result.action] = found.get(result.action, 0) + 1
    assert found == dict(actions)


def test_naive_script_stacks_where_ours_does_not(world: World) -> None:
    barrier = world.scratch / "barrier"
    barrier.mkdir()
    argv = ["/usr/bin/env", "python3", "-c", NAIVE, PATH, str(barrier), "4"]
    environment = {"PATH": world.environment(barrier)["PATH"]}
    pids = [world.launch([*argv, str(number)], environment=environment) for number in range(4)]
    assert [world.wait(pid).rc for pid in pids] == [0] * 4
    assert len(world.stack(PATH)) == 4


def test_sixteen_runs_of_ansible_share_one_mount(make_world: t.Callable[..., World]) -> None:
    world = make_world("shared")
    warm_up(world)
    start = world.settled()
    pids = [
        world.start_ansible(f"path={PATH} src=tmpfs fstype=tmpfs holder=h{number}") for number in range(RUNS)
    ]
    results = [read_adhoc(world.wait(pid)) for pid in pids]
    expect(results, {"mounted": 1, "joined": RUNS - 1})
    assert len(world.stack(PATH)) == 1
    assert world.holders(PATH) == sorted(f"h{number}" for number in range(RUNS))
    pids = [world.start_ansible(f"path={PATH} holder=h{number} state=released") for number in range(RUNS)]
    results = [read_adhoc(world.wait(pid)) for pid in pids]
    expect(results, {"released": RUNS - 1, "unmounted": 1})
    assert_empty(world)
    assert start.differences(world.settled()) == []


def test_sixteen_playbooks_on_the_same_and_different_mount_points(private_world: World) -> None:
    world = private_world
    warm_up(world)
    start = world.settled()
    started = []
    for number in range(RUNS):
        path = PATH if number % 2 else f"/srv/shared/own-{number}"
        holder = f"h{number}"
        book = play(
            task("Acquire", **tmpfs(path, holder)),
            task("Repeat", **tmpfs(path, holder)),
            task("Release", **leave(path, holder)),
        )
        started.append(world.start_playbook(book))
    for pid, record in started:
        assert world.wait(pid).rc == 0, record.read_text(encoding="utf-8")
    assert_empty(world)
    assert start.differences(world.settled()) == []


def test_sixteen_at_once_mount_exactly_once(world: World, calls: Calls) -> None:
    warm_up(world)
    holders = [f"h{number}" for number in range(RUNS)]
    for _round in range(5):
        calls.take()
        expect(world.call_all(tmpfs(PATH, name) for name in holders), {"mounted": 1, "joined": RUNS - 1})
        assert calls.take() == (1, 0)
        assert world.holders(PATH) == sorted(holders)
        expect(world.call_all(leave(PATH, name) for name in holders), {"released": RUNS - 1, "unmounted": 1})
        assert calls.take() == (0, 1)
        assert_empty(world)


def test_same_holder_at_once_holds_once(world: World) -> None:
    expect(world.call_all([tmpfs(PATH, "a")] * RUNS), {"mounted": 1, "none": RUNS - 1})
    assert len(world.stack(PATH)) == 1
    expect(world.call_all([leave(PATH, "a")] * RUNS), {"unmounted": 1, "none": RUNS - 1})
    assert_empty(world)


def test_different_mount_points_at_once_are_all_remembered(world: World) -> None:
    paths = [f"/srv/shared/{number}" for number in range(RUNS)]
    expect(world.call_all(tmpfs(path, "a") for path in paths), {"mounted": RUNS})
    assert sorted(world.references) == sorted(paths)
    assert all(len(world.stack(path)) == 1 for path in paths)
    expect(world.call_all(leave(path, "a") for path in paths), {"unmounted": RUNS})
    assert_empty(world)


def test_overlapping_bulks_at_once_end_in_one_mount_each(world: World) -> None:
    paths = [f"/srv/shared/{number}" for number in range(6)]
    entries = [{"path": path, "src": "tmpfs", "fstype": "tmpfs"} for path in paths]
    holders = [f"h{number}" for number in range(8)]
    orders = [entries if number % 2 else entries[::-1] for number in range(8)]
    pairs = list(zip(holders, orders))
    for result in world.call_all({"mounts": order, "holder": holder} for holder, order in pairs):
        assert not result.failed, result
    assert [len(world.stack(path)) for path in paths] == [1] * 6
    assert all(world.holders(path) == holders for path in paths)
    requests = [
        {"mounts": [{"path": one["path"]} for one in order], "holder": holder, "state": "released"}
        for holder, order in pairs
    ]
    for result in world.call_all(requests):
        assert not result.failed, result
    assert_empty(world)


def test_parent_and_child_at_once_never_hide_each_other(world: World) -> None:
    parent, child = "/srv/shared/p", "/srv/shared/p/c"
    for _round in range(10):
        results = world.call_all(
            [tmpfs(parent, "a", allow_nonempty=True, opts=["mode=0755"]), tmpfs(child, "b")]
        )
        assert not results[1].failed, results
        if results[0].failed:
            assert results[0].code == "shadows", results
        assert len(world.stack(child)) == 1, "the child is hidden"
        assert world.call(**leave(child, "b")).action == "unmounted"
        world.call(**leave(parent, "a"))
        assert_empty(world)


@pytest.mark.parametrize("seed", range(3))
def test_random_course_agrees_with_the_table(world: World, seed: int) -> None:
    choose = random.Random(seed)
    paths = [f"/srv/shared/{name}" for name in ("a", "b/x", "b/y")]
    holders = ["h0", "h1", "h2"]
    for _round in range(8):
        requests = []
        for _number in range(8):
            make = choose.choice([tmpfs, tmpfs, leave])
            requests.append(make(choose.choice(paths), choose.choice(holders)))
        for result in world.call_all(requests):
            assert not result.failed, result
        for path in paths:
            assert len(world.stack(path)) == (1 if world.holders(path) else 0), path
    for path in paths:
        for holder in holders:
            world.call(**leave(path, holder))
    assert_empty(world)
