# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Images: files as the source of block types, on loop devices that come and go with the mounts."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
import typing as t
from pathlib import Path

import pytest
from harness.cycle import leave, refuse, run_cycle, succeed, tmpfs, warm_up
from harness.images import (
    NEEDS_FUSE,
    SECONDS,
    TOOLS,
    loop_devices,
    make_image,
    serve_file,
    wait_for_no_loop_device,
)
from harness.reconcile import call_reconcile, reboot, reconcile
from harness.results import Result
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


def foresee(world: World, **arguments: t.Any) -> Result:
    """Call, and prove that check mode told it. The kernel writes images by itself, so bytes do not count."""
    predicted, result = world.predict(**arguments), world.call(**arguments)
    assert predicted.outcome() == result.outcome(), "check mode predicts what happens"
    return result


def act(world: World, action: str, **arguments: t.Any) -> Result:
    """Check, apply, apply again."""
    result = foresee(world, **arguments)
    assert (result.failed, result.action, result.changed) == (False, action, True), result
    again = foresee(world, **arguments)
    assert (again.failed, again.action, again.changed) == (False, "none", False), again
    return result


def meet(world: World, code: str, **arguments: t.Any) -> Result:
    """Prove that a call is refused with this code, in check mode too."""
    result = foresee(world, **arguments)
    assert (result.failed, result.code, result.changed) == (True, code, False), result
    return result


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


USER = 65534  # fusermount3 wants one that has a name


@NEEDS_FUSE
@pytest.mark.parametrize("kind", ["file", "directory"])
def test_image_that_a_user_serves_is_unsafe_whatever_it_says_of_its_owner(
    private_world: World, tmp_path: Path, kind: str
) -> None:
    world = private_world
    warm_up(world)
    image = make_image(tmp_path, "ext4")
    image.chmod(0o666)
    theirs = world.file(f"{IMAGES}/theirs.ext4")
    theirs.parent.mkdir()
    if kind == "file":
        theirs.touch()  # a user may mount on what they may write
    else:
        theirs.mkdir()
    os.chown(theirs, USER, USER)
    serve_file(world, USER, f"{IMAGES}/theirs.ext4", image)
    src = f"{IMAGES}/theirs.ext4" + ("" if kind == "file" else "/disk.ext4")
    refuse(world, "unsafe_path", **held(src))
    refused = refuse(world, "unsafe_path", **held(src, allow_unsafe_parents=True))
    assert "can write or serve it" in refused["msg"]
    assert loop_devices(image) == []


@NEEDS_FUSE
def test_image_of_a_server_that_hangs_delays_nobody_else(private_world: World, tmp_path: Path) -> None:
    world = private_world
    other = put(world, tmp_path)
    (tmp_path / "served").mkdir()
    world.file("/srv/nas").mkdir()
    server = serve_file(world, 0, "/srv/nas", make_image(tmp_path / "served", "ext4"))
    succeed(world, **held("/srv/nas/disk.ext4", "/mnt/served", allow_unsafe_parents=True))
    os.kill(server, signal.SIGSTOP)
    pid = world.start(arguments=held(other, timeout=5))
    try:
        end = time.monotonic() + 20
        while world.is_running(pid) and time.monotonic() < end:
            time.sleep(0.05)
        assert not world.is_running(pid), "it waits for the server of another image"
    finally:
        os.kill(server, signal.SIGCONT)
    result = world.collect(pid)
    assert not result.failed, result
    succeed(world, **leave(PATH, "a"))
    succeed(world, **leave("/mnt/served", "a"))


# What is mounted


READ_ONLY = ("erofs", "iso9660", "squashfs")


