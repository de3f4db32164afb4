# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Entries of fstab as values: what they say, and which mount of a boot is taken for ours."""

from __future__ import annotations

import ctypes
import typing as t
from pathlib import Path

import pytest
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.claims import Holder
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.decide.boot import (
    booted,
    fstab_line,
    has_counted_name,
)
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.model import (
    BootEntry,
    Identity,
    definition_from_opts,
)
from ansible_collections.holdfast.mounts.tests.unit.plugins.module_utils.builders import (
    HOST,
    PATH,
    SINCE,
    make_definition,
    make_mount,
    make_reference,
    refused,
    see_foreign,
    see_nothing,
)

LINES: t.Dict[str, t.Tuple[t.Tuple[str, str, t.List[str]], str]] = {
    "tmpfs": (
        ("tmpfs", "scratch", ["nodev", "nosuid", "size=4096"]),
        "scratch /srv/a tmpfs nofail,nodev,nosuid,size=4096,x-holdfast.mounts 0 0",
    ),
    "bind": (
        ("bind", "/srv/x y", ["nodev", "ro"]),
        "/srv/x\\040y /srv/a none nofail,bind,nodev,ro,x-systemd.requires-mounts-for=/srv,x-holdfast.mounts "
        "0 0",
    ),
    "overlay": (
        ("overlay", "site", ["lowerdir=/srv/l2:/mnt/l1", "nodev"]),
        "site /srv/a overlay nofail,nodev,x-systemd.requires-mounts-for=/mnt/l1,"
        "x-systemd.requires-mounts-for=/srv/l2,lowerdir=/srv/l2:/mnt/l1,x-holdfast.mounts 0 0",
    ),
    "label": (
        ("ext4", "LABEL=data", ["noatime", "errors=remount-ro"]),
        "LABEL=data /srv/a ext4 nofail,noatime,errors=remount-ro,x-holdfast.mounts 0 0",
    ),
    "nfs": (
        ("nfs4", "nas:/export", ["nodev"]),
        "nas:/export /srv/a nfs4 nofail,_netdev,nodev,x-holdfast.mounts 0 0",
    ),
    "smb": (
        ("cifs", "//nas/share", ["credentials_file=/etc/nas", "nodev", "vers=3.0"]),
        "//nas/share /srv/a cifs nofail,_netdev,nodev,credentials=/etc/nas,vers=3.0,x-holdfast.mounts 0 0",
    ),
    "ceph": (
        ("ceph", "mon:/", ["credentials_file=/etc/key", "name=app", "nodev"]),
        "mon:/ /srv/a ceph nofail,_netdev,nodev,secretfile=/etc/key,name=app,x-holdfast.mounts 0 0",
    ),
    "context": (
        ("ext4", "/dev/vdb", ["context=system_u:object_r:x_t:s0:c1,c2"]),
        '/dev/vdb /srv/a ext4 nofail,context="system_u:object_r:x_t:s0:c1,c2",x-holdfast.mounts 0 0',
    ),
}


def test_line_of_what_fstab_cannot_say_is_refused() -> None:
    layers = definition_from_opts("overlay", "site", ["lowerdir=/srv/a,b:/srv/c"])
    assert refused(fstab_line, PATH, layers).code == "option_not_allowed"


@pytest.mark.parametrize("name", sorted(LINES))
def test_line_says_what_is_mounted(name: str) -> None:
    (fstype, src, opts), line = LINES[name]
    assert fstab_line(PATH, definition_from_opts(fstype, src, opts)) == line


OLD = make_reference()._replace(boot_id="old-boot", holders={"web": Holder(SINCE, boot=True)})


class Entry(ctypes.Structure):
    """struct mntent of getmntent(3)."""

    _fields_ = (
        *((name, ctypes.c_char_p) for name in ("fsname", "dir", "type", "opts")),
        ("freq", ctypes.c_int),
        ("passno", ctypes.c_int),
    )


