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


# --- What an earlier task of the run may make ---

BIND = {"path": PATH, "holder": "a", "fstype": "bind", "src": "/srv/made/by/file"}
OVERLAY = {
    "path": PATH,
    "holder": "a",
    "fstype": "overlay",
    "src": "o",
    "opts": ["lowerdir=/srv/there:/srv/missing"],
}
IMAGE = {"path": PATH, "holder": "a", "fstype": "ext4", "src": "/srv/there/disk.img"}
DISK = {"path": PATH, "holder": "a", "fstype": "ext4", "src": "LABEL=yet_to_be_made"}


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (BIND, "'/srv/made/by/file' does not exist"),
        (OVERLAY, "'/srv/missing' does not exist"),
        (IMAGE, "'/srv/there/disk.img' does not exist"),
        (DISK, "'LABEL=yet_to_be_made' does not exist"),
        ({**DISK, "src": "/dev/yet/to/be_made"}, "'/dev/yet/to/be_made' does not exist"),
    ],
    ids=["bind", "layer", "image", "label", "device"],
)
def test_source_that_is_not_there_yet_is_foreseen_with_a_warning(
    device_world: World, arguments: t.Dict[str, t.Any], named: str
) -> None:
    device_world.make_directory("/srv/there")
    entry = {name: value for name, value in arguments.items() if name != "holder"}
    many: t.Dict[str, t.Any] = {"holder": "a", "mounts": [entry]}
    for given in (arguments, many):
        result = predict_untouched(device_world, given)
        assert (result.failed, result.changed) == (False, True), result
        (warning,) = result["warnings"]
        assert named in str(warning)
        assert "earlier task" in str(warning)
    assert device_world.call(**arguments).code == "mount_failed"


def test_source_that_is_unsafe_is_refused_in_check_mode_too(world: World) -> None:
    world.make_directory("/srv/made")
    world.file("/srv/made").chmod(0o777)
    assert predict_untouched(world, BIND).code == "unsafe_path"


def test_owner_who_is_not_there_yet_is_foreseen_with_a_warning(world: World) -> None:
    wanted = {
        **tmpfs(PATH, "a", opts=["uid=7", "gid=7"]),
        "owner": "yet-to-be-made",
        "group": "also-to-be-made",
    }
    result = predict_untouched(world, wanted)
    assert (result.failed, result.action) == (False, "mounted"), result
    assert [word for word in ("yet-to-be-made", "also-to-be-made") if word in str(result["warnings"])]
    assert len(result["warnings"]) == 2
    assert world.call(**wanted).code == "invalid_argument"
    wanted = tmpfs(PATH, "a", opts=["size=1m", "uid=yet-to-be-made"])
    for given in (wanted, {"holder": "a", "mounts": [{k: v for k, v in wanted.items() if k != "holder"}]}):
        result = predict_untouched(world, given)
        assert not result.failed, result
        assert "yet-to-be-made" in str(result["warnings"])
        assert world.call(**given).code == "option_not_allowed"


def test_source_that_is_not_there_is_no_repair(world: World) -> None:
    world.make_directory("/srv/made/by/file")
    succeed(world, **BIND)
    world.unmount(PATH)
    world.run("rmdir", "/srv/made/by/file")
    predicted = world.collect(world.start(module="safe_mount_reconcile", check=True, arguments={}))
    assert predicted.failed, predicted
