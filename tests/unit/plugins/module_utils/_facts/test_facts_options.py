# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Options as the kernel shows them: against what was asked, and as one string."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.holdfast.mounts.plugins.module_utils._facts.options import (
    changed_options,
    options_text,
)
from ansible_collections.holdfast.mounts.plugins.module_utils._values.host import KernelMount
from ansible_collections.holdfast.mounts.plugins.module_utils._values.request import definition_from_opts


def mount(flags: str, options: str = "rw", fstype: str = "tmpfs") -> KernelMount:
    words = (tuple(flags.split(",")), tuple(options.split(",")))
    return KernelMount(40, 1, "0:55", "/", "/srv/a", fstype, "src", *words)


def changes(fstype: str, opts: str, flags: str, options: str = "rw", *, is_owned: bool = True) -> t.List[str]:
    definition = definition_from_opts(fstype, "src", opts.split(",") if opts else ())
    return list(changed_options(definition, mount(flags, options), is_owned=is_owned))


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
            ["+size=2048k", "-size=1048576"],
            id="size",
        ),
        pytest.param(
            "tmpfs", "mode=0755", "rw,relatime", "rw,mode=700", ["+mode=700", "-mode=0755"], id="mode"
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
            "overlay", "lowerdir=/srv/b", "rw,relatime", "ro,lowerdir=/srv/c", [], id="overlay, no upper"
        ),
        pytest.param("bind", "", "ro,noatime", "ro", [], id="bind inherits"),
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


def test_changed_options_adopted_mount_may_have_more() -> None:
    assert changes("tmpfs", "nosuid", "ro,nosuid,noexec,noatime", "ro", is_owned=False) == []


@pytest.mark.parametrize(
    ("flags", "options", "text"),
    [
        pytest.param("rw,nosuid,relatime", "rw,size=4k", "rw,nosuid,relatime,size=4k", id="both"),
        pytest.param("ro,relatime", "rw", "ro,relatime", id="mount read-only"),
        pytest.param("rw,relatime", "ro", "ro,relatime", id="filesystem read-only"),
    ],
)
def test_options_text_is_as_in_proc_mounts(flags: str, options: str, text: str) -> None:
    assert options_text(mount(flags, options)) == text


def test_options_text_escapes_what_would_be_ambiguous() -> None:
    shown = KernelMount(
        40, 1, "0:55", "/", "/srv/a", "overlay", "x", ("rw",), ("rw", "lowerdir=/a,b", r"upperdir=/\x")
    )
    assert options_text(shown) == r"rw,lowerdir=/a\054b,upperdir=/\134x"
