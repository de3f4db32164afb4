# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Directories on the way: made where missing, removed by the last one, never more than was made."""

from __future__ import annotations

import os
import stat
import typing as t
from pathlib import Path

import pytest
from harness.cycle import apply, leave, refuse, run_cycle, succeed, tmpfs, warm_up
from harness.images import make_image
from harness.reconcile import call_reconcile, reboot
from harness.results import play, task
from harness.world import World, executable

MS_BIND = 1 << 12


def look_under(world: World, path: str) -> os.stat_result:
    """Return the status of what a mount below /srv covers."""
    world.mount("/srv", "/media", "", flags=MS_BIND)
    try:
        return os.stat(world.file("/media" + path[len("/srv") :]))
    finally:
        world.unmount("/media")


def test_missing_directories_are_made_and_removed(world: World) -> None:
    run_cycle(world, **tmpfs("/srv/one/two/three", "a"))
    assert not world.exists("/srv/one")


def test_missing_directories_are_removed_after_a_boot_that_numbers_devices_anew(
    private_world: World, loop_device: t.Callable[..., str], tmp_path: Path
) -> None:
    world = private_world
    image = make_image(tmp_path, "ext4")
    world.mount(loop_device(image), "/srv", "ext4")
    for holder in ("a", "b"):
        succeed(world, **tmpfs("/srv/one/two", holder))
    succeed(world, **tmpfs("/srv/one/never/mounted/again", "a"))
    reboot(world)
    world.unmount("/srv")
    world.mount(loop_device(image), "/srv", "ext4")
    succeed(world, **leave("/srv/one/never/mounted/again", "a"))
    assert not world.exists("/srv/one/never")
    assert call_reconcile(world)["repaired"][0]["action"] == "mounted"
    succeed(world, **leave("/srv/one/two", "a"))
    succeed(world, **leave("/srv/one/two", "b"))
    assert not world.exists("/srv/one")
    assert world.ledger["directories"] == []


def test_pre_existing_directories_are_kept(world: World) -> None:
    world.make_directory("/srv/one/two", 0o750)
    run_cycle(world, **tmpfs("/srv/one/two", "a"))
    run_cycle(world, **tmpfs("/srv/one/two/three", "a"))
    assert stat.S_IMODE(os.stat(world.file("/srv/one/two")).st_mode) == 0o750


def test_shared_parent_is_kept_until_the_last_leaves(world: World) -> None:
    warm_up(world)
    start = world.settled()
    for name in ("x", "y"):
        succeed(world, **tmpfs(f"/srv/one/two/{name}", "a"))
    succeed(world, **leave("/srv/one/two/x", "a"))
    assert world.exists("/srv/one/two/y")
    assert not world.exists("/srv/one/two/x")
    succeed(world, **leave("/srv/one/two/y", "a"))
    assert start.differences(world.settled()) == []


def test_shared_parent_made_by_one_is_removed_by_the_other(world: World) -> None:
    warm_up(world)
    start = world.settled()
    succeed(world, **tmpfs("/srv/one/x", "a"))
    succeed(world, **tmpfs("/srv/one/y", "a"))
    succeed(world, **leave("/srv/one/y", "a"))
    succeed(world, **leave("/srv/one/x", "a"))
    assert start.differences(world.settled()) == []


def test_directory_with_entries_is_never_removed(world: World) -> None:
    succeed(world, **tmpfs("/srv/one/two/three", "a"))
    world.write("/srv/one/somebody", "mine")
    result = apply(world, "unmounted", **leave("/srv/one/two/three", "a"))
    assert not result.failed
    assert world.file("/srv/one/somebody").read_text(encoding="utf-8") == "mine"
    assert not world.exists("/srv/one/two")


def test_directory_that_took_the_place_of_a_made_one_is_kept(world: World) -> None:
    succeed(world, **tmpfs("/srv/one/two", "a"))
    world.unmount("/srv/one/two")
    world.file("/srv/one/two").rmdir()
    world.file("/srv/one").rmdir()
    world.make_directory("/srv/one/two")
    succeed(world, **leave("/srv/one/two", "a"))
    assert world.exists("/srv/one/two")


def test_missing_root_is_made_and_removed(world: World) -> None:
    run_cycle(world, **tmpfs("/srv/root/data", "a", allowed_roots=["/srv/root"]))
    assert not world.exists("/srv/root")


def test_failed_mount_leaves_no_directory(world: World) -> None:
    warm_up(world)
    start = world.settled()
    arguments = {"path": "/srv/new/deep/er", "src": "/srv/nowhere", "fstype": "bind", "holder": "a"}
    result = world.call(**arguments)
    assert (result.failed, result.code) == (True, "mount_failed"), result
    assert start.differences(world.settled()) == []


def test_refused_option_leaves_no_directory(world: World) -> None:
    refuse(world, "option_not_allowed", locks=False, **tmpfs("/srv/new/deep", "a", opts=["suid"]))


MODES: t.List[t.Tuple[str, t.Dict[str, t.Any], t.Tuple[int, int, int]]] = [
    ("default", {}, (0o755, 0, 0)),
    ("octal", {"mode": "0700"}, (0o700, 0, 0)),
    ("number-as-yaml-reads-it", {"mode": 0o750}, (0o750, 0, 0)),
    ("number-of-octal-digits", {"mode": 0o644}, (0o644, 0, 0)),
    ("no-access", {"mode": "0000"}, (0o000, 0, 0)),
    ("sticky", {"mode": "1770"}, (0o1770, 0, 0)),
    ("symbolic", {"mode": "u=rwx,g=rx,o="}, (0o750, 0, 0)),
    ("number", {"owner": "65534", "group": "65534"}, (0o755, 65534, 65534)),
    ("plain-numbers", {"owner": 65534, "group": 65534}, (0o755, 65534, 65534)),
    ("name", {"owner": "nobody"}, (0o755, 65534, 0)),
]


