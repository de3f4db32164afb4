# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is left of operations that were killed where nothing can be put back as it was."""

from __future__ import annotations

import time
import typing as t
from contextlib import ExitStack

from harness.cycle import apply, leave, succeed, tmpfs
from harness.locks import find_lock, hold
from harness.world import World

PATH = "/srv/app"
SMALL, LARGE = "size=1m", "size=8m"


def note_of(world: World) -> t.List[str]:
    """Return the notes of operations, one file each."""
    return [str(path) for path in world.file("/run/holdfast/operations").glob("*") if path.stat().st_size]


def size_of(world: World) -> int:
    """Return the size of the filesystem in MiB."""
    return next(int(word[5:-1]) // 1024 for word in world.top(PATH).options if word.startswith("size="))


def enlarge_and_die(world: World) -> None:
    """Kill a change of size after the kernel has made it, and before the ledger tells of it."""
    for point in range(1, 1000):
        succeed(world, **tmpfs(PATH, "a", opts=[SMALL]))
        world.wait(world.start(arguments=tmpfs(PATH, "a", opts=[LARGE]), fuse=point))
        if size_of(world) == 8:
            assert note_of(world), "it was over before it was killed"
            return
    raise AssertionError("it was never killed in between")


def test_killed_change_that_cannot_be_taken_back_is_completed(private_world: World) -> None:
    world = private_world
    enlarge_and_die(world)
    world.file(f"{PATH}/content").write_bytes(b"x" * 3 * 1024 * 1024)  # so it cannot become small again
    # Check mode does not try, so it takes the change for one that is taken back.
    assert succeed(world, **tmpfs(PATH, "b", opts=[LARGE])).action == "joined"
    assert size_of(world) == 8
    assert note_of(world) == []
    for holder, action in (("b", "released"), ("a", "unmounted")):
        apply(world, action, **leave(PATH, holder))


def test_killed_change_is_taken_back_where_it_can(private_world: World) -> None:
    world = private_world
    enlarge_and_die(world)
    apply(world, "joined", **tmpfs(PATH, "b", opts=[SMALL]))
    assert size_of(world) == 1
    assert note_of(world) == []


def test_purge_sees_what_its_holder_died_over(private_world: World) -> None:
    world = private_world
    for point in range(1, 1000):
        world.wait(world.start(arguments=tmpfs(PATH, "h"), fuse=point))
        if world.stack(PATH):
            break
    assert world.references == {}
    assert note_of(world)
    predicted = world.predict(mounts=[], holder="h", purge=True)
    result = world.call(mounts=[], holder="h", purge=True)
    assert predicted.outcome() == result.outcome()
    assert [entry["action"] for entry in result["mounts"]] == ["unmounted"]
    assert world.stack(PATH) == []


def test_adopted_mount_that_has_vanished_is_gone(private_world: World) -> None:
    world = private_world
    world.make_directory(PATH)
    world.mount("tmpfs", PATH, "tmpfs", flags=6)
    succeed(world, **tmpfs(PATH, "a", adopt=True))
    world.unmount(PATH)
    apply(world, "released", path=PATH, holder="a", state="unmounted")
    assert world.references == {}


def test_waits_for_taken_mount_points_do_not_add_up(private_world: World) -> None:
    world = private_world
    paths = [f"/srv/taken-{number}" for number in range(6)]
    entries = [{"path": path, "src": "tmpfs", "fstype": "tmpfs"} for path in [*paths, "/srv/free"]]
    locks = [find_lock(world, path) for path in paths]
    with ExitStack() as stack:
        for lock in locks:
            stack.enter_context(hold(lock))
        started = time.monotonic()
        result = world.call(mounts=entries, lock_timeout=4)
        waited = time.monotonic() - started
    told = [(entry.get("error") or {}).get("code") or entry["action"] for entry in result["mounts"]]
    assert told == ["locked"] * 6 + ["mounted"]
    assert waited < 3 * 4, "six that wait one after the other take six times as long"
