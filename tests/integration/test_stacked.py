# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Somebody mounts on top of a managed mount: told, never hit, never hidden by us."""

from __future__ import annotations

import pytest
from harness.cycle import apply, leave, refuse, succeed, tmpfs
from harness.results import play, task
from harness.world import World

PATH = "/srv/data"


def stack_foreign(world: World, source: str = "foreign") -> int:
    """Mount on top of the managed mount and return the new one's unique id."""
    world.mount(source, PATH, "tmpfs", flags=6)
    return world.unique_id(PATH)


@pytest.mark.parametrize("state", ["released", "unmounted"])
@pytest.mark.parametrize("on_busy", ["fail", "lazy", "defer"])
def test_foreign_mount_on_top_survives(world: World, state: str, on_busy: str) -> None:
    succeed(world, **tmpfs(PATH, "a"))
    ours = world.unique_id(PATH)
    top = stack_foreign(world)
    result = world.call(path=PATH, holder="a", state=state, on_busy=on_busy)
    assert world.unique_id(PATH) == top
    assert len(world.stack(PATH)) == 2
    if result.failed:
        assert result.code in ("not_owned", "busy", "in_use", "shadows"), result
        assert world.holders(PATH) == ["a"]
        world.unmount(PATH)
        assert world.unique_id(PATH) == ours
        apply(world, "unmounted", **leave(PATH, "a"))
    else:
        assert (on_busy, result.action) == ("defer", "deferred"), result


@pytest.mark.parametrize("source", ["foreign", "tmpfs"])
def test_nobody_joins_under_a_foreign_mount(world: World, source: str) -> None:
    succeed(world, **tmpfs(PATH, "a"))
    top = stack_foreign(world, source)
    result = world.call(**tmpfs(PATH, "b"))
    assert result.failed, result
    assert result.code in ("not_owned", "conflict"), result
    assert world.unique_id(PATH) == top
    assert world.holders(PATH) == ["a"]


def test_holder_under_a_foreign_mount_is_told(world: World) -> None:
    succeed(world, **tmpfs(PATH, "a"))
    stack_foreign(world)
    refuse(world, "conflict", **tmpfs(PATH, "a"))


def test_reference_of_one_of_two_is_released_under_a_foreign_mount(world: World) -> None:
    for holder in ("a", "b"):
        succeed(world, **tmpfs(PATH, holder))
    top = stack_foreign(world)
    apply(world, "released", **leave(PATH, "a"))
    assert world.unique_id(PATH) == top
    assert world.holders(PATH) == ["b"]


def test_foreign_stack_is_adopted_by_nobody_who_asks_for_the_lower(world: World) -> None:
    world.make_directory(PATH)
    world.mount("tmpfs", PATH, "tmpfs", flags=6)
    stack_foreign(world, "upper")
    refuse(world, "conflict", **tmpfs(PATH, "a", adopt=True))


def test_stacked_of_a_playbook(private_world: World) -> None:
    mount = ["mount", "-n", "-t", "tmpfs", "foreign", PATH]
    played = private_world.playbook(
        play(
            task("Acquire", **tmpfs(PATH, "a")),
            {"name": "Mount by hand", "ansible.builtin.command": {"argv": mount}},
            task("Release", **leave(PATH, "a")),
        )
    )
    assert played.named("Release").failed, played
    assert len(private_world.stack(PATH)) == 2
