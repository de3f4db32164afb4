# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""State unmounted: the mount is gone, unless others hold it or it is not ours."""

from __future__ import annotations

import typing as t

import pytest
from harness.cycle import apply, predict_and_call, refuse, run_cycle, succeed, tmpfs, warm_up
from harness.results import play, task
from harness.world import World

PATH = "/srv/app/data"


def unmount(holder: str = "a") -> t.Dict[str, t.Any]:
    """Return the arguments that unmount."""
    return {"path": PATH, "holder": holder, "state": "unmounted"}


def test_unmounted_is_in_use_by_another_holder(world: World) -> None:
    succeed(world, **tmpfs(PATH, "a"))
    before = world.unique_id(PATH)
    refuse(world, "in_use", **unmount("b"))
    succeed(world, **tmpfs(PATH, "b"))
    refuse(world, "in_use", **unmount("b"))
    refuse(world, "in_use", **unmount("a"))
    assert world.unique_id(PATH) == before
    assert world.holders(PATH) == ["a", "b"]


@pytest.mark.parametrize("source", ["tmpfs", "elsewhere"])
def test_unmounted_does_not_touch_a_foreign_mount(world: World, source: str) -> None:
    world.make_directory(PATH)
    world.mount(source, PATH, "tmpfs")
    before = world.unique_id(PATH)
    refuse(world, "not_owned", **unmount())
    assert world.unique_id(PATH) == before


def test_unmounted_where_nothing_is_changes_nothing(world: World) -> None:
    result = predict_and_call(world, **unmount())
    assert (result.failed, result.changed, result.action) == (False, False, "none")
    world.make_directory(PATH)
    assert predict_and_call(world, **unmount()).action == "none"
    assert world.exists(PATH)


def test_unmounted_by_the_sole_holder_takes_mount_reference_and_directories(world: World) -> None:
    run_cycle(world, **tmpfs("/srv/other", "a"))
    warm_up(world)
    start = world.settled()
    succeed(world, **tmpfs(PATH, "a"))
    result = apply(world, "unmounted", **unmount())
    assert result.holders == []
    assert start.differences(world.settled()) == []


def test_unmounted_of_a_playbook(world: World) -> None:
    played = world.playbook(
        play(
            task("Acquire", **tmpfs(PATH, "a")),
            {**task("Refused", **unmount("b")), "ignore_errors": True},
            task("Unmount", **unmount("a")),
            task("Repeat", **unmount("a")),
        )
    )
    assert played.named("Refused").code == "in_use"
    assert played.named("Unmount").action == "unmounted"
    assert played.named("Repeat").action == "none"
    assert world.stack(PATH) == []
