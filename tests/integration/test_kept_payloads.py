# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Runs that take the payload an earlier run has left. What Ansible does is read from its own debug lines."""

from __future__ import annotations

import hashlib
import os
import pickle
import shutil
import subprocess
import sys
import typing as t
from pathlib import Path

import pytest
from harness.results import Finished
from harness.world import World, executable

MADE = "ANSIBALLZ: Creating module"
FOUND = "ANSIBALLZ: using cached module"
MOUNT = "path=/mnt/x src=tmpfs fstype=tmpfs"


def run(world: World, module: str, arguments: str = "", *options: str, **more: str) -> Finished:
    """Run a module on localhost and return what Ansible says of it."""
    argv = [executable("ansible"), "localhost", "-m", module, "-a", arguments, *options]
    environment = dict(world.environment(world.scratch / "payloads.jsonl"), ANSIBLE_DEBUG="true", **more)
    return world.run(*argv, environment=environment)


def words(finished: Finished) -> t.Tuple[int, int]:
    """Return how many payloads a run has made, and how many it has found."""
    assert finished.rc == 0, finished
    return finished.stdout.count(MADE), finished.stdout.count(FOUND)


def folder(world: World) -> Path:
    """The folder of the store, as an administrator finds it."""
    return world.scratch / "ansible" / "holdfast_mounts" / "payloads"


def payloads(world: World) -> t.Tuple[Path, Path]:
    """The files of the one payload in the store, without bytecode and with it."""
    (kept,) = folder(world).iterdir()
    plain, compiled = sorted(kept.iterdir(), key=lambda path: path.name.startswith("bytecode-"))
    return plain, compiled


@pytest.fixture(autouse=True)
def own_folder(private_world: World) -> None:
    """A folder of Ansible's own, in which nobody has left a payload."""
    (private_world.scratch / "ansible").mkdir()


@pytest.mark.parametrize(
    ("module", "arguments"),
    [("safe_mount", MOUNT), ("safe_mount_facts", ""), ("safe_mount_reconcile", "")],
)
def test_second_run_takes_what_the_first_has_left(private_world: World, module: str, arguments: str) -> None:
    name = f"holdfast.mounts.{module}"
    assert words(run(private_world, name, arguments)) == (1, 0)
    assert words(run(private_world, name, arguments)) == (0, 1)
    control = [words(run(private_world, "ansible.builtin.ping")) for _twice in range(2)]
    assert control == [(1, 0), (1, 0)]
    (kept,) = folder(private_world).iterdir()
    assert kept.stat().st_mode & 0o777 == 0o700
    assert [path.stat().st_mode & 0o777 for path in kept.iterdir()] == [0o600, 0o600]


@pytest.mark.parametrize("is_known", [True, False])
def test_host_need_not_compile_where_its_python_is_known_to_be_ours(
    private_world: World, is_known: bool
) -> None:
    name, wrapper = "holdfast.mounts.safe_mount_facts", private_world.scratch / "some-python"
    wrapper.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n', encoding="utf-8")
    wrapper.chmod(0o755)
    words(run(private_world, name))
    options = [] if is_known else ["--extra-vars", f"ansible_python_interpreter={wrapper}"]
    finished = run(private_world, name, "", *options, ANSIBLE_KEEP_REMOTE_FILES="true")
    assert words(finished) == (0, 1)
    (sent,) = private_world.scratch.glob("remote/*/AnsiballZ_safe_mount_facts.py")
    plain, compiled = payloads(private_world)
    assert (sent.stat().st_size > compiled.stat().st_size) is is_known
    assert sent.stat().st_size > plain.stat().st_size


def test_check_mode_takes_and_leaves_none(private_world: World) -> None:
    name = "holdfast.mounts.safe_mount"
    assert words(run(private_world, name, MOUNT, "--check")) == (1, 0)
    assert not folder(private_world).exists()
    assert words(run(private_world, name, MOUNT)) == (1, 0)
    assert words(run(private_world, name, MOUNT, "--check")) == (0, 1)


