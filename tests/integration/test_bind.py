# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Bind mounts of directories and of single files."""

from __future__ import annotations

import os
import stat
import typing as t

import pytest
from harness.cycle import apply, leave, refuse, run_cycle, succeed, tmpfs, warm_up
from harness.results import play, task
from harness.world import World

SOURCE = "/srv/source"
PATH = "/srv/target"

MS_NOEXEC = 8
MS_BIND = 1 << 12


def bind(path: str = PATH, src: str = SOURCE, holder: str = "a", **more: t.Any) -> t.Dict[str, t.Any]:
    """Return the arguments of a bind mount."""
    return {"path": path, "src": src, "fstype": "bind", "holder": holder, **more}


def test_bind_of_a_missing_source_leaves_no_directory(world: World) -> None:
    before = world.settled()
    result = world.call(**bind("/srv/new/target"))
    assert (result.failed, result.code) == (True, "mount_failed"), result
    assert not world.exists("/srv/new")
    assert world.references == {}
    assert before.mounts == world.settled().mounts


@pytest.mark.parametrize("src", ["/etc", "/root", "/srv2/x", "/"], ids=["etc", "root", "look-alike", "slash"])
def test_bind_of_a_source_outside_the_roots_is_refused(world: World, src: str) -> None:
    refuse(world, "source_not_allowed", locks=False, **bind(src=src))


def test_bind_source_roots_are_their_own(world: World) -> None:
    world.make_directory("/media/data")
    refuse(world, "source_not_allowed", locks=False, **bind(src="/media/data", source_roots=["/srv"]))
    apply(world, "mounted", **bind(src="/media/data", allowed_roots=["/srv"], source_roots=["/media"]))


def test_bind_through_a_symbolic_link_is_refused(world: World) -> None:
    world.make_directory("/srv/real/data")
    os.symlink("real", world.file("/srv/link"))
    result = world.call(**bind(src="/srv/link/data"))
    assert result.failed
    assert result.code in ("source_not_allowed", "unsafe_path"), result
    assert not world.exists(PATH)
    assert world.references == {}


@pytest.mark.parametrize("mode", ["noatime", "strictatime"])
def test_bind_has_a_mode_of_access_times_of_its_own(private_world: World, mode: str) -> None:
    private_world.make_directory(SOURCE)
    run_cycle(private_world, **bind(opts=[mode]))
    succeed(private_world, **bind(opts=[mode]))
    flags = set(private_world.top(PATH).flags)
    assert flags & {"noatime", "relatime"} == ({"noatime"} if mode == "noatime" else set())


def test_bind_of_a_file_on_a_directory_is_refused(world: World) -> None:
    world.write("/srv/source-file")
    world.make_directory(PATH)
    refuse(world, "unsafe_path", **bind(src="/srv/source-file"))


def test_bind_of_a_directory_on_a_file_is_refused(world: World) -> None:
    world.make_directory(SOURCE)
    world.write(PATH)
    refuse(world, "unsafe_path", **bind())


def test_bind_of_a_directory_shows_its_files(world: World) -> None:
    world.write(f"{SOURCE}/file", "here")
    run_cycle(world, **bind())
    succeed(world, **bind())
    assert world.file(f"{PATH}/file").read_text(encoding="utf-8") == "here"
    mount = world.top(PATH)
    assert mount.root == "/source"
    assert {"nosuid", "nodev"} <= mount.flags
    world.write(f"{PATH}/new", "through")
    assert world.file(f"{SOURCE}/new").read_text(encoding="utf-8") == "through"
    apply(world, "unmounted", **leave(PATH, "a"))
    assert world.exists(f"{SOURCE}/new")


def test_bind_read_only_is_read_only_and_its_source_is_not(world: World) -> None:
    world.write(f"{SOURCE}/file")
    succeed(world, **bind(opts=["ro", "noexec"]))
    assert {"ro", "noexec", "nosuid", "nodev"} <= world.top(PATH).flags
    with pytest.raises(OSError, match="Read-only"):
        world.write(f"{PATH}/file", "no")
    world.write(f"{SOURCE}/file", "yes")


def test_bind_changes_its_flags_in_place(world: World) -> None:
    world.make_directory(SOURCE)
    succeed(world, **bind())
    before = world.unique_id(PATH)
    apply(world, "remounted", **bind(opts=["ro"]))
    assert "ro" in world.top(PATH).flags
    apply(world, "remounted", **bind())
    assert "rw" in world.top(PATH).flags
    assert world.unique_id(PATH) == before


