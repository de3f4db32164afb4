# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Twelve runs that edit fstab at the same time: here, and with ansible.posix.mount for control."""

from __future__ import annotations

import json
import os
import sys
import time
import typing as t
from pathlib import Path

import pytest
from harness.cycle import tmpfs
from harness.place import find_collections_path
from harness.world import World

FSTAB = "/etc/fstab"
TABLE = "".join(f"/dev/d{number} /d{number} ext4 noauto 0 0\n" for number in range(500))
PATHS = [f"/srv/n{number}" for number in range(12)]
ROUNDS = 12
# Runs the module as ansible-core does, once the moment has come for all of them.
RUNNER = """
import json, sys, time
from ansible.module_utils import basic
from ansible_collections.ansible.posix.plugins.modules import mount
basic._ANSIBLE_ARGS = json.dumps({"ANSIBLE_MODULE_ARGS": json.loads(sys.argv[1])}).encode()
basic._ANSIBLE_PROFILE = "legacy"
while time.time() < float(sys.argv[2]):
    pass
mount.main()
"""


def find_peers() -> Path:
    """Return the folder that nox -s peers has filled."""
    return Path(find_collections_path()).parent / ".venv" / "peers"


def count_kept(world: World) -> t.Tuple[int, int]:
    """Return how many of the twelve entries, and how many of the lines before, are in the table."""
    lines = world.file(FSTAB).read_text(encoding="utf-8").splitlines()
    points = [line.split()[1] for line in lines if len(line.split()) > 1]
    return len(set(points) & set(PATHS)), len(set(TABLE.splitlines()) & set(lines))


def edit_with_posix(world: World) -> t.Tuple[int, int]:
    """Have twelve runs of ansible.posix.mount write an entry each; all of them say that they did."""
    world.write(FSTAB, TABLE)
    environment = {**os.environ, "PYTHONPATH": str(find_peers()), "PYTHONWARNINGS": "ignore"}
    start = str(time.time() + 4)
    pids = []
    for path in PATHS:
        given = {"path": path, "src": "tmpfs", "fstype": "tmpfs", "state": "present"}
        argv = [sys.executable, "-c", RUNNER, json.dumps(given), start]
        pids.append(world.launch(argv, environment=environment))
    for pid in pids:
        finished = world.wait(pid)
        assert finished.rc == 0, finished
    return count_kept(world)


def edit_with_ours(world: World) -> t.Tuple[int, int]:
    """Have twelve runs of safe_mount hold a mount with an entry each."""
    world.write(FSTAB, TABLE)
    results = world.call_all([tmpfs(path, "a", boot=True) for path in PATHS])
    assert [result.action for result in results] == ["mounted"] * 12, results
    kept = count_kept(world)
    results = world.call_all([{"path": path, "holder": "a", "state": "released"} for path in PATHS])
    assert [result.action for result in results] == ["unmounted"] * 12, results
    assert world.file(FSTAB).read_text(encoding="utf-8") == TABLE
    return kept


def test_twelve_at_once_lose_nothing_here_and_entries_with_posix(private_world: World) -> None:
    if not (find_peers() / ".ready").exists():
        pytest.skip("needs ansible.posix: nox -s peers")
    assert [edit_with_ours(private_world) for _round in range(ROUNDS)] == [(12, 500)] * ROUNDS
    worst = (12, 500)
    for _round in range(ROUNDS):
        worst = min(worst, edit_with_posix(private_world))
        if worst[0] < 12:
            break
    assert worst[0] < 12, "the same test shows what it is for"
