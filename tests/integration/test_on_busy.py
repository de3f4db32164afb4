# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The last holder leaves while a process uses the mount: fail, defer, or detach lazily."""

from __future__ import annotations

import os
import re
import sys
import time
import typing as t
from pathlib import Path

import pytest
from harness.cycle import apply, leave, predict_and_call, refuse, succeed, tmpfs, warm_up
from harness.results import play, task
from harness.world import World

PATH = "/srv/busy"
HELD_MEMORY = Path(__file__).resolve().parent / "harness" / "held_memory.py"

Occupy = t.Callable[[World], int]


def stand_in(world: World) -> int:
    """Keep the mount busy by standing in it."""
    return world.occupy(PATH)


def open_a_file(world: World) -> int:
    """Keep the mount busy by an open file."""
    world.write(f"{PATH}/file")
    return world.open_file(f"{PATH}/file")


OCCUPY = pytest.mark.parametrize("occupy", [stand_in, open_a_file], ids=["directory", "open-file"])


@OCCUPY
@pytest.mark.parametrize("state", ["released", "unmounted"])
def test_busy_fails_and_keeps_the_reference(world: World, occupy: Occupy, state: str) -> None:
    succeed(world, **tmpfs(PATH, "a"))
    before = world.unique_id(PATH)
    ledger = world.ledger
    pid = occupy(world)
    result = world.call(path=PATH, holder="a", state=state)
    assert (result.failed, result.code, result.changed) == (True, "busy", False), result
    assert result["error"]["errno"] == 16
    assert world.unique_id(PATH) == before
    assert world.ledger == ledger
    world.end(pid)
    assert succeed(world, path=PATH, holder="a", state=state).action == "unmounted"


def test_busy_mount_point_is_released_by_all_but_the_last(world: World) -> None:
    succeed(world, **tmpfs(PATH, "a"))
    succeed(world, **tmpfs(PATH, "b"))
    pid = world.occupy(PATH)
    apply(world, "released", **leave(PATH, "a"))
    assert world.call(**leave(PATH, "b")).code == "busy"
    world.end(pid)


def test_busy_minimal_tells_only_how_many(world: World) -> None:
    succeed(world, **tmpfs(PATH, "a"))
    pids = [world.occupy(PATH), world.occupy(PATH), open_a_file(world)]
    result = world.call(**leave(PATH, "a"))
    message = result["msg"]
    assert re.search(r"\b3\b", message), message
    assert "sleep" not in message
    assert not any(re.search(rf"\b{pid}\b", message) for pid in pids), message
    for pid in pids:
        world.end(pid)


def test_busy_full_names_process_and_command(world: World) -> None:
    succeed(world, **tmpfs(PATH, "a"))
    pids = [world.occupy(PATH), open_a_file(world)]
    result = world.call(**leave(PATH, "a", disclose="full"))
    message = result["msg"]
    assert all(re.search(rf"\b{pid}\b", message) for pid in pids), message
    assert "sleep" in message
    for pid in pids:
        world.end(pid)


def test_busy_by_a_mount_on_it_is_told_in_check_mode_too(world: World) -> None:
    succeed(world, **tmpfs(PATH, "a"))
    world.make_directory(f"{PATH}/on")
    world.mount("stranger", f"{PATH}/on", "tmpfs")
    for result in (world.predict(**leave(PATH, "a", disclose="full")), world.call(**leave(PATH, "a"))):
        assert (result.code, "another mount lies on or below it" in result["msg"]) == ("busy", True), result
    assert f"tmpfs at '{PATH}/on'" in world.predict(**leave(PATH, "a", disclose="full"))["msg"]
    world.unmount(f"{PATH}/on")


def test_busy_by_a_process_of_another_namespace_names_it(world: World) -> None:
    """Where mounts are shared it keeps the mount busy; where they are not it only uses the filesystem."""
    succeed(world, **tmpfs(PATH, "a"))
    script = 'cd "$0"; echo ready; exec sleep 1000'
    argv = ["unshare", "--mount", "--propagation", "slave", "sh", "-c", script, PATH]
    pid = world.until_ready(argv)
    result = world.call(**leave(PATH, "a", disclose="full"))
    if world.propagation == "shared":
        assert f"{pid} (sleep) in another mount namespace" in result["msg"], result
    else:
        assert result.action == "unmounted", result
    world.end(pid)


