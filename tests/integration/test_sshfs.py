# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A filesystem that a helper mounts, for real: sshfs against an SSH server of the world's own."""

from __future__ import annotations

import os
import time
import typing as t

import pytest
from harness.cycle import apply, leave, predict_untouched, refuse, run_cycle, succeed, tmpfs, warm_up
from harness.results import Result
from harness.ssh import SshServer, find_daemons, require_sshfs, wait_for_end
from harness.world import RUN, World

PATH = "/srv/remote/data"


@pytest.fixture
def server(world: World) -> t.Iterator[SshServer]:
    """The world's SSH server."""
    require_sshfs()
    started = SshServer(world)
    yield started
    started.close()
    wait_for_end(world)


def sshfs(path: str = PATH, holder: str = "a", host: str = "server", **more: t.Any) -> t.Dict[str, t.Any]:
    """Return the arguments that mount the server's data for a holder."""
    return {
        "path": path,
        "src": f"{host}:/media/data",
        "fstype": "fuse.sshfs",
        "allow_fstypes": ["fuse.sshfs"],
        "holder": holder,
        **more,
    }


def assert_nothing_staged(world: World) -> None:
    """Fail when anything of a staged mount is left: a mount, a directory, a process."""
    assert [mount for mount in world.table if mount.point.startswith(RUN)] == []
    stages = world.file(f"{RUN}/stage")
    assert not stages.exists() or list(stages.iterdir()) == []


def test_sshfs_is_off_by_default(world: World) -> None:
    result = refuse(world, "fstype_not_allowed", locks=False, **{**sshfs(), "allow_fstypes": []})
    assert "allow_fstypes: [fuse.sshfs]" in result["msg"]


def test_sshfs_whole_life(server: SshServer) -> None:
    world = server.world
    run_cycle(world, **sshfs())
    assert_nothing_staged(world)
    wait_for_end(world)


def test_sshfs_shows_the_server_and_has_the_flags(server: SshServer) -> None:
    world = server.world
    succeed(world, **sshfs(opts=["ro", "noexec", "noatime"]))
    assert world.file(f"{PATH}/file").read_text(encoding="ascii") == "served\n"
    mount = world.top(PATH)
    assert (mount.fstype, mount.source) == ("fuse.sshfs", "server:/media/data")
    assert {"ro", "nosuid", "nodev", "noexec", "noatime"} <= set(mount.flags)
    assert_nothing_staged(world)
    succeed(world, **leave(PATH, "a"))


def test_sshfs_three_holders_share_one_mount(server: SshServer) -> None:
    world = server.world
    apply(world, "mounted", **sshfs(holder="a"))
    before = world.unique_id(PATH)
    for holder in ("b", "c"):
        apply(world, "joined", **sshfs(holder=holder))
    assert world.unique_id(PATH) == before
    assert len(world.stack(PATH)) == 1
    for holder in ("a", "c"):
        apply(world, "released", **leave(PATH, holder))
    apply(world, "unmounted", **leave(PATH, "b"))
    assert not world.exists("/srv/remote")
    wait_for_end(world)


def test_mount_point_below_sshfs_is_made_and_taken_away(server: SshServer) -> None:
    world = server.world
    succeed(world, **sshfs())
    below = f"{PATH}/made/below"
    apply(world, "mounted", **tmpfs(below, "a"))
    assert world.exists("/media/data/made/below")
    apply(world, "unmounted", **leave(below, "a"))
    assert not world.exists("/media/data/made")
    succeed(world, **leave(PATH, "a"))


def test_sshfs_sole_holder_changes_flags_in_place(server: SshServer) -> None:
    world = server.world
    succeed(world, **sshfs(opts=["ro"]))
    before = world.unique_id(PATH)
    apply(world, "remounted", **sshfs(opts=["noexec"]))
    assert world.unique_id(PATH) == before
    world.write(f"{PATH}/written", "new\n")
    assert world.file("/media/data/written").read_text(encoding="ascii") == "new\n"
    succeed(world, **leave(PATH, "a"))


@pytest.mark.parametrize("name", ["with space, comma", 'quote"d', "dollar$(x)", "#hash"])
def test_sshfs_odd_names_are_literal(server: SshServer, name: str) -> None:
    world = server.world
    world.write(f"/media/data/{name}/inside", "odd\n")
    source = f"server:/media/data/{name}"
    succeed(world, **{**sshfs(), "src": source})
    assert world.top(PATH).source == source
    assert world.file(f"{PATH}/inside").read_text(encoding="ascii") == "odd\n"
    succeed(world, **leave(PATH, "a"))


FAILURES: t.Dict[str, t.Tuple[t.Dict[str, t.Any], str]] = {
    "wrong-key": ({"host": "wrong-key"}, "denied access; see that root's key"),
    "unknown-host-key": ({"host": "strange"}, "host key is not known"),
    "refused": ({"host": "refusing"}, "refused the connection"),
    "unknown-name": ({"host": "nobody.invalid"}, "name cannot be resolved"),
    "missing": ({"src": "server:/media/nothing"}, "no such export, share or directory"),
    "file": ({"src": "server:/media/data/file"}, "not a directory"),
}


