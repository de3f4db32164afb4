# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Odd but well-formed paths are taken literally: nothing is expanded, decoded or normalised."""

from __future__ import annotations

import pytest
from harness.cycle import succeed, tmpfs
from harness.results import play, task
from harness.world import World

LITERAL = [
    "with space", "com,ma", 'quo"te', "apo'strophe", "$HOME", "semi;colon", "back\\slash", "~",
    "lit\\040x", "#hash", "star*", "%2e%2e", "e\u0301", "\u00e9", "-dash", "x" * 255, "...",
]  # fmt: skip


@pytest.mark.parametrize("name", LITERAL, ids=lambda name: ascii(name)[:20])
def test_odd_path_is_taken_literally(world: World, name: str) -> None:
    path = f"/srv/{name}"
    assert succeed(world, **tmpfs(path, "a")).mount["path"] == path
    assert len(world.stack(path)) == 1
    assert list(world.references) == [path]
    assert succeed(world, path=path, holder="a", state="released").action == "unmounted"
    assert not world.exists(path)


def test_deepest_path_is_taken(world: World) -> None:
    path = "/srv/" + "/".join(["x" * 190] * 20)
    assert succeed(world, **tmpfs(path, "a")).action == "mounted"
    assert len(world.stack(path)) == 1
    assert succeed(world, path=path, holder="a", state="released").action == "unmounted"
    assert list(world.file("/srv").iterdir()) == []


def test_look_alikes_are_different_mount_points(private_world: World) -> None:
    for path in ("/srv/e\u0301", "/srv/\u00e9"):
        assert succeed(private_world, **tmpfs(path, "a")).action == "mounted"
    assert len(private_world.references) == 2


@pytest.mark.parametrize("root", ["/opt/mounts", "/var/mounts", "/home/mounts", "/run/mounts", "/tmp/../srv"])
def test_directory_below_a_place_that_is_no_root_may_be_one(private_world: World, root: str) -> None:
    more = {"allowed_roots": [root], "allow_unsafe_parents": True}
    result = private_world.predict(**tmpfs(f"{root}/data", "a", **more))
    if ".." in root:
        assert result.code == "invalid_argument"
    else:
        assert (result.failed, result.action) == (False, "mounted"), result


def test_tilde_and_variable_are_not_expanded_by_ansible(private_world: World) -> None:
    world = private_world
    literal = "/srv/$HOME/~"
    refused = world.ansible("path=~/data src=tmpfs fstype=tmpfs")
    assert refused.code == "invalid_argument", refused
    played = world.playbook(play(task("Acquire", **tmpfs(literal, "a"))))
    assert played.named("Acquire").mount["path"] == literal
    assert len(world.stack(literal)) == 1
