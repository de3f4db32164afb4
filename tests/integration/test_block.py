# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Block file systems on loop devices, by device and by tag."""

from __future__ import annotations

import os
import stat
import typing as t
from pathlib import Path

import pytest
from harness.cycle import apply, leave, predict_and_call, refuse, run_cycle, succeed, warm_up
from harness.images import LABEL, UUID, add_device, is_known_to_the_kernel, make_image
from harness.reconcile import reboot, reconcile
from harness.results import play, task
from harness.world import World

PATH = "/srv/disk"
TYPES = ["ext4", "xfs", "btrfs", "squashfs", "erofs"]
Attach = t.Callable[..., str]


def block(src: str, fstype: str, path: str = PATH, holder: str = "a", **more: t.Any) -> t.Dict[str, t.Any]:
    """Return the arguments of a block file system."""
    return {"path": path, "src": src, "fstype": fstype, "holder": holder, **more}


@pytest.fixture
def ext4(device_world: World, loop_device: Attach, tmp_path: Path) -> str:
    """A device with ext4 on it, linked as udev does it."""
    device = loop_device(make_image(tmp_path, "ext4"))
    add_device(
        device_world,
        device,
        f"by-uuid/{UUID}",
        f"by-label/{LABEL}",
        f"by-partuuid/{UUID}",
        "by-partlabel/part",
    )
    return device


@pytest.mark.parametrize("fstype", ["vfat", "exfat", "iso9660", "udf", "f2fs"])
def test_block_type_that_the_kernel_lacks_is_unsupported(device_world: World, ext4: str, fstype: str) -> None:
    if is_known_to_the_kernel(fstype):
        pytest.skip(f"this kernel has {fstype}")
    result = device_world.call(**block(ext4, fstype))
    assert (result.failed, result.code) == (True, "unsupported"), result
    assert not device_world.exists(PATH)
    assert device_world.references == {}


def test_block_device_that_does_not_exist_leaves_nothing(device_world: World) -> None:
    result = device_world.call(**block("/dev/nothing", "ext4", "/srv/new/disk"))
    assert (result.failed, result.code) == (True, "mount_failed"), result
    assert not device_world.exists("/srv/new")
    assert device_world.references == {}


@pytest.mark.parametrize("src", [f"UUID={UUID}", "LABEL=nowhere", "PARTLABEL=nowhere"])
def test_block_tag_that_nobody_has_leaves_nothing(device_world: World, src: str) -> None:
    result = device_world.call(**block(src, "ext4", "/srv/new/disk"))
    assert (result.failed, result.code) == (True, "mount_failed"), result
    assert not device_world.exists("/srv/new")


def test_block_device_with_another_type_on_it_fails(device_world: World, ext4: str) -> None:
    result = device_world.call(**block(ext4, "xfs", "/srv/new/disk"))
    assert (result.failed, result.code) == (True, "mount_failed"), result
    assert not device_world.exists("/srv/new")
    assert device_world.references == {}


def test_block_source_that_is_no_block_device_fails(device_world: World) -> None:
    result = device_world.call(**block("/dev/null", "ext4"))
    assert result.failed
    assert result.code in ("mount_failed", "source_not_allowed"), result
    assert not device_world.exists(PATH)


def test_block_source_that_links_out_of_dev_is_not_mounted(
    device_world: World, loop_device: Attach, tmp_path: Path
) -> None:
    device = loop_device(make_image(tmp_path, "ext4"))
    os.mknod(device_world.file("/srv/node"), stat.S_IFBLK | 0o660, os.stat(device).st_rdev)
    os.symlink("/srv/node", device_world.file("/dev/outside"))
    result = device_world.call(**block("/dev/outside", "ext4"))
    assert result.failed, result
    assert device_world.stack(PATH) == []


