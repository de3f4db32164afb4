# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A mount never hides another, and taking one away never takes another with it."""

from __future__ import annotations

import pytest
from harness.cycle import apply, leave, refuse, succeed, tmpfs
from harness.results import play, task
from harness.world import World

ABOVE = "/srv/a"
BELOW = "/srv/a/b/c"


def test_mount_over_a_managed_mount_is_refused(world: World) -> None:
    succeed(world, **tmpfs(BELOW, "a"))
    result = world.call(**tmpfs(ABOVE, "a"))
    assert result.failed
    assert result.code in ("shadows", "not_empty"), result
    refuse(world, "shadows", **tmpfs(ABOVE, "a", allow_nonempty=True))
    assert len(world.stack(BELOW)) == 1


def test_name_that_only_begins_alike_is_not_below(world: World) -> None:
    succeed(world, **tmpfs("/srv/ab", "a"))
    apply(world, "mounted", **tmpfs(ABOVE, "a"))


def test_mount_that_has_vanished_below_does_not_come_back_hidden(world: World) -> None:
    world.make_directory(ABOVE)
    succeed(world, **tmpfs(BELOW, "a"))
    world.unmount(BELOW)
    refuse(world, "shadows", **tmpfs(ABOVE, "b", allow_nonempty=True))


def test_mount_below_a_managed_one_is_fine(world: World) -> None:
    apply(world, "mounted", **tmpfs(ABOVE, "a", opts=["mode=0755"]))
    apply(world, "mounted", **tmpfs(BELOW, "a"))
    apply(world, "unmounted", **leave(BELOW, "a"))
    apply(world, "unmounted", **leave(ABOVE, "a"))


@pytest.mark.parametrize("on_busy", ["fail", "lazy"])
def test_managed_mount_below_survives_the_release_of_the_one_above(world: World, on_busy: str) -> None:
    succeed(world, **tmpfs(ABOVE, "a", opts=["mode=0755"]))
    succeed(world, **tmpfs(BELOW, "b"))
    before = world.unique_id(BELOW)
    result = world.call(**leave(ABOVE, "a", on_busy=on_busy))
    assert result.failed, result
    assert result.code in ("busy", "in_use", "shadows"), result
    assert world.unique_id(BELOW) == before
    assert world.holders(ABOVE) == ["a"]
    assert world.holders(BELOW) == ["b"]


def test_foreign_mount_below_survives_a_lazy_release(world: World) -> None:
    succeed(world, **tmpfs(ABOVE, "a"))
    world.make_directory(f"{ABOVE}/foreign")
    world.mount("foreign", f"{ABOVE}/foreign", "tmpfs")
    before = world.unique_id(f"{ABOVE}/foreign")
    result = world.call(**leave(ABOVE, "a", on_busy="lazy"))
    assert result.failed, result
    assert world.unique_id(f"{ABOVE}/foreign") == before


def test_shadowing_playbook_fails(private_world: World) -> None:
    played = private_world.playbook(
        play(task("Below", **tmpfs(BELOW, "a")), task("Above", **tmpfs(ABOVE, "a", allow_nonempty=True)))
    )
    assert played.finished.rc == 2
    assert played.named("Above").code == "shadows"
