# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A name is not an identity: what a source names now is compared with what it named when it was mounted."""

from __future__ import annotations

import os
import shutil
import subprocess
import typing as t
from pathlib import Path

import pytest
from harness.cycle import apply, leave, predict_and_call, refuse, succeed, tmpfs
from harness.images import LABEL, MEGABYTE, add_device, is_known_to_the_kernel
from harness.reconcile import call_reconcile, reboot, reconcile
from harness.results import Result
from harness.world import World

PATH, SOURCE = "/mnt/b", "/srv/data"
Attach = t.Callable[..., str]


def bind(holder: str, src: str = SOURCE, path: str = PATH) -> t.Dict[str, t.Any]:
    """Return the arguments of a bind."""
    return {"path": path, "src": src, "fstype": "bind", "holder": holder}


def make_ext4(folder: Path, name: str, *flags: str) -> Path:
    """Return an image of a filesystem with an identity of its own."""
    image = folder / f"{name}.ext4"
    with open(image, "wb") as stream:
        stream.truncate(8 * MEGABYTE)
    subprocess.run(["mkfs.ext4", "-q", "-F", *flags, str(image)], check=True, capture_output=True)
    return image


def drift_of(world: World, path: str) -> t.List[str]:
    """Return the kinds of drift that the facts tell of a mount point."""
    return [row["kind"] for row in world.facts()["drift"] if row["path"] == path]


def assert_replaced(world: World, path: str, again: t.Dict[str, t.Any], other: t.Dict[str, t.Any]) -> None:
    """Prove that the facts and a holder's own call tell it, and that a new holder is refused."""
    assert drift_of(world, path) == ["replaced"]
    told = predict_and_call(world, **again)
    assert (told.failed, told.action, told.mount["drift"]) == (False, "none", ["replaced"]), told
    assert "replaced" in told["msg"]
    assert refuse(world, "conflict", **other)["error"]["step"] == "identity"


def rename(world: World, old: str, new: str) -> None:
    """Give a file or directory of the world another name."""
    os.rename(world.file(old), world.file(new))


def swap_mount(world: World) -> None:
    """Have another tmpfs in the place of the source, while the bind goes on showing the first."""
    world.run("umount", "-l", SOURCE)
    succeed(world, **tmpfs(SOURCE, "a"))


def swap_directory(world: World) -> None:
    """Have another directory under the source's name."""
    rename(world, f"{SOURCE}/shown", f"{SOURCE}/old")
    world.file(f"{SOURCE}/shown").mkdir()


def delete_directory(world: World) -> None:
    """Have no directory under the source's name, and then another one."""
    world.file(f"{SOURCE}/shown").rmdir()
    world.file(f"{SOURCE}/shown").mkdir()


def rotate_file(world: World) -> None:
    """Have another file under the source's name, as those do that write a file anew."""
    world.file(f"{SOURCE}/new").write_text("new\n", encoding="utf-8")
    rename(world, f"{SOURCE}/new", f"{SOURCE}/file")


@pytest.mark.parametrize(
    ("change", "src"),
    [
        pytest.param(swap_mount, SOURCE, id="mounted anew"),
        pytest.param(swap_directory, f"{SOURCE}/shown", id="renamed"),
        pytest.param(delete_directory, f"{SOURCE}/shown", id="deleted"),
        pytest.param(rotate_file, f"{SOURCE}/file", id="file rotated"),
    ],
)
def test_bind_whose_source_is_another_one_is_replaced(
    private_world: World, change: t.Callable[[World], None], src: str
) -> None:
    world = private_world
    succeed(world, **tmpfs(SOURCE, "a", opts=["mode=0755"]))
    world.file(f"{SOURCE}/shown").mkdir()
    world.file(f"{SOURCE}/file").write_text("old\n", encoding="utf-8")
    apply(world, "mounted", **bind("a", src))
    assert drift_of(world, PATH) == []
    change(world)
    assert_replaced(world, PATH, bind("a", src), bind("b", src))
    reconciled = reconcile(world)
    assert [(row["path"], row["kind"]) for row in reconciled["remaining"]] == [(PATH, "replaced")]
    apply(world, "unmounted", **leave(PATH, "a"))
    apply(world, "mounted", **bind("b", src))


