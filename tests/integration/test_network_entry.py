# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The entry of a device that is there only when the network is, and names of users in options."""

from __future__ import annotations

import typing as t
from pathlib import Path

from harness.cycle import apply, leave, repeat_unchanged, succeed, tmpfs
from harness.images import UUID, add_device, make_image
from harness.world import World

PATH = "/srv/disk"


def entry_of(world: World) -> t.List[str]:
    """Return the options of our entry."""
    lines = world.file("/etc/fstab").read_text(encoding="utf-8").splitlines()
    return next((line.split()[3].split(",") for line in lines if f" {PATH} " in line), [])


def test_entry_of_a_device_waits_for_the_network_while_anybody_wants_it(
    device_world: World, loop_device: t.Callable[..., str], tmp_path: Path
) -> None:
    world = device_world
    add_device(world, loop_device(make_image(tmp_path, "ext4")), f"by-uuid/{UUID}")
    disk = {"path": PATH, "src": f"UUID={UUID}", "fstype": "ext4", "boot": True}
    apply(world, "mounted", **disk, holder="a")
    assert "_netdev" not in entry_of(world)
    apply(world, "joined", **disk, holder="b", network=True)
    assert "_netdev" in entry_of(world)
    apply(world, "joined", **disk, holder="b")
    assert "_netdev" not in entry_of(world)
    apply(world, "joined", **disk, holder="a", network=True)
    assert "_netdev" in entry_of(world)
    apply(world, "released", **leave(PATH, "a"))
    assert "_netdev" not in entry_of(world)
    apply(world, "unmounted", **leave(PATH, "b"))
    assert entry_of(world) == []


def test_user_is_looked_up_on_the_host(world: World) -> None:
    succeed(world, **tmpfs("/srv/a", "a", opts=["uid=nobody", "gid=0"]))
    repeat_unchanged(world, **tmpfs("/srv/a", "a", opts=["uid=65534", "gid=root"]))
    assert "uid=65534" in world.top("/srv/a").options