@pytest.mark.parametrize("fstype", TYPES)
def test_block_by_device_comes_and_goes(
    device_world: World, loop_device: Attach, tmp_path: Path, fstype: str
) -> None:
    device = loop_device(make_image(tmp_path, fstype))
    add_device(device_world, device)
    opts = ["ro"] if fstype in ("squashfs", "erofs") else []
    run_cycle(device_world, **block(device, fstype, opts=opts))
    if opts:
        run_cycle(device_world, **block(device, fstype))
    succeed(device_world, **block(device, fstype, opts=opts))
    mount = device_world.top(PATH)
    assert (mount.fstype, mount.source) == (fstype, device)
    assert {"nosuid", "nodev"} <= mount.flags
    if fstype in ("squashfs", "erofs"):
        assert device_world.file(f"{PATH}/file").read_text(encoding="utf-8") == "packed\n"
    else:
        device_world.write(f"{PATH}/file", "stored")
    apply(device_world, "unmounted", **leave(PATH, "a"))
    assert device_world.stack(PATH) == []


@pytest.mark.parametrize(
    "src",
    [f"UUID={UUID}", f"LABEL={LABEL}", f"PARTUUID={UUID}", "PARTLABEL=part"],
    ids=["uuid", "label", "partuuid", "partlabel"],
)
def test_block_by_tag_comes_and_goes(device_world: World, ext4: str, src: str) -> None:
    acquired = run_cycle(device_world, **block(src, "ext4"))
    assert acquired.mount["src"] == src
    succeed(device_world, **block(src, "ext4"))
    assert device_world.top(PATH).source == ext4
    assert device_world.references[PATH]["src"] == src


def test_block_by_label_with_blanks_comes_and_goes(device_world: World, ext4: str) -> None:
    world, src = device_world, "LABEL=My Own Disk"
    # As udev escapes it (60-persistent-storage.rules, ID_FS_LABEL_ENC).
    os.symlink(f"../../{os.path.basename(ext4)}", world.file("/dev/disk/by-label/My\\x20Own\\x20Disk"))
    run_cycle(world, **block(src, "ext4"))
    succeed(world, **block(src, "ext4", boot=True))
    lines = world.file("/etc/fstab").read_text(encoding="utf-8").splitlines()
    assert [line.split()[:2] for line in lines if PATH in line] == [["LABEL=My\\040Own\\040Disk", PATH]]
    world.unmount(PATH)
    assert world.run("mount", PATH).rc == 0, "mount(8) reads the entry as we do"
    world.unmount(PATH)
    apply(world, "unmounted", **leave(PATH, "a"))


def test_block_by_udev_link_comes_and_goes(device_world: World, ext4: str) -> None:
    src = f"/dev/disk/by-uuid/{UUID}"
    run_cycle(device_world, **block(src, "ext4"))
    succeed(device_world, **block(src, "ext4"))
    number = os.stat(ext4).st_rdev
    assert device_world.top(PATH).device == f"{os.major(number)}:{os.minor(number)}"


def test_block_source_is_compared_literally(device_world: World, ext4: str) -> None:
    succeed(device_world, **block(ext4, "ext4"))
    refuse(device_world, "conflict", **block(f"UUID={UUID}", "ext4", holder="b"))


def test_block_read_only_is_in_force(device_world: World, ext4: str) -> None:
    succeed(device_world, **block(ext4, "ext4", opts=["ro", "noexec", "noatime"]))
    assert {"ro", "noexec", "noatime", "nosuid", "nodev"} <= device_world.top(PATH).flags
    with pytest.raises(OSError, match="Read-only"):
        device_world.write(f"{PATH}/file")


def test_block_changes_between_read_only_and_writable_in_place(device_world: World, ext4: str) -> None:
    world = device_world
    succeed(world, **block(ext4, "ext4"))
    before = world.unique_id(PATH)
    apply(world, "remounted", **block(ext4, "ext4", opts=["ro"]))
    with pytest.raises(OSError, match="Read-only"):
        world.write(f"{PATH}/file")
    apply(world, "remounted", **block(ext4, "ext4", opts=["noexec"]))
    world.write(f"{PATH}/file")
    assert world.unique_id(PATH) == before
    assert world.facts()["drift"] == []


def test_block_first_mounted_read_only_becomes_writable(device_world: World, ext4: str) -> None:
    succeed(device_world, **block(ext4, "ext4", opts=["ro"]))
    apply(device_world, "remounted", **block(ext4, "ext4"))
    device_world.write(f"{PATH}/file")