@pytest.mark.parametrize("fstype", sorted(TOOLS))
def test_image_comes_and_goes_with_its_loop_device(world: World, tmp_path: Path, fstype: str) -> None:
    src = put(world, tmp_path, fstype)
    if fstype in READ_ONLY:
        run_cycle(world, **held(src))  # to the byte, the image's own among them
        assert_no_loop(world, src)
    acquired = act(world, "mounted", **held(src))
    assert acquired.mount["src"] == src
    assert (world.top(PATH).fstype, world.top(PATH).source) == (fstype, loops(world, src)[0])
    if fstype in READ_ONLY:
        assert world.file(f"{PATH}/file").read_text(encoding="utf-8") == "packed\n"
    else:
        world.write(f"{PATH}/file", "stored")
    rows = {row["mount"]: row for row in world.facts()["mounts"]}
    assert (rows[PATH]["device"], rows[PATH]["state"]) == (src, "ok")
    act(world, "unmounted", **leave(PATH, "a"))
    assert_no_loop(world, src)


def test_image_has_one_loop_device_for_all_who_name_it(private_world: World, tmp_path: Path) -> None:
    world = private_world
    src = put(world, tmp_path)
    act(world, "mounted", **held(src))
    act(world, "joined", **held(src, holder="b"))
    act(world, "mounted", **held(src, "/mnt/second", "c"))
    os.link(world.file(src), world.file(f"{IMAGES}/other.ext4"))
    act(world, "mounted", **held(f"{IMAGES}/other.ext4", "/mnt/third", "d"))
    assert len(loops(world, src)) == 1
    for path, holder in ((PATH, "a"), ("/mnt/second", "c"), (PATH, "b"), ("/mnt/third", "d")):
        assert len(loops(world, src)) == 1
        succeed(world, **leave(path, holder))
    assert_no_loop(world, src)


@pytest.mark.parametrize("fstype", ["ext4", "iso9660", "squashfs"])
def test_image_named_by_many_at_once_has_one_loop_device(
    private_world: World, tmp_path: Path, fstype: str
) -> None:
    world = private_world
    src = put(world, tmp_path, fstype)
    requests = [held(src, f"/mnt/d{number % 4}", f"h{number}") for number in range(16)]
    # Once is seldom enough to meet the moment between the look for a device and the attaching of one.
    for _round in range(12):
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
    told = foresee(world, **held(src))
    assert (told.failed, told.mount["drift"]) == (False, ["replaced"]), told
    assert meet(world, "conflict", **held(src, holder="b"))["error"]["step"] == "identity"
    act(world, "unmounted", **leave(PATH, "a"))


def test_image_on_a_managed_mount_keeps_that_in_use(private_world: World, tmp_path: Path) -> None:
    world = private_world
    succeed(world, **tmpfs(IMAGES, "a", opts=["mode=0755"]))
    src = put(world, tmp_path)
    succeed(world, **held(src))
    meet(world, "in_use", **leave(IMAGES, "a"))
    succeed(world, **leave(PATH, "a"))
    assert_no_loop(world, src)
    act(world, "unmounted", **leave(IMAGES, "a"))


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


@pytest.mark.parametrize("alias", ["hard link", "bind"])
def test_image_held_by_two_of_its_names_is_the_same_by_each(
    private_world: World, tmp_path: Path, alias: str
) -> None:
    world = private_world
    src = put(world, tmp_path)
    if alias == "bind":
        world.file("/srv/again").mkdir()
        world.run("mount", "--bind", IMAGES, "/srv/again")
        other = "/srv/again/disk.ext4"
    else:
        other = f"{IMAGES}/other.ext4"
        os.link(world.file(src), world.file(other))
    act(world, "mounted", **held(src))
    act(world, "mounted", **held(other, "/mnt/other"))
    act(world, "joined", **held(other, "/mnt/other", "b"))
    assert drift_of(world, "/mnt/other") == []
    devices = {row["mount"]: row["device"] for row in world.facts()["mounts"]}
    assert (devices[PATH], devices["/mnt/other"]) == (src, other)
    for path, holder in ((PATH, "a"), ("/mnt/other", "a"), ("/mnt/other", "b")):
        succeed(world, **leave(path, holder))
    assert_no_loop(world, src)


def test_image_hidden_by_another_mount_is_replaced(private_world: World, tmp_path: Path) -> None:
    world = private_world
    src = put(world, tmp_path)
    succeed(world, **held(src))
    world.run("mount", "-t", "tmpfs", "none", IMAGES)
    shutil.copy(tmp_path / "disk.ext4", world.file(src))
    assert drift_of(world) == ["replaced"]
    assert meet(world, "conflict", **held(src, holder="b"))["error"]["step"] == "identity"
    act(world, "unmounted", **leave(PATH, "a"))