def test_change_of_a_room_is_in_the_next_run(private_world: World, tmp_path: Path) -> None:
    environment = private_world.environment(private_world.scratch / "unused.jsonl")
    path = "ansible_collections/holdfast/mounts"
    shutil.copytree(f"{environment['ANSIBLE_COLLECTIONS_PATH'].split(':')[0]}/{path}", tmp_path / path)
    mine = {"ANSIBLE_COLLECTIONS_PATH": str(tmp_path)}
    run(private_world, "holdfast.mounts.safe_mount", MOUNT, **mine)
    room = tmp_path / path / "plugins/module_utils/_result/result.py"
    text = room.read_text(encoding="utf-8")
    assert "held by" in text
    room.write_text(text.replace("held by", "HELD BY"), encoding="utf-8")
    changed = run(private_world, "holdfast.mounts.safe_mount", MOUNT, **mine)
    assert "HELD BY 1 holder" in changed.stdout
    assert words(changed) == (1, 0)


@pytest.mark.parametrize("is_trusted", [True, False])
def test_payload_that_others_could_have_written_is_not_run(private_world: World, is_trusted: bool) -> None:
    run(private_world, "holdfast.mounts.safe_mount_facts")
    for payload in payloads(private_world):
        plant(payload)
    payload.parent.chmod(0o700 if is_trusted else 0o777)
    finished = run(private_world, "holdfast.mounts.safe_mount_facts")
    # The control: in a folder that only we can write, it is taken for a payload of ours.
    assert (finished.rc == 0) is not is_trusted, finished


def plant(payload: Path) -> None:
    """Put something else in the place of a payload, with a checksum that is right."""
    content = pickle.dumps("planted")
    checksum = hashlib.sha256(content).hexdigest()
    payload.with_name(f"{payload.name.rpartition('.')[0]}.{checksum}").write_bytes(content)
    payload.unlink()


def test_file_in_the_place_of_the_folder_turns_it_off(private_world: World) -> None:
    (private_world.scratch / "ansible" / "holdfast_mounts").write_text("", encoding="utf-8")
    for _twice in range(2):
        finished = run(private_world, "holdfast.mounts.safe_mount_facts", "", "-vvvv")
        assert words(finished) == (1, 0)
        assert "no payload of an earlier run" in finished.stdout


def test_runs_and_forks_at_once_share_one(private_world: World) -> None:
    environment = private_world.environment(private_world.scratch / "many.jsonl")
    argv = [
        executable("ansible"),
        "all",
        "-i",
        "a,b,c",
        "-c",
        "local",
        "-m",
        "holdfast.mounts.safe_mount_facts",
    ]
    pids = [private_world.launch(argv, environment=environment) for _four in range(4)]
    for pid in pids:
        finished = private_world.wait(pid)
        assert (finished.rc, finished.stdout.count("| SUCCESS")) == (0, 3), finished
    (kept,) = folder(private_world).iterdir()
    assert len([path for path in kept.iterdir() if not path.name.startswith(".")]) >= 1
    assert words(run(private_world, "holdfast.mounts.safe_mount_facts")) == (0, 1)


def test_task_in_the_background_takes_it_too(tmp_path: Path) -> None:
    environment = {
        **os.environ,
        "ANSIBLE_ASYNC_DIR": str(tmp_path / "jobs"),
        "ANSIBLE_HOME": str(tmp_path / "home"),
        "ANSIBLE_DEBUG": "true",
    }
    module = ["-m", "holdfast.mounts.safe_mount_facts"]
    argv = [executable("ansible"), "localhost", *module, "--background", "60", "--poll", "1"]
    made = []
    for _twice in range(2):
        # Outside of a world, which ends what parts from its shell. It only reads.
        finished = subprocess.run(argv, env=environment, check=True, capture_output=True, text=True)
        assert '"holdfast_mounts": {' in finished.stdout
        made.append(finished.stdout.count(MADE))
    # Those that start it and ask for it are Ansible's own.
    assert made[0] - made[1] == 1
