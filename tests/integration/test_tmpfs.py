# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A tmpfs: options in force, equal spellings, and what a sole holder may change."""

from __future__ import annotations

import typing as t

import pytest
from harness.cycle import apply, leave, predict_and_call, refuse, run_cycle, succeed, tmpfs, warm_up
from harness.results import play, task
from harness.world import World

PATH = "/srv/scratch"

OPTIONS: t.List[t.Tuple[str, t.Any, t.Set[str], t.Set[str]]] = [
    ("none", [], {"nosuid", "nodev"}, set()),
    ("size", ["size=1m"], {"nosuid", "nodev"}, {"size=1024k"}),
    ("mode", ["mode=0700"], set(), {"mode=700"}),
    ("inodes", ["nr_inodes=100"], set(), {"nr_inodes=100"}),
    ("owner", ["uid=65534", "gid=65534"], set(), {"uid=65534", "gid=65534"}),
    ("noexec", ["noexec"], {"nosuid", "nodev", "noexec"}, set()),
    ("read-only", ["ro"], {"ro", "nosuid", "nodev"}, set()),
    ("noatime", ["noatime"], {"noatime"}, set()),
    ("many", ["noexec", "size=2m", "mode=0711"], {"noexec", "nosuid", "nodev"}, {"size=2048k", "mode=711"}),
    ("one-string", "size=1m,noexec", {"noexec"}, {"size=1024k"}),
]


@pytest.mark.parametrize(("opts", "flags", "data"), [c[1:] for c in OPTIONS], ids=[c[0] for c in OPTIONS])
def test_tmpfs_options_are_in_force(world: World, opts: t.Any, flags: t.Set[str], data: t.Set[str]) -> None:
    run_cycle(world, **tmpfs(PATH, "a", opts=opts))
    succeed(world, **tmpfs(PATH, "a", opts=opts))
    mount = world.top(PATH)
    assert (mount.fstype, mount.source) == ("tmpfs", "tmpfs")
    assert flags <= mount.flags, mount
    assert data <= mount.options, mount


@pytest.mark.parametrize(
    ("option", "flag"), [("allow_suid", "nosuid"), ("allow_dev", "nodev")], ids=["allow_suid", "allow_dev"]
)
def test_tmpfs_allowed_flag_is_not_set(world: World, option: str, flag: str) -> None:
    succeed(world, **tmpfs(PATH, "a", **{option: True}))
    left = {"nosuid", "nodev"} & world.top(PATH).flags
    assert left == {"nosuid", "nodev"} - {flag}


SPELLINGS = [
    ("size-unit", ["size=1m"], ["size=1048576"]),
    ("size-letter-case", ["size=1m"], ["size=1M"]),
    ("size-kilobytes", ["size=1m"], ["size=1024k"]),
    ("mode-zero", ["mode=755"], ["mode=0755"]),
    ("order", ["noexec", "size=1m"], ["size=1m", "noexec"]),
    ("implied", [], ["nosuid", "nodev"]),
    ("string", ["noexec", "size=1m"], "size=1m,noexec"),
]


@pytest.mark.parametrize(("one", "other"), [c[1:] for c in SPELLINGS], ids=[c[0] for c in SPELLINGS])
def test_tmpfs_equal_spellings_join(private_world: World, one: t.Any, other: t.Any) -> None:
    succeed(private_world, **tmpfs(PATH, "a", opts=one))
    assert succeed(private_world, **tmpfs(PATH, "b", opts=other)).action == "joined"
    assert succeed(private_world, **tmpfs(PATH, "a", opts=other)).action == "none"


CHANGES = [
    ("size", ["size=1m"], ["size=2m"], {"size=2048k"}, set()),
    ("noexec-on", ["size=1m"], ["size=1m", "noexec"], {"size=1024k"}, {"noexec"}),
    ("read-only-on", [], ["ro"], set(), {"ro"}),
    ("both", ["size=1m"], ["size=2m", "noexec"], {"size=2048k"}, {"noexec"}),
]


@pytest.mark.parametrize(
    ("old", "new", "data", "flags"), [case[1:] for case in CHANGES], ids=[case[0] for case in CHANGES]
)
def test_tmpfs_sole_holder_changes_it_in_place(
    world: World, old: t.Any, new: t.Any, data: t.Set[str], flags: t.Set[str]
) -> None:
    warm_up(world)
    start = world.settled()
    succeed(world, **tmpfs(PATH, "a", opts=old))
    world.write(f"{PATH}/file")
    before = world.unique_id(PATH)
    apply(world, "remounted", **tmpfs(PATH, "a", opts=new))
    assert world.unique_id(PATH) == before
    assert data <= world.top(PATH).options
    assert flags <= world.top(PATH).flags
    assert {"nosuid", "nodev"} <= world.top(PATH).flags
    assert world.exists(f"{PATH}/file")
    apply(world, "unmounted", **leave(PATH, "a"))
    assert start.differences(world.settled()) == []


def test_tmpfs_flag_is_taken_off_again(world: World) -> None:
    succeed(world, **tmpfs(PATH, "a", opts=["ro", "noexec"]))
    apply(world, "remounted", **tmpfs(PATH, "a"))
    assert not {"ro", "noexec"} & world.top(PATH).flags
    assert "rw" in world.top(PATH).flags


def test_tmpfs_is_not_changed_under_another_holder(world: World) -> None:
    succeed(world, **tmpfs(PATH, "a", opts=["size=1m"]))
    succeed(world, **tmpfs(PATH, "b", opts=["size=1m"]))
    refuse(world, "conflict", **tmpfs(PATH, "a", opts=["size=2m"]))
    refuse(world, "conflict", **tmpfs(PATH, "c", opts=["size=1m", "noexec"]))


def test_tmpfs_too_small_for_its_content_stays_as_it_is(world: World) -> None:
    succeed(world, **tmpfs(PATH, "a", opts=["size=1m"]))
    world.write(f"{PATH}/file", "x" * 600_000)
    result = world.call(**tmpfs(PATH, "a", opts=["size=64k"]))
    assert (result.failed, result.code) == (True, "mount_failed"), result
    assert "size=1024k" in world.top(PATH).options
    assert predict_and_call(world, **tmpfs(PATH, "a", opts=["size=1m"])).action == "none"


def test_tmpfs_mode_is_not_changed_in_place(world: World) -> None:
    succeed(world, **tmpfs(PATH, "a", opts=["mode=0700"]))
    refuse(world, "conflict", **tmpfs(PATH, "a", opts=["mode=0755"]))


def test_tmpfs_of_a_playbook(world: World) -> None:
    warm_up(world)
    start = world.settled()
    played = world.playbook(
        play(
            task("Acquire", **tmpfs(PATH, "a", opts=["size=1m", "noexec"])),
            task("Repeat", **tmpfs(PATH, "a", opts="noexec,size=1024k")),
            task("Grow", **tmpfs(PATH, "a", opts=["size=2m", "noexec"])),
            task("Release", **leave(PATH, "a")),
        )
    )
    actions = [result.action for result in played.results]
    assert actions == ["mounted", "none", "remounted", "unmounted"], played
    assert start.differences(world.settled()) == []
