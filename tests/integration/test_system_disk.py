# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""No mount is a second name for what the host boots and runs from, whatever name led to it."""

from __future__ import annotations

import os
import stat
import subprocess
import typing as t
from pathlib import Path

import pytest
from harness.cycle import apply, leave, refuse, run_cycle, succeed, tmpfs
from harness.images import add_device, make_image
from harness.reconcile import reboot
from harness.world import World

PATH = "/srv/apps/disk"
SYSTEM = "/etc/machine"
MS_BIND = 1 << 12
USER = 12345
Attach = t.Callable[[Path], str]


def block(src: str, fstype: str = "ext4", path: str = PATH, **more: t.Any) -> t.Dict[str, t.Any]:
    """Return the arguments of a device."""
    return {"path": path, "src": src, "fstype": fstype, "holder": "job", **more}


def bind(src: str, path: str = "/srv/apps/view", **more: t.Any) -> t.Dict[str, t.Any]:
    """Return the arguments of a bind."""
    return {"path": path, "src": src, "fstype": "bind", "holder": "job", **more}


def read_as_user(world: World, path: str) -> int:
    """Have an unprivileged user read a file of the world; return the exit status."""
    argv = ["setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups", "cat", path]
    return world.run(*argv).rc


@pytest.fixture
def disk(device_world: World, loop_device: Attach, tmp_path: Path) -> str:
    """A disk that is not mounted yet, with its node in the world."""
    device = loop_device(make_image(tmp_path, "ext4"))
    add_device(device_world, device, "by-id/disk")
    return device


def carry(world: World, device: str, point: str = SYSTEM, fstype: str = "ext4", data: str = "") -> str:
    """Mount a device as a part of the system, with a secret of root's in it."""
    if not point.startswith("/etc"):
        # The machine's own directory stays as it is.
        parent = os.path.dirname(point)
        world.mount("cover", parent, "tmpfs", data="mode=755")
    if not world.exists(device):
        add_device(world, device)
    world.make_directory(point)
    world.mount(device, point, fstype, data=data)
    world.make_directory(f"{point}/secret", 0o700)
    world.write(f"{point}/secret/key", "root's\n")
    return device


# --- The whole attack ---


def test_attack_on_the_machine_by_its_own_root_device_fails(device_world: World) -> None:
    world = device_world
    root = next(mount for mount in world.table if mount.point == "/")
    if root.device.startswith("0:"):
        pytest.skip("the root filesystem lies on no block device")
    major, minor = map(int, root.device.split(":"))
    os.mknod(world.file("/dev/renamed"), stat.S_IFBLK | 0o660, os.makedev(major, minor))
    for opts in ([], ["ro"]):
        asked = block("/dev/renamed", root.fstype, opts=opts)
        # Not by snapshots, which would go through the whole disk where this fails.
        for result in (world.predict(**asked), world.call(**asked)):
            assert (result.failed, result.code) == (True, "source_not_allowed"), result
        assert world.stack(PATH) == []
    # What the attack goes on with: a file of a user's where root's programs look.
    world.write("/srv/apps/payload")
    link = bind("/srv/apps/payload", f"{PATH}/etc/ld.so.preload", owner=str(USER), mode="0666")
    succeed(world, **link)
    assert world.top(f"{PATH}/etc/ld.so.preload").root == "/apps/payload"
    assert not os.path.exists(f"{world.root}/etc/ld.so.preload")


@pytest.mark.parametrize("point", [SYSTEM, "/boot/efi", "/usr/share", "/boot"])
def test_device_that_carries_the_system_is_refused(device_world: World, disk: str, point: str) -> None:
    carry(device_world, disk, point)
    where = f"it is seen at: {point}"
    assert where in refuse(device_world, "source_not_allowed", **block(disk, disclose="full"))["msg"]
    assert where not in refuse(device_world, "source_not_allowed", **block(disk))["msg"]


def test_secret_of_the_system_gets_no_name_that_a_user_may_read(device_world: World, disk: str) -> None:
    world = device_world
    carry(world, disk)
    refuse(world, "source_not_allowed", **block(disk))
    for path in (f"{SYSTEM}/secret/key", f"{PATH}/secret/key", "/srv/apps/view/key"):
        assert read_as_user(world, path) != 0
    # A foreign second name, which an administrator has made, is no way to a third one either.
    world.make_directory(PATH)
    world.mount(disk, PATH, "ext4")
    refuse(world, "source_not_allowed", **bind(f"{PATH}/secret"))
    assert read_as_user(world, "/srv/apps/view/key") != 0
    world.make_directory("/srv/apps/view")
    world.mount(f"{PATH}/secret", "/srv/apps/view", "", flags=MS_BIND)
    os.chmod(world.file("/srv/apps/view"), 0o755)
    assert read_as_user(world, "/srv/apps/view/key") == 0, "the control: what the bind would have given"