def test_bind_of_a_file_makes_and_removes_a_file(world: World) -> None:
    world.write("/srv/conf/app.conf", "setting")
    path = "/srv/made/app.conf"
    run_cycle(world, **bind(path, "/srv/conf/app.conf"))
    succeed(world, **bind(path, "/srv/conf/app.conf"))
    assert world.file(path).read_text(encoding="utf-8") == "setting"
    assert world.top(path).root == "/conf/app.conf"
    apply(world, "unmounted", **leave(path, "a"))
    assert not world.exists("/srv/made")


def test_bind_of_a_file_makes_one_that_no_user_gets(world: World) -> None:
    world.write("/srv/conf/app.conf", "setting", mode=0o666)
    path = "/srv/made/app.conf"
    apply(world, "mounted", **bind(path, "/srv/conf/app.conf", owner="12345", group="12345", mode="0666"))
    # What lies under the mount, as another name of its directory shows it.
    world.make_directory("/srv/under")
    world.mount("/srv", "/srv/under", "", flags=MS_BIND)
    found = world.file("/srv/under/made/app.conf").stat()
    assert (stat.S_IMODE(found.st_mode), found.st_uid, found.st_gid, found.st_size) == (0o600, 0, 0, 0)
    assert (os.stat(world.file("/srv/made")).st_uid, os.stat(world.file("/srv/made")).st_gid) == (0, 0)


def test_bind_of_a_file_keeps_the_file_that_was_there(world: World) -> None:
    world.write("/srv/conf/app.conf", "setting")
    world.write("/srv/there/app.conf", "mine", mode=0o640)
    run_cycle(world, **bind("/srv/there/app.conf", "/srv/conf/app.conf"))
    found = world.file("/srv/there/app.conf")
    assert found.read_text(encoding="utf-8") == "mine"
    assert stat.S_IMODE(found.stat().st_mode) == 0o640


def test_bind_does_not_carry_what_is_mounted_below(world: World) -> None:
    world.make_directory(f"{SOURCE}/below")
    world.mount("t", f"{SOURCE}/below", "tmpfs")
    world.write(f"{SOURCE}/below/hidden")
    succeed(world, **bind())
    assert not world.exists(f"{PATH}/below/hidden")
    assert world.stack(f"{PATH}/below") == []


def test_bind_inherits_the_restrictions_of_its_source(world: World) -> None:
    world.make_directory("/srv/disk")
    world.mount("t", "/srv/disk", "tmpfs", flags=MS_NOEXEC, data="mode=755")
    world.make_directory("/srv/disk/data")
    succeed(world, **bind(src="/srv/disk/data"))
    assert {"noexec", "nosuid", "nodev"} <= world.top(PATH).flags
    assert succeed(world, **bind(src="/srv/disk/data")).action == "none"


def test_bind_of_a_managed_mount_keeps_it_in_use(world: World) -> None:
    succeed(world, **tmpfs("/srv/base", "a", opts=["mode=0755"]))
    world.make_directory("/srv/base/data")
    succeed(world, **bind(src="/srv/base/data", holder="b"))
    refuse(world, "in_use", **leave("/srv/base", "a"))
    assert world.holders("/srv/base") == ["a"]
    apply(world, "unmounted", **leave(PATH, "b"))
    apply(world, "unmounted", **leave("/srv/base", "a"))


def test_bind_of_another_source_is_a_conflict(world: World) -> None:
    world.make_directory(SOURCE)
    world.make_directory("/srv/other")
    succeed(world, **bind())
    refuse(world, "conflict", **bind(src="/srv/other"))
    refuse(world, "conflict", **bind(src="/srv/other", holder="b"))


@pytest.mark.parametrize(
    "name",
    [
        "with space",
        "com,ma",
        'quo"te',
        "a'b",
        "$HOME",
        "semi;colon",
        "back\\slash",
        "~",
        "lit\\040x",
        "\u00e9",
        "#x",
    ],
)
def test_bind_takes_odd_names_literally(world: World, name: str) -> None:
    world.write(f"/srv/from/{name}/file", name)
    path = f"/srv/to/{name}"
    run_cycle(world, **bind(path, f"/srv/from/{name}"))
    succeed(world, **bind(path, f"/srv/from/{name}"))
    assert world.file(f"{path}/file").read_text(encoding="utf-8") == name
    assert world.top(path).root == f"/from/{name}"
    assert list(world.references) == [path]


def test_bind_of_a_playbook(world: World) -> None:
    world.write(f"{SOURCE}/file")
    warm_up(world)
    start = world.settled()
    played = world.playbook(
        play(
            task("Acquire", **bind(opts="ro")),
            task("Join", **bind(opts=["ro"], holder="b")),
            task("Release", **leave(PATH, "a")),
            task("Last", **leave(PATH, "b")),
        )
    )
    actions = [result.action for result in played.results]
    assert actions == ["mounted", "joined", "released", "unmounted"], played
    assert start.differences(world.settled()) == []
