# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The disk is full: what cannot be recorded is refused or taken back, and what is held can be released."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import typing as t

import pytest
from harness.cycle import apply, leave, succeed, tmpfs
from harness.world import LEDGER, RUN, World

PATH = "/srv/app/data"


def make_small(world: World) -> None:
    """Put a file system of a few pages over the ledger's place before there is a ledger."""
    world.make_directory("/etc/ansible/facts.d")
    world.mount("small", "/etc/ansible/facts.d", "tmpfs", data="size=64k,mode=755")


def fill(world: World) -> None:
    """Leave no free page."""
    with open(world.file("/etc/ansible/facts.d/filler"), "wb", buffering=0) as stream:
        try:
            while stream.write(b"x" * 512):
                pass
        except OSError:
            return


def free(world: World) -> None:
    """Give the space back."""
    world.file("/etc/ansible/facts.d/filler").unlink()


def list_facts(world: World) -> t.List[str]:
    """Return the names beside the ledger."""
    return sorted(os.listdir(world.file("/etc/ansible/facts.d")))


def test_first_mount_that_cannot_be_recorded_is_taken_back(world: World) -> None:
    make_small(world)
    fill(world)
    result = world.call(**tmpfs(PATH, "a"))
    assert (result.failed, result.changed) == (True, False), result
    assert world.stack(PATH) == []
    assert not world.exists("/srv/app")
    assert not world.exists(LEDGER)
    assert list_facts(world) == ["filler"]
    free(world)
    apply(world, "mounted", **tmpfs(PATH, "a"))


def test_mount_that_cannot_be_recorded_is_taken_back(world: World) -> None:
    make_small(world)
    succeed(world, **tmpfs("/srv/first", "a"))
    ledger = world.file(LEDGER).read_bytes()
    fill(world)
    result = world.call(**tmpfs(PATH, "a"))
    assert result.failed, result
    assert world.stack(PATH) == []
    assert not world.exists("/srv/app")
    assert world.file(LEDGER).read_bytes() == ledger
    free(world)
    apply(world, "mounted", **tmpfs(PATH, "a"))
    assert sorted(world.references) == [PATH, "/srv/first"]
    assert list_facts(world) == [".holdfast_mounts.reserve", os.path.basename(LEDGER)]


def test_join_that_cannot_be_recorded_changes_nothing(world: World) -> None:
    make_small(world)
    succeed(world, **tmpfs(PATH, "a"))
    before = world.unique_id(PATH)
    fill(world)
    assert world.call(**tmpfs(PATH, "b")).failed
    assert world.holders(PATH) == ["a"]
    free(world)
    assert world.unique_id(PATH) == before
    apply(world, "joined", **tmpfs(PATH, "b"))


# --- Somebody fills the disk while mount points are held: each of them can be released ---

TMPFS = {"src": "tmpfs", "fstype": "tmpfs", "opts": ["mode=0755"]}
HELD = [f"/srv/app/{number}/data" for number in range(12)]


def make_small_ext4(world: World) -> None:
    """Have the ledger on a disk of its own, with a journal."""
    image = world.scratch / "etc.img"
    with open(image, "wb") as stream:
        stream.truncate(8 << 20)
    subprocess.run(["mkfs.ext4", "-q", "-m", "0", "-F", str(image)], check=True)
    device = subprocess.run(
        ["losetup", "--find", "--show", str(image)], check=True, capture_output=True, text=True
    ).stdout.strip()
    try:
        world.make_directory("/etc/ansible/facts.d")
        world.mount(device, "/etc/ansible/facts.d", "ext4")
    finally:
        subprocess.run(["losetup", "--detach", device], check=True)  # goes with its last mount


def fill_for_ever(world: World) -> int:
    """Start a process that takes each block that is given back; return its number."""
    program = (
        "import os, time\n"
        "fd = os.open('/etc/ansible/facts.d/greedy', os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600)\n"
        "print('ready', flush=True)\n"
        "while True:\n"
        "    try:\n"
        "        os.write(fd, b'x' * 512)\n"
        "    except OSError:\n"
        "        time.sleep(0.0002)\n"
    )
    pid = world.launch([sys.executable, "-c", program])
    while not world.exists("/etc/ansible/facts.d/greedy"):
        assert world.is_running(pid)
    return pid


@pytest.fixture(name="crowded", params=["tmpfs", "ext4"])
def crowded_world(request: pytest.FixtureRequest, private_world: World) -> t.Iterator[World]:
    """A world in which twelve mount points are held by two, and the ledger's disk is full for ever."""
    world = private_world
    if request.param == "ext4" and (shutil.which("mkfs.ext4") is None or shutil.which("losetup") is None):
        pytest.skip("needs mkfs.ext4 and losetup")
    (make_small if request.param == "tmpfs" else make_small_ext4)(world)
    for holder in "ab":
        succeed(world, mounts=[{"path": path, **TMPFS} for path in HELD], holder=holder)
    fill(world)
    pid = fill_for_ever(world)
    assert world.call(**tmpfs("/srv/more", "a")).failed, "there is still room"
    assert world.call(**tmpfs(HELD[0], "c")).failed, "there is still room"
    yield world
    world.end(pid)


