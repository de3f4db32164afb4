# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The role keeper on a host without systemd: the command alone, and a word."""

from __future__ import annotations

import os
import typing as t

import pytest
from harness.results import Played, play
from harness.world import World

FOLDER = "/usr/local/sbin"
COMMAND = f"{FOLDER}/holdfast"
SHARED = "/usr/local/share"
PAGE = f"{SHARED}/man/man8/holdfast.8"
COMPLETION = f"{SHARED}/bash-completion/completions/holdfast"


@pytest.fixture
def world(private_world: World) -> World:
    """One world: what this does with the kernel is tried on shared mounts elsewhere."""
    return private_world


@pytest.fixture(name="host")
def private_folder(world: World) -> World:
    """A world with folders of its own for the command and its texts."""
    for folder in (FOLDER, SHARED):
        world.mount("scratch", folder, "tmpfs")
    return world


def keep(world: World, *options: str, **variables: t.Any) -> Played:
    """Play the role."""
    return world.playbook(play(name="Keep", roles=["holdfast.mounts.keeper"], vars=variables), *options)


def has_changed(played: Played) -> bool:
    """Whether any task has; none may have failed."""
    assert played.finished.rc == 0, played.finished
    return any(result.changed for result in played.results)


def test_keeper_installs_the_command_once_and_takes_it_away(host: World) -> None:
    assert has_changed(keep(host, "--check", "--diff"))
    assert not host.exists(COMMAND)
    played = keep(host)
    assert has_changed(played)
    assert "does not run systemd" in str(played.results)
    (flushed,) = [result["cmd"] for result in played.results if "cmd" in result]
    assert (flushed[0], {COMMAND, PAGE, COMPLETION, FOLDER} <= set(flushed)) == ("sync", True)
    found = os.stat(host.file(COMMAND))
    assert (found.st_uid, found.st_gid, found.st_mode & 0o7777) == (0, 0, 0o755)
    before = host.file(COMMAND).read_bytes()
    version = host.run(COMMAND, "--version").stdout.split()[1]
    assert f"holdfast.mounts {version}" in host.file(PAGE).read_text()
    assert "complete -F _holdfast holdfast" in host.file(COMPLETION).read_text()
    assert host.run(COMMAND, "--version").stdout.startswith("holdfast ")
    again = keep(host)
    assert not has_changed(again)
    assert not any("cmd" in result for result in again.results), "nothing is flushed for nothing"
    assert host.file(COMMAND).read_bytes() == before
    assert has_changed(keep(host, "--check", keeper_state="absent"))
    assert host.exists(COMMAND)
    assert has_changed(keep(host, keeper_state="absent"))
    assert not any(map(host.exists, (COMMAND, PAGE, COMPLETION)))
    assert not has_changed(keep(host, keeper_state="absent"))


def test_update_replaces_the_command_in_one_piece(host: World) -> None:
    """Whoever runs the old one meanwhile, the timer first, reads the old file to its end."""
    keep(host)
    old = host.file(COMMAND).read_bytes()
    with host.file(COMMAND).open("rb") as running:
        assert has_changed(keep(host, keeper_python="/usr/bin/python3.11"))
        new = host.file(COMMAND).read_bytes()
        assert (running.read(), os.fstat(running.fileno()).st_nlink) == (old, 0)
    assert new.startswith(b"#!/usr/bin/python3.11 ")
    assert new != old
    assert os.listdir(host.file(FOLDER)) == ["holdfast"], "nothing else is left there"


@pytest.mark.parametrize(
    "variables",
    [
        {"keeper_interval": "soon"},
        {"keeper_interval": "5min\n"},
        {"keeper_python": "python3"},
        {"keeper_python": "/usr/bin/env python3"},
        {"keeper_metrics_directory": "metrics"},
        {"keeper_metrics_directory": "/srv/%h\nExecStart=/bin/x"},
    ],
    ids=["interval", "line", "no-path", "two-words", "relative", "another-line"],
)
def test_keeper_refuses_what_the_host_could_not_use(host: World, variables: t.Dict[str, str]) -> None:
    played = keep(host, **variables)
    assert played.finished.rc == 2
    assert next(iter(variables.values())).partition("\n")[0] in str(played.results[-1])
    assert not host.exists(COMMAND)
