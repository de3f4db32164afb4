# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a call that died has left under names of ours goes, and what only looks like it stays."""

from __future__ import annotations

import os
import typing as t

import pytest
from harness.cycle import leave, succeed, tmpfs
from harness.reconcile import call_reconcile, reboot
from harness.world import World

PATH = "/srv/app/data"
LEDGERS, TABLES = "/etc/ansible/facts.d/.holdfast_mounts.new", "/etc/.fstab.holdfast.new"
Act = t.Callable[[World], None]


@pytest.fixture
def world(private_world: World) -> World:
    """One world: what this does with the kernel is tried on shared mounts elsewhere."""
    return private_world


def hold_with_an_entry(world: World) -> None:
    """Have both files written."""
    succeed(world, **tmpfs("/srv/other", "a", boot=True))


def take_an_entry_that_is_there(world: World) -> None:
    """Have the table looked at, and left as it is."""
    succeed(world, **tmpfs(PATH, "b", boot=True))


def reconcile(world: World) -> None:
    """Have both looked at."""
    assert call_reconcile(world).changed is False


ACTS: t.List[t.Tuple[Act, t.Set[str]]] = [
    (hold_with_an_entry, {LEDGERS, TABLES}),
    (take_an_entry_that_is_there, {LEDGERS}),
    (reconcile, {LEDGERS, TABLES}),
]


@pytest.mark.parametrize(("act", "names"), ACTS, ids=[act.__name__ for act, _names in ACTS])
def test_unfinished_file_is_discarded(private_world: World, act: Act, names: t.Set[str]) -> None:
    world = private_world
    succeed(world, **tmpfs(PATH, "a", boot=True))
    for name in (LEDGERS, TABLES):
        world.write(name, "what an older write left")
    act(world)
    assert [name for name in names if world.exists(name)] == []


def test_unfinished_file_is_discarded_on_a_host_without_a_ledger(private_world: World) -> None:
    world = private_world
    world.write(TABLES, "what an older write left")
    reconcile(world)
    assert (world.exists(TABLES), world.exists("/etc/ansible")) == (False, False)


def test_directory_in_the_place_of_the_ledgers_new_file_is_told_before_anything_is_done(
    private_world: World,
) -> None:
    world = private_world
    succeed(world, **tmpfs(PATH, "a"))
    world.make_directory(LEDGERS)
    before = world.snapshot(run=False)
    for arguments in (tmpfs("/srv/other", "a"), leave(PATH, "a"), tmpfs(PATH, "b")):
        result = world.call(**arguments)
        assert (result.code, ".holdfast_mounts.new' beside it is a directory" in result["msg"]) == (
            "ledger_untrusted",
            True,
        )
        assert before.differences(world.snapshot(run=False)) == []
    assert call_reconcile(world).code == "ledger_untrusted"
    world.file(LEDGERS).rmdir()
    succeed(world, **leave(PATH, "a"))


def test_directory_in_the_place_of_the_tables_new_file_is_told(private_world: World) -> None:
    world = private_world
    world.make_directory(TABLES)
    result = world.call(**tmpfs(PATH, "a", boot=True))
    assert (result.code, ".fstab.holdfast.new' beside it is a directory" in result["msg"]) == (
        "unsafe_path",
        True,
    )
    assert (world.references, world.exists("/srv/app")) == ({}, False)
    succeed(world, **tmpfs(PATH, "a"))
    assert call_reconcile(world).changed is False  # nothing there wants an entry


# --- Directories ---


def cut_off(world: World, point: int, **arguments: t.Any) -> None:
    """Kill a call, and lose what a boot loses: mounts and notes."""
    world.wait(world.start(arguments=arguments, fuse=point))
    for path in ("/srv/one/two", "/srv/other/three"):
        while world.stack(path):
            world.unmount(path)
    reboot(world)


def names(world: World, place: str = "/srv") -> t.List[str]:
    """Return what is below a directory."""
    return sorted(str(path) for path in world.file(place).rglob("*"))


@pytest.mark.parametrize("is_file", [False, True], ids=["directory", "file"])
@pytest.mark.parametrize("is_repeated", [False, True], ids=["reconciled", "repeated"])
def test_directories_of_a_call_that_a_power_cut_ended_go(
    private_world: World, is_file: bool, is_repeated: bool
) -> None:
    world = private_world
    world.write("/media/source")
    arguments = tmpfs("/srv/one/two", "a")
    if is_file:
        arguments = {"path": "/srv/one/two", "src": "/media/source", "fstype": "bind", "holder": "a"}
    succeed(world, **tmpfs("/mnt/held", "a"))
    left: t.Set[str] = set()
    for point in range(100, 2000, 7):
        cut_off(world, point, **arguments)
        left.update(os.path.basename(name)[:9] for name in names(world))
        if is_repeated:
            succeed(world, **arguments)
            succeed(world, **leave("/srv/one/two", "a"))
            temporary = [name for name in names(world) if ".holdfast-" in name]
            if temporary:
                call_reconcile(world)
        elif "/srv/one/two" not in world.references:
            call_reconcile(world)
        else:
            break
        assert names(world) == [], point
        if "/srv/one/two" in world.references:
            break
    assert {"one", "two", ".holdfast"} <= left


def test_directory_that_only_looks_like_a_leftover_stays(private_world: World) -> None:
    world = private_world
    succeed(world, **tmpfs("/srv/one/two", "a"))
    world.write("/srv/one/theirs")
    succeed(world, **leave("/srv/one/two", "a"))
    world.file("/srv/one/theirs").unlink()  # it was theirs from then on
    world.make_directory("/srv/empty")
    world.make_directory("/srv/.holdfast-0123456789abcdef")
    world.make_directory("/srv/.holdfast-0123456789abcdef-1/full")
    world.make_directory("/srv/.holdfast-0123456789abcdef-2")
    os.chown(world.file("/srv/.holdfast-0123456789abcdef-2"), 65534, 65534)
    world.make_directory("/srv/copy")
    os.setxattr(world.file("/srv/copy"), "trusted.holdfast.mounts", b"1 1")
    before = names(world)
    assert call_reconcile(world).changed is False
    assert names(world) == before
    world.make_directory("/srv/.holdfast-0123456789abcdef-3")
    assert call_reconcile(world).changed is False
    assert names(world) == before


def test_directories_of_a_call_under_way_stay(private_world: World) -> None:
    """A call that was killed has its note, so the directories are its own."""
    world = private_world
    for point in range(100, 2000, 9):
        world.wait(world.start(arguments=tmpfs("/srv/one/two", "a"), fuse=point))
        if world.exists("/srv/one/two") and not world.references:
            break
    else:
        pytest.fail("no call was killed there")
    assert call_reconcile(world)["changed"] in (True, False)
    assert world.exists("/srv/one/two") == ("/srv/one/two" in world.references)
