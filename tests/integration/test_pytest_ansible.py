# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whoever tests playbooks of their own with pytest-ansible has the modules on a host by its fixtures."""

from __future__ import annotations

import shutil
import sys
import typing as t
from pathlib import Path

import pytest
from harness.world import World

MODULE = "holdfast.mounts.safe_mount"


class Host:
    """The world as a host of pytest-ansible: its modules run in the mount namespace of the world."""

    def __init__(self, world: World, folder: Path, ansible_adhoc: t.Callable[..., t.Any]) -> None:
        interpreter, inventory = folder / "python", folder / "inventory.yml"
        enter = f"exec nsenter --mount=/proc/{world.pid}/ns/mnt -- {sys.executable} "
        interpreter.write_text(f'#!/bin/sh\n{enter}"$@"\n', encoding="utf-8")
        interpreter.chmod(0o755)
        inventory.write_text(
            "all:\n  hosts:\n    node:\n      ansible_connection: local\n"
            f"      ansible_python_interpreter: {interpreter}\n      ansible_remote_tmp: {folder}\n",
            encoding="utf-8",
        )
        self.hosts = ansible_adhoc(inventory=str(inventory))

    def run(self, module: str, **arguments: t.Any) -> t.Any:
        """Return the result of one module."""
        return getattr(self.hosts.node, module)(**arguments).contacted["node"]


@pytest.fixture
def host(private_world: World, tmp_path: Path, ansible_adhoc: t.Callable[..., t.Any]) -> Host:
    """A host whose mounts are those of the world."""
    if shutil.which("nsenter") is None:
        pytest.skip("needs nsenter")
    return Host(private_world, tmp_path, ansible_adhoc)


def test_refusal_is_a_failed_result_of_the_fixture(private_world: World, host: Host) -> None:
    result = host.run(MODULE, path="/etc/x", src="tmpfs", fstype="tmpfs")
    assert result["failed"], result
    assert result["error"]["code"] == "path_not_allowed", result
    assert private_world.stack("/etc/x") == []


def test_mount_is_held_joined_and_released_through_the_fixture(private_world: World, host: Host) -> None:
    wish = {"path": "/mnt/x", "src": "tmpfs", "fstype": "tmpfs"}
    results = [host.run(MODULE, holder=name, **wish) for name in ("shop", "billing", "billing")]
    assert [(result["action"], result["changed"]) for result in results] == [
        ("mounted", True),
        ("joined", True),
        ("none", False),
    ]
    facts = host.run("holdfast.mounts.safe_mount_facts")["ansible_facts"]
    assert "/mnt/x" in str(facts)
    for name, action in (("shop", "released"), ("billing", "unmounted")):
        assert host.run(MODULE, path="/mnt/x", holder=name, state="released")["action"] == action
    assert private_world.stack("/mnt/x") == []