# --- Other names of the same device ---


@pytest.mark.parametrize("name", ["node", "link", "label"])
def test_other_name_of_the_device_is_refused(device_world: World, disk: str, name: str) -> None:
    world = device_world
    carry(world, disk)
    os.mknod(world.file("/dev/second"), stat.S_IFBLK | 0o660, os.stat(disk).st_rdev)
    world.make_directory("/dev/mapper")
    os.symlink("../second", world.file("/dev/mapper/vg-data"))
    world.make_directory("/dev/disk/by-label")
    os.symlink("../../second", world.file("/dev/disk/by-label/data"))
    src = {"node": "/dev/second", "link": "/dev/mapper/vg-data", "label": "LABEL=data"}[name]
    refuse(world, "source_not_allowed", **block(src))


def test_loop_device_on_the_device_is_refused(device_world: World, disk: str, loop_device: Attach) -> None:
    carry(device_world, disk)
    second = loop_device(Path(disk))
    add_device(device_world, second)
    refuse(device_world, "source_not_allowed", **block(second))


def test_loop_device_on_the_same_image_is_refused(
    device_world: World, loop_device: Attach, tmp_path: Path
) -> None:
    image = make_image(tmp_path, "ext4")
    first, second = loop_device(image), loop_device(image)
    for device in (first, second):
        add_device(device_world, device)
    carry(device_world, first)
    refuse(device_world, "source_not_allowed", **block(second))


def test_device_below_the_one_that_carries_the_system_is_refused(
    device_world: World, disk: str, loop_device: Attach
) -> None:
    upper = loop_device(Path(disk))
    add_device(device_world, upper)
    carry(device_world, upper)
    refuse(device_world, "source_not_allowed", **block(disk))


def test_device_that_carries_nothing_of_the_system_is_mounted_twice(
    device_world: World, disk: str, loop_device: Attach, tmp_path: Path
) -> None:
    other = loop_device(make_image(tmp_path, "ext4", "system"))
    carry(device_world, other)
    run_cycle(device_world, **block(disk))
    succeed(device_world, **block(disk))
    apply(device_world, "mounted", **block(disk, path="/srv/again"))


# --- btrfs ---


@pytest.fixture
def subvolumes(device_world: World, loop_device: Attach, tmp_path: Path) -> t.Tuple[str, t.Dict[str, int]]:
    """A btrfs whose subvolume holder/system is a part of the system, and the numbers of its subvolumes."""
    world = device_world
    device = loop_device(make_image(tmp_path, "btrfs"))
    add_device(world, device)
    world.make_directory("/run/top")
    world.mount(device, "/run/top", "btrfs")
    for name in ("data", "holder", "holder/system", "holder/system/inner", "holder/system/etc"):
        subprocess.run(
            [
                "nsenter",
                f"--mount=/proc/{world.pid}/ns/mnt",
                "btrfs",
                "subvolume",
                "create",
                f"/run/top/{name}",
            ],
            check=True,
            capture_output=True,
        )
    os.symlink("holder/system", world.file("/run/top/link"))
    listed = world.run("btrfs", "subvolume", "list", "/run/top").stdout.splitlines()
    numbers = {line.rpartition(" ")[2]: int(line.split()[1]) for line in listed}
    world.run("btrfs", "subvolume", "set-default", str(numbers["holder"]), "/run/top")
    world.unmount("/run/top")
    carry(world, device, SYSTEM, "btrfs", "subvol=holder/system")
    return device, numbers


REFUSED = [
    "subvol=holder/system",
    "subvol=/holder",
    "subvol=/",
    "subvolid=5",
    "subvolid=0",
    "holder",
    "holder/system",
]


@pytest.mark.parametrize("option", [*REFUSED, "default"])
def test_subvolume_of_the_system_or_above_it_is_refused(
    device_world: World, subvolumes: t.Tuple[str, t.Dict[str, int]], option: str
) -> None:
    device, numbers = subvolumes
    opts = [] if option == "default" else [f"subvolid={numbers[option]}" if option in numbers else option]
    refuse(device_world, "source_not_allowed", **block(device, "btrfs", opts=opts))


def test_subvolume_that_a_link_leads_to_is_judged_by_what_comes_up(
    device_world: World, subvolumes: t.Tuple[str, t.Dict[str, int]]
) -> None:
    world = device_world
    before = world.settled()
    result = world.call(**block(subvolumes[0], "btrfs", opts=["subvol=link"]))
    assert (result.failed, result.code) == (True, "source_not_allowed"), result
    assert before.differences(world.settled()) == []