def test_bind_of_what_was_mounted_upon_later_is_replaced(private_world: World) -> None:
    world = private_world
    world.file(SOURCE).mkdir(parents=True)
    apply(world, "mounted", **bind("a"))
    world.mount("other", SOURCE, "tmpfs")
    assert_replaced(world, PATH, bind("a"), bind("b"))
    world.unmount(SOURCE)
    apply(world, "joined", **bind("b"))


def test_overlay_whose_layer_is_mounted_anew_is_replaced(private_world: World) -> None:
    world = private_world
    succeed(world, **tmpfs(SOURCE, "a", opts=["mode=0755"]))
    world.file("/srv/upper").mkdir()
    wish = {"path": PATH, "src": "o", "fstype": "overlay", "opts": [f"lowerdir={SOURCE}:/srv/upper"]}
    apply(world, "mounted", holder="a", **wish)
    swap_mount(world)
    assert_replaced(world, PATH, {**wish, "holder": "a"}, {**wish, "holder": "b"})


@pytest.mark.parametrize("layer", ["lower", "upper", "work"])
def test_overlay_whose_layer_is_another_directory_is_replaced(private_world: World, layer: str) -> None:
    world = private_world
    for name in ("lower", "upper", "work"):
        world.make_directory(f"/srv/layers/{name}")
    opts = [f"{name}dir=/srv/layers/{name}" for name in ("lower", "upper", "work")]
    wish = {"path": PATH, "src": "o", "fstype": "overlay", "opts": opts}
    apply(world, "mounted", holder="a", **wish)
    rename(world, f"/srv/layers/{layer}", "/srv/layers/old")
    world.file(f"/srv/layers/{layer}").mkdir()
    assert_replaced(world, PATH, {**wish, "holder": "a"}, {**wish, "holder": "b"})
    world.file(f"/srv/layers/{layer}").rmdir()
    rename(world, "/srv/layers/old", f"/srv/layers/{layer}")
    apply(world, "joined", **wish, holder="b")


@pytest.fixture
def two_disks(device_world: World, loop_device: Attach, tmp_path: Path) -> t.Tuple[str, str]:
    """Two devices with filesystems of their own, and udev's link by the label of the first."""
    first, second = (loop_device(make_ext4(tmp_path, name)) for name in ("one", "two"))
    add_device(device_world, first, f"by-label/{LABEL}")
    add_device(device_world, second)
    return first, second


def point_label(world: World, device: str) -> None:
    """Have udev's link lead to another device."""
    link = world.file(f"/dev/disk/by-label/{LABEL}")
    link.unlink(missing_ok=True)
    link.symlink_to(f"../../{os.path.basename(device)}")


def disk(holder: str, **more: t.Any) -> t.Dict[str, t.Any]:
    """Return the arguments of the disk with the label."""
    return {"path": PATH, "src": f"LABEL={LABEL}", "fstype": "ext4", "holder": holder, **more}


def test_label_that_moves_to_another_device_is_replaced(
    device_world: World, two_disks: t.Tuple[str, str]
) -> None:
    world, (first, second) = device_world, two_disks
    apply(world, "mounted", **disk("a"))
    assert world.references[PATH]["identity"][0].startswith("UUID=")
    point_label(world, second)
    assert_replaced(world, PATH, disk("a"), disk("b"))
    point_label(world, first)
    apply(world, "joined", **disk("b"))


def uuid_of(device: str) -> str:
    """Return the identity of the filesystem on a device."""
    argv = ["blkid", "-p", "-s", "UUID", "-o", "value", device]
    return f"UUID={subprocess.run(argv, check=True, capture_output=True, text=True).stdout.strip()}"


