# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What stands on the way to a mount point: symbolic links, parents that others may write, files, entries."""

from __future__ import annotations

import os

import pytest
from harness.cycle import apply, leave, refuse, run_cycle, succeed, tmpfs
from harness.results import play, task
from harness.world import World


def test_symbolic_link_as_a_parent_is_not_followed(world: World) -> None:
    world.make_directory("/srv/real")
    os.symlink("real", world.file("/srv/link"))
    refuse(world, "unsafe_path", **tmpfs("/srv/link/data", "a"))
    assert not world.exists("/srv/real/data")


@pytest.mark.parametrize("target", ["real", "/etc", "nowhere"])
def test_symbolic_link_as_the_mount_point_is_not_followed(world: World, target: str) -> None:
    world.make_directory("/srv/real")
    os.symlink(target, world.file("/srv/link"))
    refuse(world, "unsafe_path", **tmpfs("/srv/link", "a"))


def test_symbolic_link_as_the_root_is_not_followed(world: World) -> None:
    world.make_directory("/srv/real")
    os.symlink("real", world.file("/srv/root"))
    refuse(world, "unsafe_path", **tmpfs("/srv/root/data", "a", allowed_roots=["/srv/root"]))


def test_symbolic_link_is_not_followed_with_any_permission(world: World) -> None:
    world.make_directory("/srv/real")
    os.symlink("real", world.file("/srv/link"))
    more = {"allow_unsafe_parents": True, "allow_nonempty": True}
    refuse(world, "unsafe_path", **tmpfs("/srv/link/data", "a", **more))


@pytest.mark.parametrize("mode", [0o777, 0o775, 0o1777], ids=oct)
def test_parent_that_others_may_write_is_refused(world: World, mode: int) -> None:
    world.make_directory("/srv/open", mode)
    refuse(world, "unsafe_path", **tmpfs("/srv/open/data", "a"))
    world.make_directory("/srv/open/inner")
    refuse(world, "unsafe_path", **tmpfs("/srv/open/inner/data", "a"))


def test_parent_that_belongs_to_another_user_is_refused(world: World) -> None:
    world.make_directory("/srv/theirs")
    os.chown(world.file("/srv/theirs"), 65534, 0)
    refuse(world, "unsafe_path", **tmpfs("/srv/theirs/data", "a"))


def test_unsafe_parent_is_accepted_when_asked(world: World) -> None:
    world.make_directory("/srv/open", 0o777)
    run_cycle(world, **tmpfs("/srv/open/data", "a", allow_unsafe_parents=True))


def test_mount_point_that_others_may_write_is_no_parent(world: World) -> None:
    world.make_directory("/srv/point", 0o777)
    apply(world, "mounted", **tmpfs("/srv/point", "a"))


@pytest.mark.parametrize("path", ["/srv/file", "/srv/file/below"])
def test_file_on_the_way_is_refused(world: World, path: str) -> None:
    world.write("/srv/file")
    refuse(world, "unsafe_path", **tmpfs(path, "a"))


def test_fifo_as_the_mount_point_is_refused(world: World) -> None:
    os.mkfifo(world.file("/srv/fifo"))
    refuse(world, "unsafe_path", **tmpfs("/srv/fifo", "a"))


@pytest.mark.parametrize("name", ["file", ".hidden"])
def test_mount_point_with_entries_is_refused(world: World, name: str) -> None:
    world.write(f"/srv/full/{name}")
    refuse(world, "not_empty", **tmpfs("/srv/full", "a"))


def test_mount_point_with_entries_is_covered_when_asked(world: World) -> None:
    world.write("/srv/full/file", "mine")
    run_cycle(world, **tmpfs("/srv/full", "a", allow_nonempty=True))
    assert world.file("/srv/full/file").read_text(encoding="utf-8") == "mine"


def test_path_that_became_a_link_is_not_unmounted_through_it(world: World) -> None:
    succeed(world, **tmpfs("/srv/one/data", "a"))
    world.make_directory("/srv/two/data")
    world.mount("foreign", "/srv/two/data", "tmpfs")
    before = world.unique_id("/srv/two/data")
    os.rename(world.file("/srv/one"), world.file("/srv/moved"))
    os.symlink("two", world.file("/srv/one"))
    world.call(**leave("/srv/one/data", "a"))
    assert world.unique_id("/srv/two/data") == before


def test_unsafe_path_of_a_playbook(private_world: World) -> None:
    private_world.make_directory("/srv/open", 0o777)
    played = private_world.playbook(play(task("Refused", **tmpfs("/srv/open/data", "a"))))
    assert played.named("Refused").code == "unsafe_path"
