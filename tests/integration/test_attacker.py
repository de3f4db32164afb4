# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""An unprivileged process keeps exchanging a directory with a link while root mounts and unmounts."""

from __future__ import annotations

import os
import sys
import typing as t

import pytest
from harness.cycle import leave, tmpfs
from harness.world import World

AREA = "/srv/open"
OUTSIDE = "/media/outside"
ROUNDS = 60

# renameat2(2) with RENAME_EXCHANGE, without end, as nobody.
SWAP = """
import ctypes, os, sys
os.setgroups([]); os.setresgid(65534, 65534, 65534); os.setresuid(65534, 65534, 65534)
libc = ctypes.CDLL(None)
one, two = sys.argv[1].encode(), sys.argv[2].encode()
print("ready", flush=True)
while True:
    libc.renameat2(-100, one, -100, two, 2)
"""


def prepare(world: World) -> None:
    """Make a directory that nobody owns, with a directory and a link out of the allowed roots in it."""
    for path in (AREA, OUTSIDE, f"{OUTSIDE}/leaf", f"{AREA}/dir", f"{AREA}/dir/leaf"):
        world.make_directory(path)
    os.symlink(OUTSIDE, world.file(f"{AREA}/link"))
    for path in (AREA, f"{AREA}/dir", f"{AREA}/dir/leaf"):
        os.chown(world.file(path), 65534, 65534)


def is_outside(world: World) -> t.List[str]:
    """Return every mount below the place where none may be."""
    return [mount.point for mount in world.table if mount.point.startswith(OUTSIDE)]


def test_mount_by_name_does_land_outside(world: World) -> None:
    """The control: the same attack on mount(2) by path succeeds, so the attacker is good enough."""
    prepare(world)
    pid = world.launch([sys.executable, "-c", SWAP, f"{AREA}/dir", f"{AREA}/link"])
    for _attempt in range(5000):
        world.mount("naive", f"{AREA}/dir/leaf", "tmpfs")
        if is_outside(world):
            break
    world.end(pid)
    assert is_outside(world)


@pytest.mark.parametrize("path", [f"{AREA}/dir", f"{AREA}/dir/leaf"], ids=["leaf", "ancestor"])
def test_mount_never_lands_outside_while_names_are_exchanged(world: World, path: str) -> None:
    prepare(world)
    outside = world.unique_id(OUTSIDE)
    pid = world.launch([sys.executable, "-c", SWAP, f"{AREA}/dir", f"{AREA}/link"])
    outcomes: t.Set[t.Optional[str]] = set()
    try:
        for _round in range(ROUNDS):
            more = {"allow_unsafe_parents": True, "allowed_roots": ["/srv"]}
            acquired = world.call(**tmpfs(path, "a", **more))
            outcomes.add(acquired.code or acquired.action)
            assert is_outside(world) == []
            released = world.call(**leave(path, "a", on_busy="lazy"))
            outcomes.add(released.code or released.action)
            assert is_outside(world) == []
            assert world.exists(f"{OUTSIDE}/leaf")
        assert world.is_running(pid), "the attacker gave up"
    finally:
        world.end(pid)
    assert world.unique_id(OUTSIDE) == outside
    assert len(outcomes) > 1, "the attacker never met a call"


def test_mount_never_follows_a_directory_that_is_moved_out_of_the_root(world: World) -> None:
    inside, away = f"{AREA}/inside", f"{AREA}/away"
    for path in (AREA, inside, away, f"{inside}/dir", f"{away}/dir"):
        world.make_directory(path)
        os.chown(world.file(path), 65534, 65534)
    pid = world.launch([sys.executable, "-c", SWAP, f"{inside}/dir", f"{away}/dir"])
    more = {"allow_unsafe_parents": True, "allowed_roots": [inside]}
    mounted = 0
    try:
        for _round in range(ROUNDS):
            acquired = world.call(**tmpfs(f"{inside}/dir", "a", **more))
            assert [mount for mount in world.table if mount.point.startswith(away)] == []
            if not acquired.failed:
                mounted += 1
                assert len(world.stack(f"{inside}/dir")) == 1
            world.call(**leave(f"{inside}/dir", "a"))
        assert world.is_running(pid), "the attacker gave up"
    finally:
        world.end(pid)
    assert mounted > 0


def test_unmount_never_hits_another_mount_while_names_are_exchanged(world: World) -> None:
    prepare(world)
    world.mount("victim", f"{OUTSIDE}/leaf", "tmpfs")
    victim = world.unique_id(f"{OUTSIDE}/leaf")
    path = f"{AREA}/dir/leaf"
    pid = world.launch([sys.executable, "-c", SWAP, f"{AREA}/dir", f"{AREA}/link"])
    try:
        for _round in range(ROUNDS):
            world.call(**tmpfs(path, "a", allow_unsafe_parents=True))
            world.call(**leave(path, "a", on_busy="lazy"))
            assert world.unique_id(f"{OUTSIDE}/leaf") == victim
    finally:
        world.end(pid)


def test_reference_agrees_with_the_table_when_the_attacker_rests(world: World) -> None:
    prepare(world)
    path = f"{AREA}/dir/leaf"
    pid = world.launch([sys.executable, "-c", SWAP, f"{AREA}/dir", f"{AREA}/link"])
    for _round in range(ROUNDS // 2):
        world.call(**tmpfs(path, "a", allow_unsafe_parents=True))
        world.call(**leave(path, "a"))
    world.end(pid)
    if not world.file(f"{AREA}/dir").is_symlink():
        final = world.call(**leave(path, "a"))
        assert not final.failed, final
    ours = [mount.point for mount in world.table if mount.point.startswith(AREA)]
    copies = 2 if world.propagation == "shared" else 1
    assert len(ours) <= copies * len(world.references), (ours, world.references)
