# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Without root or CAP_SYS_ADMIN nothing is done, and it is said at once; facts need neither."""

from __future__ import annotations

import pytest
from harness.cycle import leave, succeed, tmpfs
from harness.world import LEDGER, World

PATH = "/srv/data"


@pytest.mark.parametrize("check", [True, False], ids=["check", "real"])
@pytest.mark.parametrize("identity", ["nobody", "uncapable"])
def test_unprivileged_call_is_unsupported(private_world: World, identity: str, check: bool) -> None:
    world = private_world
    before = world.snapshot()
    for arguments in (tmpfs(PATH, "a"), leave(PATH, "a"), {"path": PATH, "state": "unmounted"}):
        result = world.collect(world.start(arguments=arguments, identity=identity, check=check))
        assert (result.failed, result.code) == (True, "unsupported"), result
        if identity == "nobody":
            assert "become: true" in result["msg"]
    assert before.differences(world.snapshot()) == []


def test_unprivileged_bulk_is_unsupported(private_world: World) -> None:
    arguments = {"mounts": [{"path": PATH, "src": "tmpfs", "fstype": "tmpfs"}], "holder": "a"}
    result = private_world.collect(private_world.start(arguments=arguments, identity="nobody"))
    assert result.code == "unsupported", result


def test_facts_need_no_root(world: World) -> None:
    succeed(world, **tmpfs(PATH, "a"))
    facts = world.facts(identity="nobody")
    mine = next(mount for mount in facts["mounts"] if mount["mount"] == PATH)
    assert (mine["holders"], mine["state"]) == (["a"], "ok")
    assert facts["references"][PATH]["holders"] == world.references[PATH]["holders"]
    assert facts["drift"] == []


def test_another_mount_namespace_of_the_same_boot_is_unsupported(world: World) -> None:
    succeed(world, **tmpfs(PATH, "a"))
    before = world.snapshot()
    ledger = world.file(LEDGER).read_bytes()
    for arguments in (tmpfs("/srv/other", "b"), leave(PATH, "a")):
        result = world.collect(world.start(arguments=arguments, namespace=True))
        assert (result.failed, result.code) == (True, "unsupported"), result
    assert world.file(LEDGER).read_bytes() == ledger
    assert before.mounts == world.snapshot().mounts


def test_facts_of_another_mount_namespace_are_no_error(world: World) -> None:
    succeed(world, **tmpfs(PATH, "a"))
    result = world.collect(world.start(module="safe_mount_facts", arguments={}, namespace=True))
    assert not result.failed, result
