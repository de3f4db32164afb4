# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A filter refuses the calls that tell of one mount (seccomp(2)): the mount table tells it instead."""

from __future__ import annotations

import errno
import os
import shutil
import typing as t
from pathlib import Path

import pytest
from harness.cycle import leave, succeed, tmpfs
from harness.filtered import call_filtered
from harness.images import make_image, wait_for_no_loop_device
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


# Each is done without, and nothing of it shows.
UNNOTICED = [
    pytest.param(call, number, id=f"{call}-{errno.errorcode[number]}")
    for call, number in (
        ("openat2", errno.ENOSYS),
        ("openat2", errno.EPERM),
        ("pidfd_open", errno.ENOSYS),
        ("pidfd_getfd", errno.EPERM),
        ("fsconfig-exclusive", errno.EOPNOTSUPP),
        ("rename-exchange", errno.EINVAL),
        ("rename-exchange", errno.ENOSYS),
    )
]


@pytest.fixture(name="filtered", params=FILTERS)
def filtered_call(request: pytest.FixtureRequest, private_world: World) -> Filtered:
    calls, number = t.cast("t.Tuple[t.List[str], int]", request.param)
    return lambda **arguments: call_filtered(private_world, calls, number, **arguments)


def test_filtered_mounts_are_held_told_and_let_go(
    filtered: Filtered, private_world: World, loop_device: t.Callable[..., str], tmp_path: Path
) -> None:
    hold_and_let_go(filtered, private_world, loop_device(make_image(tmp_path, "ext4")), "no_unique_id")


@pytest.mark.parametrize(("call", "number"), UNNOTICED)
def test_filtered_call_is_done_without_unnoticed(
    private_world: World, loop_device: t.Callable[..., str], tmp_path: Path, call: str, number: int
) -> None:
    protection = succeed(private_world, **tmpfs(PATH, "a")).mount["protection"]
    succeed(private_world, **leave(PATH, "a"))

    def filtered(**arguments: t.Any) -> Result:
        return call_filtered(private_world, [call], number, **arguments)

    hold_and_let_go(filtered, private_world, loop_device(make_image(tmp_path, "ext4")), protection)


def hold_and_let_go(filtered: Filtered, world: World, device: str, protection: str) -> None:
    """Have two holders come and go, with facts and a repair between."""
    wishes: t.List[t.Dict[str, t.Any]] = [
        tmpfs(PATH, "a"),
        {"path": "/srv/disk", "src": device, "fstype": "ext4", "holder": "a"},
        {"path": "/srv/bound", "src": PATH, "fstype": "bind", "holder": "a"},
    ]
    for wish in wishes:
        result = filtered(**wish)
        assert (result.failed, result.action) == (False, "mounted"), result
        assert result.mount["protection"] == protection
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


@pytest.mark.parametrize("number", [errno.ENOSYS, errno.EPERM], ids=["unknown", "forbidden"])
@pytest.mark.parametrize(
    ("call", "fstype"),
    [("open_tree", "bind"), ("mount_setattr", "bind"), ("fsopen", "tmpfs"), ("loop-configure", "ext4")],
)
def test_filtered_call_that_is_needed_is_refused_and_leaves_nothing(
    private_world: World, tmp_path: Path, call: str, fstype: str, number: int
) -> None:
    world = private_world
    world.file("/srv/source").mkdir()
    if fstype == "ext4":
        shutil.copy(make_image(tmp_path, "ext4"), world.file("/srv/source/disk.ext4"))
        world.file("/srv/source/disk.ext4").chmod(0o600)
    src = {"bind": "/srv/source", "ext4": "/srv/source/disk.ext4", "tmpfs": "tmpfs"}[fstype]
    wish = {"path": PATH, "src": src, "fstype": fstype, "holder": "a"}
    result = call_filtered(world, [call], number, **wish)
    assert result.code == ("unsupported" if number == errno.ENOSYS else "mount_failed"), result
    assert os.strerror(number) in result["msg"], result
    assert (world.references, world.stack(PATH), world.exists("/srv/app")) == ({}, [], False)
    if fstype == "ext4":
        wait_for_no_loop_device(world.file(src))
    assert world.call(**wish).action == "mounted", "the control: without the filter"


def test_filtered_change_is_refused_and_changes_nothing(private_world: World) -> None:
    world = private_world
    small, large = (tmpfs(PATH, "a", opts=[f"size={size}"]) for size in ("1m", "2m"))
    succeed(world, **small)
    before = world.top(PATH)
    result = call_filtered(world, ["fspick"], errno.ENOSYS, **large)
    assert result.code == "unsupported", result
    assert (world.top(PATH), world.facts()["drift"]) == (before, [])
    assert world.call(**small).action == "none"
    assert world.call(**large).action == "remounted", "the control: without the filter"


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