@pytest.mark.parametrize("is_rebooted", [True, False], ids=["after a boot", "unmounted"])
def test_another_disk_is_never_mounted_in_the_place_of_the_held_one(
    device_world: World, two_disks: t.Tuple[str, str], is_rebooted: bool
) -> None:
    world, (first, second) = device_world, two_disks
    apply(world, "mounted", **disk("a"))
    if is_rebooted:
        reboot(world)
    else:
        world.unmount(PATH)
    point_label(world, second)
    for check in (True, False):
        found = call_reconcile(world, check=check, disclose="full")
        (row,) = found["remaining"]
        assert (found.failed, row["kind"], row["error"]["step"]) == (True, "replaced", "identity"), found
        assert all(uuid_of(device) in row["error"]["msg"] for device in two_disks)
    assert world.stack(PATH) == []
    for holder in ("a", "b"):
        refuse(world, "conflict", **disk(holder))
    point_label(world, first)
    repaired = reconcile(world)
    assert [row["action"] for row in repaired["repaired"]] == ["mounted"]
    apply(world, "joined", **disk("b"))


@pytest.mark.parametrize("is_rebooted", [True, False], ids=["after a boot", "unmounted"])
def test_another_disk_that_udev_knows_is_replaced_to_the_facts(
    device_world: World, two_disks: t.Tuple[str, str], is_rebooted: bool
) -> None:
    world = device_world
    for device in two_disks:
        link = world.file(f"/dev/disk/by-uuid/{uuid_of(device)[len('UUID=') :]}")
        link.parent.mkdir(exist_ok=True)
        link.symlink_to(f"../../{os.path.basename(device)}")
    apply(world, "mounted", **disk("a"))
    if is_rebooted:
        reboot(world)
    else:
        world.unmount(PATH)
    assert drift_of(world, PATH) == ["missing"]
    point_label(world, two_disks[1])
    (row,) = world.facts()["drift"]
    assert (row["kind"], [uuid_of(device) in row["message"] for device in two_disks]) == (
        "replaced",
        [True, True],
    )
    for kinds, check in [(["missing"], True), (["missing"], False), (["replaced"], False)]:
        found = call_reconcile(world, check=check, repair=kinds)
        (row,) = found["remaining"]
        assert (found.failed, row["kind"]) == ("missing" in kinds, "replaced"), found
    assert world.stack(PATH) == []
    apply(world, "unmounted", **leave(PATH, "a"))


def claim_label(world: World, device: str, *, priority: int = 0, is_old: bool = False) -> None:
    """Have udev know that a device has the label (udev-node.c of systemd)."""
    number = os.stat(device).st_rdev
    entry = f"b{os.major(number)}:{os.minor(number)}"
    folder = f"disk/by-label/{LABEL}".replace("/", "\\x2f")
    if not is_old:
        world.make_directory(f"/run/udev/links/{folder}")
        world.file(f"/run/udev/links/{folder}/{entry}").symlink_to(f"{priority}:{device}")
        return
    world.write(f"/run/udev/links/\\x2f{folder}/{entry}", "")
    world.write(f"/run/udev/data/{entry}", f"S:disk/by-label/{LABEL}\nL:{priority}\nI:1\n")


@pytest.mark.parametrize("is_old", [False, True], ids=["systemd 251", "older"])
def test_tag_of_two_devices_is_a_conflict(
    device_world: World, two_disks: t.Tuple[str, str], is_old: bool
) -> None:
    world = device_world
    for device in two_disks:
        claim_label(world, device, is_old=is_old)
    named = refuse(world, "conflict", **disk("a", disclose="full"))["msg"]
    assert all(f"'{device}'" in named for device in two_disks), named
    world.file("/run/udev").rename(world.file("/run/udev.old"))
    apply(world, "mounted", **disk("a"))
    world.file("/run/udev.old").rename(world.file("/run/udev"))
    apply(world, "joined", **disk("b"))
    world.unmount(PATH)
    found = call_reconcile(world, disclose="full")
    (row,) = found["remaining"]
    assert (row["kind"], row["error"]["code"]) == ("missing", "conflict"), found
    assert all(f"'{device}'" in row["error"]["msg"] for device in two_disks), row
    for holder in ("a", "b"):
        succeed(world, **leave(PATH, holder))


@pytest.mark.parametrize("is_old", [False, True], ids=["systemd 251", "older"])
def test_tag_whose_link_has_precedence_names_one_device(
    device_world: World, two_disks: t.Tuple[str, str], is_old: bool
) -> None:
    claim_label(device_world, two_disks[0], priority=50, is_old=is_old)
    claim_label(device_world, two_disks[1], is_old=is_old)
    apply(device_world, "mounted", **disk("a"))