@pytest.mark.parametrize("fstype", ["btrfs", "ext4", "xfs"])
def test_block_does_not_become_writable_below_another_mount(
    device_world: World, loop_device: Attach, tmp_path: Path, fstype: str
) -> None:
    device = loop_device(make_image(tmp_path, fstype))
    add_device(device_world, device)
    succeed(device_world, **block(device, fstype, opts=["ro"]))
    succeed(device_world, **block(device, fstype, "/srv/again", opts=["ro"]))
    before = device_world.settled()
    refusal = device_world.call(**block(device, fstype))
    assert (refusal.failed, refusal.code) == (True, "conflict"), refusal
    assert "writable there too" in refusal["msg"]
    assert before.differences(device_world.settled()) == []
    apply(device_world, "unmounted", **leave("/srv/again", "a"))
    apply(device_world, "remounted", **block(device, fstype))


def test_block_superblock_option_is_not_changed_in_place(device_world: World, ext4: str) -> None:
    succeed(device_world, **block(ext4, "ext4"))
    refuse(device_world, "conflict", **block(ext4, "ext4", opts=["errors=remount-ro"]))


@pytest.mark.parametrize("fstype", TYPES)
def test_block_device_is_mounted_twice_with_equal_options(
    device_world: World, loop_device: Attach, tmp_path: Path, fstype: str
) -> None:
    device = loop_device(make_image(tmp_path, fstype))
    add_device(device_world, device)
    opts = ["ro"] if fstype in ("squashfs", "erofs") else []
    succeed(device_world, **block(device, fstype, opts=opts))
    apply(device_world, "mounted", **block(device, fstype, "/srv/again", opts=opts))
    assert device_world.top(PATH).device == device_world.top("/srv/again").device
    apply(device_world, "unmounted", **leave(PATH, "a"))
    apply(device_world, "unmounted", **leave("/srv/again", "a"))


def test_block_device_is_not_mounted_twice_with_other_options(device_world: World, ext4: str) -> None:
    succeed(device_world, **block(ext4, "ext4"))
    refuse(device_world, "conflict", **block(ext4, "ext4", "/srv/again", opts=["errors=remount-ro"]))
    refuse(device_world, "conflict", **block(ext4, "ext4", "/srv/again", opts=["ro"]))


SPELLINGS = {
    "btrfs": [
        *(["compress"], ["compress=zstd"], ["compress=no"], ["compress-force=zlib"], ["discard=sync"]),
        *(["discard"], ["subvolid=0"], ["subvol=/"], ["max_inline=64k"], ["ro", "rescue=all"]),
        *(["ro", "rescue=idatacsums"], ["ro", "rescue=nologreplay"], ["space_cache=v2"], ["commit=30"]),
    ],
    "ext4": [["commit=5"], ["data=ordered"], ["norecovery", "ro"], ["errors=continue"]],
    "xfs": [["logbsize=0"], ["logbsize=64k"], ["dax"], ["dax=always"], ["dax=inode"], ["inode64"]],
}
EACH_SPELLING = pytest.mark.parametrize(
    ("fstype", "opts"),
    [
        pytest.param(fstype, opts, id="-".join([fstype, *opts]))
        for fstype, all_opts in SPELLINGS.items()
        for opts in all_opts
    ],
)


@EACH_SPELLING
def test_block_option_in_the_words_of_the_kernel_is_no_drift(
    device_world: World, loop_device: Attach, tmp_path: Path, fstype: str, opts: t.List[str]
) -> None:
    device = loop_device(make_image(tmp_path, fstype))
    add_device(device_world, device)
    succeed(device_world, **block(device, fstype, opts=opts))
    assert device_world.facts()["drift"] == []
    joined = succeed(device_world, **block(device, fstype, holder="b", opts=opts))
    assert joined.action == "joined"
    again = succeed(device_world, **block(device, fstype, "/srv/again", opts=opts))
    assert again.action == "mounted"
    reconciled = reconcile(device_world, repair=["options_changed"])
    assert not reconciled.failed, reconciled
    assert not reconciled.changed, reconciled


