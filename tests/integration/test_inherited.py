# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a strange caller leaves the module: neither its helpers nor its own files and directories have it."""

from __future__ import annotations

import os
import stat
import typing as t
from pathlib import Path

import pytest
from harness.cycle import leave, succeed, tmpfs, warm_up
from harness.helped import CAN_HELP, helped, make_helper
from harness.results import Result
from harness.world import LEDGER, LOG, RUN, World

UMASKS = pytest.mark.parametrize("umask", [0o000, 0o077, 0o777], ids=["000", "077", "777"])
PATH = "/srv/remote"


def call(world: World, umask: int, **arguments: t.Any) -> Result:
    """Run safe_mount with what the caller leaves it."""
    result = world.collect(world.start(arguments=arguments, umask=umask))
    assert not result.failed, result
    return result


def modes(world: World, *places: str) -> t.Dict[str, str]:
    """Return the modes of files and directories, and of all that is below them."""
    found = {}
    for place in places:
        top = world.file(place)
        for path in (top, *sorted(top.rglob("*"))):
            inside = str(path)[len(str(top)) - len(place) :]
            found[inside] = oct(stat.S_IMODE(os.lstat(path).st_mode))[2:]
    return found


@UMASKS
def test_files_and_directories_have_their_own_modes(private_world: World, umask: int) -> None:
    world = private_world
    call(world, umask, **tmpfs("/srv/made/point", "a"))
    assert world.collect(world.start(arguments=tmpfs("/srv/made", "a"), umask=umask)).code == "shadows"
    found = modes(world, RUN)
    assert {mode for path, mode in found.items() if world.file(path).is_dir()} == {"700"}
    assert {mode for path, mode in found.items() if world.file(path).is_file()} == {"600"}
    assert set(modes(world, LOG).values()) == {"600"}
    assert set(modes(world, LEDGER).values()) == {"644"}
    for place in ("/etc/ansible", "/etc/ansible/facts.d", "/srv/made"):
        assert stat.S_IMODE(os.stat(world.file(place)).st_mode) == 0o755
    call(world, umask, **leave("/srv/made/point", "a"))
    assert not world.exists("/srv/made")


def test_directories_of_the_ledger_have_their_modes_wherever_the_call_dies(private_world: World) -> None:
    world, place = private_world, private_world.file("/etc/ansible")
    modes_seen: t.Set[int] = set()
    for point in range(1, 2000):
        finished = world.wait(world.start(arguments=tmpfs(PATH, "a"), umask=0o077, fuse=point))
        found = [path for path in (place, place / "facts.d") if path.exists()]
        modes_seen.update(stat.S_IMODE(path.stat().st_mode) for path in found)
        if len(found) == 2 or finished.rc == 0:
            break
        for path in reversed(found):
            path.rmdir()
    assert modes_seen == {0o755}


@UMASKS
def test_daemon_of_a_helper_starts_as_a_service_does(private_world: World, umask: int) -> None:
    if not CAN_HELP:
        pytest.skip("needs sshfs and /dev/fuse")
    world = private_world
    warm_up(world)
    make_helper(world)
    before = set(world.processes())
    call(world, umask, **helped(PATH))
    (daemon,) = set(world.processes()) - before
    assert status_of(daemon) == {"Umask": 0o022, "SigBlk": 0, "SigIgn": IGNORED_BY_PYTHON}
    limits = Path(f"/proc/{daemon}/limits").read_text(encoding="ascii")
    assert [line.split()[-3:-1] for line in limits.splitlines() if "cpu time" in line] == [["unlimited"] * 2]
    assert [line.split()[-3:-1] for line in limits.splitlines() if "core file" in line] == [["0", "0"]]
    assert os.readlink(f"/proc/{daemon}/cwd") == "/"
    assert modes(world, f"{RUN}/stage") == {f"{RUN}/stage": "700"}
    succeed(world, **leave(PATH, "a"))


# SIGPIPE and SIGXFSZ, of the interpreter that the test's helper is written for.
IGNORED_BY_PYTHON = 1 << 12 | 1 << 24
OF_THE_C_LIBRARY = 3 << 31


def status_of(pid: int) -> t.Dict[str, int]:
    """Return what proc_pid_status(5) says of the umask and of signals."""
    lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace").splitlines()
    told = dict(line.split(":\t", 1) for line in lines if ":\t" in line)
    signals = {name: int(told[name], 16) & ~OF_THE_C_LIBRARY for name in ("SigBlk", "SigIgn")}
    return {"Umask": int(told["Umask"], 8), **signals}
