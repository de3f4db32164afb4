# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Parents and children in one call: parents are mounted first and released last, in whatever order given."""

from __future__ import annotations

import itertools
import time
import typing as t

import pytest
from harness.cycle import leave, predict_and_call, succeed, tmpfs, warm_up
from harness.reconcile import reconcile
from harness.results import play, task
from harness.world import World

PATHS = ("/srv/a", "/srv/a/b", "/srv/a/b/c")


def entries(paths: t.Iterable[str]) -> t.List[t.Dict[str, t.Any]]:
    """Return entries of tmpfs."""
    return [{"path": path, "src": "tmpfs", "fstype": "tmpfs", "opts": ["mode=0755"]} for path in paths]


ORDERS = list(itertools.permutations(range(3)))


@pytest.mark.parametrize("order", ORDERS, ids=lambda order: "".join(map(str, order)))
def test_nested_in_any_order_comes_and_goes(world: World, order: t.Tuple[int, ...]) -> None:
    warm_up(world)
    start = world.settled()
    paths = [PATHS[number] for number in order]
    acquired = predict_and_call(world, mounts=entries(paths), holder="a")
    assert not acquired.failed, acquired
    assert [entry["path"] for entry in acquired.mounts] == paths
    assert {entry["action"] for entry in acquired.mounts} == {"mounted"}
    assert [len(world.stack(path)) for path in PATHS] == [1, 1, 1]
    assert len({world.unique_id(path) for path in PATHS}) == 3
    succeed(world, mounts=entries(paths), holder="a")
    assert succeed(world, mounts=entries(paths), holder="a").changed is False
    leaving = [{"path": path} for path in paths]
    released = predict_and_call(world, mounts=leaving, holder="a", state="released")
    assert not released.failed, released
    assert [entry["path"] for entry in released.mounts] == paths
    assert {entry["action"] for entry in released.mounts} == {"unmounted"}
    assert start.differences(world.settled()) == []


def test_nested_purge_of_all_releases_children_first(world: World) -> None:
    warm_up(world)
    start = world.settled()
    succeed(world, mounts=entries(PATHS), holder="a")
    result = predict_and_call(world, mounts=[], purge=True, holder="a")
    assert not result.failed, result
    assert {entry["action"] for entry in result.mounts} == {"unmounted"}
    assert start.differences(world.settled()) == []


def test_nested_child_on_a_bind_of_its_brother(world: World) -> None:
    world.make_directory("/srv/source")
    bulk = [*entries(["/srv/view/below"]), {"path": "/srv/view", "src": "/srv/source", "fstype": "bind"}]
    result = succeed(world, mounts=bulk, holder="a")
    assert [entry["action"] for entry in result.mounts] == ["mounted", "mounted"]
    assert world.top("/srv/view").root == "/source"
    assert world.top("/srv/view/below").fstype == "tmpfs"
    succeed(world, mounts=[{"path": "/srv/view"}, {"path": "/srv/view/below"}], holder="a", state="released")
    assert not world.exists("/srv/source/below")


# --- A parent that is held and not mounted ---


def vanished(world: World) -> World:
    """Return a world where a parent is held by another holder, and was unmounted by hand."""
    succeed(world, **tmpfs(PATHS[0], "owner", opts=["mode=0755"]))
    world.unmount(PATHS[0])
    return world


def below(world: World) -> t.Dict[str, t.Any]:
    """Return a tmpfs below the parent."""
    return tmpfs(PATHS[1], "a")


def shown(world: World) -> t.Dict[str, t.Any]:
    """Return a bind of a directory that the parent hides while it is mounted."""
    world.make_directory(PATHS[1])
    return {"path": "/mnt/view", "src": PATHS[1], "fstype": "bind", "holder": "a"}


@pytest.mark.parametrize("make", [below, shown], ids=["below it", "of a directory in it"])
def test_nested_in_a_parent_that_is_missing_is_refused_until_that_is_back(
    world: World, make: t.Callable[[World], t.Dict[str, t.Any]]
) -> None:
    warm_up(world)
    wanted = make(vanished(world))
    foreseen = world.predict(**wanted)  # an earlier task may bring the parent back
    assert (foreseen.action, f"'{PATHS[0]}'" in str(foreseen["warnings"])) == ("mounted", True), foreseen
    before = world.settled()
    result = world.call(**wanted)
    assert (result.code, result.failed) == ("mount_failed", True), result
    assert f"'{PATHS[0]}'" in result["msg"]
    assert before.differences(world.settled()) == []
    # As the message says, once nothing is hidden by what comes back.
    world.run("rmdir", PATHS[1])
    reconcile(world)
    world.run("mkdir", PATHS[1])
    assert succeed(world, **wanted).action == "mounted"
    assert [len(world.stack(path)) for path in (PATHS[0], wanted["path"])] == [1, 1]


def test_nested_with_a_parent_that_is_missing_in_one_task_brings_back_both(world: World) -> None:
    vanished(world)
    result = predict_and_call(world, mounts=entries(PATHS[:2]), holder="a")
    assert [entry["action"] for entry in result.mounts] == ["mounted", "mounted"], result
    assert [len(world.stack(path)) for path in PATHS[:2]] == [1, 1]


def test_nested_in_a_missing_parent_that_nobody_holds_is_mounted(world: World) -> None:
    succeed(world, **tmpfs(PATHS[0], "owner"))
    pid = world.occupy(PATHS[0])
    assert succeed(world, **leave(PATHS[0], "owner", on_busy="defer")).action == "deferred"
    world.end(pid)
    world.unmount(PATHS[0])
    assert succeed(world, **tmpfs(PATHS[1], "a")).action == "mounted"


def test_nested_in_a_missing_parent_whose_lease_has_ended_is_mounted(world: World) -> None:
    succeed(world, **tmpfs(PATHS[0], "owner", ttl=1))
    world.unmount(PATHS[0])
    time.sleep(2.2)
    assert predict_and_call(world, **tmpfs(PATHS[1], "a")).action == "mounted"


def test_nested_in_a_missing_parent_that_the_task_purges_is_mounted(world: World) -> None:
    succeed(world, mounts=entries(PATHS[:2]), holder="a")
    for path in reversed(PATHS[:2]):
        world.unmount(path)
    result = predict_and_call(world, mounts=entries(PATHS[1:2]), purge=True, holder="a")
    assert [entry["action"] for entry in result.mounts] == ["mounted", "unmounted"], result
    assert sorted(world.ledger["references"]) == [PATHS[1]]


def test_nested_in_a_missing_parent_that_others_hold_too_is_refused_to_a_purge(world: World) -> None:
    for holder in ("a", "b"):
        succeed(world, **tmpfs(PATHS[0], holder))
    world.unmount(PATHS[0])
    result = world.call(mounts=entries(PATHS[1:2]), purge=True, holder="a")
    assert [(entry.get("error") or entry).get("code", "released") for entry in result.mounts] == [
        "mount_failed",
        "released",
    ]


def test_nested_of_a_playbook(world: World) -> None:
    warm_up(world)
    start = world.settled()
    played = world.playbook(
        play(
            task("Acquire", mounts=entries(reversed(PATHS)), holder="a"),
            task("Repeat", mounts=entries(PATHS), holder="a"),
            task("Release", mounts=[{"path": path} for path in PATHS], holder="a", state="released"),
        )
    )
    assert [result.changed for result in played.results] == [True, False, True], played
    assert start.differences(world.settled()) == []