def read_options(line: str, file: Path) -> str:
    """Return the options of a line as the C library reads them, and systemd with it."""
    file.write_text(line + "\n")
    library = ctypes.CDLL(None)
    library.setmntent.restype = ctypes.c_void_p
    library.getmntent.restype = ctypes.POINTER(Entry)
    library.getmntent.argtypes = library.endmntent.argtypes = [ctypes.c_void_p]
    stream = library.setmntent(str(file).encode(), b"r")
    options = library.getmntent(stream).contents.opts.decode()
    library.endmntent(stream)
    return str(options)


def test_line_longer_than_is_read_at_boot_is_refused(tmp_path: Path) -> None:
    short = len(fstab_line(PATH, definition_from_opts("overlay", "x", ["lowerdir="])))
    fits = definition_from_opts("overlay", "x", ["lowerdir=" + "y" * (4094 - short)])
    line = fstab_line(PATH, fits)
    assert read_options(line, tmp_path / "fstab").endswith(",x-holdfast.mounts")
    longer = definition_from_opts("overlay", "x", ["lowerdir=" + "y" * (4095 - short)])
    error = refused(fstab_line, PATH, longer)
    assert (error.code, "longer than 4094 bytes" in error.message) == ("option_not_allowed", True)
    # Control: of a longer one the end is lost, and with it whatever stands there.
    assert not read_options(line.replace("y", "y" * 100, 1), tmp_path / "fstab").endswith("mounts")


LINE = fstab_line(PATH, make_definition())
BOOTED = see_foreign(reference=OLD, fstab=BootEntry(LINE))


def test_mount_of_the_boot_is_taken_over() -> None:
    taken = booted(OLD, BOOTED, HOST)
    assert taken is not None
    assert (taken.boot_id, taken.mount_id, taken.owned) == (HOST.boot_id, 5000, True)
    assert taken.holders == OLD.holders


def test_mount_that_was_adopted_is_owned_once_our_entry_has_made_it() -> None:
    taken = booted(OLD._replace(owned=False), BOOTED, HOST)
    assert taken is not None
    assert taken.owned


def test_mount_that_is_taken_over_is_known_by_its_own_root() -> None:
    old = OLD._replace(inode=1, birth=7)
    root = Identity("0:77", 2, 9)
    seen = BOOTED._replace(place=BOOTED.place._replace(identity=root))
    taken = booted(old, seen, HOST)
    assert taken is not None
    assert (taken.device, taken.inode, taken.birth) == (root.device, root.inode, root.birth)


def other(**changes: t.Any) -> t.Any:
    """Return what is seen where another mount stands."""
    place = BOOTED.place._replace(mount=make_mount(**changes))
    return BOOTED._replace(place=place)


@pytest.mark.parametrize(
    ("reference", "seen"),
    [
        (OLD._replace(boot_id=HOST.boot_id), BOOTED),
        (OLD, see_nothing(reference=OLD, fstab=BootEntry(LINE))),
        (OLD, BOOTED._replace(fstab=None)),
        (OLD, BOOTED._replace(fstab=BootEntry(None, True))),
        (OLD, BOOTED._replace(fstab=BootEntry(LINE.replace("nodev", "noexec")))),
        (OLD, other(source="other")),
        (OLD, other(fstype="ramfs")),
        (OLD, other(flags=("rw", "nosuid", "relatime"))),
    ],
    ids=["this boot", "nothing", "not looked", "foreign line", "edited line", "source", "type", "flags"],
)
def test_mount_that_may_be_another_is_not_taken_over(reference: t.Any, seen: t.Any) -> None:
    assert booted(reference, seen, HOST) is None


@pytest.mark.parametrize(
    "name",
    ["sdb", "sdaa1", "vdb", "xvda2", "hdc", "loop5", "loop5p1", "nvme0n1", "nvme1n2p3", "mmcblk0p1"],
)
def test_name_that_the_kernel_counts_is_known(name: str) -> None:
    assert has_counted_name(make_definition(fstype="ext4", src=f"/dev/{name}"))


@pytest.mark.parametrize(
    "src",
    [
        "/dev/mapper/data",
        "/dev/vg/data",
        "/dev/md/data",
        "/dev/md0",
        "/dev/disk/by-id/ata-x",
        "LABEL=sdb",
        "/dev/drbd0",
    ],
)
def test_name_that_lasts_is_no_counted_one(src: str) -> None:
    assert not has_counted_name(make_definition(fstype="ext4", src=src))
