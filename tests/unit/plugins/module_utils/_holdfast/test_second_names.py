# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Under which other names the mount table shows the same files, and which of them a mount may not have."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.decide.rules import refuse_second_name
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.grammar.paths import (
    NEVER_LIST,
    is_system,
)
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.kernel import mountinfo
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.model import (
    Extent,
    KernelMount,
    Place,
    Tree,
)
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.second_names import (
    names_of,
    system_rows,
    tree_at,
)
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.steps import Source
from ansible_collections.holdfast.mounts.tests.unit.plugins.module_utils.builders import (
    PATH,
    make_definition,
    make_mount,
    refused,
)

DISK = "254:1"


def row(point: str, root: str = "/", device: str = DISK, **more: t.Any) -> KernelMount:
    """Return a row of the table."""
    return make_mount(mount_point=point, root=root, device=device, **more)


# --- Names ---

NAMES: t.Dict[str, t.Tuple[str, t.List[KernelMount], t.List[str]]] = {
    "whole_filesystem": ("/", [row("/"), row("/srv/disk")], ["/", "/srv/disk"]),
    "directory_of_the_root_filesystem": ("/srv/data", [row("/")], ["/srv/data"]),
    "directory_below_another_mount": ("/a/b", [row("/mnt/x", "/a")], ["/mnt/x/b"]),
    "root_of_the_other_mount": ("/a", [row("/mnt/x", "/a")], ["/mnt/x"]),
    "holds_the_root_of_another_mount": ("/a", [row("/etc", "/a/b/etc")], ["/etc"]),
    "beside": ("/a", [row("/etc", "/etc"), row("/mnt/x", "/b")], []),
    "look_alike": ("/a", [row("/etc", "/ab"), row("/boot", "/abc/a")], []),
    "above_in_words_only": ("/ab", [row("/etc", "/a")], []),
    "deleted_root": ("/a", [row("/etc", "/a//deleted")], ["/etc"]),
    "subvolume_of_the_system": ("/@", [row("/", "/@")], ["/"]),
    "subvolume_above_the_system_s": ("/", [row("/", "/@")], ["/"]),
    "subvolume_beside_the_system_s": ("/@data", [row("/", "/@")], []),
    "subvolume_nested_in_the_system_s": ("/@/srv/data", [row("/", "/@")], ["/srv/data"]),
    "etc_nested_in_the_system_s": ("/@/etc", [row("/", "/@")], ["/etc"]),
}


@pytest.mark.parametrize(("root", "rows", "expected"), NAMES.values(), ids=NAMES.keys())
def test_names_are_those_at_which_the_same_files_are_seen(
    root: str, rows: t.List[KernelMount], expected: t.List[str]
) -> None:
    assert list(names_of(Tree(DISK, root), rows)) == expected


def test_names_of_the_tree_alone_leave_out_what_it_holds() -> None:
    rows = [row("/etc", "/a/b/etc"), row("/mnt/x", "/a")]
    assert names_of(Tree(DISK, "/a"), rows, holds=False) == ("/mnt/x",)


@pytest.mark.parametrize(
    ("path", "root"),
    [("/srv/x", "/"), ("/srv/x/a", "/a"), ("/srv/xa", "/top/srv/xa"), ("/", "/top")],
    ids=["point", "below", "look-alike", "root"],
)
def test_path_is_placed_on_the_mount_that_shows_it(path: str, root: str) -> None:
    rows = [row("/", "/top"), row("/srv/x", "/covered"), row("/srv/x")]
    found = mountinfo.row_at(path, rows)
    assert found is not None
    assert tree_at(path, found) == Tree(DISK, root)


def test_path_that_was_renamed_stands_for_everything_of_its_mount() -> None:
    assert tree_at("/srv/gone/a", row("/srv/x", "/top")) == Tree(DISK, "/top")


# --- What is the system's ---

SYSTEM = ["/", "/boot", "/boot/efi", "/efi", "/etc", "/etc/x", "/usr", "/usr/local", "/lib64"]
OTHERS = ["/srv", "/home", "/var", "/var/lib/docker/volumes/x/_data", "/usrlocal", "/run/user/1", "/dev/shm"]


@pytest.mark.parametrize("path", SYSTEM)
def test_directory_of_the_system_is_one(path: str) -> None:
    assert is_system(path)


@pytest.mark.parametrize("path", OTHERS)
def test_directory_of_consumers_is_none_of_the_system(path: str) -> None:
    assert not is_system(path)


