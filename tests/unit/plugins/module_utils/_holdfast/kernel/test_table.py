# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The mount table: taken apart, and what of it a path lookup reaches.

The fixtures were recorded on Linux 6.18 in C(unshare --mount --propagation shared) and C(private): binds
over themselves, mounts made before and after, stacks, odd names and an overlay below C(/srv). The .txt is
/proc/self/mountinfo, cut to C(/) and C(/srv); the .json has the mount id that C(open(O_PATH)) of each
mount point gave (mnt_id in /proc/self/fdinfo), where that is a mount's root.
"""

from __future__ import annotations

import json
import sys
import typing as t
from pathlib import Path
from types import FrameType

import pytest
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.errors import MountError
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.kernel import mountinfo
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.kernel.mountinfo import (
    parse_mountinfo,
    read_mounts,
    visible_mounts,
)
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.model import KernelMount
from hypothesis import given
from hypothesis import strategies as st

FIXTURES = Path(__file__).parent / "fixtures"
ROOT = "1 0 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw\n"
each_fixture = pytest.mark.parametrize("name", ["shared", "private"])


def parse_row(line: str) -> KernelMount:
    (row,) = parse_mountinfo(line)
    return row


def recorded(name: str) -> t.Tuple[KernelMount, ...]:
    raw = (FIXTURES / f"mountinfo_{name}.txt").read_bytes()
    return parse_mountinfo(raw.decode("utf-8", "surrogateescape"))


def reached(text: str) -> t.Dict[str, int]:
    return {item.mount.mount_point: item.mount.mount_id for item in visible_mounts(parse_mountinfo(text))}


def row(number: int, parent: int, point: str) -> str:
    return f"{number} {parent} 0:{number} / {point} rw,relatime - tmpfs tmpfs rw\n"


# --- Rows ---


@pytest.mark.parametrize(
    "line",
    [
        pytest.param("", id="empty"),
        pytest.param("36 35 98:0 / /mnt rw", id="cut short"),
        pytest.param("36 35 98:0 / /mnt rw shared:1 ext4 /dev/sda rw", id="no separator"),
        pytest.param("36 35 98:0 / /mnt rw -", id="nothing behind the separator"),
        pytest.param("x 35 98:0 / /mnt rw - ext4 /dev/sda rw", id="no mount id"),
        pytest.param("36 35 98:0 / mnt rw - ext4 /dev/sda rw", id="relative mount point"),
    ],
)
def test_parse_malformed_row_is_skipped(line: str) -> None:
    assert [mount.mount_id for mount in parse_mountinfo(f"{ROOT}{line}\n{row(2, 1, '/srv')}")] == [1, 2]


@given(st.text(alphabet='0123456789 -:/,\\\n=\x85\u2028abmrw"\udcff', max_size=200))
def test_parse_any_text_raises_nothing(text: str) -> None:
    visible_mounts(parse_mountinfo(text))


def test_parse_full_row_gives_every_field() -> None:
    found = parse_row(
        "36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 propagate_from:2 - ext3 /dev/root rw,errors=continue"
    )
    assert found == KernelMount(
        mount_id=36,
        parent_id=35,
        device="98:0",
        root="/mnt1",
        mount_point="/mnt2",
        fstype="ext3",
        source="/dev/root",
        flags=("rw", "noatime"),
        options=("rw", "errors=continue"),
        propagation=("master:1", "propagate_from:2"),
    )


@pytest.mark.parametrize(
    ("escaped", "literal"),
    [
        pytest.param(r"/srv/a\040b", "/srv/a b", id="space"),
        pytest.param(r"/srv/a\011b", "/srv/a\tb", id="tab"),
        pytest.param(r"/srv/a\012b", "/srv/a\nb", id="newline"),
        pytest.param(r"/srv/a\134b", r"/srv/a\b", id="backslash"),
        pytest.param(r"/srv/a\043b", "/srv/a#b", id="hash"),
        pytest.param(r"/srv/a\134040b", r"/srv/a\040b", id="a name that looks escaped"),
        pytest.param("/srv/a\x85b\u2028c\rd", "/srv/a\x85b\u2028c\rd", id="other line ends"),
        pytest.param("/srv/a\udcffb", "/srv/a\udcffb", id="a byte that is not UTF-8"),
        pytest.param(r"/srv/\303\244", "/srv/ä", id="octal bytes of UTF-8"),
    ],
)
def test_parse_escaped_mount_point_is_decoded(escaped: str, literal: str) -> None:
    assert parse_row(row(2, 1, escaped)).mount_point == literal


@pytest.mark.parametrize(
    ("shown", "options"),
    [
        pytest.param("rw,size=4k,mode=700", ("rw", "size=4k", "mode=700"), id="plain"),
        pytest.param(r"rw,lowerdir=/a\054b:/c", ("rw", "lowerdir=/a,b:/c"), id="escaped comma"),
        pytest.param(r"rw,lowerdir=/a\134\054b", ("rw", r"lowerdir=/a\,b"), id="escaped backslash and comma"),
        pytest.param(
            'rw,context="u:r:t:s0:c1,c2",size=4k', ("rw", 'context="u:r:t:s0:c1,c2"', "size=4k"), id="SELinux"
        ),
        pytest.param(
            'rw,upperdir=/a"b,workdir=/c"d', ("rw", 'upperdir=/a"b', 'workdir=/c"d'), id="quotes in names"
        ),
        pytest.param("rw,a=b c", ("rw", "a=b c"), id="a filesystem that does not escape"),
        pytest.param("", (), id="nothing"),
    ],
)
def test_parse_options_are_split_at_separators(shown: str, options: t.Tuple[str, ...]) -> None:
    assert parse_row(f"2 1 0:2 / /srv rw - overlay x {shown}").options == options


def test_parse_empty_source_stays_empty() -> None:
    found = parse_row("2 1 0:2 / /srv rw - tmpfs  rw,size=4k")
    assert (found.source, found.options) == ("", ("rw", "size=4k"))


@each_fixture
def test_parse_recorded_table_gives_every_row(name: str) -> None:
    text = (FIXTURES / f"mountinfo_{name}.txt").read_text()
    assert len(recorded(name)) == len(text.splitlines())


# --- What a lookup reaches ---


@each_fixture
def test_visible_recorded_table_is_what_the_kernel_reached(name: str) -> None:
    kernel = json.loads((FIXTURES / f"mountinfo_{name}.json").read_text())
    assert {item.mount.mount_point: item.mount.mount_id for item in visible_mounts(recorded(name))} == kernel


@each_fixture
def test_visible_recorded_table_has_only_the_real_stacks(name: str) -> None:
    stacked = [item.mount.mount_point for item in visible_mounts(recorded(name)) if item.stacked]
    assert stacked == ["/srv", "/srv/b"]


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        pytest.param("", {}, id="no table"),
        pytest.param(ROOT, {"/": 1}, id="root only"),
        pytest.param(row(1, 1, "/") + row(2, 1, "/a"), {"/": 1, "/a": 2}, id="root is its own parent"),
        pytest.param(ROOT + row(2, 1, "/a") + row(3, 2, "/a"), {"/": 1, "/a": 3}, id="stack"),
        pytest.param(
            ROOT + row(2, 1, "/a") + row(3, 1, "/a"), {"/": 1, "/a": 3}, id="siblings, the last wins"
        ),
        pytest.param(
            ROOT + row(2, 1, "/a/b") + row(3, 1, "/a"), {"/": 1, "/a": 3}, id="covered by an ancestor"
        ),
        pytest.param(
            ROOT + row(2, 1, "/a") + row(3, 2, "/a/b") + row(4, 2, "/a"),
            {"/": 1, "/a": 4},
            id="covered by a stack",
        ),
        pytest.param(
            ROOT + row(2, 1, "/a/b") + row(3, 1, "/a") + row(4, 3, "/a/b"),
            {"/": 1, "/a": 3, "/a/b": 4},
            id="copy below a cover",
        ),
        pytest.param(
            ROOT + row(2, 1, "/a") + row(3, 1, "/a-b"), {"/": 1, "/a": 2, "/a-b": 3}, id="string prefix"
        ),
        pytest.param(
            ROOT + row(2, 1, "/a") + row(3, 1, r"/a\040b") + row(4, 1, "/a/c"),
            {"/": 1, "/a": 2, "/a b": 3},
            id="order",
        ),
        pytest.param(ROOT + row(2, 1, "/a") + row(3, 1, "/"), {"/": 1, "/a": 2}, id="mounted on the root"),
        pytest.param(
            row(5, 9, "/a") + row(6, 9, "/b"), {"/a": 5, "/b": 6}, id="chroot into a plain directory"
        ),
        pytest.param(ROOT + row(2, 3, "/a") + row(3, 2, "/a"), {"/": 1}, id="a loop"),
        pytest.param(
            ROOT + row(2, 3, "/a") + row(3, 2, "/a") + row(2, 1, "/a"), {"/": 1, "/a": 3}, id="a number twice"
        ),
    ],
)
def test_visible_table_gives_what_is_reached(rows: str, expected: t.Dict[str, int]) -> None:
    assert reached(rows) == expected


def test_visible_stack_names_the_covered_lowest_first() -> None:
    found = visible_mounts(parse_mountinfo(ROOT + row(2, 1, "/a") + row(3, 2, "/a") + row(4, 3, "/a")))
    assert [mount.mount_id for mount in found[-1].covered] == [2, 3]


def test_visible_siblings_are_no_stack() -> None:
    assert not visible_mounts(parse_mountinfo(ROOT + row(2, 1, "/a") + row(3, 1, "/a")))[-1].stacked


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        (row(2, 1, "/a") + row(3, 1, "/a"), [(2, 2), (3, 3)]),
        (row(2, 1, "/a") + row(3, 2, "/a") + row(4, 3, "/a"), [(2, 4)]),
        (row(2, 1, "/a") + row(3, 1, "/a/b"), [(2, 2)]),
        (row(2, 1, "/a") + row(3, 1, "/ab") + row(4, 3, "/ab/c"), [(2, 2), (3, 3)]),
    ],
    ids=["names-exchanged", "stack", "hidden", "beside"],
)
def test_children_are_told_by_their_parents(rows: str, expected: t.List[t.Tuple[int, int]]) -> None:
    found = mountinfo.children(parse_mountinfo(ROOT + rows), 1)
    assert [(bottom.mount_id, top.mount_id) for bottom, top in found] == expected


def test_visible_root_is_stacked_by_a_mount_on_it() -> None:
    (root,) = visible_mounts(parse_mountinfo(ROOT + row(2, 1, "/")))
    assert (root.mount.mount_id, root.stacked, [mount.mount_id for mount in root.covered]) == (1, True, [2])


@pytest.mark.parametrize(
    "line",
    [
        pytest.param(lambda i: row(i, 1, f"/srv/m{i}"), id="side by side"),
        pytest.param(lambda i: row(i, i - 1, "/srv"), id="one stack"),
        pytest.param(lambda i: row(i, 1, "/srv"), id="one mount point"),
        pytest.param(lambda i: row(i, i - 1, "/d" * (i % 1000 + 1)), id="deep"),
    ],
)
def test_visible_work_grows_with_the_rows_only(line: t.Callable[[int], str]) -> None:
    # Four times the rows; a quadratic way runs sixteen times as many lines. The clock would be noise.
    assert count_lines(4000, line) < 6 * count_lines(1000, line)


def count_lines(rows: int, line: t.Callable[[int], str]) -> int:
    mounts = parse_mountinfo(ROOT + "".join(line(number) for number in range(2, rows + 2)))
    count = 0

    def trace(_frame: FrameType, event: str, _argument: t.Any) -> t.Any:
        nonlocal count
        count += event == "line"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        visible_mounts(mounts)
    finally:
        sys.settrace(before)
    return count


# --- Reading ---


# --- What is in the way ---

ROOT = row(1, 1, "/")


@pytest.mark.parametrize(
    ("rows", "hiding", "upon"),
    [
        pytest.param(row(2, 1, "/a"), [], [], id="nothing"),
        pytest.param(row(2, 1, "/a") + row(3, 2, "/a"), [3], [3], id="over it"),
        pytest.param(row(2, 1, "/a") + row(3, 2, "/a/b") + row(4, 3, "/a/b/c"), [], [3, 4], id="below it"),
        pytest.param(row(2, 1, "/d/a") + row(3, 1, "/d"), [3], [], id="above it"),
        pytest.param(row(3, 1, "/d") + row(2, 3, "/d/a"), [], [], id="what it lies on"),
        pytest.param(row(2, 1, "/a") + row(3, 1, "/ab"), [], [], id="a neighbour of a like name"),
        pytest.param(row(3, 1, "/a"), [], [], id="gone"),
    ],
)
def test_what_is_in_the_way_of_a_mount_is_told_by_the_table(
    rows: str, hiding: t.List[int], upon: t.List[int]
) -> None:
    found = mountinfo.parse_mountinfo(ROOT + rows)
    assert [one.mount_id for one in mountinfo.hiding(found, 2)] == hiding
    assert [one.mount_id for one in mountinfo.upon(found, 2)] == upon


@pytest.mark.parametrize(
    ("fstype", "options", "server"),
    [
        ("fuse", "rw,user_id=1000,group_id=1000", 1000),
        ("fuse.sshfs", "rw,user_id=0,group_id=0", None),
        ("fuseblk", "rw,user_id=7", 7),
        ("fuse", "rw", None),
        ("ext4", "rw,user_id=1000", None),
    ],
)
def test_user_who_serves_a_filesystem_is_told_of_fuse_alone(
    fstype: str, options: str, server: t.Optional[int]
) -> None:
    assert parse_row(f"2 1 0:9 / /a rw - {fstype} source {options}").server == server


def test_read_without_procfs_is_unsupported(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(mountinfo, "TABLE", str(tmp_path / "mountinfo"))
    with pytest.raises(MountError) as caught:
        read_mounts()
    assert caught.value.code == "unsupported"


def test_read_keeps_every_byte(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "mountinfo").write_bytes(b"2 1 0:2 / /srv/\xff\r rw - tmpfs x rw\n")
    monkeypatch.setattr(mountinfo, "TABLE", str(tmp_path / "mountinfo"))
    assert read_mounts()[0].mount_point == "/srv/\udcff\r"


def test_read_own_table_has_a_root() -> None:
    assert "/" in [item.mount.mount_point for item in visible_mounts(read_mounts())]