def test_busy_while_a_user_holds_the_search_is_told_with_what_is_known(world: World) -> None:
    """Of a list all at once: the search takes a second, not one for each mount point."""
    if not os.path.exists("/dev/fuse"):
        pytest.skip("needs /dev/fuse")
    paths = [f"/srv/busy/{number}" for number in range(6)]
    succeed(world, mounts=[{"path": path, "src": "tmpfs", "fstype": "tmpfs"} for path in paths], holder="a")
    for path in paths:
        world.write(f"{path}/file", "text")
    pids = [world.occupy(path) for path in paths]
    world.make_directory("/srv/user")
    holding = world.until_ready(
        [sys.executable, str(HELD_MEMORY), "/srv/user", *(f"{p}/file" for p in paths)]
    )
    started = time.monotonic()
    leaving = {"holder": "a", "state": "released", "disclose": "full"}
    result = world.call(mounts=[{"path": path} for path in paths], **leaving)
    assert time.monotonic() - started < len(paths)
    for pid, entry in zip(pids, result["mounts"]):
        assert entry["error"]["code"] == "busy"
        assert "1 process and more use it" in entry["error"]["msg"]
        assert f"({pid} (sleep), and more)" in entry["error"]["msg"]
        world.end(pid)
    world.kill(-holding)  # with the server, so that everybody is let go
    world.wait(holding)


@OCCUPY
def test_busy_deferred_is_left_mounted_and_not_held(world: World, occupy: Occupy) -> None:
    succeed(world, **tmpfs(PATH, "a"))
    before = world.unique_id(PATH)
    pid = occupy(world)
    result = world.call(**leave(PATH, "a", on_busy="defer"))
    assert (result.failed, result.changed, result.action) == (False, True, "deferred"), result
    assert result.holders == []
    assert result.mount["mounted"] is True
    assert world.unique_id(PATH) == before
    assert world.holders(PATH) == []
    world.end(pid)


def test_deferred_is_joined_again_without_a_new_mount(world: World) -> None:
    succeed(world, **tmpfs(PATH, "a"))
    before = world.unique_id(PATH)
    pid = world.occupy(PATH)
    assert world.call(**leave(PATH, "a", on_busy="defer")).action == "deferred"
    apply(world, "joined", **tmpfs(PATH, "b"))
    assert world.unique_id(PATH) == before
    world.end(pid)
    apply(world, "unmounted", **leave(PATH, "b"))
    assert world.references == {}


def test_deferred_is_unmounted_once_it_is_idle(world: World) -> None:
    warm_up(world)
    start = world.settled()
    succeed(world, **tmpfs(PATH, "a"))
    pid = world.occupy(PATH)
    assert world.call(**leave(PATH, "a", on_busy="defer")).action == "deferred"
    world.end(pid)
    result = succeed(world, path=PATH, holder="a", state="unmounted")
    assert result.action == "unmounted", result
    assert start.differences(world.settled()) == []


@pytest.mark.parametrize("on_busy", ["defer", "lazy"])
def test_idle_mount_is_just_unmounted(world: World, on_busy: str) -> None:
    succeed(world, **tmpfs(PATH, "a"))
    apply(world, "unmounted", **leave(PATH, "a", on_busy=on_busy))
    assert world.stack(PATH) == []


@OCCUPY
@pytest.mark.parametrize("state", ["released", "unmounted"])
def test_busy_lazy_is_gone_from_the_tree_and_still_open(world: World, occupy: Occupy, state: str) -> None:
    warm_up(world)
    start = world.settled()
    succeed(world, **tmpfs(PATH, "a"))
    pid = occupy(world)
    result = world.call(path=PATH, holder="a", state=state, on_busy="lazy")
    assert (result.failed, result.changed, result.action) == (False, True, "unmounted"), result
    assert result.mount["mounted"] is False
    assert world.is_running(pid)
    assert start.differences(world.settled()) == []
    world.end(pid)


def test_lazy_leaves_the_mount_point_free_for_the_next(world: World) -> None:
    succeed(world, **tmpfs(PATH, "a"))
    before = world.unique_id(PATH)
    pid = world.occupy(PATH)
    succeed(world, **leave(PATH, "a", on_busy="lazy"))
    apply(world, "mounted", **tmpfs(PATH, "b"))
    assert world.unique_id(PATH) != before
    world.end(pid)


def test_repeated_busy_release_of_others_changes_nothing(world: World) -> None:
    succeed(world, **tmpfs(PATH, "a"))
    pid = world.occupy(PATH)
    result = predict_and_call(world, **leave(PATH, "stranger"))
    assert (result.failed, result.action) == (False, "none")
    refuse(world, "in_use", path=PATH, holder="stranger", state="unmounted")
    world.end(pid)


def test_busy_playbook_fails_and_succeeds_later(private_world: World) -> None:
    world = private_world
    succeed(world, **tmpfs(PATH, "a"))
    pid = world.occupy(PATH)
    book = play(task("Release", **leave(PATH, "a")))
    assert world.playbook(book).named("Release").code == "busy"
    world.end(pid)
    assert world.playbook(book).named("Release").action == "unmounted"
