# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which sources each type takes."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.errors import MountError
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.grammar.sources import check_source

UUID = "123e4567-e89b-12d3-a456-426614174000"
ROOTS = ("/srv", "/mnt/data")

REFUSED: t.Dict[str, t.Tuple[str, ...]] = {
    "ext4": (
        "",
        "-osuid",
        "sda1",
        "/dev",
        "/dev/",
        "/dev//sda",
        "/dev/../etc/passwd",
        "/dev/./sda",
        "/dev/sda/",
        "/dev/sd a",
        "/dev/s,da",
        "/dev/sd\u0430",
        "/srv/disk.img",
        "UUID=",
        "UUID=123",
        f"uuid={UUID}",
        f"UUID={UUID}x",
        f"UUID={UUID} ",
        f'UUID="{UUID}"',
        "UUID=1234-567g",
        "UUID=12345678-01",
        "PARTUUID=12345678-1",
        "LABEL=",
        "LABEL=.hidden",
        "LABEL=../../sda",
        "LABEL=a b",
        "LABEL=" + "x" * 65,
        "ID=ata-1",
        "/dev/" + "x/" * 510 + "x",
    ),
    "bind": (
        "",
        "srv/a",
        "/srv/",
        "/srv/../etc",
        "/srv2/a",
        "/etc/ssl",
        "/mnt/other",
        "/",
        "/srv/" + "x" * 256,
        "/srv" + "/abcdefg" * 128,
    ),
    "tmpfs": ("", "-t", "/tmp", "a b", ".a", "_a", "a:b", "x" * 65, "\u0661"),
    "9p": ("", "tcp:10.0.0.1", "-a", "/share"),
    "nfs": (
        "host",
        "host:",
        "host:path",
        ":/a",
        "host:/a/",
        "host:/a//b",
        "host:/../a",
        "-host:/a",
        "host-:/a",
        "ho st:/a",
        "a,b:/c",
        "host..org:/a",
        "1.2.3.256:/a",
        "1.2.3:/a",
        "01.2.3.4:/a",
        "::1:/a",
        "[::1:/a",
        "[::g]:/a",
        "[fe80::1%eth0]:/a",
        "user@host:/a",
        "x" * 64 + ":/a",
    ),
    "cifs": (
        "host/share",
        "//host",
        "//host/",
        "//host/share/",
        "//host/share//a",
        "//host/../a",
        "//host/a,b",
        "//host/a\\b",
        '//host/a"b',
        "//host/%41",
        "\\\\host\\share",
        "//user:word@host/share",
        "///share",
    ),
    "glusterfs": ("host:/", "host:volume", "host:/vol ume", "host:/a/../b", "host:/a,b"),
    "ceph": (
        "host/a",
        "host:99999:/a",
        "host:0:/a",
        "a,,b:/c",
        "a,:/c",
        "user@fs=/a",
        "user@x.fs=/a",
        "@.fs=/a",
        "user@.fs=a",
        "user@.fs=/a/",
        "user@.=/a",
        "host:/a/",
    ),
    "fuse.sshfs": (
        "host",
        "host:a",
        "host:",
        "-oProxyCommand=evil:/a",
        "-host:/a",
        "user@-host:/a",
        "-user@host:/a",
        "@host:/a",
        "a b@host:/a",
        "user:word@host:/a",
        "user@host@other:/a",
        "sshfs#host:/a",
        "ssh://host/a",
        "host:/a/../b",
    ),
}

ACCEPTED: t.Dict[str, t.Tuple[str, ...]] = {
    "ext4": (
        "/dev/sda1",
        "/dev/loop0",
        "/dev/mapper/vg-lv",
        "/dev/disk/by-id/ata-X_1:2@3+4.5",
        f"UUID={UUID}",
        f"UUID={UUID.upper()}",
        f"PARTUUID={UUID}",
        "PARTUUID=12345678-01",
        "LABEL=data_1.x-y",
        "LABEL=-data",
        "PARTLABEL=root",
    ),
    "bind": ("/srv", "/srv/a", "/mnt/data/a b,c$;\"'", "/srv/" + "x" * 255),
    "tmpfs": ("tmpfs", "7", "a.b_c-d", "x" * 64),
    "overlay": ("overlay",),
    "9p": ("hostshare",),
    "virtiofs": ("myfs",),
    "nfs": ("host:/", "host:/a b", "host-1.example.org:/a,b/c", "10.0.0.1:/a", "[2001:db8::1]:/a"),
    "nfs4": ("host:/srv",),
    "cifs": ("//host/share", "//10.0.0.1/share/sub dir", "//host/share$"),
    "smb3": ("//host/share",),
    "glusterfs": ("host:/volume", "[::1]:/vol.1/sub_a"),
    "ceph": (
        ":/",
        ":/a",
        "mon:/a",
        "mon1:6789,10.0.0.1,[::1]:3300:/a b",
        "admin@.cephfs=/",
        f"admin@{UUID}.cephfs=/a",
    ),
    "fuse.sshfs": ("host:/", "user.x@host-1.example.org:/a b,c", "root@[::1]:/srv"),
}


def _cases(table: t.Mapping[str, t.Tuple[str, ...]]) -> t.List[t.Any]:
    return [
        pytest.param(fstype, source, id=f"{fstype}:{source[:40] or 'empty'}")
        for fstype, sources in table.items()
        for source in sources
    ]


@pytest.mark.parametrize(("fstype", "source"), _cases(REFUSED))
def test_source_that_breaks_its_grammar_is_refused(fstype: str, source: str) -> None:
    with pytest.raises(MountError) as caught:
        check_source(fstype, source, source_roots=ROOTS)
    assert caught.value.code == "source_not_allowed"
    assert caught.value.message.startswith("src: ")


@pytest.mark.parametrize("fstype", sorted(REFUSED))
def test_source_with_control_character_is_an_invalid_argument(fstype: str) -> None:
    with pytest.raises(MountError) as caught:
        check_source(fstype, ACCEPTED[fstype][0] + "\n", source_roots=ROOTS)
    assert caught.value.code == "invalid_argument"


def test_source_on_the_never_list_is_refused_whatever_the_roots() -> None:
    with pytest.raises(MountError) as caught:
        check_source("bind", "/var/lib/docker/volumes", source_roots=("/var/lib",))
    assert caught.value.code == "source_not_allowed"
    assert "belongs to the system" in caught.value.message


def test_source_that_is_an_image_is_refused_with_the_way_to_attach_it() -> None:
    with pytest.raises(MountError, match="/dev/loopN"):
        check_source("xfs", "/srv/disk.img")


@pytest.mark.parametrize(("fstype", "source"), _cases(ACCEPTED))
def test_source_well_formed_passes(fstype: str, source: str) -> None:
    check_source(fstype, source, source_roots=ROOTS)
