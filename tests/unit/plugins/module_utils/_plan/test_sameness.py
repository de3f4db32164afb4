# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""When a request and a mount are the same."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.holdfast.mounts.plugins.module_utils._plan.sameness import (
    differences,
    foreign_differences,
    is_changeable,
    is_same_superblock,
)
from ansible_collections.holdfast.mounts.plugins.module_utils._values.host import Identity, Place
from ansible_collections.holdfast.mounts.plugins.module_utils._values.observation import Source
from ansible_collections.holdfast.mounts.plugins.module_utils._values.request import Definition
from ansible_collections.holdfast.mounts.tests.unit.plugins.module_utils.builders import (
    FLAGS,
    PATH,
    make_definition,
    make_mount,
)

DISK = make_definition(fstype="ext4", src="UUID=1")
BIND = make_definition(fstype="bind", src="/srv/b")
HERE, ELSEWHERE = Identity("0:77", 5, 6), Identity("0:77", 9, 6)
AT = Place(PATH, "directory", identity=HERE)


@pytest.mark.parametrize(
    ("wanted", "names"),
    [
        pytest.param(make_definition(), (), id="equal"),
        pytest.param(make_definition("noexec"), ("opts",), id="flag"),
        pytest.param(make_definition("size=1"), ("opts",), id="option"),
        pytest.param(make_definition(src="other"), ("src",), id="source"),
        pytest.param(make_definition("ro", fstype="ext4", src="x"), ("fstype", "src", "opts"), id="all"),
    ],
)
def test_differences_name_each_option(wanted: Definition, names: t.Tuple[str, ...]) -> None:
    assert differences(wanted, make_definition()) == names


@pytest.mark.parametrize(
    ("wanted", "held", "expected"),
    [
        pytest.param(make_definition("ro"), make_definition(), True, id="flags"),
        pytest.param(make_definition("size=1"), make_definition("size=2"), True, id="size of a tmpfs"),
        pytest.param(make_definition(), make_definition("size=2"), False, id="size taken away"),
        pytest.param(make_definition("size=1"), make_definition(), False, id="size given for the first time"),
        pytest.param(make_definition("mode=0700"), make_definition("mode=0755"), False, id="mode"),
        pytest.param(make_definition(src="x"), make_definition(), False, id="source"),
        pytest.param(DISK, make_definition(src="UUID=1"), False, id="type"),
        pytest.param(
            make_definition("commit=5", fstype="ext4"),
            make_definition("commit=6", fstype="ext4"),
            False,
            id="superblock option",
        ),
    ],
)
def test_is_changeable(wanted: Definition, held: Definition, expected: bool) -> None:
    assert is_changeable(wanted, held) is expected


@pytest.mark.parametrize(
    ("wanted", "mount", "names"),
    [
        pytest.param(make_definition(), {}, (), id="equal"),
        pytest.param(make_definition(), {"flags": ("rw", *FLAGS, "noexec")}, (), id="more flags than asked"),
        pytest.param(make_definition(), {"options": ("rw", "size=4k")}, (), id="more options than asked"),
        pytest.param(
            make_definition(), {"flags": ("rw", "nosuid")}, ("opts",), id="an implied flag is missing"
        ),
        pytest.param(make_definition("ro"), {}, ("opts",), id="writable"),
        pytest.param(make_definition("ro"), {"options": ("ro",)}, (), id="superblock read-only"),
        pytest.param(
            make_definition("size=8192"), {"options": ("rw", "size=8k")}, (), id="size in other words"
        ),
        pytest.param(
            make_definition("size=5000"), {"options": ("rw", "size=8k")}, (), id="size in whole pages"
        ),
        pytest.param(
            make_definition("size=8192"), {"options": ("rw", "size=4k")}, ("opts",), id="another size"
        ),
        pytest.param(make_definition("size=8192"), {}, ("opts",), id="no size"),
        pytest.param(make_definition("strictatime"), {}, ("opts",), id="relatime, strictatime asked"),
        pytest.param(
            make_definition("strictatime"), {"flags": ("rw", *FLAGS)}, (), id="strictatime, not shown"
        ),
        pytest.param(make_definition(), {"source": "other"}, ("src",), id="another source"),
        pytest.param(make_definition(), {"fstype": "ext4"}, ("fstype",), id="another type"),
        pytest.param(make_definition(fstype="nfs"), {"fstype": "nfs4"}, (), id="a type shown otherwise"),
        pytest.param(
            make_definition("context=a:b:c:s0:c1,c2"),
            {"options": ("rw", 'context="a:b:c:s0:c1,c2"')},
            (),
            id="context in quotes",
        ),
    ],
)
def test_foreign_differences(wanted: Definition, mount: t.Dict[str, t.Any], names: t.Tuple[str, ...]) -> None:
    assert foreign_differences(wanted, make_mount(**mount), AT, Source()) == names


