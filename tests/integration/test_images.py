# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Images: files as the source of block types, on loop devices that come and go with the mounts."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
import time
import typing as t
from pathlib import Path

import pytest
from harness.cycle import apply, leave, predict_and_call, refuse, run_cycle, succeed, tmpfs, warm_up
from harness.images import SECONDS, TOOLS, loop_devices, make_image, wait_for_no_loop_device
from harness.reconcile import call_reconcile, reboot, reconcile
from harness.world import World

IMAGES = "/srv/images"
PATH = "/mnt/disk"

pytestmark = pytest.mark.skipif(not os.path.exists("/dev/loop-control"), reason="needs loop devices")


def put(world: World, folder: Path, fstype: str = "ext4", name: str = "") -> str:
    """Put an image into the world and return its path there."""
    image = make_image(folder, fstype, name or "disk")
    place = world.file(IMAGES)
    place.mkdir(exist_ok=True)
    target = place / image.name
    subprocess.run(["cp", "--sparse=always", str(image), str(target)], check=True)
    target.chmod(0o600)
    return f"{IMAGES}/{image.name}"


def held(src: str, path: str = PATH, holder: str = "a", **more: t.Any) -> t.Dict[str, t.Any]:
    """Return the arguments that mount an image for a holder."""
    return {"path": path, "src": src, "fstype": src.rpartition(".")[2], "holder": holder, **more}


def loops(world: World, src: str) -> t.List[str]:
    """Return the loop devices that have this file of the world."""
    return loop_devices(world.file(src))


def assert_no_loop(world: World, src: str) -> None:
    """Prove that no loop device has this file of the world any more."""
    wait_for_no_loop_device(world.file(src))


def drift_of(world: World, path: str = PATH) -> t.List[str]:
    """Return the kinds of drift that the facts tell of a mount point."""
    return [row["kind"] for row in world.facts()["drift"] if row["path"] == path]


# Refusals


@pytest.mark.parametrize(
    ("src", "code"),
    [
        pytest.param("/opt/disk.ext4", "source_not_allowed", id="outside of the roots"),
        pytest.param("/etc/disk.ext4", "source_not_allowed", id="of the system"),
        pytest.param("/srv/../srv/disk.ext4", "source_not_allowed", id="traversal"),
        pytest.param("srv/disk.ext4", "source_not_allowed", id="relative"),
        pytest.param("/srv/images/", "source_not_allowed", id="trailing slash"),
    ],
)
def test_image_that_may_not_be_named_is_refused(private_world: World, src: str, code: str) -> None:
    warm_up(private_world)
    refuse(private_world, code, locks=False, **{**held(src), "fstype": "ext4"})


def test_image_that_is_a_directory_or_missing_is_refused(private_world: World) -> None:
    warm_up(private_world)
    private_world.file(f"{IMAGES}/directory.ext4").mkdir(parents=True)
    refuse(private_world, "source_not_allowed", **held(f"{IMAGES}/directory.ext4"))
    missing = held(f"{IMAGES}/missing.ext4")
    foreseen = private_world.predict(**missing)  # an earlier task may make it
    assert (foreseen.action, "does not exist" in str(foreseen["warnings"])) == ("mounted", True), foreseen
    assert private_world.call(**missing).code == "mount_failed"


@pytest.mark.parametrize("change", ["mode", "owner", "link", "parent"])
def test_image_that_others_may_exchange_or_write_is_unsafe(
    private_world: World, tmp_path: Path, change: str
) -> None:
    world = private_world
    warm_up(world)
    src = put(world, tmp_path)
    file = world.file(src)
    if change == "mode":
        file.chmod(0o620)
    elif change == "owner":
        os.chown(file, 65534, 0)
    elif change == "parent":
        file.parent.chmod(0o777)
    else:
        os.symlink(file.name, f"{file.parent}/link.ext4")
        src = f"{IMAGES}/link.ext4"
    refused = refuse(world, "unsafe_path", **held(src))
    assert refused.failed
    if change in ("mode", "owner"):
        refuse(world, "unsafe_path", **held(src, allow_unsafe_parents=True))
    assert_no_loop(world, src)