def test_what_is_the_system_s_is_on_the_never_list() -> None:
    assert {path for path in NEVER_LIST if is_system(path)} >= {"/boot", "/etc", "/usr", "/bin", "/lib"}


def test_overlay_of_the_system_lends_its_names_to_its_layers() -> None:
    layers = ("rw", r"lowerdir=/media/ro/a\:b:/media/ro", "upperdir=/media/rw/up", "workdir=/media/rw/work")
    rows = [
        row("/", device="0:30", fstype="overlay", options=layers),
        row("/media/ro", device="254:1"),
        row("/media/rw", device="254:2"),
        row("/srv/view", device="0:31", fstype="overlay", options=("lowerdir=/media/rw",)),
    ]
    found = {(carrier.device, carrier.root, carrier.mount_point) for carrier in system_rows(rows)}
    assert found == {
        ("0:30", "/", "/"),
        ("254:1", "/", "/"),
        ("254:1", "/a:b", "/"),
        ("254:2", "/up", "/"),
    }


def test_overlay_whose_layer_nobody_shows_lends_nothing() -> None:
    rows = [row("/", device="0:30", fstype="overlay", options=("lowerdir=relative",))]
    assert system_rows(rows) == tuple(rows)


# --- The same bytes ---

OVERLAPS: t.Dict[str, t.Tuple[Extent, Extent, bool]] = {
    "same": (Extent("8:0", 0, 10), Extent("8:0", 0, 10), True),
    "within": (Extent("8:0", 2, 4), Extent("8:0", 0, 10), True),
    "beside": (Extent("8:0", 0, 5), Extent("8:0", 5, 10), False),
    "another": (Extent("8:0", 0, 10), Extent("8:16", 0, 10), False),
    "slice_and_whole": (Extent("8:0", 0, 10, is_slice=True), Extent("8:0", 0, 10), True),
    "two_slices": (Extent("8:0", 0, 10, is_slice=True), Extent("8:0", 0, 10, is_slice=True), False),
}


@pytest.mark.parametrize(("one", "other", "expected"), OVERLAPS.values(), ids=OVERLAPS.keys())
def test_extents_overlap_where_they_have_bytes_in_common(one: Extent, other: Extent, expected: bool) -> None:
    assert one.overlaps(other) is expected
    assert other.overlaps(one) is expected


# --- The rule ---

ROOTS = ("/srv/apps", "/mnt")


def judge(*names: str, roots: t.Optional[t.Sequence[str]] = None) -> None:
    """Apply the rule to a device that has these names."""
    definition = make_definition(fstype="ext4", src="/dev/sdb")
    refuse_second_name(PATH, definition, Source(names=names), roots)


@pytest.mark.parametrize("roots", [None, ROOTS, ("/",)], ids=["no-policy", "policy", "wide"])
@pytest.mark.parametrize("name", SYSTEM)
def test_device_with_a_name_of_the_system_is_refused_always(
    name: str, roots: t.Optional[t.Sequence[str]]
) -> None:
    error = refused(judge, "/srv/apps/x", name, roots=roots)
    assert (error.code, error.path) == ("source_not_allowed", PATH)
    assert "'/dev/sdb'" in error.message
    assert error.detail == f"it is seen at: {name}"


@pytest.mark.parametrize("name", ["/srv", "/srv/other", "/srv/apps2", "/home", "/var"])
def test_device_with_a_name_outside_of_the_roots_is_refused_under_a_policy(name: str) -> None:
    error = refused(judge, "/srv/apps/x", name, roots=ROOTS)
    assert (error.code, error.path) == ("not_permitted", PATH)
    assert "'allowed_roots'" in error.message
    assert name not in error.message.replace(ROOTS[0], "")
    assert error.detail == f"it is mounted at: {name}"
    judge("/srv/apps/x", name)


def test_device_with_names_within_the_roots_is_allowed() -> None:
    judge()
    judge("/srv/apps", "/srv/apps/x/y", "/mnt/z", roots=ROOTS)


def test_directory_with_a_name_of_the_system_is_refused_by_its_own_path() -> None:
    definition = make_definition(fstype="bind", src="/srv/apps/x")
    place = Place("/srv/apps/x", "directory", system_names=("/etc",))
    error = refused(refuse_second_name, PATH, definition, Source(places=(place,)), None)
    assert error.code == "source_not_allowed"
    assert "'/srv/apps/x'" in error.message
