# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the kernel shows beyond the request is drift, and never a conflict."""

from __future__ import annotations

import typing as t

import pytest
from harness.cycle import apply, leave, predict_and_call, succeed, tmpfs
from harness.reconcile import reconcile
from harness.table import read_table
from harness.world import World

PATH = "/srv/data"
MS_REMOUNT = 32
MS_RDONLY = 1
MS_BIND = 1 << 12
MS_NOSUID = 2
MS_NODEV = 4
MS_NOEXEC = 8
MS_NOATIME = 1024


def test_flags_changed_by_hand_are_no_conflict(world: World) -> None:
    succeed(world, **tmpfs(PATH, "a"))
    before = world.unique_id(PATH)
    world.mount("tmpfs", PATH, "", flags=MS_REMOUNT | MS_BIND | MS_NOSUID)
    assert "nodev" not in world.top(PATH).flags
    joined = apply(world, "joined", **tmpfs(PATH, "b"))
    assert joined.holders == ["a", "b"]
    assert joined.mount["drift"] == ["options_changed"]
    assert joined["msg"].endswith("drift: options_changed")
    assert "-nodev" in str(joined["warnings"])
    again = succeed(world, **tmpfs(PATH, "a"))
    assert again["msg"] == f"'{PATH}' unchanged; held by 2 holders; drift: options_changed"
    assert "warnings" not in again, "who held it before is not warned again"
    assert world.unique_id(PATH) == before
    assert [drift["kind"] for drift in world.facts()["drift"]] == ["options_changed"]
    assert apply(world, "released", **leave(PATH, "a")).mount["drift"] == ["options_changed"]
    assert apply(world, "unmounted", **leave(PATH, "b")).mount["drift"] == []


@pytest.mark.parametrize(
    ("flags", "word"), [(MS_RDONLY, "+ro"), (MS_NOEXEC, "+noexec")], ids=["ro", "noexec"]
)
@pytest.mark.parametrize("is_inherited", [False, True], ids=["of its own", "beside others of its source"])
def test_flags_that_a_bind_was_given_by_hand_are_drift(
    world: World, flags: int, word: str, is_inherited: bool
) -> None:
    world.make_directory("/srv/source")
    more = MS_NOATIME if is_inherited else 0
    if more:
        world.mount("tmpfs", "/srv/source", "tmpfs", flags=more)
    bind = {"path": PATH, "src": "/srv/source", "fstype": "bind"}
    assert succeed(world, **bind, holder="a").mount["drift"] == []
    assert succeed(world, **bind, holder="a").mount["drift"] == [], "what its source has is as it was made"
    world.mount("tmpfs", PATH, "", flags=MS_REMOUNT | MS_BIND | MS_NOSUID | MS_NODEV | more | flags)
    joined = apply(world, "joined", **bind, holder="b")
    assert joined.mount["drift"] == ["options_changed"]
    assert word in str(joined["warnings"])
    assert [(row["kind"], word in row["message"]) for row in world.facts()["drift"]] == [
        ("options_changed", True)
    ]
    reconcile(world, repair=["options_changed"])
    assert world.facts()["drift"] == []
    assert word[1:] not in world.top(PATH).flags
    assert ("noatime" in world.top(PATH).flags) is is_inherited
    succeed(world, **leave(PATH, "a"))
    succeed(world, **leave(PATH, "b"))


def test_drift_is_gone_once_the_sole_holder_changes_the_options(world: World) -> None:
    succeed(world, **tmpfs(PATH, "a"))
    world.mount("tmpfs", PATH, "", flags=MS_REMOUNT | MS_BIND | MS_NOSUID)
    assert apply(world, "remounted", **tmpfs(PATH, "a", opts=["noexec"])).mount["drift"] == []
    assert world.facts()["drift"] == []


@pytest.mark.parametrize("kind", ["missing", "replaced", "stacked"])
def test_result_has_the_drift_of_the_facts(private_world: World, kind: str) -> None:
    world = private_world
    for holder in ("a", "b"):
        succeed(world, **tmpfs(PATH, holder))
    if kind != "stacked":
        world.unmount(PATH)
    if kind != "missing":
        world.mount("other", PATH, "tmpfs")
    released = succeed(world, **leave(PATH, "a"))
    assert released.mount["drift"] == [row["kind"] for row in world.facts()["drift"]] == [kind]
    assert released["msg"].endswith(f"drift: {kind}")


