# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Five defects that running Nova's host mount manager has confirmed: each is done better here."""

from __future__ import annotations

import typing as t

import pytest
from harness.calls import Calls
from harness.cycle import predict_and_call, refuse, succeed, tmpfs
from harness.world import World

PATH = "/srv/export"
SOURCE = "/srv/source"


def bind(holder: str) -> t.Dict[str, t.Any]:
    """Return the arguments of a bind mount, which fails when its source is gone."""
    return {"path": PATH, "src": SOURCE, "fstype": "bind", "holder": holder}


def test_release_by_a_stranger_does_not_unmount_what_others_made(world: World, calls: Calls) -> None:
    """Nova: umount and rmdir were executed on an administrator's mount."""
    world.make_directory(PATH)
    world.mount("administrator", PATH, "tmpfs")
    before = world.unique_id(PATH)
    calls.take()
    result = predict_and_call(world, path=PATH, holder="stranger", state="released")
    assert (result.failed, result.changed, result.action) == (False, False, "none")
    assert calls.take() == (0, 0)
    assert world.unique_id(PATH) == before


OTHERS = [{"src": "other"}, {"opts": ["size=2m"]}, {"opts": ["size=1m", "ro"]}]


@pytest.mark.parametrize("other", OTHERS, ids=["src", "size", "flag"])
def test_acquire_of_something_else_is_no_success(
    world: World, calls: Calls, other: t.Dict[str, t.Any]
) -> None:
    """Nova: success, the difference silently ignored, a reference added."""
    succeed(world, **tmpfs(PATH, "a", opts=["size=1m"]))
    calls.take()
    refuse(world, "conflict", **{**tmpfs(PATH, "b", opts=["size=1m"]), **other})
    assert calls.take() == (0, 0)
    assert world.holders(PATH) == ["a"]


def test_failed_remount_of_a_vanished_mount_drops_only_the_new_reference(world: World, calls: Calls) -> None:
    """Nova: the whole record went, with the references of all others."""
    world.make_directory(SOURCE)
    for holder in ("a", "b"):
        succeed(world, **bind(holder))
    world.unmount(PATH)
    world.file(SOURCE).rmdir()
    calls.take()
    result = world.call(**bind("c"))
    assert (result.failed, result.code) == (True, "mount_failed"), result
    assert calls.take() == (0, 0)
    assert world.holders(PATH) == ["a", "b"]
    world.make_directory(SOURCE)
    again = succeed(world, **bind("c"))
    assert (again.action, again.holders) == ("mounted", ["a", "b", "c"])
    assert calls.take() == (1, 0)


def test_acquired_twice_and_released_once_is_unmounted(world: World, calls: Calls) -> None:
    """Nova's set semantics are kept: they make tasks idempotent."""
    calls.take()
    assert succeed(world, **tmpfs(PATH, "a")).action == "mounted"
    assert succeed(world, **tmpfs(PATH, "a")).action == "none"
    assert calls.take() == (1, 0)
    assert succeed(world, path=PATH, holder="a", state="released").action == "unmounted"
    assert calls.take() == (0, 1)
    assert world.references == {}


def test_failed_unmount_is_not_told_as_no_longer_in_use(world: World, calls: Calls) -> None:
    """Nova: the return value said "not in use" although it was still mounted."""
    succeed(world, **tmpfs(PATH, "a"))
    pid = world.occupy(PATH)
    calls.take()
    result = world.call(path=PATH, holder="a", state="released")
    assert (result.failed, result.changed, result.code) == (True, False, "busy"), result
    assert calls.take() == (0, 0)
    facts = world.facts(paths=[PATH])
    assert facts["mounts"][0]["holders"] == ["a"]
    assert facts["mounts"][0]["state"] == "ok"
    world.end(pid)
