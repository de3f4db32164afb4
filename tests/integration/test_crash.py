# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""SIGKILL after each system call in turn: the next call heals, and nothing acknowledged is lost.

Every call has a few hundred points at which it can die. Each run takes every STRIDEth of them, spread over
what comes next and over private and shared mounts; the variable CRASH_STRIDE=1 takes all of them everywhere.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
import typing as t
from dataclasses import dataclass

import pytest
from harness.cycle import leave, succeed, tmpfs, warm_up
from harness.helped import CAN_HELP, helped, make_helper
from harness.images import wait_for_no_loop_device
from harness.world import RUN, World

PATH = "/srv/app/data"
BYSTANDER = "/srv/app/bystander"
IMAGE = "/media/disk.ext4"
MS_NOSUID_NODEV = 6
STRIDE = int(os.environ.get("CRASH_STRIDE", "12"))

Arguments = t.Dict[str, t.Any]
BULK: t.List[Arguments] = [
    {"path": f"{PATH}/{name}", "src": "tmpfs", "fstype": "tmpfs", "opts": ["mode=0755"]}
    for name in ("x", "x/y", "z")
]
BULK_PATHS = [{"path": entry["path"]} for entry in BULK]
SIZE = ["size=1m"]


def do_nothing(_world: World) -> None:
    """Nothing is to be prepared beside what is held before."""


def vanish(world: World) -> None:
    """Unmount by hand."""
    world.unmount(PATH)


def mount_foreign(world: World) -> None:
    """Mount by hand."""
    world.make_directory(PATH)
    world.mount("tmpfs", PATH, "tmpfs", flags=MS_NOSUID_NODEV)


def make_source(world: World) -> None:
    """Make a file to be bound."""
    world.write("/media/source")


def make_disk(world: World) -> None:
    """Make an image to be mounted."""
    disk = world.file(IMAGE)
    with open(disk, "wb") as stream:
        stream.truncate(1 << 20)
    disk.chmod(0o600)
    subprocess.run(["mkfs.ext4", "-q", "-F", str(disk)], check=True)


@dataclass(frozen=True)
class Operation:
    """A call that dies: what was held before, what it asks for, and how to undo it all."""

    before: t.Sequence[Arguments]
    call: Arguments
    undo: t.Sequence[Arguments]
    kept: t.Sequence[str]
    prepare: t.Callable[[World], None] = do_nothing


MOUNT_IMAGE = {"path": PATH, "src": IMAGE, "fstype": "ext4", "holder": "a"}
BIND = {"path": PATH, "src": "/media/source", "fstype": "bind", "holder": "a"}
HELPED = helped(PATH)
A, B = leave(PATH, "a"), leave(PATH, "b")
BULK_LEAVE = {"mounts": BULK_PATHS, "holder": "a", "state": "released"}

OPERATIONS: t.Dict[str, Operation] = {
    "mount": Operation([], tmpfs(PATH, "a"), [A], []),
    "mount-file": Operation([], BIND, [A], [], make_source),
    "mount-image": Operation([], MOUNT_IMAGE, [A], [], make_disk),
    "mount-again": Operation([tmpfs(PATH, "b")], tmpfs(PATH, "a"), [A, B], ["b"], vanish),
    "adopt": Operation([], tmpfs(PATH, "a", adopt=True), [A], [], mount_foreign),
    "join": Operation([tmpfs(PATH, "b")], tmpfs(PATH, "a"), [A, B], ["b"]),
    "remount": Operation([tmpfs(PATH, "a", opts=SIZE)], tmpfs(PATH, "a", opts=["size=2m", "ro"]), [A], ["a"]),
    "release": Operation([tmpfs(PATH, "a"), tmpfs(PATH, "b")], A, [A, B], ["b"]),
    "unmount": Operation([tmpfs(PATH, "a")], A, [A], []),
    "unmount-lazily": Operation([tmpfs(PATH, "a")], {**A, "on_busy": "lazy"}, [A], []),
    "helper-mount": Operation([], HELPED, [A], [], make_helper),
    "helper-unmount": Operation([HELPED], A, [A], []),
    "mount-boot": Operation([], tmpfs(PATH, "a", boot=True), [A], []),
    "join-boot": Operation([tmpfs(PATH, "b")], tmpfs(PATH, "a", boot=True), [A, B], ["b"]),
    "release-boot": Operation([tmpfs(PATH, "a", boot=True), tmpfs(PATH, "b")], A, [A, B], ["b"]),
    "unmount-boot": Operation([tmpfs(PATH, "a", boot=True)], A, [A], []),
    "bulk-mount": Operation([], {"mounts": BULK, "holder": "a"}, [BULK_LEAVE], []),
    "bulk-unmount": Operation([{"mounts": BULK, "holder": "a"}], BULK_LEAVE, [BULK_LEAVE], []),
}


def count_points(world: World, operation: Operation) -> int:
    """Return how many system calls the call makes, by letting it live once."""
    prepare(world, operation)
    finished = world.wait(world.start(arguments=operation.call, fuse=0))
    assert finished.rc == 0, finished
    undo(world, operation)
    return int(finished.stderr.split()[-1])


def prepare(world: World, operation: Operation) -> None:
    """Bring about what stands before the call."""
    if HELPED in (*operation.before, operation.call):
        make_helper(world)
    for arguments in operation.before:
        succeed(world, **arguments)
    operation.prepare(world)


