# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The ledger cannot be written: what was done is taken back, or recorded by the next call."""

from __future__ import annotations

import os
import typing as t

from harness.cycle import apply, leave, succeed, tmpfs
from harness.world import LEDGER, World

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
    assert list_facts(world) == [os.path.basename(LEDGER)]


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


def test_release_that_cannot_be_recorded_is_recorded_by_the_next_call(world: World) -> None:
    make_small(world)
    succeed(world, **tmpfs(PATH, "a"))
    succeed(world, **tmpfs("/srv/other", "a"))
    fill(world)
    result = world.call(**leave(PATH, "a"))
    if not result.failed:
        assert (result.action, world.holders(PATH)) == ("unmounted", [])
    free(world)
    assert succeed(world, **leave(PATH, "a")).mount["mounted"] is False
    assert world.stack(PATH) == []
    assert list(world.references) == ["/srv/other"]
    assert not world.exists("/srv/app")


def test_unrecorded_release_lets_the_next_holder_come(world: World) -> None:
    make_small(world)
    succeed(world, **tmpfs(PATH, "a"))
    fill(world)
    world.call(**leave(PATH, "a"))
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
