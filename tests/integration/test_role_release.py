# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the role release takes as release_mounts."""

from __future__ import annotations

import json
import typing as t

import pytest
from harness.cycle import succeed, tmpfs
from harness.results import play
from harness.world import World

PATHS = ("/srv/a", "/srv/b")


def release(world: World, mounts: t.Any) -> t.Any:
    """Start the role release."""
    role = play(name="Release", roles=["holdfast.mounts.release"])
    given = {"release_holder": "shop", "release_mounts": mounts}
    return world.playbook(role, "--extra-vars", json.dumps(given))


@pytest.mark.parametrize("mounts", [[{}], [{"src": "x"}], {"src": "x"}], ids=["empty", "other", "dictionary"])
def test_mount_point_without_a_path_is_refused_in_words(private_world: World, mounts: t.Any) -> None:
    succeed(private_world, **tmpfs(PATHS[0], "shop"))
    played = release(private_world, mounts)
    assert any("list of paths" in str(result.get("msg")) for result in played.results), played
    assert len(private_world.stack(PATHS[0])) == 1


@pytest.mark.parametrize(
    "mounts",
    [
        [{"mount": path, "device": "tmpfs"} for path in PATHS],
        [PATHS[0], {"path": PATHS[1]}],
        "\n".join(PATHS),
    ],
    ids=["what-acquire-returns", "mixed", "text"],
)
def test_mount_points_of_any_spelling_are_released(private_world: World, mounts: t.Any) -> None:
    for path in PATHS:
        succeed(private_world, **tmpfs(path, "shop"))
    release(private_world, mounts)
    assert [private_world.stack(path) for path in PATHS] == [[], []]


def test_one_dictionary_is_one_mount_point(private_world: World) -> None:
    succeed(private_world, **tmpfs(PATHS[0], "shop"))
    release(private_world, {"path": PATHS[0]})
    assert private_world.stack(PATHS[0]) == []