def test_image_of_another_type_leaves_no_loop_device(private_world: World, tmp_path: Path) -> None:
    src = put(private_world, tmp_path)
    failed = private_world.call(**{**held(src), "fstype": "xfs"})
    assert (failed.failed, failed.code) == (True, "mount_failed"), failed
    assert_no_loop(private_world, src)
    assert private_world.references == {}


# What is mounted


READ_ONLY = ("erofs", "iso9660", "squashfs")


@pytest.mark.parametrize("fstype", sorted(TOOLS))
def test_image_comes_and_goes_with_its_loop_device(world: World, tmp_path: Path, fstype: str) -> None:
    src = put(world, tmp_path, fstype)
    if fstype in READ_ONLY:
        run_cycle(world, **held(src))  # to the byte, the image's own among them
        assert_no_loop(world, src)
    acquired = apply(world, "mounted", **held(src))
    assert acquired.mount["src"] == src
    assert (world.top(PATH).fstype, world.top(PATH).source) == (fstype, loops(world, src)[0])
    if fstype in READ_ONLY:
        assert world.file(f"{PATH}/file").read_text(encoding="utf-8") == "packed\n"
    else:
        world.write(f"{PATH}/file", "stored")
    rows = {row["mount"]: row for row in world.facts()["mounts"]}
    assert (rows[PATH]["device"], rows[PATH]["state"]) == (src, "ok")
    apply(world, "unmounted", **leave(PATH, "a"))
    assert_no_loop(world, src)


def test_image_has_one_loop_device_for_all_who_name_it(private_world: World, tmp_path: Path) -> None:
    world = private_world
    src = put(world, tmp_path)
    apply(world, "mounted", **held(src))
    apply(world, "joined", **held(src, holder="b"))
    apply(world, "mounted", **held(src, "/mnt/second", "c"))
    os.link(world.file(src), world.file(f"{IMAGES}/other.ext4"))
    apply(world, "mounted", **held(f"{IMAGES}/other.ext4", "/mnt/third", "d"))
    assert len(loops(world, src)) == 1
    for path, holder in ((PATH, "a"), ("/mnt/second", "c"), (PATH, "b"), ("/mnt/third", "d")):
        assert len(loops(world, src)) == 1
        succeed(world, **leave(path, holder))
    assert_no_loop(world, src)


def test_image_named_by_many_at_once_has_one_loop_device(private_world: World, tmp_path: Path) -> None:
    world = private_world
    src = put(world, tmp_path)
    requests = [held(src, f"/mnt/d{number % 4}", f"h{number}") for number in range(16)]
    for result in world.call_all(requests):
        assert not result.failed, result
    assert len(loops(world, src)) == 1
    assert sorted(world.references) == [f"/mnt/d{number}" for number in range(4)]
    for result in world.call_all([leave(one["path"], one["holder"]) for one in requests]):
        assert not result.failed, result
    assert_no_loop(world, src)


def test_image_attached_by_somebody_else_is_shared_and_stays(
    private_world: World, tmp_path: Path, loop_device: t.Callable[..., str]
) -> None:
    world = private_world
    image = make_image(tmp_path, "ext4")
    image.chmod(0o600)
    device = loop_device(image)
    world.file(IMAGES).mkdir()
    world.run("mount", "--bind", str(tmp_path), IMAGES)
    src = f"{IMAGES}/{image.name}"
    succeed(world, **held(src, allow_unsafe_parents=True))
    assert world.top(PATH).source == device
    succeed(world, **leave(PATH, "a"))
    assert loops(world, src) == [device]


@pytest.mark.parametrize("opts", [["ro"], []], ids=["asked", "by nature"])
def test_image_that_is_only_read_has_a_read_only_device(
    private_world: World, tmp_path: Path, opts: t.List[str]
) -> None:
    world = private_world
    src = put(world, tmp_path, "ext4" if opts else "squashfs")
    succeed(world, **held(src, opts=opts))
    name = os.path.basename(loops(world, src)[0])
    assert Path(f"/sys/block/{name}/ro").read_text(encoding="ascii") == "1\n"
    if opts:
        # Whoever wants to write it would have another device on the same bytes.
        refuse_now = world.call(**held(src, "/mnt/second", "b"))
        assert (refuse_now.failed, refuse_now.code) == (True, "conflict"), refuse_now
    assert len(loops(world, src)) == 1