def test_image_mounted_by_hand_is_adopted_and_a_part_of_it_is_not(
    private_world: World, tmp_path: Path
) -> None:
    world = private_world
    src = put(world, tmp_path)
    part = world.file(f"{IMAGES}/part.ext4")
    part.write_bytes(bytes(1 << 20) + world.file(src).read_bytes())
    part.chmod(0o600)
    for file, options in ((src, "loop"), (f"{IMAGES}/part.ext4", "loop,offset=1048576")):
        world.file(PATH).mkdir(exist_ok=True)
        assert world.run("mount", "-o", f"nosuid,nodev,{options}", file, PATH).rc == 0
        if file == src:
            act(world, "adopted", **held(src, adopt=True))
            act(world, "released", **leave(PATH, "a"))
        else:
            meet(world, "conflict", **held(file, adopt=True))
        world.run("umount", PATH)
        assert_no_loop(world, file)


# What is read-only


def test_image_attached_read_only_becomes_writable_by_release_alone(
    private_world: World, tmp_path: Path
) -> None:
    world = private_world
    src = put(world, tmp_path)
    succeed(world, **held(src, opts=["ro"]))
    refused = meet(world, "conflict", **held(src))
    assert "release it, then hold it again without 'ro'" in refused["msg"]
    act(world, "unmounted", **leave(PATH, "a"))
    act(world, "mounted", **held(src))
    act(world, "remounted", **held(src, opts=["ro"]))
    act(world, "remounted", **held(src))


def test_image_writable_at_one_mount_point_comes_back_writable_at_another(
    private_world: World, tmp_path: Path
) -> None:
    world = private_world
    src = put(world, tmp_path)
    succeed(world, **held(src))
    succeed(world, **held(src, "/mnt/second"))
    act(world, "remounted", **held(src, "/mnt/second", opts=["ro"]))
    act(world, "remounted", **held(src, "/mnt/second"))


def test_image_that_is_immutable_names_the_option(disk_world: World, tmp_path: Path) -> None:
    world = disk_world
    src = put(world, tmp_path)
    world.run("chattr", "+i", src)
    failed = world.call(**held(src))
    assert (failed.failed, failed.code) == (True, "mount_failed"), failed
    assert "is immutable (chattr(1)); add 'ro' to the options" in failed["msg"], failed
    succeed(world, **held(src, opts=["ro"]))
    succeed(world, **leave(PATH, "a"))
    world.run("chattr", "-i", src)


# Why it is refused


@pytest.mark.parametrize(
    ("fstype", "words"), [("xfs", "write 'nouuid'"), ("ext4", "write 'noload'")], ids=["clone", "journal"]
)
def test_image_that_is_refused_tells_what_to_write(
    private_world: World, tmp_path: Path, fstype: str, words: str
) -> None:
    world = private_world
    src = put(world, tmp_path, fstype)
    succeed(world, **held(src))
    world.file(f"{PATH}/file").write_text("new\n", encoding="utf-8")
    world.run("sync", "--file-system", PATH)
    copy = f"{IMAGES}/copy.{fstype}"
    subprocess.run(["cp", "--sparse=always", str(world.file(src)), str(world.file(copy))], check=True)
    failed = world.call(**held(copy, "/mnt/copy", opts=["ro"] if fstype == "ext4" else []))
    assert (failed.failed, failed.code) == (True, "mount_failed"), failed
    assert words in failed["msg"], failed
    assert_no_loop(world, copy)


def test_image_with_a_partition_table_tells_how_to_attach_it(private_world: World, tmp_path: Path) -> None:
    world = private_world
    src = put(world, tmp_path)
    with open(world.file(src), "r+b") as stream:
        stream.write(bytes(4096))
        stream.seek(446)
        stream.write(b"\x80" + bytes(3) + b"\x83" + bytes(11 + 48) + b"\x55\xaa")
    failed = world.call(**held(src))
    assert (failed.failed, failed.code) == (True, "mount_failed"), failed
    assert "losetup --partscan" in failed["msg"], failed


