# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""When a request and a mount are the same."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.decide.sameness import (
    changed_options,
    differences,
    foreign_differences,
    is_changeable,
    is_same_superblock,
)
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.model import (
    Definition,
    Identity,
    Place,
    definition_from_opts,
)
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.steps import Source
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
            make_definition("commit=7", fstype="ext4"),
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
        pytest.param(("commit=6",), {}, [], False, id="unmanaged, asked but not shown"),
        pytest.param(("commit=6",), {"options": ("rw", "commit=6")}, [], True, id="unmanaged, shown"),
        pytest.param(("commit=6",), {}, [("commit=6",)], True, id="managed with equal options"),
        pytest.param(("commit=6", "noexec"), {}, [("commit=6",)], True, id="managed, other flags"),
        pytest.param((), {"options": ("rw", "commit=6")}, [("commit=6",)], False, id="managed with more"),
        pytest.param((), {}, [(), ("commit=6",)], False, id="one of two managed differs"),
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


def changes(
    fstype: str,
    opts: str,
    flags: str,
    options: str = "rw",
    *,
    is_owned: bool = True,
    inherited: t.Tuple[str, ...] = (),
) -> t.List[str]:
    definition = definition_from_opts(fstype, "src", opts.split(",") if opts else ())
    words = {"flags": tuple(flags.split(",")), "options": tuple(options.split(","))}
    return list(changed_options(definition, make_mount(**words), is_owned=is_owned, inherited=inherited))


@pytest.mark.parametrize(
    ("fstype", "opts", "flags", "options", "expected"),
    [
        pytest.param("tmpfs", "nodev,nosuid", "rw,nodev,relatime", "rw", ["-nosuid"], id="flag lost"),
        pytest.param("tmpfs", "nodev", "rw,nodev,noexec,relatime", "rw", ["+noexec"], id="flag gained"),
        pytest.param("tmpfs", "", "ro,relatime", "rw", ["+ro"], id="mount made read-only"),
        pytest.param("ext4", "", "rw,relatime", "ro", ["+ro"], id="filesystem turned read-only"),
        pytest.param("ext4", "ro", "rw,relatime", "rw", ["-ro"], id="no longer read-only"),
        pytest.param("tmpfs", "", "rw", "rw", ["+strictatime"], id="atime mode changed"),
        pytest.param("tmpfs", "strictatime", "rw,relatime", "rw", ["-strictatime"], id="strictatime lost"),
        pytest.param("bind", "nosuid", "rw,relatime", "rw", ["-nosuid"], id="flag of a bind lost"),
        pytest.param(
            "tmpfs",
            "size=1048576",
            "rw,relatime",
            "rw,size=2048k",
            ["+size=2097152", "-size=1048576"],
            id="size",
        ),
        pytest.param(
            "tmpfs", "mode=0755", "rw,relatime", "rw,mode=700", ["+mode=0700", "-mode=0755"], id="mode"
        ),
        pytest.param(
            "ext4",
            "errors=panic",
            "rw,relatime",
            "rw,errors=continue",
            ["+errors=continue", "-errors=panic"],
            id="word",
        ),
        pytest.param(
            "cifs", "vers=3.0", "rw,relatime", "rw,vers=3.1.1", ["+vers=3.1.1", "-vers=3.0"], id="version"
        ),
        pytest.param(
            "tmpfs",
            "context=a:b:c:s0",
            "rw,relatime",
            "rw,context=a:b:d:s0",
            ["+context=a:b:d:s0", "-context=a:b:c:s0"],
            id="context",
        ),
        pytest.param("nfs", "vers=4", "rw,relatime", "rw,vers=4.2", [], id="version of the server's choice"),
        pytest.param("cifs", "vers=3.0.2", "rw,relatime", "rw,vers=3.02", [], id="version spelled otherwise"),
        pytest.param("nfs", "rsize=1048576", "rw,relatime", "rw,rsize=262144", [], id="size agreed on"),
        pytest.param(
            "cifs", "credentials_file=/etc/a", "rw,relatime", "rw,username=bob", [], id="credentials file"
        ),
        pytest.param("tmpfs", "nodev,nosuid", "rw,nosuid,nodev,relatime", "rw", [], id="equal"),
        pytest.param("tmpfs", "strictatime", "rw", "rw", [], id="strictatime shows as nothing"),
        pytest.param("tmpfs", "noatime", "rw,noatime", "rw", [], id="noatime"),
        pytest.param("ext4", "ro", "rw,relatime", "ro", [], id="read-only by the superblock"),
        pytest.param("squashfs", "", "rw,relatime", "ro", [], id="read-only by nature"),
        pytest.param(
            "overlay", "lowerdir=/srv/b", "rw,relatime", "ro,lowerdir=/srv/b", [], id="overlay, no upper"
        ),
        pytest.param(
            "overlay",
            "lowerdir=/srv/b:/srv/c",
            "rw,relatime",
            "ro,lowerdir+=/srv/b,lowerdir+=/srv/d",
            ["+lowerdir=/srv/b:/srv/d", "-lowerdir=/srv/b:/srv/c"],
            id="another layer",
        ),
        pytest.param(
            "overlay",
            "lowerdir=/srv/b",
            "rw,relatime",
            "ro,lowerdir=/proc/self/fd/5",
            [],
            id="a layer by its handle",
        ),
        pytest.param("bind", "", "ro,noatime", "ro", ["+noatime", "+ro"], id="flags of a bind"),
        pytest.param("tmpfs", "size=1048576", "rw,relatime", "rw,size=1024k", [], id="size in units"),
        pytest.param("tmpfs", "size=1000", "rw,relatime", "rw,size=4k", [], id="size in pages"),
        pytest.param("tmpfs", "size=50%", "rw,relatime", "rw,size=8192k", [], id="size in percent"),
        pytest.param("tmpfs", "mode=0755", "rw,relatime", "rw,mode=755", [], id="mode in digits"),
        pytest.param("tmpfs", "mode=1777", "rw,relatime", "rw", [], id="default that is not shown"),
        pytest.param("btrfs", "compress=zstd", "rw,relatime", "rw,compress=zstd:3", [], id="level added"),
        pytest.param("xfs", "logbsize=32768", "rw,relatime", "rw,logbsize=32k", [], id="number in units"),
    ],
)
def test_changed_options_are_told(
    fstype: str, opts: str, flags: str, options: str, expected: t.List[str]
) -> None:
    assert changes(fstype, opts, flags, options) == expected


def test_changed_options_of_a_bind_leave_out_what_it_had_from_its_source() -> None:
    assert changes("bind", "", "ro,noatime,noexec", "ro", inherited=("noatime", "noexec")) == ["+ro"]


def test_changed_options_adopted_mount_may_have_more() -> None:
    assert changes("tmpfs", "nosuid", "ro,nosuid,noexec,noatime", "ro", is_owned=False) == []