@pytest.mark.parametrize("name", ["data", "holder/system/inner"])
@pytest.mark.parametrize("by", ["name", "number"])
def test_subvolume_beside_or_below_the_system_s_is_mounted(
    device_world: World, subvolumes: t.Tuple[str, t.Dict[str, int]], name: str, by: str
) -> None:
    device, numbers = subvolumes
    # Below the directory of the system's that the subvolume is mounted at, it is a part of it.
    opts = [f"subvol={name}" if by == "name" else f"subvolid={numbers[name]}"]
    arguments = block(device, "btrfs", opts=opts)
    if name == "data":
        apply(device_world, "mounted", **arguments)
        assert device_world.top(PATH).root == "/data"
    else:
        refuse(device_world, "source_not_allowed", **arguments)


# --- Other ways to a second name ---


def test_overlay_of_a_second_name_is_refused(device_world: World, disk: str) -> None:
    world = device_world
    carry(world, disk)
    world.make_directory(PATH)
    world.make_directory("/srv/apps/lower")
    world.mount(disk, PATH, "ext4")
    for opts in (
        [f"lowerdir={PATH}/secret:/srv/apps/lower"],
        ["lowerdir=/srv/apps/lower", f"upperdir={PATH}/secret", f"workdir={PATH}"],
    ):
        refuse(
            world,
            "source_not_allowed",
            path="/srv/apps/view",
            src="layers",
            fstype="overlay",
            holder="job",
            opts=opts,
        )


def test_layer_of_a_system_s_overlay_is_a_part_of_the_system(device_world: World, disk: str) -> None:
    world = device_world
    world.make_directory("/run/layers")
    world.mount(disk, "/run/layers", "ext4")
    for name in ("lower", "upper", "work"):
        world.make_directory(f"/run/layers/{name}")
    world.make_directory(SYSTEM)
    words = [f"{name}dir=/run/layers/{name}" for name in ("lower", "upper", "work")]
    world.mount("layers", SYSTEM, "overlay", data=",".join(words))
    refuse(world, "source_not_allowed", **block(disk))


def test_adopting_a_second_name_is_refused(device_world: World, disk: str) -> None:
    world = device_world
    carry(world, disk)
    world.make_directory(PATH)
    world.mount(disk, PATH, "ext4", flags=2 | 4)
    refuse(world, "source_not_allowed", **block(disk, adopt=True))


def test_mount_point_below_a_second_name_is_refused(device_world: World, disk: str) -> None:
    world = device_world
    carry(world, disk)
    world.make_directory(PATH)
    world.mount(disk, PATH, "ext4")
    refuse(world, "path_not_allowed", **tmpfs(f"{PATH}/cron.d/new"))
    world.write("/srv/apps/payload")
    refuse(world, "path_not_allowed", **bind("/srv/apps/payload", f"{PATH}/ld.so.preload"))
    assert not world.exists(f"{SYSTEM}/ld.so.preload")


def test_reconcile_does_not_bring_a_second_name_back(device_world: World, disk: str) -> None:
    world = device_world
    succeed(world, **block(disk))
    world.unmount(PATH)
    carry(world, disk)
    result = world.collect(world.start(module="safe_mount_reconcile", arguments={}))
    assert result.failed, result
    assert "source_not_allowed" in str(result), result
    assert world.stack(PATH) == []
    # Whoever holds it may go, as before.
    apply(world, "unmounted", **leave(PATH, "job"))


def test_binds_of_the_system_s_own_filesystem_elsewhere_stay_allowed(device_world: World, disk: str) -> None:
    world = device_world
    carry(world, disk)
    # As /srv on the root filesystem: the same superblock, and nothing of the system in it.
    world.make_directory(f"{SYSTEM}/outside/data")
    world.make_directory("/srv/own")
    world.unmount(SYSTEM)
    world.mount(disk, "/srv/own", "ext4")
    world.mount("/srv/own/secret", SYSTEM, "", flags=MS_BIND)
    run_cycle(world, **bind("/srv/own/outside/data"))
    refuse(world, "source_not_allowed", **bind("/srv/own/secret"))
    refuse(world, "source_not_allowed", **bind("/srv/own"))


def test_boot_that_finds_the_system_under_the_name_of_a_source_is_not_taken_for_ours(
    device_world: World, disk: str, loop_device: Attach, tmp_path: Path
) -> None:
    world = device_world
    world.write("/etc/fstab", "")
    lasting = "/dev/disk/by-id/disk"
    succeed(world, **block(lasting, boot=True))
    reboot(world)
    carry(world, disk)
    world.make_directory(PATH)
    done = world.run("mount", PATH)
    assert done.rc == 0, done
    before = world.unique_id(PATH)
    refuse(world, "not_owned", **block(lasting, boot=True))
    refuse(world, "source_not_allowed", **block(lasting, boot=True, adopt=True))
    apply(world, "released", **leave(PATH, "job"))
    assert world.file("/etc/fstab").read_text(encoding="utf-8") == ""
    assert world.unique_id(PATH) == before, "what the boot has mounted is left to whoever put it right"