def test_image_on_a_device_without_a_node_is_never_attached_twice(
    private_world: World, tmp_path: Path
) -> None:
    world = private_world
    src = put(world, tmp_path)
    succeed(world, **held(src))
    device = loops(world, src)[0]
    world.file("/srv/dev").mkdir()
    nodes = "cd /srv/dev; cp --archive null zero full random urandom loop-control loop[0-9]* /dev"
    world.run("sh", "-c", f"mount --bind /dev /srv/dev; mount -t tmpfs none /dev; {nodes}; rm {device}")
    failed = world.call(**held(src, "/mnt/second"))
    assert (failed.failed, failed.code) == (True, "conflict"), failed
    assert device in failed["msg"], failed
    assert loops(world, src) == [device]
    world.run("sh", "-c", "rm /dev/loop[0-9]*")
    other = f"{IMAGES}/other.ext4"
    shutil.copy(world.file(src), world.file(other))
    failed = world.call(**held(other, "/mnt/second"))
    assert (failed.failed, failed.code) == (True, "unsupported"), failed
    assert "its node is missing" in failed["msg"], failed
    world.run("umount", "/dev")


# Boot


def test_image_at_boot_is_written_with_loop_and_taken_over(private_world: World, tmp_path: Path) -> None:
    world = private_world
    warm_up(world)
    src = put(world, tmp_path)
    act(world, "mounted", **held(src, boot=True))
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
    act(world, "unmounted", **leave(PATH, "a"))
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
        meet(world, "conflict", **held(src))
        act(world, "unmounted", **leave(PATH, "a"))
        return
    repaired = reconcile(world)
    assert [row["path"] for row in repaired["repaired"]] == [PATH], repaired
    assert len(loops(world, src)) == 1
    act(world, "unmounted", **leave(PATH, "a"))
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


@pytest.mark.parametrize("fstype", ["ext4", "iso9660", "squashfs"])
def test_image_of_a_call_that_was_killed_keeps_no_loop_device(
    private_world: World, tmp_path: Path, fstype: str
) -> None:
    world = private_world
    src = put(world, tmp_path, fstype)
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


def backing_files() -> t.Iterator[str]:
    """Yield the names of the files that loop devices have."""
    for path in Path("/sys/block").glob("loop*/loop/backing_file"):
        with contextlib.suppress(OSError):
            yield path.read_text(encoding="utf-8").strip()


def watch_devices(names: t.Sequence[str], twice: t.List[str], is_over: threading.Event) -> None:
    """Note, until it is over, whenever more than one loop device has a file of one of these names."""
    while not is_over.wait(0.003):
        files = list(backing_files())
        twice += [name for name in names if sum(file.endswith(name) for file in files) > 1]


def test_images_that_many_hold_and_release_while_some_are_killed_never_have_two_devices(
    private_world: World, tmp_path: Path
) -> None:
    world, chance = private_world, random.Random(11)
    images = [put(world, tmp_path, name=f"{tmp_path.name}-{letter}") for letter in "ab"]
    twice: t.List[str] = []
    is_over = threading.Event()
    watcher = threading.Thread(target=watch_devices, args=(images, twice, is_over))
    watcher.start()
    try:
        for _round in range(20):
            pids = []
            for number in (chance.randrange(6) for _call in range(16)):
                path, holder = f"/mnt/d{number}", f"h{chance.randrange(3)}"
                opts = ["ro"] if chance.random() < 0.2 else []
                coming = held(images[number % 2], path, holder, opts=opts)
                pids.append(world.start(arguments=coming if chance.random() < 0.6 else leave(path, holder)))
            time.sleep(chance.uniform(0, 0.3))
            for pid in pids[::3]:
                world.kill(pid)
            for pid in pids:
                world.wait(pid)
        assert watcher.is_alive()
    finally:
        is_over.set()
        watcher.join()
    assert twice == []
    for holder in ("h0", "h1", "h2"):
        succeed(world, mounts=[], purge=True, holder=holder)
    assert world.references == {}
    for image in images:
        assert_no_loop(world, image)
