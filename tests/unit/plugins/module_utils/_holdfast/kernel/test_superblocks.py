# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""On which bytes block devices lie, from a sysfs that is made for it."""

from __future__ import annotations

import os
import typing as t
from pathlib import Path

import pytest
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.kernel import devices
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.kernel.devices import (
    btrfs_extents,
    extents_of,
)
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.model import NO_END, Extent

DISK, FIRST, SECOND = "8:0", "8:1", "8:2"
LOOP, LOOP_PART, ROOT_VOLUME, DATA_VOLUME, MIRROR = "7:0", "259:0", "253:0", "253:1", "9:0"
SECTORS = 512


class Sysfs:
    """Block devices as /sys/dev/block and /sys/fs/btrfs show them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "block").mkdir()

    def add(self, number: str, *, below: str = "", **files: t.Any) -> None:
        """Add a device; below: the disk that it is a partition of. Files are those of its folder."""
        place = self.folder / "devices" / below.replace(":", "-") / number.replace(":", "-")
        place.mkdir(parents=True)
        for name, value in {"dev": number, **files}.items():
            path = place / name.replace("__", "/")
            path.parent.mkdir(exist_ok=True)
            path.write_text(f"{value}\n", encoding="utf-8")
        os.symlink(place, self.folder / "block" / number)

    def add_on(self, number: str, *members: str) -> None:
        """Add a device of the mapper, or of md, with its members."""
        self.add(number)
        slaves = self.folder / "devices" / number.replace(":", "-") / "slaves"
        slaves.mkdir()
        for member in members:
            os.symlink(os.path.realpath(self.folder / "block" / member), slaves / member.replace(":", "-"))

    def add_btrfs(self, name: str, *members: str) -> None:
        """Add a mounted btrfs with its devices."""
        devices = self.folder / "btrfs" / name / "devices"
        devices.mkdir(parents=True)
        for member in members:
            os.symlink(os.path.realpath(self.folder / "block" / member), devices / member.replace(":", "-"))


class Node(t.NamedTuple):
    """What there is to see of a device's node."""

    device_number: str
    kind: str = "device"

    @classmethod
    def at(cls, path: str) -> t.Optional[Node]:
        """Return that of the device whose number the path tells."""
        return cls(path[5:]) if path.startswith("/dev/") else None


@pytest.fixture
def sysfs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Sysfs:
    """A disk with two partitions, the second of which holds two volumes."""
    made = Sysfs(tmp_path)
    monkeypatch.setattr(devices, "BLOCK", str(tmp_path / "block"))
    monkeypatch.setattr(devices, "_BTRFS", str(tmp_path / "btrfs"))
    # Nodes of devices are told by their names here.
    monkeypatch.setattr(devices, "block_number", lambda path: path[5:] if path.startswith("/dev/") else None)
    look_at = devices.inode_at
    monkeypatch.setattr(devices, "inode_at", lambda path: Node.at(path) or look_at(path))
    made.add(DISK)
    made.add(FIRST, below=DISK, partition=1, start=100, size=50)
    made.add(SECOND, below=DISK, partition=2, start=150, size=50)
    made.add_on(ROOT_VOLUME, SECOND)
    made.add_on(DATA_VOLUME, SECOND)
    return made


def share(one: str, other: str) -> bool:
    """Whether two devices have bytes in common."""
    pairs = {(a.overlaps(b), b.overlaps(a)) for a in extents_of(one) for b in extents_of(other)}
    return (True, True) in pairs


@pytest.mark.usefixtures("sysfs")
def test_partition_lies_on_its_disk() -> None:
    assert extents_of(FIRST) == {Extent(DISK, 100 * SECTORS, 150 * SECTORS)}
    assert share(FIRST, DISK)
    assert not share(FIRST, SECOND)


@pytest.mark.usefixtures("sysfs")
def test_volumes_of_one_group_are_apart_and_on_their_member() -> None:
    assert not share(ROOT_VOLUME, DATA_VOLUME)
    assert share(ROOT_VOLUME, SECOND)
    assert share(ROOT_VOLUME, DISK)
    assert not share(ROOT_VOLUME, FIRST)


@pytest.mark.parametrize(
    ("backing", "offset", "limit", "shares"),
    [
        (DISK, 0, 0, [FIRST, SECOND, ROOT_VOLUME]),
        (DISK, 150 * SECTORS, 0, [SECOND, ROOT_VOLUME]),
        (DISK, 0, 100 * SECTORS, []),
        (FIRST, 0, 0, [FIRST]),
        (FIRST, 10 * SECTORS, 0, [FIRST]),
        (ROOT_VOLUME, 0, 0, [SECOND, ROOT_VOLUME]),
        (DATA_VOLUME, 0, 0, [SECOND]),
    ],
    ids=["disk", "offset", "limit", "partition", "into-a-partition", "volume", "other-volume"],
)
def test_loop_device_lies_on_what_is_behind_it(
    sysfs: Sysfs, backing: str, offset: int, limit: int, shares: t.List[str]
) -> None:
    sysfs.add(LOOP, loop__backing_file=f"/dev/{backing}", loop__offset=offset, loop__sizelimit=limit)
    assert [other for other in (FIRST, SECOND, ROOT_VOLUME) if share(LOOP, other)] == shares
    sysfs.add("7:1", loop__backing_file=f"/dev/{LOOP}")
    assert [other for other in (FIRST, SECOND, ROOT_VOLUME) if share("7:1", other)] == shares


def test_partition_of_a_loop_device_lies_on_the_disk_behind(sysfs: Sysfs) -> None:
    sysfs.add(LOOP, loop__backing_file=f"/dev/{DISK}")
    sysfs.add(LOOP_PART, below=LOOP, partition=2, start=150, size=50)
    assert share(LOOP_PART, SECOND)
    assert not share(LOOP_PART, FIRST)


def test_loop_devices_of_one_file_share_it_under_every_name(sysfs: Sysfs, tmp_path: Path) -> None:
    (tmp_path / "image").touch()
    os.link(tmp_path / "image", tmp_path / "other")
    (tmp_path / "second").touch()
    for number, name in enumerate(("image", "other", "second", "gone", "gone")):
        sysfs.add(f"7:{number}", loop__backing_file=tmp_path / name)
    assert share("7:0", "7:1")
    assert not share("7:0", "7:2")
    assert share("7:3", "7:4")


def test_mirror_lies_on_each_of_its_members(sysfs: Sysfs) -> None:
    sysfs.add_on(MIRROR, FIRST, SECOND)
    assert share(MIRROR, FIRST)
    assert share(MIRROR, SECOND)


def test_btrfs_lies_on_all_of_its_devices(sysfs: Sysfs) -> None:
    sysfs.add_btrfs("one", FIRST, SECOND)
    assert btrfs_extents(FIRST) == btrfs_extents(SECOND) == extents_of(FIRST) | extents_of(SECOND)
    assert btrfs_extents(ROOT_VOLUME) == extents_of(ROOT_VOLUME)


def test_device_that_sysfs_does_not_have_is_itself(sysfs: Sysfs) -> None:
    assert extents_of("1:1") == {Extent("1:1", 0, NO_END)}
