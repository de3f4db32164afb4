# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Who may start a job gets no second name for what the host boots and runs from, whatever name leads to it.

The control is a check of names in front of mount(8): a device that the table shows at a system directory is
refused, by its real path, and so is a path outside of the roots.
"""

from __future__ import annotations

import os
import stat
import subprocess
import typing as t
from pathlib import Path

from harness.cycle import succeed
from harness.images import add_device, make_image
from harness.world import World, Zygote

SYSTEM, ROOT, PATH = "/etc/machine", "/srv/apps", "/srv/apps/disk"
SECRET = "root's alone\n"
USER = "12345"
Show = t.Callable[[str, str, str], None]
Arguments = t.Dict[str, t.Any]
Attach = t.Callable[[t.Union[str, Path]], str]


class Scene(t.NamedTuple):
    """A host whose SYSTEM is a disk of its own."""

    world: World
    image: Path
    device: str
    attach: Attach


def block(src: str, fstype: str = "ext4", *opts: str) -> Arguments:
    """Return what a job asks for to have a device."""
    return {"path": PATH, "src": src, "fstype": fstype, "opts": list(opts)}


def second_node(scene: Scene) -> Arguments:
    """Another node of the same device."""
    os.mknod(scene.world.file("/dev/data"), stat.S_IFBLK | 0o660, os.stat(scene.device).st_rdev)
    return block("/dev/data")


def loop_on_the_device(scene: Scene) -> Arguments:
    """A loop device on the device: another superblock of the same bytes."""
    return block(scene.attach(scene.device))


def loop_on_the_image(scene: Scene) -> Arguments:
    """A loop device on the same image."""
    return block(scene.attach(scene.image))


def foreign_view(scene: Scene) -> None:
    """Have an administrator's mount of the device where only root may look."""
    scene.world.make_directory(f"{ROOT}/backup/disk")
    scene.world.mount(scene.device, f"{ROOT}/backup/disk", scene.world.top(SYSTEM).fstype)
    scene.world.file(f"{ROOT}/backup").chmod(0o700)


def bind_of_a_view(scene: Scene) -> Arguments:
    """A directory out of a mount that an administrator has made."""
    foreign_view(scene)
    return {"path": PATH, "src": f"{ROOT}/backup/disk", "fstype": "bind", "opts": []}


def layer_of_a_view(scene: Scene) -> Arguments:
    """The same as a layer."""
    foreign_view(scene)
    scene.world.make_directory(f"{ROOT}/lower")
    opts = [f"lowerdir={ROOT}/backup/disk:{ROOT}/lower"]
    return {"path": PATH, "src": "layers", "fstype": "overlay", "opts": opts}


def by_its_path(scene: Scene) -> Arguments:
    """The device itself: the control refuses that."""
    return block(scene.device)


def top_level(scene: Scene) -> Arguments:
    """The subvolume that holds all others, by another node, as a check of names would see the device."""
    return block(second_node(scene)["src"], "btrfs", "subvolid=5")


def subvolume_link(scene: Scene) -> Arguments:
    """A link within the filesystem that leads to the system's subvolume."""
    return block(second_node(scene)["src"], "btrfs", "subvol=link")


WAYS: t.Dict[str, t.Tuple[str, t.Callable[[Scene], Arguments]]] = {
    "path": ("ext4", by_its_path),
    "second node": ("ext4", second_node),
    "loop on the device": ("ext4", loop_on_the_device),
    "loop on the image": ("ext4", loop_on_the_image),
    "bind of a view": ("ext4", bind_of_a_view),
    "layer of a view": ("ext4", layer_of_a_view),
    "top level": ("btrfs", top_level),
    "link to a subvolume": ("btrfs", subvolume_link),
}


