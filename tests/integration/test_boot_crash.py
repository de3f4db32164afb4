# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The entry of fstab and the ledger, where a call died between the two: a boot or a reconcile joins them."""

from __future__ import annotations

import os
import typing as t

import pytest
from harness.cycle import leave, succeed, tmpfs, warm_up
from harness.reconcile import call_reconcile, reboot
from harness.world import LEDGER, World

FSTAB = "/etc/fstab"
PATH = "/srv/app/data"
MARK = "x-holdfast.mounts"
SMALL, LARGE = ["size=1048576"], ["size=2097152"]
STRIDE = 2 * int(os.environ.get("CRASH_STRIDE", "6")) - 1
MS_BIND = 4096


def ours(world: World) -> t.List[str]:
    """Return our lines."""
    return [line for line in world.file(FSTAB).read_text(encoding="utf-8").splitlines() if MARK in line]


def wanted(world: World) -> t.List[str]:
    """Return the entry that the ledger asks for."""
    reference = world.references.get(PATH)
    if reference is None or not any(holder.get("boot") for holder in reference["holders"].values()):
        return []
    words = ["nofail", "nodev", "nosuid", *(word for word in reference["opts"] if "=" in word), MARK]
    return [f"tmpfs {PATH} tmpfs {','.join(words)} 0 0"]


def boot(world: World) -> None:
    """Boot again, and have mount(8) do from the table what systemd does."""
    reboot(world)
    if ours(world):
        world.make_directory(PATH)
        assert world.run("mount", PATH).rc == 0


CHANGES: t.Dict[str, t.Tuple[t.List[t.Dict[str, t.Any]], t.Dict[str, t.Any]]] = {
    "change": ([tmpfs(PATH, "a", opts=SMALL, boot=True)], tmpfs(PATH, "a", opts=LARGE, boot=True)),
    "join": ([tmpfs(PATH, "b", opts=SMALL)], tmpfs(PATH, "a", opts=SMALL, boot=True)),
    "leave": (
        [tmpfs(PATH, "b", opts=SMALL), tmpfs(PATH, "a", opts=SMALL, boot=True)],
        leave(PATH, "a"),
    ),
}


@pytest.mark.parametrize("is_booted", [False, True], ids=["reconciled", "booted"])
@pytest.mark.parametrize("name", sorted(CHANGES))
def test_entry_and_ledger_agree_after_a_kill(private_world: World, name: str, is_booted: bool) -> None:
    world = private_world
    warm_up(world)
    before, call = CHANGES[name]
    killed = 0
    for point in range(100, 3000, STRIDE):
        for arguments in before:
            succeed(world, **arguments)
        is_alive = world.wait(world.start(arguments=call, fuse=point)).rc == 0
        lines = ours(world)
        assert lines in ([], wanted(world)), f"the ledger knows no {lines} ({point})"
        if is_booted:
            boot(world)
        told = call_reconcile(world)
        assert (told.failed, world.facts()["drift"]) == (False, []), (point, told)
        assert ours(world) == wanted(world), point
        succeed(world, **call)
        assert ours(world) == wanted(world), point
        for holder in world.holders(PATH):
            succeed(world, **leave(PATH, holder))
        assert (ours(world), world.stack(PATH)) == ([], [])
        if is_alive:
            break
        killed += 1
    assert killed > 10


@pytest.mark.parametrize("name", sorted(CHANGES))
def test_entry_comes_back_where_the_ledger_cannot_be_written(private_world: World, name: str) -> None:
    world = private_world
    before, call = CHANGES[name]
    for arguments in before:
        succeed(world, **arguments)
    lines = ours(world)
    world.mount(LEDGER, LEDGER, "", flags=MS_BIND)
    assert world.call(**call).failed
    assert ours(world) == wanted(world) == lines
    world.unmount(LEDGER)
    succeed(world, **call)
    assert ours(world) == wanted(world)


def test_changed_entry_stays_before_those_that_need_it(private_world: World) -> None:
    world = private_world
    parent = tmpfs("/srv/app", "a", opts=["mode=0755", *SMALL], boot=True)
    shown = {"path": "/srv/shown", "src": "/srv/app", "fstype": "bind", "holder": "a", "boot": True}
    succeed(world, **parent)
    succeed(world, **shown)
    succeed(world, **tmpfs(PATH, "a", boot=True))
    succeed(world, **tmpfs("/srv/before", "a", boot=True))
    succeed(world, **{**parent, "opts": ["mode=0755", *LARGE]})
    points = [line.split()[1] for line in ours(world)]
    assert points.index("/srv/app") < min(points.index("/srv/shown"), points.index(PATH)), points
    for path in ("/srv/before", PATH, "/srv/shown", "/srv/app"):
        succeed(world, **leave(path, "a"))
    assert ours(world) == []