@pytest.mark.parametrize(
    ("source", "names"),
    [
        pytest.param(Source(device_path="/dev/sda1", device_number="0:77"), (), id="by number"),
        pytest.param(Source(device_path="/dev/sda1", device_number="8:1"), (), id="by path, as btrfs shows"),
        pytest.param(Source(device_path="/dev/sdb1", device_number="8:2"), ("src",), id="another device"),
    ],
)
def test_foreign_device_is_told_by_number_or_path(source: Source, names: t.Tuple[str, ...]) -> None:
    mount = make_mount(fstype="ext4", source="/dev/sda1")
    assert foreign_differences(DISK, mount, AT, source) == names


@pytest.mark.parametrize(
    ("source", "names"),
    [
        pytest.param(Source((Place("/srv/b", "directory", identity=HERE),)), (), id="same inode"),
        pytest.param(
            Source((Place("/srv/b", "directory", identity=ELSEWHERE),)), ("src",), id="another inode"
        ),
        pytest.param(Source(), ("src",), id="no source"),
        pytest.param(Source((Place("/srv/b", "absent"),)), ("src",), id="missing source"),
    ],
)
def test_foreign_bind_is_told_by_its_inode(source: Source, names: t.Tuple[str, ...]) -> None:
    assert foreign_differences(BIND, make_mount(fstype="ext4"), AT, source) == names


@pytest.mark.parametrize(
    ("opts", "mount", "held", "expected"),
    [
        pytest.param((), {}, [], True, id="unmanaged, nothing asked"),
        pytest.param(("ro",), {}, [], False, id="read-only asked, writable"),
        pytest.param((), {"options": ("ro",)}, [], False, id="writable asked, read-only"),
        pytest.param(("ro",), {"options": ("ro",)}, [], True, id="both read-only"),
        pytest.param((), {"fstype": "xfs"}, [], False, id="another type"),
        pytest.param(("commit=5",), {}, [], False, id="unmanaged, asked but not shown"),
        pytest.param(("commit=5",), {"options": ("rw", "commit=5")}, [], True, id="unmanaged, shown"),
        pytest.param(("commit=5",), {}, [("commit=5",)], True, id="managed with equal options"),
        pytest.param(("commit=5", "noexec"), {}, [("commit=5",)], True, id="managed, other flags"),
        pytest.param((), {"options": ("rw", "commit=5")}, [("commit=5",)], False, id="managed with more"),
        pytest.param((), {}, [(), ("commit=5",)], False, id="one of two managed differs"),
    ],
)
def test_is_same_superblock(
    opts: t.Tuple[str, ...], mount: t.Dict[str, t.Any], held: t.List[t.Tuple[str, ...]], expected: bool
) -> None:
    wanted = make_definition(*opts, fstype="ext4")
    managed = [make_definition(*words, fstype="ext4") for words in held]
    assert is_same_superblock(wanted, make_mount(**{"fstype": "ext4", **mount}), managed) is expected


def test_is_same_superblock_takes_subvolumes_of_btrfs_for_mounts_of_one() -> None:
    wanted, held = (make_definition(f"subvol=/{name}", fstype="btrfs") for name in "ab")
    assert is_same_superblock(wanted, make_mount(fstype="btrfs"), [held])
