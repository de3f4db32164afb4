# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Other ways to run a playbook than ansible-playbook: ansible-navigator without a container, and mitogen."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import typing as t

import pytest
from harness.results import play, read_record, task
from harness.world import World, executable

SHOW = "{{ query('holdfast.mounts.current_mounts', '/mnt/*') | map(attribute='holders') | list }}"
PLAY = play(
    task("Hold", path="/mnt/x", src="x", fstype="tmpfs", holder="shop"),
    {"name": "Gather", "holdfast.mounts.safe_mount_facts": {}},
    {"name": "Show", "ansible.builtin.debug": {"msg": SHOW}},
    task("Leave", path="/mnt/x", holder="shop", state="released"),
)


def run_with(world: World, argv: t.Sequence[str], **more: str) -> t.List[t.Dict[str, t.Any]]:
    """Run the play by this command and return what its tasks returned."""
    source, record = world.scratch / "play.json", world.scratch / "record.jsonl"
    source.write_text(json.dumps(PLAY), encoding="utf-8")
    command = [
        executable(argv[0]),
        *argv[1:],
        str(source),
        "--inventory",
        "localhost,",
        "--connection",
        "local",
    ]
    finished = world.run(
        *command, environment={**world.environment(record), **more}, directory=str(world.scratch)
    )
    assert finished.rc == 0, finished
    return read_record(record)


def check(world: World, tasks: t.List[t.Dict[str, t.Any]]) -> None:
    results = [each["result"] for each in tasks]
    assert (results[0]["action"], results[2]["msg"], results[3]["action"]) == (
        "mounted",
        [["shop"]],
        "unmounted",
    )
    assert world.stack("/mnt/x") == []


def test_navigator_without_a_container_runs_it(private_world: World) -> None:
    if not shutil.which(executable("ansible-navigator")):
        pytest.skip("needs the Python package ansible-navigator")
    log = str(private_world.scratch / "navigator.log")
    options = ["--execution-environment", "false", "--mode", "stdout", "--playbook-artifact-enable", "false"]
    argv = ["ansible-navigator", "run", *options, "--log-file", log]
    check(private_world, run_with(private_world, argv))


def test_mitogen_runs_it(private_world: World) -> None:
    found = importlib.util.find_spec("ansible_mitogen")
    if found is None or not found.submodule_search_locations:
        pytest.skip("needs the Python package mitogen")
    plugins = os.path.join(found.submodule_search_locations[0], "plugins", "strategy")
    more = {"ANSIBLE_STRATEGY": "mitogen_linear", "ANSIBLE_STRATEGY_PLUGINS": plugins}
    check(private_world, run_with(private_world, ["ansible-playbook"], **more))
