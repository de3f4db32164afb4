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


@pytest.fixture(name="host")
def private_folder(world: World) -> World:
    """A world with a folder of its own for the command."""
    world.mount("scratch", FOLDER, "tmpfs")
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
    found = os.stat(host.file(COMMAND))
    assert (found.st_uid, found.st_gid, found.st_mode & 0o7777) == (0, 0, 0o755)
    before = host.file(COMMAND).read_bytes()
    assert host.run(COMMAND, "--version").stdout.startswith("holdfast ")
    again = keep(host)
    assert not has_changed(again)
    assert host.file(COMMAND).read_bytes() == before
    assert has_changed(keep(host, "--check", keeper_state="absent"))
    assert host.exists(COMMAND)
    assert has_changed(keep(host, keeper_state="absent"))
    assert not host.exists(COMMAND)
    assert not has_changed(keep(host, keeper_state="absent"))


@pytest.mark.parametrize(
    "variables",
    [{"keeper_interval": "soon"}, {"keeper_python": "python3"}, {"keeper_python": "/usr/bin/env python3"}],
    ids=["interval", "no-path", "two-words"],
)
def test_keeper_refuses_what_the_host_could_not_use(host: World, variables: t.Dict[str, str]) -> None:
    played = keep(host, **variables)
    assert played.finished.rc == 2
    assert next(iter(variables.values())) in str(played.results[-1])
    assert not host.exists(COMMAND)