def test_image_below_a_read_only_mount_names_the_option(private_world: World, tmp_path: Path) -> None:
    world = private_world
    src = put(world, tmp_path)
    world.run("mount", "--bind", IMAGES, IMAGES)
    world.run("mount", "-o", "remount,bind,ro", IMAGES)
    failed = world.call(**held(src))
    assert (failed.failed, failed.code) == (True, "mount_failed"), failed
    assert "'ro'" in failed["msg"]
    succeed(world, **held(src, opts=["ro"]))


# What a reference names


@pytest.mark.parametrize("change", ["renamed", "deleted", "replaced"])
def test_image_that_is_another_file_by_now_is_replaced(
    private_world: World, tmp_path: Path, change: str
) -> None:
    world = private_world
    src = put(world, tmp_path)
    succeed(world, **held(src))
    assert drift_of(world) == []
    file = world.file(src)
    shutil.copy(file, f"{file}.new")
    if change == "renamed":
        file.rename(f"{file}.old")
    elif change == "deleted":
        file.unlink()
    else:
        os.rename(f"{file}.new", file)
    assert drift_of(world) == ["replaced"]
    told = predict_and_call(world, **held(src))
    assert (told.failed, told.mount["drift"]) == (False, ["replaced"]), told
    assert refuse(world, "conflict", **held(src, holder="b"))["error"]["step"] == "identity"
    apply(world, "unmounted", **leave(PATH, "a"))


def test_image_on_a_managed_mount_keeps_that_in_use(private_world: World, tmp_path: Path) -> None:
    world = private_world
    succeed(world, **tmpfs(IMAGES, "a", opts=["mode=0755"]))
    src = put(world, tmp_path)
    succeed(world, **held(src))
    refuse(world, "in_use", **leave(IMAGES, "a"))
    succeed(world, **leave(PATH, "a"))
    assert_no_loop(world, src)
    apply(world, "unmounted", **leave(IMAGES, "a"))


def test_image_of_somebody_else_is_named_by_what_it_keeps_busy(
    private_world: World, tmp_path: Path, loop_device: t.Callable[..., str]
) -> None:
    world = private_world
    succeed(world, **tmpfs(IMAGES, "a", opts=["mode=0755"]))
    src = put(world, tmp_path)
    device = loop_device(world.file(src))
    busy = world.call(**leave(IMAGES, "a", disclose="full"))
    assert busy.code == "busy", busy
    assert "1 loop device uses it" in busy["msg"], busy
    assert device in busy["msg"] or device in str(busy["error"]), busy


# Boot


def test_image_at_boot_is_written_with_loop_and_taken_over(private_world: World, tmp_path: Path) -> None:
    world = private_world
    warm_up(world)
    src = put(world, tmp_path)
    apply(world, "mounted", **held(src, boot=True))
    line = next(
        line for line in world.file("/etc/fstab").read_text(encoding="utf-8").splitlines() if src in line
    )
    fields = line.split()
    assert fields[:3] == [src, PATH, "ext4"]
    words = fields[3].split(",")
    assert {"loop", "nofail", "nosuid", "nodev", f"x-systemd.requires-mounts-for={src}"} <= set(words)
    reboot(world)
    done = world.run("mount", PATH)
    assert done.rc == 0, done
    told = succeed(world, **held(src, boot=True))
    assert (told.mount["owned"], told.mount["drift"]) == (True, []), told
    assert len(loops(world, src)) == 1
    apply(world, "unmounted", **leave(PATH, "a"))
    assert_no_loop(world, src)


@pytest.fixture
def disk_world(private_world: World, tmp_path: Path, loop_device: t.Callable[..., str]) -> t.Iterator[World]:
    """A world whose images lie on ext4, where a file has a birth time and a number that stays."""
    (tmp_path / "outer").mkdir()
    device = loop_device(make_image(tmp_path / "outer", "ext4"))
    with open(tmp_path / "outer" / "disk.ext4", "r+b") as stream:
        stream.truncate(32 << 20)
    subprocess.run(["losetup", "--set-capacity", device], check=True)
    private_world.file(IMAGES).mkdir()
    for command in (["mkfs.ext4", "-q", "-F", device], ["mount", device, IMAGES]):
        assert private_world.run(*command).rc == 0
    yield private_world
    private_world.run("umount", "--lazy", IMAGES)


