# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Something else than the request is held or mounted there: refused, nothing changed."""

from __future__ import annotations

import typing as t

import pytest
from harness.cycle import leave, refuse, succeed, tmpfs
from harness.results import play, task
from harness.world import World

PATH = "/srv/data"

OTHERS: t.List[t.Tuple[str, t.Dict[str, t.Any]]] = [
    ("src", {"src": "other"}),
    ("size", {"opts": ["size=2m"]}),
    ("flag", {"opts": ["size=1m", "noexec"]}),
    ("mode", {"opts": ["size=1m", "mode=0700"]}),
    ("less", {"opts": []}),
    ("allow-suid", {"allow_suid": True}),
    ("type", {"fstype": "bind", "src": "/srv/source", "opts": []}),
]


@pytest.mark.parametrize("other", [case[1] for case in OTHERS], ids=[case[0] for case in OTHERS])
def test_conflict_with_the_mount_of_another_holder(world: World, other: t.Dict[str, t.Any]) -> None:
    world.make_directory("/srv/source")
    succeed(world, **tmpfs(PATH, "a", opts=["size=1m"]))
    before = world.unique_id(PATH)
    refuse(world, "conflict", **{**tmpfs(PATH, "b", opts=["size=1m"]), **other})
    assert world.unique_id(PATH) == before
    assert world.holders(PATH) == ["a"]


@pytest.mark.parametrize("other", [OTHERS[0][1], OTHERS[3][1], OTHERS[6][1]], ids=["src", "mode", "type"])
def test_conflict_with_what_a_sole_holder_may_not_change(world: World, other: t.Dict[str, t.Any]) -> None:
    world.make_directory("/srv/source")
    succeed(world, **tmpfs(PATH, "a", opts=["size=1m"]))
    refuse(world, "conflict", **{**tmpfs(PATH, "a", opts=["size=1m"]), **other})


def test_conflict_with_a_foreign_mount(world: World) -> None:
    world.make_directory(PATH)
    world.mount("elsewhere", PATH, "tmpfs")
    before = world.unique_id(PATH)
    refuse(world, "conflict", **tmpfs(PATH, "a"))
    assert world.unique_id(PATH) == before


def test_conflict_ends_when_the_other_leaves(world: World) -> None:
    succeed(world, **tmpfs(PATH, "a", opts=["size=1m"]))
    refuse(world, "conflict", **tmpfs(PATH, "b", opts=["size=2m"]))
    succeed(world, **leave(PATH, "a"))
    assert succeed(world, **tmpfs(PATH, "b", opts=["size=2m"])).action == "mounted"


def test_conflict_fails_the_playbook(private_world: World) -> None:
    played = private_world.playbook(
        play(
            task("Acquire", **tmpfs(PATH, "a", opts=["size=1m"])),
            task("Refused", **tmpfs(PATH, "b", opts=["size=2m"])),
        )
    )
    assert played.finished.rc == 2
    refused = played.named("Refused")
    assert refused.code == "conflict", refused
    assert refused["error"]["path"] == PATH
    assert set(refused["error"]) == {"code", "step", "path", "errno", "log_ref"}
