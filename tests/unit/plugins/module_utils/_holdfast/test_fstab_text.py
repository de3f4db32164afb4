# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The table of filesystems as bytes: what is not ours stays, down to the last byte."""

from __future__ import annotations

import ctypes
import typing as t
from pathlib import Path

import pytest
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.decide.boot import fstab_line
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.fstab import edited, find_entry
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.model import (
    MARK,
    BootEntry,
    definition_from_opts,
)
from hypothesis import given
from hypothesis import strategies as st

OURS = f"x /srv/a tmpfs nofail,{MARK} 0 0"
OTHER = f"x /srv/b tmpfs nofail,{MARK} 0 0"

ODD = [
    b"",
    b"\n",
    b"no newline at the end",
    b"# a comment\n\n\t \nLABEL=root / ext4 defaults 0 1\n",
    b"windows / ext4 defaults 0 1\r\nlast /x ext4 defaults 0 2\r\n",
    b"\xff\xfe not UTF-8 \x00 \n",
    b"too few\n/srv/a\n# /srv/a ext4\n",
    b"a /srv/a/below ext4 defaults 0 0\nb /srv ext4 defaults 0 0",
    b"\x0b\x0cvertical\x1c\x1d\x85 separators\n",
]
TABLES = st.one_of(
    st.sampled_from(ODD),
    st.binary(max_size=60),
    st.lists(st.sampled_from([*ODD, b"dev /srv/c ext4 ro 0 0\n", b"# c\n"])).map(b"".join),
)


def naive(data: bytes, path: str, line: t.Optional[str]) -> bytes:
    """The usual way, for control: read lines, write lines."""
    kept = [row for row in data.decode("utf-8", "replace").splitlines() if f" {path} " not in row]
    return "".join(f"{row}\n" for row in [*kept, *([line] if line else [])]).encode()


def has_no_entry_of_ours(data: bytes) -> bool:
    return MARK.encode() not in data


@given(TABLES.filter(has_no_entry_of_ours))
def test_entry_added_and_removed_leaves_every_byte(data: bytes) -> None:
    added = edited(data, {"/srv/a": OURS})
    assert find_entry(added, "/srv/a").ours == OURS
    assert edited(added, {"/srv/a": None}) == data


def test_control_the_usual_way_does_not() -> None:
    changed = [naive(naive(data, "/srv/a", OURS), "/srv/a", None) != data for data in ODD]
    assert sum(changed) >= 5


@given(TABLES.filter(has_no_entry_of_ours), st.permutations([0, 1, 2]))
def test_entries_removed_in_any_order_leave_every_byte(data: bytes, order: t.List[int]) -> None:
    paths = ["/srv/a", "/srv/b", "/srv/c"]
    for path in paths:
        data_before = data
        data = edited(data, {path: f"x {path} tmpfs {MARK} 0 0"})
        assert data != data_before
    for number in order:
        data = edited(data, {paths[number]: None})
    assert has_no_entry_of_ours(data)


def test_entry_that_is_there_is_replaced_where_it_stands() -> None:
    data = f"first\n{OURS}\nlast\n".encode()
    new = OURS.replace("tmpfs", "ext4")
    assert edited(data, {"/srv/a": new}) == f"first\n{new}\nlast\n".encode()
    assert edited(data, {"/srv/a": OURS}) == data


def test_entry_of_others_is_never_touched() -> None:
    data = f"x /srv/a tmpfs defaults 0 0\n{OTHER}\n".encode()
    assert edited(data, {"/srv/a": None}) == data
    assert edited(data, {"/srv/a": OURS}).startswith(data)


@pytest.mark.parametrize(
    "line",
    [
        "x /srv/a ext4 defaults 0 0",
        "x\t/srv/a\text4\tdefaults",
        "  x /srv/a/ ext4 defaults",
        "x //srv//a ext4 defaults",
        "x /srv/\\141 ext4 defaults",
        "x /srv/a none bind",
        f"x /srv/a ext4 defaults,x{MARK} 0 0",
        f"x /srv/a ext4 defaults 0 0 # {MARK}",
    ],
    ids=["plain", "tabs", "trailing slash", "slashes", "escaped", "bind", "alike mark", "mark in a comment"],
)
def test_entry_of_others_is_found_however_it_is_spelled(line: str) -> None:
    assert find_entry(f"# c\n{line}\r\n".encode(), "/srv/a") == BootEntry(None, True)


@pytest.mark.parametrize(
    "line",
    ["# x /srv/a ext4 defaults 0 0", "x /srv/ab ext4 defaults 0 0", "x none swap sw 0 0", "/srv/a"],
    ids=["comment", "another path", "swap", "one word"],
)
def test_entry_of_something_else_is_none(line: str) -> None:
    assert find_entry(f"{line}\n".encode(), "/srv/a") == BootEntry()


# --- As others read it ---


class _Mntent(ctypes.Structure):
    _fields_ = [(name, ctypes.c_char_p) for name in ("mnt_fsname", "mnt_dir", "mnt_type", "mnt_opts")]


def read_by_libc(file: Path) -> t.List[t.Tuple[str, ...]]:
    """Return the entries that getmntent(3) finds, which is what systemd reads the table with."""
    libc = ctypes.CDLL(None)
    libc.setmntent.restype = ctypes.c_void_p
    libc.getmntent.restype = ctypes.POINTER(_Mntent)
    libc.getmntent.argtypes = [ctypes.c_void_p]
    stream = libc.setmntent(str(file).encode(), b"r")
    rows: t.List[t.Tuple[str, ...]] = []
    while True:
        entry = libc.getmntent(stream)
        if not entry:
            return rows
        found = entry.contents
        rows.append(
            tuple(
                value.decode() for value in (found.mnt_fsname, found.mnt_dir, found.mnt_type, found.mnt_opts)
            )
        )


@pytest.mark.parametrize(
    "path",
    [
        "/srv/plain",
        "/srv/a b",
        "/srv/a#b",
        "/srv/#a",
        "/srv/a\\b",
        "/srv/\\040",
        "/srv/ä",
        "/srv/a,b",
        "/srv/'\"$",
    ],
)
def test_entry_is_read_by_libc_as_it_was_meant(path: str, tmp_path: Path) -> None:
    file = tmp_path / "fstab"
    line = fstab_line(path, definition_from_opts("tmpfs", "scratch", ["nodev", "size=1048576"]))
    file.write_bytes(edited(b"# only a comment", {path: line}))
    assert read_by_libc(file) == [("scratch", path, "tmpfs", f"nofail,nodev,size=1048576,{MARK}")]
    assert find_entry(file.read_bytes(), path).ours == line