@pytest.mark.parametrize(
    ("fstype", "data", "opts"),
    [
        ("btrfs", "compress=zstd", ["compress=zstd"]),
        ("btrfs", "compress=zstd", ["compress=zstd:3"]),
        ("btrfs", "discard", ["discard=sync"]),
        ("btrfs", "subvolid=5", ["subvol=/"]),
        ("btrfs", "commit=30", ["acl", "barrier", "commit=30", "treelog"]),
        ("ext4", "commit=5", ["commit=5"]),
        ("xfs", "logbsize=0", ["logbsize=0"]),
        ("xfs", "largeio", ["largeio", "nodiscard"]),
    ],
)
def test_block_foreign_mount_is_adopted_in_the_words_that_made_it(
    device_world: World, loop_device: Attach, tmp_path: Path, fstype: str, data: str, opts: t.List[str]
) -> None:
    device = loop_device(make_image(tmp_path, fstype))
    add_device(device_world, device)
    device_world.make_directory(PATH)
    device_world.mount(device, PATH, fstype, flags=6, data=data)
    apply(device_world, "adopted", **block(device, fstype, opts=opts, adopt=True))
    # What is shown of a mount that nobody manages is all there is to say of a second one.
    apply(device_world, "mounted", **block(device, fstype, "/srv/again", opts=opts))
    assert device_world.facts()["drift"] == []


@pytest.mark.parametrize(
    ("fstype", "data", "opts", "word"),
    [
        ("btrfs", "compress=lzo", ["compress=zstd"], "compress=zstd"),
        ("btrfs", "nobarrier", ["barrier"], "barrier"),
        ("btrfs", "", ["compress=zstd", "noatime"], "compress=zstd"),
        ("xfs", "logbsize=64k", ["logbsize=32k"], "logbsize=32768"),
    ],
)
def test_block_foreign_mount_of_other_words_is_a_conflict(
    device_world: World,
    loop_device: Attach,
    tmp_path: Path,
    fstype: str,
    data: str,
    opts: t.List[str],
    word: str,
) -> None:
    device = loop_device(make_image(tmp_path, fstype))
    add_device(device_world, device)
    device_world.make_directory(PATH)
    device_world.mount(device, PATH, fstype, flags=6, data=data)
    refusal = refuse(device_world, "conflict", **block(device, fstype, opts=opts, adopt=True))
    assert f"'{word}'" in refusal["msg"]


@pytest.mark.parametrize(
    ("fstype", "opts"),
    [
        ("btrfs", ["discard=sync", "compress=zstd"]),
        ("btrfs", ["ro", "rescue=all"]),
        ("btrfs", ["subvolid=0"]),
        ("squashfs", []),
        ("xfs", ["logbsize=0", "dax=always"]),
    ],
)
def test_block_mount_of_a_boot_is_ours_in_the_words_of_the_kernel(
    device_world: World, loop_device: Attach, tmp_path: Path, fstype: str, opts: t.List[str]
) -> None:
    device = loop_device(make_image(tmp_path, fstype))
    add_device(device_world, device, "by-id/disk")
    wish = block("/dev/disk/by-id/disk", fstype, opts=opts, boot=True)
    succeed(device_world, **wish)
    reboot(device_world)
    device_world.make_directory(PATH)
    done = device_world.run("mount", PATH)
    assert done.rc == 0, done
    again = predict_and_call(device_world, **wish)
    assert (again.action, again.mount["owned"]) == ("none", True), again
    assert device_world.facts()["drift"] == []
    apply(device_world, "unmounted", **leave(PATH, "a"))


def test_block_subvolume_is_joined_by_its_other_name(
    device_world: World, loop_device: Attach, tmp_path: Path
) -> None:
    device = loop_device(make_image(tmp_path, "btrfs"))
    add_device(device_world, device)
    succeed(device_world, **block(device, "btrfs", opts=["subvol=/"]))
    apply(device_world, "joined", **block(device, "btrfs", holder="b", opts=["subvolid=5"]))
    apply(device_world, "joined", **block(device, "btrfs", holder="c", opts=["subvolid=0"]))
    refuse(device_world, "conflict", **block(device, "btrfs", holder="d"))


@pytest.mark.parametrize("fstype", ["squashfs", "erofs"])
@pytest.mark.parametrize("first", [[], ["ro"]], ids=["implied", "written"])
def test_block_that_can_only_be_read_is_read_only_whoever_says_so(
    device_world: World, loop_device: Attach, tmp_path: Path, fstype: str, first: t.List[str]
) -> None:
    second = [] if first else ["ro"]
    device = loop_device(make_image(tmp_path, fstype))
    add_device(device_world, device)
    held = apply(device_world, "mounted", **block(device, fstype, opts=first))
    assert "ro" in held.mount["opts"]
    apply(device_world, "joined", **block(device, fstype, opts=second, holder="b"))
    apply(device_world, "mounted", **block(device, fstype, "/srv/again", opts=second))
    assert device_world.facts()["drift"] == []