def prepare(world: World, device: str, fstype: str) -> None:
    """Mount a device, or a subvolume of it, as a part of the system, with a secret in it."""
    add_device(world, device)
    world.make_directory(SYSTEM)
    world.mount(device, SYSTEM, fstype)
    if fstype == "btrfs":
        enter = ["nsenter", f"--mount=/proc/{world.pid}/ns/mnt", "btrfs", "subvolume", "create"]
        subprocess.run([*enter, f"{SYSTEM}/root"], check=True, capture_output=True)
        os.symlink("root", world.file(f"{SYSTEM}/link"))
        world.unmount(SYSTEM)
        world.mount(device, SYSTEM, fstype, data="subvol=root")
    world.write(f"{SYSTEM}/key", SECRET, mode=0o644)
    world.make_directory(ROOT)
    world.run("sync", "-f", SYSTEM)  # another superblock reads what the disk has


def gets(world: World) -> bool:
    """Whether an unprivileged user reads the secret below the roots."""
    search = ["grep", "-rqxF", SECRET.strip(), ROOT]
    argv = ["setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups", *search]
    return world.run(*argv).rc == 0


def act(world: World, arguments: Arguments) -> None:
    """Ask the module, as a job does."""
    world.call(**arguments, holder="job", allowed_roots=[ROOT], source_roots=[ROOT])


def act_naively(world: World, arguments: Arguments) -> None:
    """Look at names, then run mount(8)."""
    src, fstype = arguments["src"], arguments["fstype"]
    carriers = [mount.source for mount in world.table if mount.point.startswith(("/etc", "/usr", "/boot"))]
    if os.path.realpath(src) in carriers or (fstype == "bind" and not src.startswith(ROOT)):
        return
    world.make_directory(arguments["path"])
    kind = ["--bind"] if fstype == "bind" else ["-t", fstype]
    options = ["-o", ",".join([*arguments["opts"], "nosuid,nodev"])]
    world.run("mount", *kind, *options, src, arguments["path"])


def try_way(zygote: Zygote, folder: Path, name: str, act_: t.Callable[[World, Arguments], None]) -> bool:
    """Return whether one way gives a user the secret."""
    fstype, way = WAYS[name]
    attached: t.List[str] = []

    def attach(backing: t.Union[str, Path]) -> str:
        done = subprocess.run(
            ["losetup", "--find", "--show", str(backing)], check=True, capture_output=True, text=True
        )
        attached.append(done.stdout.strip())
        if world is not None and not world.exists(attached[-1]):
            add_device(world, attached[-1])
        return attached[-1]

    folder.mkdir()
    world: t.Optional[World] = None
    image = make_image(folder, fstype)
    device = attach(image)
    world = World(zygote, folder, "private", private_dev=True)
    try:
        prepare(world, device, fstype)
        assert not gets(world), "it is readable without the attack"
        act_(world, way(Scene(world, image, device, attach)))
        return gets(world)
    finally:
        world.close()
        for loop in reversed(attached):
            subprocess.run(["losetup", "--detach", loop], check=True)


def test_no_way_gives_a_second_name_for_the_system(tmp_path: Path, show_figures: Show) -> None:
    zygote = Zygote()
    try:
        ours = [name for name in WAYS if try_way(zygote, tmp_path / f"ours {name}", name, act)]
        naive = [name for name in WAYS if try_way(zygote, tmp_path / f"naive {name}", name, act_naively)]
    finally:
        zygote.close()
    counted = f"of {len(WAYS)} ways"
    show_figures("10 a second name for the system", f"{len(ours)} {counted}", f"{len(naive)} {counted}")
    assert ours == []
    assert len(naive) >= len(WAYS) - 1, naive


def test_same_request_for_another_disk_is_carried_out(tmp_path: Path) -> None:
    zygote = Zygote()
    device = subprocess.run(
        ["losetup", "--find", "--show", str(make_image(tmp_path, "ext4"))],
        check=True,
        capture_output=True,
        text=True,
    ).stdout.strip()
    world = World(zygote, tmp_path, "private", private_dev=True)
    try:
        add_device(world, device)
        succeed(world, **block(device), holder="job", allowed_roots=[ROOT], source_roots=[ROOT])
    finally:
        world.close()
        zygote.close()
        subprocess.run(["losetup", "--detach", device], check=True)