@pytest.mark.parametrize("is_other", [False, True], ids=["the same", "another file"])
def test_image_comes_back_by_reconcile_and_another_file_does_not(
    disk_world: World, tmp_path: Path, is_other: bool
) -> None:
    world = disk_world
    src = put(world, tmp_path)
    succeed(world, **held(src))
    reboot(world)
    if is_other:
        file = world.file(src)
        shutil.copy(file, f"{file}.new")
        os.rename(f"{file}.new", file)
        left = call_reconcile(world)
        assert [(row["path"], row["error"]["code"]) for row in left["remaining"]] == [(PATH, "conflict")], (
            left
        )
        assert world.stack(PATH) == []
        refuse(world, "conflict", **held(src))
        apply(world, "unmounted", **leave(PATH, "a"))
        return
    repaired = reconcile(world)
    assert [row["path"] for row in repaired["repaired"]] == [PATH], repaired
    assert len(loops(world, src)) == 1
    apply(world, "unmounted", **leave(PATH, "a"))
    assert_no_loop(world, src)


# Killed, and exchanged


def kill_some(world: World, start: t.Callable[[], int], rounds: int, seed: int) -> t.Iterator[None]:
    """Start something and kill it at some moment, again and again; yield after each."""
    chance = random.Random(seed)
    for _round in range(rounds):
        pid = start()
        time.sleep(chance.uniform(0, 0.06))
        world.kill(pid)
        world.wait(pid)
        # A child that was making the call may come to its end, and takes with it what nobody took from it.
        end = time.monotonic() + SECONDS
        while world.processes().keys() != {world.pid} and time.monotonic() < end:
            time.sleep(0.02)
        yield


def test_image_of_a_call_that_was_killed_keeps_no_loop_device(private_world: World, tmp_path: Path) -> None:
    world = private_world
    src = put(world, tmp_path)
    for _killed in kill_some(world, lambda: world.start(arguments=held(src)), 60, 7):
        assert len(loops(world, src)) <= 1
        if PATH not in world.references and world.stack(PATH) == []:
            assert_no_loop(world, src)
        succeed(world, **leave(PATH, "a"))
        assert world.stack(PATH) == []
        assert_no_loop(world, src)
    naive = ["sh", "-c", 'mount "$(losetup --find --show "$0")" "$1"', str(src), "/media"]
    left = 0
    for _killed in kill_some(world, lambda: world.launch(naive), 60, 7):
        world.run("umount", "/media")
        left += len(loops(world, src))
        for device in loops(world, src):
            world.run("losetup", "--detach", device)
    assert left > 0, "losetup(8) and mount(8), killed at the same moments, leave loop devices"


SWAPPER = """
import ctypes, os, sys
libc = ctypes.CDLL(None)
os.chdir(sys.argv[1])
os.setgid(65534)
os.setuid(65534)
print("ready", flush=True)
while True:
    # RENAME_EXCHANGE: both names are there at every moment.
    libc.renameat2(-100, b"good.ext4", -100, b"evil.ext4", 2)
"""


def test_image_whose_name_is_being_exchanged_is_the_one_that_was_looked_at(
    private_world: World, tmp_path: Path
) -> None:
    world = private_world
    src = put(world, tmp_path, name="good")
    put(world, tmp_path, name="evil")
    folder = world.file(IMAGES)
    os.chown(folder / "evil.ext4", 65534, 65534)
    folder.chmod(0o777)
    fd = os.open(folder / "evil.ext4", os.O_RDONLY)
    evil = Path(f"/proc/{os.getpid()}/fd/{fd}")
    pid = world.launch([sys.executable, "-c", SWAPPER, IMAGES])
    codes: t.Dict[str, int] = {}
    try:
        for _round in range(60):
            done = world.call(**held(src, allow_unsafe_parents=True))
            codes[done.code or "mounted"] = codes.get(done.code or "mounted", 0) + 1
            assert loop_devices(evil) == []
            if not done.failed:
                succeed(world, **leave(PATH, "a"))
    finally:
        world.end(pid)
        os.close(fd)
    assert set(codes) <= {"mounted", "unsafe_path"}, codes
    assert len(codes) == 2, f"the names were not exchanged in time: {codes}"