@pytest.mark.parametrize("fstype", ["squashfs", "erofs"])
def test_block_that_can_only_be_read_is_mounted_from_a_device_that_cannot_be_written(
    device_world: World, loop_device: Attach, tmp_path: Path, fstype: str
) -> None:
    device = loop_device(make_image(tmp_path, fstype), "--read-only")
    add_device(device_world, device)
    run_cycle(device_world, **block(device, fstype))


def test_block_of_a_playbook(device_world: World, ext4: str) -> None:
    warm_up(device_world)
    start = device_world.settled()
    played = device_world.playbook(
        play(
            task("Acquire", **block(f"UUID={UUID}", "ext4")),
            task("Join", **block(f"UUID={UUID}", "ext4", holder="b")),
            task("Release", **leave(PATH, "a")),
            task("Last", **leave(PATH, "b")),
        )
    )
    actions = [result.action for result in played.results]
    assert actions == ["mounted", "joined", "released", "unmounted"], played
    assert start.differences(device_world.settled()) == []


# --- A superblock that lives on in another mount namespace ---

KEEP_A_COPY = ("unshare", "--mount", "--propagation", "private", "sh", "-c", "echo ready; exec sleep 1000")


@pytest.mark.parametrize("fstype", TYPES)
def test_block_device_that_another_namespace_keeps_is_held_again(
    world: World, loop_device: Attach, tmp_path: Path, fstype: str
) -> None:
    device = loop_device(make_image(tmp_path, fstype))
    world.make_directory(PATH)  # one that is removed takes its mounts along everywhere
    succeed(world, **block(device, fstype))
    pid = world.until_ready(KEEP_A_COPY)
    for _round in range(2):
        assert world.call(**leave(PATH, "a")).action == "unmounted"
        result = world.call(**block(device, fstype))
        assert (result.failed, result.action) == (False, "mounted"), result
    assert len(world.stack(PATH)) == 1
    assert world.facts()["drift"] == []
    assert world.call(**leave(PATH, "a")).action == "unmounted"
    world.end(pid)


def test_block_device_that_another_namespace_keeps_with_other_options_is_a_conflict(
    world: World, loop_device: Attach, tmp_path: Path
) -> None:
    ext4 = loop_device(make_image(tmp_path, "ext4"))
    world.make_directory(PATH)
    succeed(world, **block(ext4, "ext4", opts=["commit=7"]))
    pid = world.until_ready(KEEP_A_COPY)
    assert world.call(**leave(PATH, "a")).action == "unmounted"
    result = world.call(**block(ext4, "ext4", opts=["commit=9"]))
    assert result.code == "conflict", result
    assert "mounted in another mount namespace" in result["msg"]
    assert world.stack(PATH) == []
    result = world.call(**block(ext4, "ext4", opts=["commit=7"]))
    assert (result.failed, result.action) == (False, "mounted"), result
    world.end(pid)


@pytest.mark.parametrize("fstype", ["ext4", "xfs"])
@pytest.mark.parametrize(("kept", "wanted"), [([], ["ro"]), (["ro"], [])], ids=["ro asked", "rw asked"])
def test_block_device_that_another_namespace_keeps_writable_or_not_is_a_conflict(
    world: World, loop_device: Attach, tmp_path: Path, fstype: str, kept: t.List[str], wanted: t.List[str]
) -> None:
    device = loop_device(make_image(tmp_path, fstype))
    world.make_directory(PATH)
    succeed(world, **block(device, fstype, opts=kept))
    pid = world.until_ready(KEEP_A_COPY)
    assert world.call(**leave(PATH, "a")).action == "unmounted"
    result = world.call(**block(device, fstype, opts=wanted), disclose="full")
    assert result.code == "conflict", result
    assert "mounted in another mount namespace" in result["msg"]
    assert result["msg"].endswith("(ro)" if wanted == [] else "(rw)"), result
    assert world.stack(PATH) == []
    world.end(pid)
    result = world.call(**block(device, fstype, opts=wanted))
    assert (result.failed, result.action) == (False, "mounted"), result
