# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Mounts that others made: referenced only when asked and equal, and never unmounted."""

from __future__ import annotations

import typing as t

import pytest
from harness.cycle import apply, leave, refuse, succeed, tmpfs, warm_up
from harness.results import play, task
from harness.world import World

PATH = "/srv/foreign"
MS_NOSUID = 2
MS_NODEV = 4
MS_REMOUNT = 32
MS_BIND = 1 << 12
SAFE = MS_NOSUID | MS_NODEV


def mount_foreign(world: World, *, flags: int = SAFE, source: str = "tmpfs", data: str = "") -> int:
    """Mount a tmpfs past the collection and return its unique id."""
    world.make_directory(PATH)
    world.mount(source, PATH, "tmpfs", flags=flags, data=data)
    return world.unique_id(PATH)


def test_foreign_equal_mount_is_not_owned_without_adopt(world: World) -> None:
    before = mount_foreign(world)
    refuse(world, "not_owned", **tmpfs(PATH, "a"))
    assert world.unique_id(PATH) == before


def test_foreign_mount_of_another_source_is_a_conflict(world: World) -> None:
    mount_foreign(world, source="elsewhere")
    refuse(world, "conflict", **tmpfs(PATH, "a"))
    refuse(world, "conflict", **tmpfs(PATH, "a", adopt=True))


def test_foreign_mount_without_the_implied_flags_is_a_conflict(world: World) -> None:
    mount_foreign(world, flags=MS_NOSUID)
    refuse(world, "conflict", **tmpfs(PATH, "a", adopt=True))


def test_foreign_mount_without_a_requested_flag_is_a_conflict(world: World) -> None:
    mount_foreign(world)
    refuse(world, "conflict", **tmpfs(PATH, "a", adopt=True, opts=["noexec"]))


def test_foreign_mount_of_another_type_is_a_conflict(world: World) -> None:
    mount_foreign(world)
    world.make_directory("/srv/source")
    bind: t.Dict[str, t.Any] = {
        "path": PATH,
        "src": "/srv/source",
        "fstype": "bind",
        "holder": "a",
        "adopt": True,
    }
    refuse(world, "conflict", **bind)


@pytest.mark.parametrize("state", ["released", "unmounted"])
def test_foreign_mount_that_nobody_adopted_stays(world: World, state: str) -> None:
    before = mount_foreign(world)
    result = world.call(path=PATH, holder="a", state=state)
    if state == "released":
        assert (result.failed, result.changed, result.action) == (False, False, "none"), result
    else:
        assert (result.failed, result.code) == (True, "not_owned"), result
    assert world.unique_id(PATH) == before


def test_adopted_mount_is_held_released_and_left_alone(world: World) -> None:
    warm_up(world)
    before = mount_foreign(world)
    start = world.settled()
    adopted = apply(world, "adopted", **tmpfs(PATH, "a", adopt=True))
    assert adopted.mount["owned"] is False
    assert adopted.mount["mounted"] is True
    assert adopted.holders == ["a"]
    assert world.references[PATH]["owned"] is False
    joined = apply(world, "joined", **tmpfs(PATH, "b", adopt=True))
    assert joined.mount["owned"] is False
    assert apply(world, "released", **leave(PATH, "a")).holders == ["b"]
    released = apply(world, "released", **leave(PATH, "b"))
    assert released.mount["mounted"] is True
    assert world.unique_id(PATH) == before
    assert start.differences(world.settled()) == []


def test_adopted_mount_with_more_flags_than_asked_is_equal(world: World) -> None:
    mount_foreign(world, flags=SAFE | 8)
    apply(world, "adopted", **tmpfs(PATH, "a", adopt=True))


def test_adopted_mount_is_never_unmounted(world: World) -> None:
    before = mount_foreign(world)
    succeed(world, **tmpfs(PATH, "a", adopt=True))
    refuse(world, "not_owned", path=PATH, holder="a", state="unmounted")
    for on_busy in ("lazy", "defer"):
        refuse(world, "not_owned", path=PATH, holder="a", state="unmounted", on_busy=on_busy)
    assert world.unique_id(PATH) == before


