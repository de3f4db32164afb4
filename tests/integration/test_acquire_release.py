# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Holding and releasing one mount point: references are a set, the last one to leave unmounts."""

from __future__ import annotations

import typing as t

import pytest
from harness.cycle import apply, leave, predict_and_call, run_cycle, succeed, tmpfs, warm_up
from harness.results import play, task
from harness.table import has_unique_ids
from harness.world import World

PATH = "/srv/app/data"


def test_release_of_what_nobody_holds_changes_nothing(world: World) -> None:
    world.make_directory("/srv/app")
    warm_up(world)
    before = world.settled()
    result = predict_and_call(world, **leave(PATH))
    assert (result.failed, result.changed, result.action) == (False, False, "none")
    assert before.differences(world.settled()) == []


def test_release_outside_the_roots_changes_nothing(world: World) -> None:
    result = predict_and_call(world, **leave("/opt/elsewhere"))
    assert (result.failed, result.changed, result.action) == (False, False, "none")


def test_release_by_a_stranger_keeps_the_mount(world: World) -> None:
    succeed(world, **tmpfs(PATH, "a"))
    before = world.unique_id(PATH)
    result = predict_and_call(world, **leave(PATH, "stranger"))
    assert (result.changed, result.action) == (False, "none")
    assert "'stranger' holds none of these mount points, but others do (a)" in str(result["warnings"])
    assert world.unique_id(PATH) == before
    assert world.holders(PATH) == ["a"]


def test_one_holder_comes_and_goes(world: World) -> None:
    acquired = run_cycle(world, **tmpfs(PATH, "db"))
    assert acquired.mount["src"] == "tmpfs"
    assert acquired.mount["fstype"] == "tmpfs"
    assert acquired.mount["protection"] == ("full" if has_unique_ids() else "no_unique_id")


def test_default_holder_is_ansible(world: World) -> None:
    result = succeed(world, path=PATH, src="tmpfs", fstype="tmpfs")
    assert result.holders == ["ansible"]
    assert "warnings" not in result
    # A second play without a name would think that it holds, too.
    again = succeed(world, path=PATH, src="tmpfs", fstype="tmpfs")
    assert "releases it for both" in str(again["warnings"])
    assert succeed(world, path=PATH, state="released").action == "unmounted"


def test_name_is_an_alias_of_path(private_world: World) -> None:
    assert succeed(private_world, name=PATH, src="tmpfs", fstype="tmpfs").mount["path"] == PATH


def test_two_holders_share_one_mount_until_the_last_leaves(world: World) -> None:
    world.make_directory("/srv/kept")
    warm_up(world)
    start = world.settled()
    path = "/srv/kept/made/data"
    apply(world, "mounted", **tmpfs(path, "a"))
    first = world.unique_id(path)
    joined = apply(world, "joined", **tmpfs(path, "b"))
    assert joined.holders == ["a", "b"]
    assert joined.mount["holder_count"] == 2
    assert world.unique_id(path) == first
    assert len(world.stack(path)) == 1
    released = apply(world, "released", **leave(path, "a"))
    assert released.holders == ["b"]
    assert released.mount["mounted"] is True
    assert world.unique_id(path) == first
    assert world.holders(path) == ["b"]
    gone = apply(world, "unmounted", **leave(path, "b"))
    assert gone.holders == []
    assert world.stack(path) == []
    assert not world.exists("/srv/kept/made")
    assert world.exists("/srv/kept")
    assert start.differences(world.settled()) == []


def test_holding_twice_is_holding_once(world: World) -> None:
    succeed(world, **tmpfs(PATH, "a"))
    again = succeed(world, **tmpfs(PATH, "a"))
    assert (again.changed, again.action) == (False, "none")
    assert succeed(world, **leave(PATH, "a")).action == "unmounted"
    assert world.stack(PATH) == []


@pytest.mark.parametrize(("number", "text"), [(7, "7"), ("7", 7)], ids=["number-first", "text-first"])
def test_a_number_is_a_holder(private_world: World, number: t.Any, text: t.Any) -> None:
    succeed(private_world, **tmpfs(PATH, number))
    assert succeed(private_world, **tmpfs(PATH, text)).action == "none"
    assert private_world.holders(PATH) == ["7"]


def test_content_stays_while_somebody_holds(world: World) -> None:
    succeed(world, **tmpfs(PATH, "a"))
    world.write(f"{PATH}/file", "kept")
    succeed(world, **tmpfs(PATH, "b"))
    succeed(world, **leave(PATH, "a"))
    assert world.file(f"{PATH}/file").read_text(encoding="utf-8") == "kept"


def test_narrowed_root_strands_nobody(world: World) -> None:
    succeed(world, **tmpfs("/srv/wide/data", "a", allowed_roots=["/srv"]))
    result = predict_and_call(world, **leave("/srv/wide/data", "a", allowed_roots=["/srv/narrow"]))
    assert (result.failed, result.action) == (False, "unmounted")


def test_acquired_twice_and_released_many_times_ends_as_it_began(world: World) -> None:
    warm_up(world)
    start = world.settled()
    for _round in range(20):
        for holder in ("a", "b", "a"):
            succeed(world, **tmpfs(PATH, holder))
        for holder in ("b", "b", "a"):
            succeed(world, **leave(PATH, holder))
        assert world.stack(PATH) == []
    assert start.differences(world.settled()) == []
    assert world.references == {}


def step(holder: str, state: str) -> t.Dict[str, t.Any]:
    """Return the arguments of one step of the playbook."""
    if state == "released":
        return leave(PATH, holder)
    return tmpfs(PATH, holder)


def test_playbook_steps_are_foreseen_and_idempotent(world: World) -> None:
    world.make_directory("/srv/app")
    warm_up(world)
    start = world.settled()
    course = [
        ("a", "mounted", "mounted", ["a"], 1),
        ("b", "mounted", "joined", ["a", "b"], 1),
        ("a", "released", "released", ["b"], 1),
        ("b", "released", "unmounted", [], 0),
    ]
    for holder, state, action, holders, count in course:
        book = play(task("Step", **step(holder, state)))
        before = world.snapshot(log=True)
        predicted = world.playbook(book, "--check").named("Step")
        assert before.differences(world.snapshot(log=True)) == []
        done = world.playbook(book).named("Step")
        assert (done.changed, done.action, done.holders) == (True, action, holders), done
        assert (predicted.changed, predicted.action, predicted.holders) == (True, action, holders), predicted
        assert len(world.stack(PATH)) == count
        again = world.playbook(book).named("Step")
        assert (again.changed, again.action) == (False, "none"), again
    assert start.differences(world.settled()) == []
    assert world.exists("/srv/app")