@pytest.mark.parametrize(("arguments", "words"), FAILURES.values(), ids=FAILURES.keys())
def test_sshfs_failure_says_why_and_leaves_nothing(
    server: SshServer, arguments: t.Dict[str, t.Any], words: str
) -> None:
    world = server.world
    warm_up(world)
    before = world.settled()
    more = {key: value for key, value in arguments.items() if key == "src"}
    result = world.call(**{**sshfs(host=arguments.get("host", "server")), **more})
    assert (result.code, result.changed) == ("mount_failed", False), result
    assert words in result["msg"], result["msg"]
    assert before.differences(world.settled()) == []
    assert_nothing_staged(world)
    wait_for_end(world)


def test_sshfs_failure_tells_the_helpers_words_only_when_asked(server: SshServer) -> None:
    world = server.world
    arguments = sshfs(host="wrong-key")
    assert "publickey" not in world.call(**arguments)["msg"]
    assert "publickey" in world.call(**arguments, disclose="full")["msg"]


def test_sshfs_server_that_does_not_answer_is_timeout(server: SshServer) -> None:
    world = server.world
    warm_up(world)
    before = world.settled()
    server.stop()
    result = world.call(**sshfs(timeout=2))
    assert result.code == "timeout", result
    assert "did not answer" in result["msg"]
    assert before.differences(world.settled()) == []
    assert_nothing_staged(world)
    wait_for_end(world)
    server.go_on()
    apply(world, "mounted", **sshfs())
    succeed(world, **leave(PATH, "a"))


def test_sshfs_in_bulk_does_not_hold_up_its_neighbours(server: SshServer) -> None:
    world = server.world
    server.stop()
    dead = sshfs("/srv/remote/dead")
    bulk = [{key: dead[key] for key in ("path", "src", "fstype")}]
    bulk += [{"path": f"/srv/near/{name}", "src": "tmpfs", "fstype": "tmpfs"} for name in ("x", "y")]
    pid = world.start(
        arguments={"mounts": bulk, "holder": "a", "timeout": 20, "allow_fstypes": ["fuse.sshfs"]}
    )
    deadline = time.monotonic() + 15
    while not (world.stack("/srv/near/x") and world.stack("/srv/near/y")):
        assert time.monotonic() < deadline, "the neighbours wait for the dead server"
        time.sleep(0.02)
    assert world.is_running(pid)
    server.go_on()
    result = world.collect(pid)
    assert [mount["action"] for mount in result["mounts"]] == ["mounted"] * 3, result
    server.stop()
    assert succeed(world, **tmpfs("/srv/near/z", "b")).action == "mounted"
    server.go_on()


def test_sshfs_dead_server_is_released_and_told_without_asking_it(server: SshServer) -> None:
    world = server.world
    succeed(world, **sshfs())
    server.stop()
    assert [mount["mount"] for mount in world.facts(paths=[PATH])["mounts"]] == [PATH]
    assert succeed(world, **sshfs(holder="b")).action == "joined"
    assert succeed(world, **leave(PATH, "a")).action == "released"
    assert succeed(world, **leave(PATH, "b", timeout=20)).action == "unmounted"
    assert world.stack(PATH) == []
    server.go_on()
    wait_for_end(world)


def test_sshfs_call_that_is_killed_takes_its_helper_along(server: SshServer) -> None:
    world = server.world
    warm_up(world)
    before = world.settled()
    server.stop()
    pid = world.start(arguments=sshfs(timeout=60))
    deadline = time.monotonic() + 60
    while not any("sshfs" in command for command in find_daemons(world)):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    world.end(pid)
    wait_for_end(world)
    succeed(world, **tmpfs("/srv/next", "b"))
    assert_nothing_staged(world)
    succeed(world, **leave("/srv/next", "b"))
    assert before.differences(world.settled()) == []
    server.go_on()


def test_sshfs_daemon_has_no_descriptor_and_no_environment_of_ours(server: SshServer) -> None:
    world = server.world
    succeed(world, **sshfs())
    daemon = find_daemon(world)
    environment = set(_read(f"/proc/{daemon}/environ").split("\0"))
    assert {word.partition("=")[0] for word in environment if word} <= {"LC_ALL", "PATH"}
    opened = {os.readlink(f"/proc/{daemon}/fd/{fd}") for fd in os.listdir(f"/proc/{daemon}/fd")}
    assert not [name for name in opened if name.startswith((RUN, "/etc", "/var"))], opened
    succeed(world, **leave(PATH, "a"))


def find_daemon(world: World) -> int:
    """Return the process that serves the world's mount."""
    found = [pid for pid, command in world.processes().items() if "mount.fuse.sshfs" in command]
    assert len(found) == 1, found
    return found[0]


def _read(path: str) -> str:
    with open(path, encoding="utf-8", errors="replace") as file:
        return file.read()


def test_sshfs_check_mode_asks_nobody(server: SshServer) -> None:
    world = server.world
    server.stop()
    predicted: Result = predict_untouched(world, sshfs())
    assert predicted.action == "mounted"
    server.go_on()


def test_sshfs_without_the_helper_is_unsupported(server: SshServer) -> None:
    world = server.world
    world.make_directory("/run/empty")
    world.mount("/run/empty", "/usr/sbin", "", flags=1 << 12)
    result = refuse(world, "unsupported", **sshfs())
    assert "install the package sshfs" in result["msg"]
    world.unmount("/usr/sbin")
