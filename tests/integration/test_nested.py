# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Parents and children in one call: parents are mounted first and released last, in whatever order given."""

from __future__ import annotations

import itertools
import typing as t

import pytest
from harness.cycle import predict_and_call, succeed, warm_up
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
