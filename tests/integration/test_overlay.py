# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Overlays: layers, writable and read-only, and names that would break a comma-separated string."""

from __future__ import annotations

import typing as t

import pytest
from harness.cycle import apply, leave, refuse, run_cycle, succeed, tmpfs, warm_up
from harness.results import play, task
from harness.world import World

PATH = "/srv/merged"


def overlay(*opts: str, path: str = PATH, holder: str = "a", **more: t.Any) -> t.Dict[str, t.Any]:
    """Return the arguments of an overlay."""
    return {"path": path, "src": "overlay", "fstype": "overlay", "opts": list(opts), "holder": holder, **more}


def make_layers(world: World, *names: str) -> None:
    """Make layers that each hold a file called like the layer."""
    for name in names:
        world.write(f"/srv/layers/{name}/{name.replace('/', '_')}", name)


def read(world: World, name: str) -> str:
    """Return what the overlay shows under a name."""
    return world.file(f"{PATH}/{name}").read_text(encoding="utf-8")


EITHER = {"source_not_allowed", "option_not_allowed"}

REFUSED = [
    ("no-layers", [], {"option_not_allowed", "invalid_argument"}),
    ("outside", ["lowerdir=/etc"], {"source_not_allowed"}),
    ("one-outside", ["lowerdir=/srv/layers/a:/etc"], {"source_not_allowed"}),
    ("upper-outside", ["lowerdir=/srv/layers/a", "upperdir=/opt", "workdir=/srv/w"], {"source_not_allowed"}),
    ("work-outside", ["lowerdir=/srv/layers/a", "upperdir=/srv/u", "workdir=/opt"], {"source_not_allowed"}),
    ("dots", ["lowerdir=/srv/layers/../../etc"], {"source_not_allowed"}),
    ("relative", ["lowerdir=layers/a"], {"source_not_allowed"}),
    ("empty-layer", ["lowerdir=/srv/layers/a::/srv/layers/b"], EITHER),
    ("backslash", ["lowerdir=/srv/layers/a\\:b"], EITHER),
    ("further-option", ["lowerdir=/srv/layers/a,upperdir=/etc"], EITHER),
    ("twice", ["lowerdir=/srv/layers/a", "lowerdir=/srv/layers/b"], {"option_not_allowed"}),
    ("upper-without-work", ["lowerdir=/srv/layers/a", "upperdir=/srv/u"], {"option_not_allowed"}),
]


@pytest.mark.parametrize(("opts", "codes"), [case[1:] for case in REFUSED], ids=[case[0] for case in REFUSED])
def test_overlay_layers_are_confined(private_world: World, opts: t.List[str], codes: t.Set[str]) -> None:
    world = private_world
    make_layers(world, "a", "b")
    before = world.snapshot()
    result = world.call(**overlay(*opts))
    assert result.failed, result
    assert result.code in codes, result
    assert before.differences(world.snapshot()) == []


def test_overlay_of_a_missing_layer_leaves_nothing(world: World) -> None:
    make_layers(world, "a")
    result = world.call(**overlay("lowerdir=/srv/layers/a:/srv/layers/missing", path="/srv/new/merged"))
    assert (result.failed, result.code) == (True, "mount_failed"), result
    assert not world.exists("/srv/new")
    assert world.references == {}


def test_overlay_of_lower_layers_is_read_only_and_in_order(world: World) -> None:
    make_layers(world, "a", "b", "c")
    world.write("/srv/layers/a/same", "from a")
    world.write("/srv/layers/b/same", "from b")
    arguments = overlay("lowerdir=/srv/layers/a:/srv/layers/b:/srv/layers/c")
    run_cycle(world, **arguments)
    succeed(world, **arguments)
    assert [read(world, name) for name in ("a", "b", "c")] == ["a", "b", "c"]
    assert read(world, "same") == "from a"
    with pytest.raises(OSError, match="Read-only"):
        world.write(f"{PATH}/new")


def test_overlay_with_an_upper_layer_is_writable(world: World) -> None:
    make_layers(world, "a")
    world.make_directory("/srv/up")
    world.make_directory("/srv/work")
    succeed(world, **overlay("lowerdir=/srv/layers/a", "upperdir=/srv/up", "workdir=/srv/work"))
    world.write(f"{PATH}/new", "written")
    assert world.file("/srv/up/new").read_text(encoding="utf-8") == "written"
    assert not world.exists("/srv/layers/a/new")
    assert {"nosuid", "nodev"} <= world.top(PATH).flags
    assert succeed(world, **leave(PATH, "a")).action == "unmounted"
    assert world.exists("/srv/up/new")


def test_overlay_read_only_option_is_in_force(world: World) -> None:
    make_layers(world, "a")
    world.make_directory("/srv/up")
    world.make_directory("/srv/work")
    succeed(world, **overlay("lowerdir=/srv/layers/a", "upperdir=/srv/up", "workdir=/srv/work", "ro"))
    with pytest.raises(OSError, match="Read-only"):
        world.write(f"{PATH}/new")


@pytest.mark.parametrize("name", ["com,ma", "two,,commas", "with space", 'quo"te', "semi;colon", "a,b c"])
def test_overlay_layer_names_are_literal(world: World, name: str) -> None:
    make_layers(world, name, "b")
    arguments = overlay(f"lowerdir=/srv/layers/{name}:/srv/layers/b")
    run_cycle(world, **arguments)
    succeed(world, **arguments)
    assert read(world, name) == name
    assert read(world, "b") == "b"
    assert world.top(PATH).fstype == "overlay"


def test_overlay_layer_on_a_managed_mount_keeps_it_in_use(world: World) -> None:
    succeed(world, **tmpfs("/srv/base", "a", opts=["mode=0755"]))
    world.write("/srv/base/lower/file", "x")
    make_layers(world, "a")
    succeed(world, **overlay("lowerdir=/srv/layers/a:/srv/base/lower", holder="b"))
    refuse(world, "in_use", **leave("/srv/base", "a"))
    apply(world, "unmounted", **leave(PATH, "b"))
    apply(world, "unmounted", **leave("/srv/base", "a"))


def test_overlay_with_other_layers_is_a_conflict(world: World) -> None:
    make_layers(world, "a", "b")
    succeed(world, **overlay("lowerdir=/srv/layers/a:/srv/layers/b"))
    refuse(world, "conflict", **overlay("lowerdir=/srv/layers/b:/srv/layers/a", holder="b"))


def test_overlay_of_a_playbook(world: World) -> None:
    make_layers(world, "a", "b,c")
    warm_up(world)
    start = world.settled()
    played = world.playbook(
        play(
            task("Acquire", **overlay("lowerdir=/srv/layers/a:/srv/layers/b,c")),
            task("Repeat", **overlay("lowerdir=/srv/layers/a:/srv/layers/b,c")),
            task("Release", **leave(PATH, "a")),
        )
    )
    assert [result.action for result in played.results] == ["mounted", "none", "unmounted"], played
    assert start.differences(world.settled()) == []