def test_tag_of_two_devices_with_the_same_bytes_names_one_filesystem(
    device_world: World, loop_device: Attach, tmp_path: Path
) -> None:
    image = make_ext4(tmp_path, "one")
    first, second = loop_device(image), loop_device(image)
    add_device(device_world, first, f"by-label/{LABEL}")
    add_device(device_world, second)
    for device in (first, second):
        claim_label(device_world, device)
    apply(device_world, "mounted", **disk("a"))


def test_released_name_may_be_held_for_another_disk(
    device_world: World, two_disks: t.Tuple[str, str]
) -> None:
    world = device_world
    apply(world, "mounted", **disk("a"))
    reboot(world)
    point_label(world, two_disks[1])
    apply(world, "unmounted", **leave(PATH, "a"))
    apply(world, "mounted", **disk("a"))
    assert world.references[PATH]["identity"] == [uuid_of(two_disks[1])]


def test_bind_of_a_directory_that_was_made_anew_does_not_come_back(
    device_world: World, two_disks: t.Tuple[str, str]
) -> None:
    world, again = device_world, bind("a", "/srv/disk/shown")
    succeed(world, **{**disk("a"), "path": "/srv/disk"})
    world.file("/srv/disk/shown").mkdir()
    succeed(world, **again)
    world.unmount(PATH)
    assert [row["action"] for row in reconcile(world)["repaired"]] == ["mounted"]
    world.unmount(PATH)
    rename(world, "/srv/disk/shown", "/srv/disk/old")
    world.file("/srv/disk/shown").mkdir()
    found: Result = call_reconcile(world)
    assert [(row["path"], row["kind"]) for row in found["remaining"]] == [(PATH, "replaced")]
    assert world.stack(PATH) == []


def test_name_that_a_boot_may_give_away_is_refused_with_one_that_lasts(
    device_world: World, two_disks: t.Tuple[str, str]
) -> None:
    world, first = device_world, two_disks[0]
    world.file("/etc/fstab").write_text("", encoding="utf-8")
    counted = {**disk("a", boot=True), "src": first}
    assert f"write '{uuid_of(first)}'" in refuse(world, "source_not_allowed", **counted)["msg"]
    succeed(world, **{**counted, "boot": False})
    refuse(world, "source_not_allowed", **counted)
    assert world.file("/etc/fstab").read_text(encoding="utf-8") == ""


def test_every_member_of_a_btrfs_names_the_same(
    device_world: World, loop_device: Attach, tmp_path: Path
) -> None:
    if shutil.which("mkfs.btrfs") is None or not is_known_to_the_kernel("btrfs"):
        pytest.skip("needs btrfs")
    world, images = device_world, [tmp_path / name for name in ("one", "two")]
    for image in images:
        image.touch()
        os.truncate(image, 256 * MEGABYTE)
    first, second = map(loop_device, images)
    argv = ["mkfs.btrfs", "-q", "-f", "-L", LABEL, "-d", "raid1", "-m", "raid1", first, second]
    subprocess.run(argv, check=True, capture_output=True)
    for device in (first, second):
        add_device(world, device)
        subprocess.run(["btrfs", "device", "scan", device], check=False, capture_output=True)
    wish = {**disk("a"), "fstype": "btrfs"}
    world.make_directory("/dev/disk/by-label")
    point_label(world, first)
    for device in (first, second):
        claim_label(world, device)
    apply(world, "mounted", **wish)
    apply(world, "unmounted", **leave(PATH, "a"))
    apply(world, "mounted", **{**wish, "src": second})
    assert drift_of(world, PATH) == []
    apply(world, "mounted", **{**wish, "src": first, "path": "/mnt/c"})
    for path in (PATH, "/mnt/c"):
        apply(world, "unmounted", **leave(path, "a"))
    world.make_directory(PATH)
    world.mount(first, PATH, "btrfs", flags=6)
    apply(world, "adopted", **{**wish, "src": second, "adopt": True})
    apply(world, "released", **leave(PATH, "a"))
    world.unmount(PATH)