def undo(world: World, operation: Operation) -> None:
    """Release everything and prove that nothing is left, no note and no half-made file either."""
    leaving = [leave(BYSTANDER, "z")] if BYSTANDER in world.references else []
    for arguments in (*operation.undo, *leaving):
        succeed(world, **arguments)
    if operation.prepare is mount_foreign:
        world.unmount(PATH)
        world.file(PATH).rmdir()
        world.file("/srv/app").rmdir()
    if operation.prepare is make_disk:
        wait_for_no_loop_device(world.file(IMAGE))
    assert world.references == {}
    assert not is_in_fstab(world)
    assert sorted(path.name for path in world.file("/srv").iterdir()) == []
    assert [m.point for m in world.table if m.point.startswith(("/srv/", RUN))] == []
    assert [path.name for path in world.file(f"{RUN}/stage").glob("*")] == []
    assert [str(path) for path in world.file(RUN).rglob("*") if path.is_file() and path.stat().st_size] == []
    # The reserve, and a file that was being written, which stays until the ledger is written again: no facts.
    names = {path.name for path in world.file("/etc/ansible/facts.d").iterdir()}
    assert [name for name in names if not name.startswith(".")] == ["holdfast_mounts.fact"]
    assert names <= {"holdfast_mounts.fact", ".holdfast_mounts.new", ".holdfast_mounts.reserve"}


def is_in_fstab(world: World) -> bool:
    """Return whether there is an entry of ours."""
    return b"x-holdfast.mounts" in world.file("/etc/fstab").read_bytes()


def die(world: World, operation: Operation, point: int) -> None:
    """Let the call die, and look at what anybody can see then."""
    finished = world.wait(world.start(arguments=operation.call, fuse=point))
    if finished.rc == 0:
        # Loop devices of others come and go: it made fewer calls than when they were counted.
        assert int(finished.stderr.split()[-1]) < point, finished
    else:
        assert finished.rc == -signal.SIGKILL, finished
    held = world.references.get(PATH, {}).get("holders", {})
    assert set(operation.kept) <= set(held), "an acknowledged reference is lost"
    assert all(len(world.stack(path)) <= 1 for path in (PATH, *(entry["path"] for entry in BULK)))
    wishes = [claim.get("boot", False) for claim in held.values()]
    assert any(wishes) or not is_in_fstab(world), "a boot would mount what nobody asked for"
    facts = world.facts(paths=["/srv/*"])
    told = {drift["kind"] for drift in facts["drift"]}
    expected = {"missing"} if operation.prepare is vanish else set()
    assert told <= expected or "interrupted" in told, facts["drift"]
    for path in {PATH, *world.references} - ({PATH} if operation.prepare is mount_foreign else set()):
        is_held = bool(world.holders(path))
        assert is_held == bool(world.stack(path)) or told, "kernel and ledger disagree in silence"


def repeat(world: World, operation: Operation) -> None:
    """The same call comes again, and does what it would have done."""
    result = succeed(world, **operation.call)
    again = succeed(world, **operation.call)
    assert again.changed is False, again
    if operation.call.get("state") == "released":
        return
    for mount in result.get("mounts") or [result.mount]:
        assert mount["mounted"], mount
        assert "a" in world.holders(mount["path"])
        assert len(world.stack(mount["path"])) == 1


def give_up(_world: World, _operation: Operation) -> None:
    """Everybody just leaves."""


def let_neighbour_come(world: World, _operation: Operation) -> None:
    """Somebody else takes a mount point beside it, which shares the directories."""
    succeed(world, **tmpfs(BYSTANDER, "z"))
    assert len(world.stack(BYSTANDER)) == 1


NEXT = [repeat, give_up, let_neighbour_come]


@pytest.mark.parametrize("name", sorted(OPERATIONS))
@pytest.mark.parametrize("act", NEXT, ids=[act.__name__ for act in NEXT])
def test_killed_anywhere_is_healed_by_the_next_call(
    world: World, act: t.Callable[[World, Operation], None], name: str
) -> None:
    is_helped = name.startswith("helper-")
    if is_helped and not CAN_HELP:
        pytest.skip("needs sshfs and /dev/fuse")
    warm_up(world)
    operation = OPERATIONS[name]
    points = count_points(world, operation)
    assert points > 20
    first = 1 + 2 * (2 * NEXT.index(act) + (world.propagation == "shared")) % STRIDE
    # A helper is a process, which takes its time.
    for point in range(first, points, STRIDE * 3 if is_helped and STRIDE > 1 else STRIDE):
        prepare(world, operation)
        die(world, operation, point)
        act(world, operation)
        undo(world, operation)
    deadline = time.monotonic() + 60
    while any("sshfs" in command for command in world.processes().values()):
        assert time.monotonic() < deadline, "a helper or its daemon lives"
        time.sleep(0.05)


def test_killed_call_leaves_no_lock_behind(world: World) -> None:
    warm_up(world)
    operation = OPERATIONS["mount"]
    for point in range(1, count_points(world, operation), 5 * STRIDE):
        die(world, operation, point)
        assert not world.call(**tmpfs(PATH, "b", lock_timeout=1)).failed
        succeed(world, **B)
        undo(world, operation)


def test_killed_twice_is_healed_by_the_third(world: World) -> None:
    warm_up(world)
    operation = OPERATIONS["mount"]
    points = count_points(world, operation)
    for point in range(points // 3, points, 3 * STRIDE):
        die(world, operation, point)
        for second in range(1, points, 10 * STRIDE):
            world.wait(world.start(arguments=operation.call, fuse=second))
        repeat(world, operation)
        undo(world, operation)