# What is seen of a tmpfs is its own root.
SEEN = ["mode=0755", "uid=0", "gid=0"]


@pytest.mark.parametrize("option", ["mode", "owner", "group"])
def test_attribute_that_the_mount_hides_is_refused(world: World, option: str) -> None:
    value = {"mode": "0770", "owner": "65534", "group": "65534"}[option]
    result = refuse(world, "invalid_argument", locks=False, **tmpfs("/srv/new", "a", **{option: value}))
    assert "into opts" in result["msg"]


@pytest.mark.parametrize(("more", "expected"), [case[1:] for case in MODES], ids=[case[0] for case in MODES])
def test_made_mount_point_has_mode_owner_and_group(
    world: World, more: t.Dict[str, t.Any], expected: t.Tuple[int, int, int]
) -> None:
    path = "/srv/parent/point"
    succeed(world, **tmpfs(path, "a", opts=SEEN, **more))
    found = look_under(world, path)
    assert (stat.S_IMODE(found.st_mode), found.st_uid, found.st_gid) == expected
    parent = os.stat(world.file("/srv/parent"))
    assert (stat.S_IMODE(parent.st_mode), parent.st_uid, parent.st_gid) == (0o755, 0, 0)


def test_pre_existing_mount_point_keeps_mode_and_owner(world: World) -> None:
    world.make_directory("/srv/point", 0o711)
    succeed(world, **tmpfs("/srv/point", "a", opts=SEEN, mode="0700", group="65534"))
    found = look_under(world, "/srv/point")
    assert (stat.S_IMODE(found.st_mode), found.st_gid) == (0o711, 0)


@pytest.mark.parametrize(
    "more",
    [{"owner": "no-such-user"}, {"group": "no-such-group"}, {"mode": "wide"}],
    ids=["owner", "group", "mode"],
)
def test_unknown_owner_group_or_mode_is_refused(private_world: World, more: t.Dict[str, str]) -> None:
    before = private_world.snapshot()
    result = private_world.call(**tmpfs("/srv/new/point", "a", opts=SEEN, **more))
    assert result.failed, result
    assert before.differences(private_world.snapshot()) == []


def test_directory_made_under_a_tight_umask_is_still_open(private_world: World) -> None:
    world = private_world
    argv = ["localhost", "-m", "holdfast.mounts.safe_mount", "-a", "path=/srv/p/x src=tmpfs fstype=tmpfs"]
    command = ["sh", "-c", 'umask 077; exec "$@"', "sh", executable("ansible"), *argv]
    finished = world.run(*command, environment=world.environment(world.scratch / "umask.jsonl"))
    assert finished.rc == 0, finished
    assert stat.S_IMODE(os.stat(world.file("/srv/p")).st_mode) == 0o755
    assert stat.S_IMODE(look_under(world, "/srv/p/x").st_mode) == 0o755
    for place in ("/etc/ansible", "/etc/ansible/facts.d"):
        assert stat.S_IMODE(os.stat(world.file(place)).st_mode) == 0o755
    ledger = os.stat(world.file("/etc/ansible/facts.d/holdfast_mounts.fact"))
    assert stat.S_IMODE(ledger.st_mode) == 0o644


@pytest.mark.parametrize("fstype", ["tmpfs", "ext4"])
def test_nothing_is_made_where_names_can_only_be_added(
    world: World, loop_device: t.Callable[..., str], tmp_path: Path, fstype: str
) -> None:
    world.make_directory("/srv/kept")
    if fstype == "ext4":
        world.mount(loop_device(make_image(tmp_path, fstype)), "/srv/kept", fstype)
    world.make_directory("/srv/kept/there")
    change = world.run("chattr", "+a", "/srv/kept")
    if change.rc:
        pytest.skip(f"this {fstype} knows no such directories (tmpfs: Linux 6.6)")
    for path in ("/srv/kept/one", "/srv/kept/one/two"):
        result = refuse(world, "unsafe_path", **tmpfs(path, "a"))
        assert "'/srv/kept' can be added" in result["msg"]
    many = [{"path": "/srv/kept/one", "src": "tmpfs", "fstype": "tmpfs"}]
    assert world.call(mounts=many, holder="a").failed
    assert set(os.listdir(world.file("/srv/kept"))) - {"lost+found"} == {"there"}
    apply(world, "mounted", **tmpfs("/srv/kept/there/one", "a"))
    apply(world, "unmounted", **leave("/srv/kept/there/one", "a"))
    world.run("chattr", "-a", "/srv/kept")
    run_cycle(world, **tmpfs("/srv/kept/one", "a"))


def test_directories_of_a_playbook(world: World) -> None:
    world.make_directory("/srv/kept")
    warm_up(world)
    start = world.settled()
    played = world.playbook(
        play(
            task("First", **tmpfs("/srv/kept/made/x", "a", opts=["mode=0750"], mode="0750")),
            task("Second", **tmpfs("/srv/kept/made/y", "a")),
            task("Leave", **leave("/srv/kept/made/x", "a")),
            task("Last", **leave("/srv/kept/made/y", "a")),
        )
    )
    assert [result.changed for result in played.results] == [True] * 4, played
    assert start.differences(world.settled()) == []