def act(world: World, action: str, **arguments: t.Any) -> None:
    """Call once; no look at every file before and after, as one of them is being written all the time."""
    assert succeed(world, **arguments).action == action


def assert_all_gone(world: World) -> None:
    """Fail unless nothing is held, mounted or left, and a next one may come once there is room."""
    assert world.references == {}
    assert world.ledger["directories"] == []
    assert [mount.point for mount in world.table if mount.point.startswith("/srv/")] == []
    assert not world.exists("/srv/app")
    assert os.listdir(world.file(f"{RUN}/operations")) == []
    for name in ("filler", "greedy"):
        os.truncate(world.file(f"/etc/ansible/facts.d/{name}"), 0)
        world.file(f"/etc/ansible/facts.d/{name}").unlink()


def test_held_ones_are_released_one_by_one_on_a_full_disk(crowded: World) -> None:
    for holder, action in (("a", "released"), ("b", "unmounted")):
        for path in HELD:
            act(crowded, action, **leave(path, holder))
    assert_all_gone(crowded)


def test_held_ones_are_released_together_on_a_full_disk(crowded: World) -> None:
    for holder in "ba":
        paths = [{"path": path} for path in HELD]
        result = succeed(crowded, mounts=paths, holder=holder, state="released")
        assert result.changed
    assert_all_gone(crowded)


def test_held_ones_are_unmounted_on_a_full_disk(crowded: World) -> None:
    for path in HELD:
        act(crowded, "released", **leave(path, "b"))
        act(crowded, "unmounted", **{**leave(path, "a"), "state": "unmounted"})
    assert_all_gone(crowded)


def test_held_ones_are_purged_on_a_full_disk(crowded: World) -> None:
    for holder in "ab":
        assert succeed(crowded, mounts=[], holder=holder, purge=True).changed
    assert_all_gone(crowded)


def test_dead_holders_are_dropped_on_a_full_disk(crowded: World) -> None:
    wishes: t.List[t.Dict[str, t.Any]] = [{"drop_holders": ["b"]}, {"live_holders": []}]
    for arguments in wishes:
        started = crowded.start(module="safe_mount_reconcile", arguments=arguments)
        assert not crowded.collect(started).failed
    assert_all_gone(crowded)


def test_one_that_vanished_and_one_that_is_busy_are_released_on_a_full_disk(crowded: World) -> None:
    crowded.unmount(HELD[0])
    pid = crowded.occupy(HELD[1])
    for path in HELD:
        act(crowded, "released", **leave(path, "b"))
    act(crowded, "unmounted", **leave(HELD[0], "a"))
    assert crowded.call(**leave(HELD[1], "a")).code == "busy"
    act(crowded, "deferred", **leave(HELD[1], "a", on_busy="defer"))
    crowded.end(pid)
    started = crowded.start(module="safe_mount_reconcile", arguments={})
    assert not crowded.collect(started).failed
    for path in HELD[2:]:
        act(crowded, "unmounted", **leave(path, "a"))
    assert_all_gone(crowded)


def test_all_goes_on_when_there_is_room_again(private_world: World) -> None:
    world = private_world
    make_small(world)
    succeed(world, mounts=[{"path": path, **TMPFS} for path in HELD], holder="a")
    fill(world)
    apply(world, "unmounted", **leave(HELD[3], "a"))
    assert world.call(path=HELD[4], holder="b", **TMPFS).failed
    free(world)
    apply(world, "joined", path=HELD[4], holder="b", **TMPFS)
    apply(world, "mounted", path=HELD[3], holder="b", **TMPFS)
    fill(world)
    for path, holder in ((HELD[4], "a"), (HELD[4], "b"), (HELD[3], "b")):
        succeed(world, **leave(path, holder))
    assert sorted(world.references) == sorted(set(HELD) - {HELD[3], HELD[4]})


def test_entry_of_fstab_goes_on_a_full_disk(private_world: World) -> None:
    world = private_world
    world.mount("small", "/etc", "tmpfs", data="size=256k,mode=755")
    world.make_directory("/etc/ansible")
    world.write("/etc/fstab", "# the host's own\n")
    for name in "xyz":
        succeed(world, **tmpfs(f"/srv/{name}", "a", boot=True))
    with open(world.file("/etc/filler"), "wb", buffering=0) as stream, contextlib.suppress(OSError):
        while stream.write(b"x" * 512):
            pass
    assert world.call(**tmpfs("/srv/more", "a", boot=True)).failed
    for name in "yxz":
        apply(world, "unmounted", **leave(f"/srv/{name}", "a"))
        assert f"/srv/{name}" not in world.file("/etc/fstab").read_text()
    assert world.file("/etc/fstab").read_text() == "# the host's own\n"
    assert not world.exists("/etc/.fstab.holdfast.reserve")


