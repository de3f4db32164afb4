# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Mounts that would show each other, or write into each other's directories."""

from __future__ import annotations

import typing as t

from harness.cycle import apply, leave, refuse, succeed
from harness.world import World


def bind(path: str, src: str, **more: t.Any) -> t.Dict[str, t.Any]:
    """Return the arguments of a bind mount."""
    return {"path": path, "src": src, "fstype": "bind", **more}


def overlay(path: str, upper: str, work: str) -> t.Dict[str, t.Any]:
    """Return the arguments of a writable overlay over one layer."""
    opts = ["lowerdir=/srv/lower", f"upperdir={upper}", f"workdir={work}"]
    return {"path": path, "src": "overlay", "fstype": "overlay", "opts": opts}


def test_binds_that_would_show_each_other_are_refused(private_world: World) -> None:
    world = private_world
    world.make_directory("/srv/a/inner")
    succeed(world, **bind("/mnt/c", "/srv/a/inner"))
    result = refuse(world, "conflict", **bind("/srv/a", "/mnt/c"))
    assert "would show another managed mount" in result["msg"]
    apply(world, "unmounted", **leave("/mnt/c"))


def test_binds_that_would_show_each_other_by_way_of_a_third_are_refused(private_world: World) -> None:
    world = private_world
    world.make_directory("/srv/a/inner")
    succeed(world, **bind("/mnt/b", "/srv/a/inner"))
    succeed(world, **bind("/mnt/c", "/mnt/b"))
    refuse(world, "conflict", **bind("/srv/a", "/mnt/c"))


def test_list_of_binds_that_show_each_other_is_refused_where_it_closes(private_world: World) -> None:
    world = private_world
    for path in ("/srv/a", "/srv/b"):
        world.make_directory(path)
    both = [bind("/srv/a", "/srv/b"), bind("/srv/b", "/srv/a")]
    predicted = world.predict(mounts=both)
    result = world.call(mounts=both)
    told = [(entry.get("error") or {}).get("code") or entry["action"] for entry in result["mounts"]]
    assert sorted(told) == ["conflict", "mounted"]
    assert predicted.outcome() == result.outcome()
    for path in ("/srv/a", "/srv/b"):
        succeed(world, **leave(path))
    assert world.references == {}


def test_binds_beside_each_other_of_one_source_are_fine(private_world: World) -> None:
    world = private_world
    world.make_directory("/srv/a/inner")
    succeed(world, **bind("/mnt/c", "/srv/a/inner"))
    apply(world, "mounted", **bind("/mnt/d", "/mnt/c"))
    apply(world, "mounted", **bind("/mnt/e", "/srv/a"))


def test_overlays_do_not_share_a_directory_that_they_write(private_world: World) -> None:
    world = private_world
    for path in ("/srv/lower", "/srv/up", "/srv/work", "/srv/up2", "/srv/work2"):
        world.make_directory(path)
    succeed(world, **overlay("/mnt/a", "/srv/up", "/srv/work"))
    refuse(world, "conflict", **overlay("/mnt/b", "/srv/up", "/srv/work2"))
    refuse(world, "conflict", **overlay("/mnt/b", "/srv/up2", "/srv/work"))
    refuse(world, "conflict", **overlay("/mnt/b", "/srv/work", "/srv/work2"))
    apply(world, "mounted", **overlay("/mnt/b", "/srv/up2", "/srv/work2"))


def test_list_of_overlays_that_share_a_directory_is_refused_where_they_do(private_world: World) -> None:
    world = private_world
    for path in ("/srv/lower", "/srv/up", "/srv/work", "/srv/work2"):
        world.make_directory(path)
    both = [overlay("/mnt/a", "/srv/up", "/srv/work"), overlay("/mnt/b", "/srv/up", "/srv/work2")]
    predicted = world.predict(mounts=both)
    result = world.call(mounts=both)
    told = [(entry.get("error") or {}).get("code") or entry["action"] for entry in result["mounts"]]
    assert told == ["mounted", "conflict"]
    assert predicted.outcome() == result.outcome()
