# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the kernel refuses without a word: the message says what to write, and what it says to write works."""

from __future__ import annotations

import shutil
import typing as t
from pathlib import Path

from harness.cycle import leave, succeed
from harness.images import add_device, make_image
from harness.results import Result
from harness.world import World

PATH = "/srv/disk"
Attach = t.Callable[..., str]


def refusal_of(world: World, **arguments: t.Any) -> Result:
    """Return how a call fails; it leaves nothing."""
    result = world.call(**{"path": PATH, "holder": "a", **arguments})
    assert (result.failed, result.code) == (True, "mount_failed"), result
    assert world.stack(PATH) == []
    assert world.references.get(PATH) is None
    return result


def test_read_only_device_and_its_journal_are_named(
    device_world: World, loop_device: Attach, tmp_path: Path
) -> None:
    world, image = device_world, make_image(tmp_path, "ext4")
    writable = loop_device(image)
    add_device(world, writable)
    disk = {"fstype": "ext4", "src": writable}
    succeed(world, path=PATH, holder="a", **disk)
    world.write(f"{PATH}/file", "x")
    world.run("sync", "--file-system", PATH)
    # As after a power cut: the journal has what the image has not.
    dirty = tmp_path / "dirty.ext4"
    shutil.copyfile(image, dirty)
    succeed(world, **leave(PATH, "a"))
    device = loop_device(dirty, "--read-only")
    add_device(world, device)
    disk["src"] = device
    assert "write 'ro' into opts" in refusal_of(world, **disk)["msg"]
    assert "write 'noload' into opts" in refusal_of(world, **disk, opts=["ro"])["msg"]
    assert succeed(world, path=PATH, holder="a", **disk, opts=["ro", "noload"]).action == "mounted"
    succeed(world, **leave(PATH, "a"))


def test_clone_with_the_same_uuid_is_named(device_world: World, loop_device: Attach, tmp_path: Path) -> None:
    world, image = device_world, make_image(tmp_path, "xfs")
    clone = tmp_path / "clone.xfs"
    shutil.copyfile(image, clone)
    disks = [{"fstype": "xfs", "src": loop_device(one)} for one in (image, clone)]
    for disk in disks:
        add_device(world, disk["src"])
    succeed(world, path="/srv/first", holder="a", **disks[0])
    assert "write 'nouuid' into opts" in refusal_of(world, **disks[1])["msg"]
    assert succeed(world, path=PATH, holder="a", **disks[1], opts=["nouuid"]).action == "mounted"
    for path in (PATH, "/srv/first"):
        succeed(world, **leave(path, "a"))


def test_volatile_overlay_a_second_time_is_named(private_world: World) -> None:
    world = private_world
    layers = {"lowerdir": "/srv/lower", "upperdir": "/srv/upper", "workdir": "/srv/work"}
    for path in layers.values():
        world.make_directory(path)
    overlay = {
        "fstype": "overlay",
        "src": "o",
        "opts": [*(f"{k}={v}" for k, v in layers.items()), "volatile"],
    }
    succeed(world, path=PATH, holder="a", **overlay)
    succeed(world, **leave(PATH, "a"))
    mark = "/srv/work/work/incompat/volatile"
    assert f"remove '{mark}'" in refusal_of(world, **overlay)["msg"]
    world.run("rm", "-r", mark)
    assert succeed(world, path=PATH, holder="a", **overlay).action == "mounted"
    succeed(world, **leave(PATH, "a"))
