# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A filesystem that the kernel has shut down answers EIO to everything: it is let go as by umount(8)."""

from __future__ import annotations

import fcntl
import os
import struct
import typing as t
from pathlib import Path

import pytest
from harness.cycle import leave, predict_and_call, succeed, tmpfs
from harness.images import make_image
from harness.reconcile import call_reconcile
from harness.world import World

PATH, BOUND, BELOW = "/srv/disk", "/srv/bound", "/srv/disk/below"
GOINGDOWN = 0x8004587D  # XFS_IOC_GOINGDOWN

Attach = t.Callable[[Path], str]


@pytest.fixture(name="dead")
def hold_and_shut_down(world: World, loop_device: Attach, tmp_path: Path) -> World:
    """Hold an xfs, a bind of it and a tmpfs below it, then have it shut down."""
    device = loop_device(make_image(tmp_path, "xfs"))
    succeed(world, path=PATH, src=device, fstype="xfs", holder="a")
    world.make_directory(f"{PATH}/shown")
    succeed(world, path=BOUND, src=f"{PATH}/shown", fstype="bind", holder="a")
    succeed(world, **tmpfs(BELOW, "a"))
    fd = os.open(world.file(PATH), os.O_RDONLY)
    fcntl.ioctl(fd, GOINGDOWN, struct.pack("=I", 2))
    os.close(fd)
    with pytest.raises(OSError, match="Input/output"):
        os.stat(world.file(PATH))
    return world


def left(world: World) -> t.List[str]:
    """Return which of the three mount points are still mounted."""
    return [point for point in (PATH, BOUND, BELOW) if world.stack(point)]


@pytest.mark.parametrize("on_busy", ["fail", "defer", "lazy"])
@pytest.mark.parametrize("state", ["released", "unmounted"])
def test_dead_filesystem_and_what_shows_it_or_lies_on_it_are_let_go(
    dead: World, state: str, on_busy: str
) -> None:
    for path in (BELOW, BOUND, PATH):
        result = dead.call(path=path, holder="a", state=state, on_busy=on_busy)
        assert (result.failed, result.action) == (False, "unmounted"), result
    assert left(dead) == []
    assert dead.references == {}


def test_dead_filesystem_is_deferred_while_it_is_busy(dead: World) -> None:
    fd = os.open(dead.file(PATH), os.O_PATH)
    for path in (BELOW, BOUND):
        assert dead.call(**leave(path, "a")).action == "unmounted"
    assert dead.call(**leave(PATH, "a")).code == "busy"
    assert dead.call(**leave(PATH, "a", on_busy="defer")).action == "deferred"
    os.close(fd)
    assert call_reconcile(dead)["remaining"] == []
    assert left(dead) == []


def test_dead_filesystem_is_purged(dead: World) -> None:
    result = dead.call(mounts=[], purge=True, holder="a")
    assert not result.failed, result
    assert left(dead) == []


def test_dead_filesystem_of_a_dead_holder_is_reconciled(dead: World) -> None:
    result = call_reconcile(dead, drop_holders=["a"])
    assert (result.failed, result["remaining"]) == (False, []), result
    assert left(dead) == []


def test_dead_filesystem_is_unhealthy_to_the_facts_and_to_who_joins(dead: World) -> None:
    told = {row["path"]: row["kind"] for row in dead.facts()["drift"]}
    assert told == {PATH: "unhealthy", BOUND: "unhealthy"}
    disk = {"path": PATH, "src": dead.references[PATH]["src"], "fstype": "xfs"}
    for joined in (dead.predict(**disk, holder="b"), dead.call(**disk, holder="b")):
        assert (joined.action, joined.mount["drift"]) == ("joined", ["unhealthy"]), joined
        assert "stopped" in str(joined["warnings"])
    assert {row["kind"] for row in call_reconcile(dead)["remaining"]} == {"unhealthy"}
    refused = call_reconcile(dead, repair=["unhealthy"])
    assert (refused.failed, refused.code) == (True, "conflict"), refused


@pytest.mark.parametrize("way", ["error", "shutdown"])
def test_ext4_that_the_kernel_has_stopped_is_unhealthy(
    world: World, loop_device: Attach, tmp_path: Path, way: str
) -> None:
    device = loop_device(make_image(tmp_path, "ext4"))
    disk = {"path": PATH, "src": device, "fstype": "ext4", "opts": ["errors=remount-ro"]}
    succeed(world, **disk, holder="a")
    trigger = Path(f"/sys/fs/ext4/{os.path.basename(device)}/trigger_fs_error")
    if way == "shutdown":
        fd = os.open(world.file(PATH), os.O_RDONLY)
        fcntl.ioctl(fd, GOINGDOWN, struct.pack("=I", 2))
        os.close(fd)
    else:
        trigger.write_text("1", encoding="ascii")
    assert [row["kind"] for row in world.facts()["drift"]] == ["unhealthy"]
    joined = predict_and_call(world, **disk, holder="b")
    assert (joined.action, joined.mount["drift"]) == ("joined", ["unhealthy"]), joined
    left_alone = call_reconcile(world, repair=["options_changed"])
    assert (left_alone.failed, left_alone.changed) == (False, False), left_alone
    for holder in ("a", "b"):
        succeed(world, **leave(PATH, holder))


def test_btrfs_that_cannot_write_any_more_is_unhealthy(private_world: World, loop_device: Attach) -> None:
    world, disk = private_world, "/media/small/image"
    world.make_directory("/media/small")
    world.mount("small", "/media/small", "tmpfs", data="size=12m")
    image = make_image(world.file("/media/small"), "btrfs")
    wish = {"path": PATH, "src": loop_device(image), "fstype": "btrfs"}
    succeed(world, **wish, holder="a")
    world.run("dd", "if=/dev/zero", f"of={disk}.filler", "bs=64k")  # the disk below is full
    for number in range(64):
        written = world.run("sh", "-c", f"mkdir {PATH}/{number} && sync -f {PATH}")
        if "Read-only" in written.stderr:
            break
    assert [row["kind"] for row in world.facts()["drift"]] == ["unhealthy"]
    joined = predict_and_call(world, **wish, holder="b")
    assert (joined.action, joined.mount["drift"]) == ("joined", ["unhealthy"]), joined
    for holder in ("a", "b"):
        succeed(world, **leave(PATH, holder))
    assert world.stack(PATH) == []
