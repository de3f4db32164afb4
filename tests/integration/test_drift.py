# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the kernel shows beyond the request is drift, and never a conflict."""

from __future__ import annotations

from harness.cycle import apply, leave, predict_and_call, succeed, tmpfs
from harness.table import read_table
from harness.world import World

PATH = "/srv/data"
MS_REMOUNT = 32
MS_BIND = 1 << 12
MS_NOSUID = 2


def test_flags_changed_by_hand_are_no_conflict(world: World) -> None:
    succeed(world, **tmpfs(PATH, "a"))
    before = world.unique_id(PATH)
    world.mount("tmpfs", PATH, "", flags=MS_REMOUNT | MS_BIND | MS_NOSUID)
    assert "nodev" not in world.top(PATH).flags
    joined = apply(world, "joined", **tmpfs(PATH, "b"))
    assert joined.holders == ["a", "b"]
    assert world.unique_id(PATH) == before
    assert [drift["kind"] for drift in world.facts()["drift"]] == ["options_changed"]
    apply(world, "released", **leave(PATH, "a"))
    apply(world, "unmounted", **leave(PATH, "b"))


def test_size_changed_by_hand_is_no_conflict(world: World) -> None:
    succeed(world, **tmpfs(PATH, "a", opts=["size=1m"]))
    world.mount("tmpfs", PATH, "", flags=MS_REMOUNT, data="size=4m")
    again = predict_and_call(world, **tmpfs(PATH, "b", opts=["size=1m"]))
    assert (again.failed, again.action) == (False, "joined"), again


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
