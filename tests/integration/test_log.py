# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The root-only log on the host: what an error does not tell is found there by its reference."""

from __future__ import annotations

import json
import os
import shutil
import stat
import typing as t

from harness.cycle import leave, succeed, tmpfs
from harness.results import Result, play, task
from harness.world import LOG, World

PATH = "/srv/busy"
BIG = 64 << 20


def fail_busy(world: World) -> Result:
    """Let a release fail and return its result."""
    succeed(world, **tmpfs(PATH, "a"))
    pid = world.occupy(PATH)
    result = world.call(**leave(PATH, "a"))
    world.end(pid)
    assert result.code == "busy", result
    return result


def find_lines(world: World, reference: str) -> t.List[t.Dict[str, t.Any]]:
    """Return the log's entries with a reference."""
    lines = world.file(LOG).read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines if reference in line]


def test_log_reference_is_found_in_the_log(world: World) -> None:
    result = fail_busy(world)
    reference = result["error"]["log_ref"]
    assert reference
    assert reference in result["msg"] or result["error"]["log_ref"] == reference
    entries = find_lines(world, reference)
    assert len(entries) == 1, entries
    text = json.dumps(entries[0])
    assert "busy" in text
    assert PATH in text


def test_log_knows_what_a_minimal_error_does_not_tell(world: World) -> None:
    succeed(world, **tmpfs(PATH, "a"))
    pid = world.occupy(PATH)
    result = world.call(**leave(PATH, "a"))
    assert "sleep" not in json.dumps(result)
    text = json.dumps(find_lines(world, result["error"]["log_ref"]))
    assert "sleep" in text
    assert str(pid) in text
    world.end(pid)


def test_log_references_differ(world: World) -> None:
    first, second = (fail_busy(world)["error"]["log_ref"] for _number in range(2))
    assert first != second


def test_log_is_for_root_alone(world: World) -> None:
    fail_busy(world)
    found = os.lstat(world.file(LOG))
    assert stat.S_ISREG(found.st_mode)
    assert (stat.S_IMODE(found.st_mode), found.st_uid, found.st_gid) == (0o600, 0, 0)


def test_log_has_no_control_characters(private_world: World) -> None:
    world = private_world
    program = world.scratch / "sl\x1b[31m\nee\u202ep"
    shutil.copy("/bin/sleep", program)
    succeed(world, **tmpfs(PATH, "a"))
    pid = world.launch([str(program), "1000"], directory=PATH)
    while not os.path.samefile(f"/proc/{pid}/cwd", world.file(PATH)):
        assert world.is_running(pid)
    result = world.call(**leave(PATH, "a"))
    world.end(pid)
    assert result.code == "busy", result
    data = world.file(LOG).read_bytes()
    assert not [byte for byte in data if (byte < 32 and byte != 10) or byte == 127]
    assert "\u202e" not in data.decode("utf-8")
    assert all(isinstance(json.loads(line), dict) for line in data.decode("utf-8").splitlines())


def test_full_message_has_no_control_characters(private_world: World) -> None:
    world = private_world
    program = world.scratch / "sl\x1b[31mee\u202ep"
    shutil.copy("/bin/sleep", program)
    succeed(world, **tmpfs(PATH, "a"))
    pid = world.launch([str(program), "1000"], directory=PATH)
    while not os.path.samefile(f"/proc/{pid}/cwd", world.file(PATH)):
        assert world.is_running(pid)
    result = world.call(**leave(PATH, "a", disclose="full"))
    world.end(pid)
    assert str(pid) in result["msg"]
    assert "\x1b" not in result["msg"]
    assert "\u202e" not in result["msg"]


def test_log_does_not_grow_for_ever(private_world: World) -> None:
    world = private_world
    fail_busy(world)
    os.truncate(world.file(LOG), BIG)
    references = [fail_busy(world)["error"]["log_ref"] for _number in range(3)]
    assert os.lstat(world.file(LOG)).st_size < BIG
    assert find_lines(world, references[-1])
    for name in os.listdir(world.file("/var/log")):
        assert stat.S_IMODE(os.lstat(world.file(f"/var/log/{name}")).st_mode) == 0o600


def test_log_that_is_a_symbolic_link_is_not_followed(private_world: World) -> None:
    world = private_world
    world.write("/srv/victim", "untouched")
    os.symlink("/srv/victim", world.file(LOG))
    assert fail_busy(world).code == "busy"
    assert world.file("/srv/victim").read_text(encoding="utf-8") == "untouched"


def test_missing_log_folder_hides_no_error(private_world: World) -> None:
    private_world.unmount("/var/log")
    private_world.mount("nothing", "/var/log", "tmpfs", flags=1)
    assert fail_busy(private_world).code == "busy"


def test_success_tells_nothing_secret_to_the_log(world: World) -> None:
    succeed(world, **tmpfs(PATH, "a"))
    succeed(world, **leave(PATH, "a"))
    if world.exists(LOG):
        assert stat.S_IMODE(os.lstat(world.file(LOG)).st_mode) == 0o600


def test_log_reference_of_a_playbook(private_world: World) -> None:
    world = private_world
    succeed(world, **tmpfs(PATH, "a"))
    pid = world.occupy(PATH)
    result = world.playbook(play(task("Release", **leave(PATH, "a")))).named("Release")
    world.end(pid)
    assert find_lines(world, result["error"]["log_ref"])