def test_full_run_and_full_log_stop_no_release(private_world: World) -> None:
    world = private_world
    world.make_directory("/run/holdfast", 0o700)
    for place in ("/run/holdfast", "/var/log"):
        mode = "700" if place == "/run/holdfast" else "755"
        world.mount("small", place, "tmpfs", data=f"size=64k,mode={mode}")
    for path in HELD:
        succeed(world, **tmpfs(path, "a"))
    for place in ("/run/holdfast", "/var/log"):
        with open(world.file(f"{place}/filler"), "wb", buffering=0) as stream, contextlib.suppress(OSError):
            while stream.write(b"x" * 512):
                pass
    result = world.call(**tmpfs("/srv/more", "a"))
    assert (result.failed, result["error"]["log_ref"]) == (True, None)
    assert os.listdir(world.file("/run/holdfast/operations")) == []
    apply(world, "unmounted", **leave(HELD[0], "a"))
    assert succeed(world, mounts=[{"path": path} for path in HELD], holder="a", state="released").changed
    assert world.references == {}
    assert not world.exists("/srv/app")
    assert os.listdir(world.file("/run/holdfast/operations")) == []


def test_release_killed_anywhere_on_a_full_disk_is_healed_by_the_next_call(private_world: World) -> None:
    world = private_world
    make_small(world)
    names = [f"/srv/app/{number}" for number in range(9)]
    leaving = {"mounts": [{"path": path} for path in names[1:5]], "holder": "a", "state": "released"}

    def hold() -> None:
        for name in ("filler",) if world.exists("/etc/ansible/facts.d/filler") else ():
            world.file(f"/etc/ansible/facts.d/{name}").unlink()
        succeed(world, mounts=[{"path": path, **TMPFS} for path in names], holder="a")
        fill(world)

    hold()
    finished = world.wait(world.start(arguments=leaving, fuse=0))
    points = int(finished.stderr.split()[-1])
    for point in range(1, points, 9):
        hold()
        assert world.wait(world.start(arguments=leaving, fuse=point)).rc == -signal.SIGKILL
        assert set(names) >= set(world.references) >= {names[0], *names[5:]}
        fill(world)
        # Another one of theirs leaves first: it has room, whatever was being written.
        act(world, "unmounted", **leave(names[8], "a"))
        fill(world)
        succeed(world, **leaving)
        fill(world)
        succeed(world, mounts=[{"path": path} for path in names], holder="a", state="released")
        assert world.references == {}
        assert not world.exists("/srv/app")


def test_release_without_a_reserve_is_recorded_by_the_next_call(world: World) -> None:
    make_small(world)
    succeed(world, **tmpfs(PATH, "a"))
    succeed(world, **tmpfs("/srv/other", "a"))
    world.file("/etc/ansible/facts.d/.holdfast_mounts.reserve").unlink()
    fill(world)
    assert world.call(**leave(PATH, "a")).failed
    free(world)
    assert succeed(world, **leave(PATH, "a")).mount["mounted"] is False
    assert world.stack(PATH) == []
    assert list(world.references) == ["/srv/other"]
    assert not world.exists("/srv/app")


def test_unrecorded_release_lets_the_next_holder_come(world: World) -> None:
    make_small(world)
    succeed(world, **tmpfs(PATH, "a"))
    world.file("/etc/ansible/facts.d/.holdfast_mounts.reserve").unlink()
    fill(world)
    assert world.call(**leave(PATH, "a")).failed
    free(world)
    result = succeed(world, **tmpfs(PATH, "b"))
    assert "b" in result.holders
    assert len(world.stack(PATH)) == 1
    for holder in ("a", "b"):
        succeed(world, **leave(PATH, holder))
    assert world.references == {}
    assert not world.exists("/srv/app")


def test_bulk_that_cannot_be_recorded_is_taken_back(world: World) -> None:
    make_small(world)
    succeed(world, **tmpfs("/srv/first", "a"))
    fill(world)
    entries = [{"path": f"/srv/app/{number}", "src": "tmpfs", "fstype": "tmpfs"} for number in range(5)]
    result = world.call(mounts=entries, holder="a")
    assert (result.failed, result.changed) == (True, False), result
    assert not world.exists("/srv/app")
    assert [mount for mount in world.table if mount.point.startswith("/srv/app")] == []
    assert list(world.references) == ["/srv/first"]


def test_read_only_place_of_the_ledger_leaves_nothing(world: World) -> None:
    world.make_directory("/etc/ansible/facts.d")
    world.mount("small", "/etc/ansible/facts.d", "tmpfs", flags=1, data="mode=755")
    result = world.call(**tmpfs(PATH, "a"))
    assert (result.failed, result.changed) == (True, False), result
    assert result.code is not None
    assert not world.exists("/srv/app")
    assert world.stack(PATH) == []
