# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Make small images of file systems, sparse where they cannot be small."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
import time
import typing as t
from pathlib import Path

import pytest
from harness.helped import FUSE, MS_BIND
from harness.world import World

UUID = "6f1c0a52-97d4-4b0e-8f1a-2d3c4b5a6978"
LABEL = "disk_one"
MEGABYTE = 1 << 20
SECONDS = 10.0
NEEDS_FUSE = pytest.mark.skipif(
    not (os.path.exists("/usr/bin/fusermount3") and os.path.exists("/dev/fuse")),
    reason="needs fusermount3 and /dev/fuse",
)

# The kernel refuses a second xfs or btrfs of one identity, and tests run side by side: only ext4 has UUID.
TOOLS: t.Dict[str, t.Tuple[int, t.List[str]]] = {
    "ext4": (8 * MEGABYTE, ["mkfs.ext4", "-q", "-F", "-U", UUID, "-L", LABEL]),
    "xfs": (320 * MEGABYTE, ["mkfs.xfs", "-q", "-f", "-L", LABEL]),
    "btrfs": (128 * MEGABYTE, ["mkfs.btrfs", "-q", "-f", "-L", LABEL]),
    "vfat": (8 * MEGABYTE, ["mkfs.vfat", "-n", "DISK_ONE"]),
    "exfat": (8 * MEGABYTE, ["mkfs.exfat", "-L", LABEL]),
    "ntfs3": (16 * MEGABYTE, ["mkfs.ntfs", "-q", "-F", "-L", LABEL]),
    "f2fs": (64 * MEGABYTE, ["mkfs.f2fs", "-q", "-f", "-l", LABEL]),
    "udf": (8 * MEGABYTE, ["mkfs.udf", "-b", "512", "-l", LABEL]),
    "squashfs": (0, ["mksquashfs", "{content}", "{image}"]),
    "erofs": (0, ["mkfs.erofs", "{image}", "{content}"]),
    "iso9660": (0, ["genisoimage", "-quiet", "-rock", "-o", "{image}", "{content}"]),
}


def is_known_to_the_kernel(fstype: str) -> bool:
    """Return whether the running kernel lists a type (modules that are not loaded are not listed)."""
    words = Path("/proc/filesystems").read_text(encoding="ascii").split()
    return fstype in words


def make_image(folder: Path, fstype: str, name: str = "disk") -> Path:
    """Return a fresh image; skips the test where tool or kernel lack the type."""
    size, command = TOOLS[fstype]
    if shutil.which(command[0]) is None:
        pytest.skip(f"needs {command[0]}")
    if not is_known_to_the_kernel(fstype):
        pytest.skip(f"this kernel has no {fstype}")
    image = folder / f"{name}.{fstype}"
    if size:
        with open(image, "wb") as stream:
            stream.truncate(size)
        argv = [*command, str(image)]
    else:
        content = folder / f"{name}-content"
        content.mkdir()
        (content / "file").write_text("packed\n", encoding="utf-8")
        argv = [word.format(content=content, image=image) for word in command]
    subprocess.run(argv, check=True, capture_output=True)
    return image


def loop_devices(file: Path) -> t.List[str]:
    """Return the loop devices that have this very file, whatever it is called by now."""
    argv = ["losetup", "--noheadings", "--raw", "--output", "NAME", "--associated", str(file)]
    return subprocess.run(argv, check=True, capture_output=True, text=True).stdout.split()


def wait_for_no_loop_device(file: Path) -> None:
    """Prove that no loop device has the file any more; somebody else may look at one for a moment."""
    end = time.monotonic() + SECONDS
    while True:
        found = loop_devices(file)
        if not found or time.monotonic() > end:
            break
        time.sleep(0.02)
    assert found == []


def add_device(world: World, device: str, *links: str) -> None:
    """Make a device's node in the world's own /dev, and udev's links to it."""
    number = os.stat(device).st_rdev
    os.mknod(world.file(device), stat.S_IFBLK | 0o660, number)
    for link in links:
        place = world.file(f"/dev/disk/{link}")
        place.parent.mkdir(parents=True, exist_ok=True)
        os.symlink(f"../../{os.path.basename(device)}", place)


def serve_file(world: World, uid: int, point: str, image: Path) -> int:
    """Have a user mount and serve a file's bytes at a path; return the process that serves."""
    world.file("/etc/fuse.conf").write_text("user_allow_other\n", encoding="ascii")
    if not world.exists("/run/fuse"):
        os.mknod(world.file("/run/fuse"), stat.S_IFCHR | 0o666, os.stat("/dev/fuse").st_rdev)
        os.chmod(world.file("/run/fuse"), 0o666)  # as udev makes it
        world.mount("/run/fuse", "/dev/fuse", "", flags=MS_BIND)
    done = world.run(sys.executable, str(FUSE), point, f"uid={uid}", f"image={image}")
    assert done.stdout.startswith("ready"), done
    return int(done.stdout.split()[1])