def test_size_changed_by_hand_is_no_conflict(world: World) -> None:
    succeed(world, **tmpfs(PATH, "a", opts=["size=1m"]))
    world.mount("tmpfs", PATH, "", flags=MS_REMOUNT, data="size=4m")
    again = predict_and_call(world, **tmpfs(PATH, "b", opts=["size=1m"]))
    assert (again.failed, again.action) == (False, "joined"), again


@pytest.mark.parametrize(
    "opts",
    [
        ["size=50%", "mode=1777"],
        ["size=30%"],
        ["size=5000"],
        ["uid=0", "gid=0", "huge=never"],
        ["mpol=default"],
        ["mode=0700", "uid=7"],
        ["sync", "lazytime"],
    ],
    ids="-".join,
)
def test_option_in_the_words_of_the_kernel_is_no_drift(world: World, opts: t.List[str]) -> None:
    apply(world, "mounted", **tmpfs(PATH, "a", opts=opts))
    assert world.facts()["drift"] == []
    apply(world, "joined", **tmpfs(PATH, "b", opts=opts))
    reconciled = reconcile(world, repair=["options_changed"])
    assert (reconciled.failed, reconciled.changed) == (False, False), reconciled


def test_option_that_means_the_same_is_joined(world: World) -> None:
    succeed(world, **tmpfs(PATH, "a"))
    apply(world, "joined", **tmpfs(PATH, "b", opts=["mode=1777", "uid=0", "huge=never"]))
    joined = apply(world, "joined", **tmpfs(PATH, "c", opts=["size=50%"]))
    assert joined.mount["opts"] == ["nodev", "nosuid"]


def test_option_that_the_mount_has_lost_is_drift(world: World) -> None:
    succeed(world, **tmpfs(PATH, "a", opts=["size=1m"]))
    world.mount("tmpfs", PATH, "", flags=MS_REMOUNT | MS_NOSUID | MS_NODEV, data="size=4m")
    (found,) = world.facts()["drift"]
    assert found["kind"] == "options_changed"
    assert "+size=4194304 -size=1048576" in found["message"]


@pytest.mark.parametrize("fstype", ["tmpfs", "overlay"])
def test_filesystem_made_read_only_by_hand_is_made_writable_again(world: World, fstype: str) -> None:
    wish = tmpfs(PATH, "a", opts=["size=1m"])
    if fstype == "overlay":
        succeed(world, **tmpfs("/srv/layers", "a", opts=["mode=0755"]))
        for name in ("lower", "upper", "work"):
            world.file(f"/srv/layers/{name}").mkdir()
        layers = ["lowerdir=/srv/layers/lower", "upperdir=/srv/layers/upper", "workdir=/srv/layers/work"]
        wish = {"path": PATH, "src": "o", "fstype": "overlay", "opts": layers, "holder": "a"}
    succeed(world, **wish)
    world.mount("none", PATH, "", flags=MS_REMOUNT | MS_RDONLY | MS_NOSUID | MS_NODEV)
    with pytest.raises(OSError, match="Read-only"):
        world.file(f"{PATH}/new").touch()
    assert predict_and_call(world, **wish).mount["drift"] == ["options_changed"]
    repaired = reconcile(world, repair=["options_changed"])
    assert [row["action"] for row in repaired["repaired"]] == ["remounted"], repaired
    world.file(f"{PATH}/new").touch()
    assert world.facts()["drift"] == []


def test_mount_reaches_other_namespaces_and_leaves_them(world: World) -> None:
    pid = world.until_ready(["unshare", "-m", "--propagation", "unchanged", "sleep", "1000"])
    succeed(world, **tmpfs(PATH, "a"))
    here, there = world.table, read_table(pid)
    assert len([mount for mount in here if mount.point == PATH]) > 0
    seen = [mount for mount in there if mount.point == PATH]
    assert bool(seen) == (world.propagation == "shared")
    assert all({"nosuid", "nodev"} <= mount.flags for mount in seen)
    apply(world, "unmounted", **leave(PATH, "a"))
    assert [mount for mount in read_table(pid) if mount.point == PATH] == []
    world.end(pid)
