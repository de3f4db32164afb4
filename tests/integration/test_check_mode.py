# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Check mode predicts and provably writes nothing, from the very first call on."""

from __future__ import annotations

import typing as t

import pytest
from harness.cycle import leave, predict_untouched, succeed, tmpfs
from harness.world import World

PATH = "/srv/deep/er/data"


def test_first_call_ever_makes_no_ledger_and_no_directory(world: World) -> None:
    result = predict_untouched(world, tmpfs(PATH, "a"))
    assert (result.failed, result.changed, result.action) == (False, True, "mounted"), result
    assert result.holders == ["a"]
    assert not world.exists("/etc/ansible")
    assert not world.exists("/run/holdfast")
    assert not world.exists("/var/log/holdfast_mounts.log")
    assert not world.exists("/srv/deep")


def test_first_release_ever_makes_nothing(world: World) -> None:
    result = predict_untouched(world, leave(PATH, "a"))
    assert (result.failed, result.changed, result.action) == (False, False, "none"), result
    assert not world.exists("/etc/ansible")


def test_bulk_predicts_each_entry(world: World) -> None:
    succeed(world, **tmpfs("/srv/one", "a"))
    entries = [{"path": f"/srv/{name}", "src": "tmpfs", "fstype": "tmpfs"} for name in ("two", "one")]
    arguments: t.Dict[str, t.Any] = {"mounts": entries, "holder": "a"}
    predicted = predict_untouched(world, arguments)
    assert [entry["action"] for entry in predicted.mounts] == ["mounted", "none"]
    assert predicted.outcome() == world.call(**arguments).outcome()


def test_predicted_holders_are_those_after_the_call(world: World) -> None:
    succeed(world, **tmpfs(PATH, "a"))
    predicted = predict_untouched(world, tmpfs(PATH, "b"))
    assert predicted.holders == ["a", "b"]
    assert world.holders(PATH) == ["a"]
    assert predict_untouched(world, leave(PATH, "a")).mount["mounted"] is False
    assert len(world.stack(PATH)) == 1


@pytest.mark.parametrize("state", ["released", "unmounted"])
def test_last_reference_is_predicted_to_unmount(world: World, state: str) -> None:
    succeed(world, **tmpfs(PATH, "a"))
    arguments = {"path": PATH, "holder": "a", "state": state}
    predicted = predict_untouched(world, arguments)
    assert (predicted.changed, predicted.action) == (True, "unmounted")
    assert predicted.outcome() == world.call(**arguments).outcome()


def test_real_ansible_in_check_mode_writes_nothing(world: World) -> None:
    before = world.snapshot(log=True)
    result = world.ansible(f"path={PATH} src=tmpfs fstype=tmpfs holder=a", "--check")
    assert (result.changed, result.action, result.holders) == (True, "mounted", ["a"]), result
    assert before.differences(world.snapshot(log=True)) == []
