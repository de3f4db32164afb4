# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a call that died has left under names of ours goes, and what only looks like it stays."""

from __future__ import annotations

import typing as t

import pytest
from harness.cycle import leave, succeed, tmpfs
from harness.reconcile import call_reconcile
from harness.world import World

PATH = "/srv/app/data"
LEDGERS, TABLES = "/etc/ansible/facts.d/.holdfast_mounts.new", "/etc/.fstab.holdfast.new"
Act = t.Callable[[World], None]


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
