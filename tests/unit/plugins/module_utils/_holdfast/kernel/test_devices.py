# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Block devices and the links to them, in a /dev of our own, with filesystems in it that never answer."""

from __future__ import annotations

import ctypes
import os
import stat
import typing as t
from pathlib import Path

import pytest
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.kernel import child, devices
from ansible_collections.holdfast.mounts.tests.unit.plugins.module_utils.builders import refused
from ansible_collections.holdfast.mounts.tests.unit.plugins.module_utils.conftest import LIBC, check

NOSUID_NODEV = ctypes.c_ulong(6)


@pytest.fixture
def dev(mount_at: t.Callable[[Path], Path]) -> t.Iterator[Path]:
    """A /dev with a disk, a directory that everybody may write, and filesystems that nobody serves."""
    if not os.path.exists("/dev/fuse"):
        pytest.skip("needs /dev/fuse")
    servers = [os.open("/dev/fuse", os.O_RDWR | os.O_CLOEXEC) for _number in range(2)]
    place = mount_at(Path("/dev"))
    os.mknod(place / "sda1", stat.S_IFBLK | 0o600, os.makedev(7, 3))
    os.mknod(place / "null", stat.S_IFCHR | 0o666, os.makedev(1, 3))
    os.mknod(place / "zero", stat.S_IFCHR | 0o600, os.makedev(1, 5))
    for name in ("bob", "disk/by-uuid", "disk/by-label", "hung", "mapper", "shm/hung"):
        (place / name).mkdir(parents=True)
    (place / "shm").chmod(0o1777)
    os.chown(place / "bob", 12345, 12345)
    for server, name in zip(servers, ("hung", "shm/hung")):
        # Its root says that it is root's, as the root of every new mount of FUSE does.
        data = f"fd={server},rootmode=40755,user_id=12345,group_id=12345,allow_other".encode()
        check(LIBC.mount(b"bob", str(place / name).encode(), b"fuse", NOSUID_NODEV, data), "mount")
    yield place
    for server in servers:
        os.close(server)


def find(src: str) -> devices.Device:
    """Return the device, or fail where that waits for a filesystem."""
    return child.run_with_deadline(lambda: devices.find_device(src), 5, kept=(), step="source")


REFUSED: t.Dict[str, t.Tuple[t.Dict[str, str], str, str]] = {
    "user's link into a hung filesystem": ({"shm/x": "/dev/shm/hung/y"}, "/dev/shm/x", "unsafe_path"),
    "user's link to a disk": ({"shm/x": "../sda1"}, "/dev/shm/x", "unsafe_path"),
    "below a user's hung filesystem": ({}, "/dev/shm/hung/y", "unsafe_path"),
    "below a hung filesystem that says it is root's": ({}, "/dev/hung/y", "unsafe_path"),
    "root's link into a user's directory": (
        {"disk/by-uuid/AB-CD": "../../shm/x"},
        "UUID=AB-CD",
        "unsafe_path",
    ),
    "root's link below a hung filesystem": (
        {"disk/by-label/a": "../../hung/y"},
        "LABEL=a",
        "unsafe_path",
    ),
    "user's own directory": ({"bob/x": "../sda1"}, "/dev/bob/x", "unsafe_path"),
    "links in a circle": ({"a": "b", "b": "a"}, "/dev/a", "mount_failed"),
    "link to nothing": ({"a": "nothing"}, "/dev/a", "mount_failed"),
    "link below a disk": ({"a": "sda1/b"}, "/dev/a", "mount_failed"),
    "unknown tag": ({}, "UUID=AB-CE", "mount_failed"),
    "link out of /dev": ({"a": "/etc/passwd"}, "/dev/a", "source_not_allowed"),
    "character device": ({}, "/dev/zero", "source_not_allowed"),
    "directory": ({}, "/dev/mapper", "source_not_allowed"),
    "root of a hung filesystem": ({"a": "hung"}, "/dev/a", "source_not_allowed"),
}


@pytest.mark.parametrize(("links", "src", "code"), REFUSED.values(), ids=REFUSED.keys())
def test_way_that_is_not_roots_alone_is_refused_at_once(
    dev: Path, links: t.Mapping[str, str], src: str, code: str
) -> None:
    for name, target in links.items():
        (dev / name).symlink_to(target)
    assert refused(find, src).code == code


def test_refusal_names_only_what_the_caller_said(dev: Path) -> None:
    (dev / "disk/by-label/a").symlink_to("../../shm/x")
    error = refused(find, "LABEL=a")
    assert ("/dev/shm" in error.message, error.detail) == (False, "'/dev/shm'")
    assert "'/dev/shm'" in refused(find, "/dev/shm/x").message


FOUND: t.Dict[str, t.Tuple[t.Dict[str, str], str]] = {
    "itself": ({}, "/dev/sda1"),
    "by-uuid": ({"disk/by-uuid/AB-CD": "../../sda1"}, "UUID=AB-CD"),
    "by-label, written as a path": ({"disk/by-label/a": "../../sda1"}, "/dev/disk/by-label/a"),
    "/dev/root": ({"root": "sda1"}, "/dev/root"),
    "device mapper": ({"mapper/vg-lv": "../dm-0", "dm-0": "sda1"}, "/dev/mapper/vg-lv"),
    "absolute": ({"a": "/dev/sda1"}, "/dev/a"),
    "directory that is a link": ({"vg": "mapper", "mapper/lv": "../sda1"}, "/dev/vg/lv"),
    "above /": ({"a": "../../../dev/./sda1"}, "/dev/a"),
}


@pytest.mark.parametrize(("links", "src"), FOUND.values(), ids=FOUND.keys())
def test_links_of_roots_are_followed(dev: Path, links: t.Mapping[str, str], src: str) -> None:
    for name, target in links.items():
        (dev / name).symlink_to(target)
    assert find(src) == devices.Device("/dev/sda1", "7:3")
