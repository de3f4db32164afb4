# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A filter refuses the calls that tell of one mount (seccomp(2)): the mount table tells it instead."""

from __future__ import annotations

import errno
import typing as t

import pytest
from harness.cycle import leave, succeed, tmpfs
from harness.filtered import call_filtered
from harness.images import make_image
from harness.results import Result
from harness.world import World

PATH = "/srv/app/data"
Filtered = t.Callable[..., Result]

FILTERS = [
    pytest.param((calls, number), id=f"{'-'.join(calls)}-{errno.errorcode[number]}")
    for calls, number in (
        (["statmount"], errno.EPERM),
        (["listmount"], errno.ENOSYS),
        (["statmount", "listmount"], errno.EPERM),
        (["statx"], errno.ENOSYS),
        (["statmount", "listmount", "statx"], errno.EPERM),
    )
]


@pytest.fixture(name="filtered", params=FILTERS)
def filtered_call(request: pytest.FixtureRequest, private_world: World) -> Filtered:
    calls, number = t.cast("t.Tuple[t.List[str], int]", request.param)
    return lambda **arguments: call_filtered(private_world, calls, number, **arguments)


def test_filtered_mounts_are_held_told_and_let_go(
    filtered: Filtered, private_world: World, loop_device: t.Callable[..., str], tmp_path: t.Any
) -> None:
    world = private_world
    device = loop_device(make_image(tmp_path, "ext4"))
    wishes: t.List[t.Dict[str, t.Any]] = [
        tmpfs(PATH, "a"),
        {"path": "/srv/disk", "src": device, "fstype": "ext4", "holder": "a"},
        {"path": "/srv/bound", "src": PATH, "fstype": "bind", "holder": "a"},
    ]
    for wish in wishes:
        result = filtered(**wish)
        assert (result.failed, result.action) == (False, "mounted"), result
        assert result.mount["protection"] == "no_unique_id"
        assert filtered(**wish).action == "none"
        assert filtered(**{**wish, "holder": "b"}).action == "joined"
    facts = filtered(module="safe_mount_facts")
    assert not facts.failed, facts
    assert facts["ansible_facts"]["holdfast_mounts"]["drift"] == []
    told = filtered(module="safe_mount_reconcile")
    assert (told.failed, told.changed) == (False, False), told
    world.unmount("/srv/bound")
    assert filtered(module="safe_mount_reconcile")["repaired"], "what is missing is mounted again"
    for holder, action in (("a", "released"), ("b", "unmounted")):
        for wish in reversed(wishes):
            result = filtered(**leave(wish["path"], holder))
            assert (result.failed, result.action) == (False, action), result
    assert (world.references, world.stack(PATH), world.exists("/srv/app")) == ({}, [], False)


def test_filtered_failure_has_an_entry_in_the_log(filtered: Filtered, private_world: World) -> None:
    assert filtered(**tmpfs(PATH, "a")).action == "mounted"
    pid = private_world.occupy(PATH)
    result = filtered(**leave(PATH, "a"))
    private_world.end(pid)
    assert result.code == "busy", result
    assert result["error"]["log_ref"] is not None


def test_filtered_call_leaves_alone_what_it_cannot_tell(private_world: World) -> None:
    succeed(private_world, **tmpfs(PATH, "a"))
    result = call_filtered(private_world, ["statmount"], errno.EPERM, **leave(PATH, "a"))
    assert result.code == "unsupported", result
    assert "statmount(2)" in result["msg"]
    assert private_world.holders(PATH) == ["a"]
    assert private_world.call(**leave(PATH, "a")).action == "unmounted"


def test_what_a_filtered_call_has_mounted_is_left_alone_without(private_world: World) -> None:
    assert call_filtered(private_world, ["statmount"], errno.EPERM, **tmpfs(PATH, "a")).action == "mounted"
    assert private_world.call(**leave(PATH, "a")).code == "unsupported"
    assert private_world.holders(PATH) == ["a"]


def test_overlay_whose_layers_are_taken_as_text_alone_is_held(private_world: World) -> None:
    """Linux before 6.13 takes no handle that was opened with O_PATH: EBADF."""
    world = private_world
    for layer in ("one", "two"):
        world.write(f"/srv/layers/{layer}/{layer}", layer)
    opts = ["lowerdir=/srv/layers/one:/srv/layers/two", "upperdir=/srv/upper/up", "workdir=/srv/upper/work"]
    world.make_directory("/srv/upper/up")
    world.make_directory("/srv/upper/work")
    overlay: t.Dict[str, t.Any] = {"path": PATH, "src": "overlay", "fstype": "overlay", "opts": opts}
    for holder, action in (("a", "mounted"), ("a", "none"), ("b", "joined")):
        result = call_filtered(world, ["fsconfig-set-fd"], errno.EBADF, **overlay, holder=holder)
        assert (result.failed, result.action) == (False, action), result
    assert sorted(path.name for path in world.file(PATH).iterdir()) == ["one", "two"]
    assert world.facts()["drift"] == []
    for holder, action in (("a", "released"), ("b", "unmounted")):
        assert world.call(**leave(PATH, holder)).action == action
