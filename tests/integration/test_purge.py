# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Purge: a holder's references become exactly the list that it gives."""

from __future__ import annotations

import typing as t

import pytest
from harness.cycle import predict_and_call, refuse, succeed, tmpfs, warm_up
from harness.results import play, task
from harness.world import World


def entries(*names: str) -> t.List[t.Dict[str, t.Any]]:
    """Return entries of tmpfs."""
    return [{"path": f"/srv/{name}", "src": "tmpfs", "fstype": "tmpfs"} for name in names]


REFUSED: t.List[t.Tuple[str, t.Dict[str, t.Any]]] = [
    ("default-holder", {"mounts": entries("a")}),
    ("holder-ansible", {"mounts": entries("a"), "holder": "ansible"}),
    ("state-released", {"mounts": [{"path": "/srv/a"}], "holder": "h", "state": "released"}),
    ("state-unmounted", {"mounts": [{"path": "/srv/a"}], "holder": "h", "state": "unmounted"}),
]


@pytest.mark.parametrize("arguments", [case[1] for case in REFUSED], ids=[case[0] for case in REFUSED])
def test_purge_that_makes_no_sense_is_refused(private_world: World, arguments: t.Dict[str, t.Any]) -> None:
    refuse(private_world, "invalid_argument", locks=False, purge=True, **arguments)


def test_purge_without_a_list_is_refused(private_world: World) -> None:
    before = private_world.snapshot()
    assert private_world.call(**tmpfs("/srv/a", "h"), purge=True).failed
    assert before.differences(private_world.snapshot()) == []


def test_purge_makes_the_references_exactly_the_list(world: World) -> None:
    succeed(world, mounts=entries("a", "b", "c"), holder="h")
    succeed(world, **tmpfs("/srv/c", "other"))
    succeed(world, **tmpfs("/srv/x", "other"))
    result = predict_and_call(world, mounts=entries("d", "b"), holder="h", purge=True)
    assert not result.failed, result
    actions = [(found["path"], found["action"]) for found in result.mounts]
    assert actions[:2] == [("/srv/d", "mounted"), ("/srv/b", "none")]
    assert sorted(actions[2:]) == [("/srv/a", "unmounted"), ("/srv/c", "released")]
    held = {path: world.holders(path) for path in world.references}
    assert held == {"/srv/b": ["h"], "/srv/c": ["other"], "/srv/d": ["h"], "/srv/x": ["other"]}
    before = world.snapshot(run=False)
    again = predict_and_call(world, mounts=entries("d", "b"), holder="h", purge=True)
    assert (again.failed, again.changed) == (False, False), again
    assert before.differences(world.snapshot(run=False)) == []


def test_purge_to_an_empty_list_releases_all(world: World) -> None:
    warm_up(world)
    start = world.settled()
    succeed(world, mounts=entries("a", "b"), holder="h")
    result = predict_and_call(world, mounts=[], holder="h", purge=True)
    assert sorted(found["action"] for found in result.mounts) == ["unmounted", "unmounted"]
    assert start.differences(world.settled()) == []
    assert predict_and_call(world, mounts=[], holder="h", purge=True).changed is False


def test_purge_reaches_what_lies_outside_narrowed_roots(world: World) -> None:
    succeed(world, **tmpfs("/mnt/old", "h"))
    result = predict_and_call(world, mounts=entries("a"), holder="h", purge=True, allowed_roots=["/srv"])
    assert [(found["path"], found["action"]) for found in result.mounts] == [
        ("/srv/a", "mounted"),
        ("/mnt/old", "unmounted"),
    ]


def test_purge_keeps_a_busy_reference_and_does_the_rest(world: World) -> None:
    succeed(world, mounts=entries("a", "b"), holder="h")
    pid = world.occupy("/srv/a")
    result = world.call(mounts=[], holder="h", purge=True)
    assert (result.failed, result.code) == (True, "busy"), result
    assert list(world.references) == ["/srv/a"]
    world.end(pid)
    assert succeed(world, mounts=[], holder="h", purge=True).changed is True
    assert world.references == {}


def test_purge_of_a_playbook(world: World) -> None:
    warm_up(world)
    start = world.settled()
    played = world.playbook(
        play(
            task("Acquire", mounts=entries("a", "b"), holder="h"),
            task("Purge", mounts=entries("b"), holder="h", purge=True),
            task("Repeat", mounts=entries("b"), holder="h", purge=True),
            task("Empty", mounts=[], holder="h", purge=True),
        )
    )
    assert [result.changed for result in played.results] == [True, True, False, True], played
    assert start.differences(world.settled()) == []