def test_adopted_look_alike_of_a_vanished_mount_keeps_all_references(world: World) -> None:
    succeed(world, **tmpfs(PATH, "a"))
    world.unmount(PATH)
    before = mount_foreign(world)
    adopted = apply(world, "adopted", **tmpfs(PATH, "b", adopt=True))
    assert (adopted.holders, adopted.mount["owned"]) == (["a", "b"], False)
    for holder in ("a", "b"):
        apply(world, "released", **leave(PATH, holder))
    assert world.unique_id(PATH) == before


def test_foreign_bind_is_adopted_by_its_source_alone(world: World) -> None:
    for name in ("source", "other", "foreign"):
        world.make_directory(f"/srv/{name}")
    world.mount("/srv/source", PATH, "", flags=MS_BIND)
    world.mount("none", PATH, "", flags=MS_REMOUNT | MS_BIND | SAFE)
    before = world.unique_id(PATH)
    bind: t.Dict[str, t.Any] = {"path": PATH, "fstype": "bind", "holder": "a"}
    refuse(world, "conflict", src="/srv/other", adopt=True, **bind)
    refuse(world, "not_owned", src="/srv/source", **bind)
    apply(world, "adopted", src="/srv/source", adopt=True, **bind)
    apply(world, "released", **leave(PATH, "a"))
    assert world.unique_id(PATH) == before


@pytest.mark.parametrize(
    ("data", "opts"),
    [
        pytest.param("size=50%,mode=1777", ["size=50%", "mode=1777"], id="half-and-default-mode"),
        pytest.param("size=30%,mode=755", ["size=30%", "mode=0755"], id="part"),
        pytest.param("", ["uid=0", "gid=0", "huge=never", "mode=1777"], id="defaults"),
        pytest.param("size=5000", ["size=5000"], id="pages"),
    ],
)
def test_foreign_tmpfs_is_adopted_in_the_words_that_made_it(
    world: World, data: str, opts: t.List[str]
) -> None:
    mount_foreign(world, data=data)
    apply(world, "adopted", **tmpfs(PATH, "a", adopt=True, opts=opts))
    assert world.facts()["drift"] == []


@pytest.mark.parametrize(
    ("data", "word"),
    [
        ("size=30%", "size=50%"),
        ("size=1m", "size=50%"),
        ("", "mode=0700"),
        ("uid=7", "uid=0"),
        ("", "noexec"),
    ],
)
def test_foreign_tmpfs_conflict_names_the_word_that_is_not_there(world: World, data: str, word: str) -> None:
    mount_foreign(world, data=data)
    refusal = refuse(world, "conflict", **tmpfs(PATH, "a", adopt=True, opts=[word]))
    assert f"different opts (not there: '{word}')" in refusal["msg"]


def test_foreign_mount_conflict_tells_which_word_is_implied(world: World) -> None:
    mount_foreign(world, flags=MS_NOSUID)
    refusal = refuse(world, "conflict", **tmpfs(PATH, "a", adopt=True))
    assert "not there: 'nodev', which is implied" in refusal["msg"]


MS_SYNCHRONOUS = 16


def test_foreign_mount_that_is_synchronous_is_adopted(world: World) -> None:
    mount_foreign(world, flags=SAFE | MS_SYNCHRONOUS)
    apply(world, "adopted", **tmpfs(PATH, "a", adopt=True, opts=["sync"]))


def test_adopt_of_nothing_mounts_and_owns(world: World) -> None:
    result = apply(world, "mounted", **tmpfs(PATH, "a", adopt=True))
    assert result.mount["owned"] is True


def test_adopt_of_a_playbook(world: World) -> None:
    before = mount_foreign(world)
    played = world.playbook(
        play(
            task("Adopt", **tmpfs(PATH, "a", adopt=True)),
            task("Release", **leave(PATH, "a")),
        )
    )
    assert [result.action for result in played.results] == ["adopted", "released"], played
    assert world.unique_id(PATH) == before
