# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The tests' own tools see what they claim to see, so that a test built on them can fail."""

from __future__ import annotations

import os

import pytest
from harness.calls import Calls
from harness.table import read_table
from harness.world import World


def test_world_of_its_own_leaves_the_machine_alone(world: World) -> None:
    before = read_table(os.getpid())
    world.make_directory("/srv/here")
    world.mount("t", "/srv/here", "tmpfs")
    world.write("/etc/ansible/here")
    assert len(world.stack("/srv/here")) == 1
    assert read_table(os.getpid()) == before
    assert not os.path.exists("/srv/here")
    assert not os.path.exists("/etc/ansible/here")


def test_shared_world_copies_each_mount_to_the_peer(world: World) -> None:
    world.make_directory("/srv/here")
    world.mount("t", "/srv/here", "tmpfs")
    copies = [mount for mount in world.table if mount.point == "/srv/here"]
    assert len(copies) == (2 if world.propagation == "shared" else 1)
    assert len(world.stack("/srv/here")) == 1


def test_stack_of_two_counts_two(world: World) -> None:
    world.make_directory("/srv/here")
    world.mount("a", "/srv/here", "tmpfs")
    first = world.unique_id("/srv/here")
    world.mount("b", "/srv/here", "tmpfs")
    assert [mount.source for mount in world.stack("/srv/here")] == ["a", "b"]
    assert world.unique_id("/srv/here") != first


def test_snapshot_sees_a_byte_a_mode_and_a_mount(world: World) -> None:
    world.write("/srv/file", "one")
    before = world.snapshot()
    assert before.differences(world.snapshot()) == []
    world.write("/srv/file", "two")
    assert before.differences(world.snapshot()) != []
    before = world.snapshot()
    world.file("/srv/file").chmod(0o600)
    assert before.differences(world.snapshot()) != []
    before = world.snapshot()
    world.mount("t", "/media", "tmpfs")
    assert before.differences(world.snapshot()) != []


def test_counter_counts_a_mount_that_is_gone_again(world: World, calls: Calls) -> None:
    world.make_directory("/srv/here")
    assert calls.take() == (0, 0)
    world.mount("t", "/srv/here", "tmpfs")
    world.unmount("/srv/here")
    assert calls.take() == (1, 1)
    assert calls.take() == (0, 0)


def test_occupied_directory_is_busy_until_the_process_ends(private_world: World) -> None:
    private_world.mount("t", "/srv", "tmpfs")
    pid = private_world.occupy("/srv")
    with pytest.raises(RuntimeError, match="busy"):
        private_world.unmount("/srv")
    private_world.end(pid)
    private_world.unmount("/srv")


def test_real_ansible_runs_in_the_world(world: World) -> None:
    world.write("/etc/ansible/facts.d/hello.fact", '{"a": 1}')
    options = "gather_subset=!all,!min,local"
    facts = world.ansible(options, module="ansible.builtin.setup")["ansible_facts"]
    assert facts["ansible_local"]["hello"] == {"a": 1}
