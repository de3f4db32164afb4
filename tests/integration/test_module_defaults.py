# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The action group lets a play set roots once for all modules."""

from __future__ import annotations

import pytest
from harness.cycle import leave, tmpfs
from harness.results import play, task
from harness.world import World


@pytest.fixture
def world(private_world: World) -> World:
    """One world: what this does with the kernel is tried on shared mounts elsewhere."""
    return private_world


def test_group_sets_the_roots_of_every_task(world: World) -> None:
    defaults = {"group/holdfast.mounts.mounts": {"allowed_roots": ["/srv/only"], "holder": "grouped"}}
    arguments = tmpfs("/srv/only/data")
    del arguments["holder"]
    played = world.playbook(
        play(
            {**task("Outside", **tmpfs("/srv/data")), "ignore_errors": True},
            task("Inside", **arguments),
            task("Own", **tmpfs("/mnt/data", "mine", allowed_roots=["/mnt"])),
            task("Release", path="/srv/only/data", state="released"),
            task("Release own", **leave("/mnt/data", "mine")),
            module_defaults=defaults,
        )
    )
    assert played.named("Outside").code == "path_not_allowed", played
    assert played.named("Inside").holders == ["grouped"], played
    assert played.named("Own").action == "mounted", played
    assert played.named("Release").action == "unmounted", played
    assert world.references == {}


def test_group_does_not_break_the_facts(private_world: World) -> None:
    facts = {"name": "Facts", "holdfast.mounts.safe_mount_facts": {}}
    defaults = {"group/holdfast.mounts.mounts": {"allowed_roots": ["/srv/only"]}}
    played = private_world.playbook(play(facts, module_defaults=defaults))
    assert not played.named("Facts").failed, played
