# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The walk to a path: what it finds, where it stops, and that a swapped name does not move it."""

from __future__ import annotations

import contextlib
import errno
import itertools
import os
import typing as t
from pathlib import Path

import pytest
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.kernel import inodes
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.kernel.pathwalk import (
    DirectoryCache,
    Walk,
    look_at,
)
from ansible_collections.holdfast.mounts.tests.unit.plugins.module_utils._holdfast.kernel.kernels import (
    Switch,
    leave_on,
    without_openat2,
)


@pytest.fixture(name="tree")
def make_tree(private_place: Path) -> Path:
    """Return a directory with a directory, a file, a fifo and links in it."""
    (private_place / "a" / "b").mkdir(parents=True)
    (private_place / "a" / "file").write_text("x")
    os.mkfifo(private_place / "a" / "fifo")
    os.symlink("b", private_place / "a" / "link")
    os.symlink("a", private_place / "way")
    os.symlink("nowhere", private_place / "dangling")
    return private_place


def kind(walk: Walk) -> t.Optional[str]:
    return None if walk.inode is None else walk.inode.kind


@pytest.mark.parametrize("number", range(1, 5))
def test_walk_that_the_kernel_stops_leaves_no_descriptor(
    tree: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    inode_of, count = inodes.inode_of, itertools.count(1)

    def refuse(fd: int) -> inodes.Inode:
        if next(count) == number:
            raise OSError(errno.ENOMEM, os.strerror(errno.ENOMEM))
        return inode_of(fd)

    before = os.listdir("/proc/self/fd")
    monkeypatch.setattr(inodes, "inode_of", refuse)
    with contextlib.suppress(OSError), Walk(str(tree / "a" / "b")):
        pass
    assert next(count) > number
    assert os.listdir("/proc/self/fd") == before


# --- Obstacles ---


@pytest.mark.parametrize(
    ("path", "obstacle"),
    [
        pytest.param("a/link", "a/link", id="link at the end"),
        pytest.param("dangling", "dangling", id="dangling link"),
        pytest.param("way/b", "way", id="link on the way"),
        pytest.param("way/missing/more", "way", id="link before what is missing"),
        pytest.param("a/file/b", "a/file", id="file on the way"),
        pytest.param("a/fifo/b", "a/fifo", id="fifo on the way"),
    ],
)
def test_walk_stops_at_an_obstacle(tree: Path, path: str, obstacle: str) -> None:
    with Walk(f"{tree}/{path}") as walk:
        assert (walk.obstacle, walk.missing) == (f"{tree}/{obstacle}", ())


@pytest.mark.parametrize("mode", [0o775, 0o757, 0o1777], ids=["group", "others", "sticky"])
def test_walk_names_the_first_ancestor_that_others_may_write(tree: Path, mode: int) -> None:
    (tree / "a").chmod(mode)
    (tree / "a" / "b").chmod(0o777)
    with Walk(f"{tree}/a/b/c") as walk:
        assert walk.writable_ancestor == f"{tree}/a"


def test_walk_names_an_ancestor_of_another_owner(tree: Path) -> None:
    os.chown(tree / "a", 65534, 0)
    with Walk(f"{tree}/a/b") as walk:
        assert walk.writable_ancestor == f"{tree}/a"


def test_walk_leaves_the_end_itself_out_of_the_ancestors(tree: Path) -> None:
    (tree / "a" / "b").chmod(0o777)
    with Walk(f"{tree}/a/b") as walk:
        assert walk.writable_ancestor is None


# --- Ends ---


@pytest.mark.parametrize(
    ("path", "expected", "missing"),
    [
        pytest.param("a/b", "directory", (), id="directory"),
        pytest.param("a/file", "file", (), id="file"),
        pytest.param("a/fifo", "other", (), id="fifo"),
        pytest.param("a/new", None, ("new",), id="missing"),
        pytest.param("x/y/z", None, ("x", "y", "z"), id="all missing"),
    ],
)
def test_walk_to_the_end(
    tree: Path, path: str, expected: t.Optional[str], missing: t.Tuple[str, ...]
) -> None:
    with Walk(f"{tree}/{path}") as walk:
        assert (kind(walk), walk.missing, walk.obstacle) == (expected, missing, None)


def test_walk_keeps_the_parent_of_the_last_component(tree: Path) -> None:
    with Walk(f"{tree}/a/b") as walk:
        assert os.fstat(walk.directory).st_ino == (tree / "a").stat().st_ino
        assert walk.name == "b"


def test_walk_stays_on_what_it_found_when_names_are_swapped(tree: Path) -> None:
    found = (tree / "a" / "b").stat().st_ino
    with Walk(f"{tree}/a/b") as walk:
        (tree / "a").rename(tree / "old")
        (tree / "a").symlink_to("/etc")
        assert walk.leaf is not None
        assert os.fstat(walk.leaf).st_ino == found
        assert os.stat(walk.name, dir_fd=walk.directory).st_ino == found


def test_walk_sees_the_root_of_a_mount(tree: Path, mount_at: t.Callable[[Path], Path]) -> None:
    with Walk(f"{tree}/a/b") as before, Walk(str(mount_at(tree / "a" / "b"))) as after:
        assert before.inode is not None
        assert after.inode is not None
        assert (before.inode.is_mount_root, after.inode.is_mount_root) == (False, True)
        assert before.inode.mount_id != after.inode.mount_id


@pytest.mark.parametrize(
    ("path", "has_entries"),
    [("a", True), ("a/b", False), ("a/file", False), ("missing", False)],
)
def test_has_entries(tree: Path, path: str, has_entries: bool) -> None:
    with Walk(f"{tree}/{path}") as walk:
        assert walk.has_entries() is has_entries


def test_walk_closes_every_handle(tree: Path) -> None:
    before = os.listdir("/proc/self/fd")
    for path in ("a/b", "a/link", "missing", "a/file/x"):
        with Walk(f"{tree}/{path}") as walk:
            walk.drop_leaf()
        walk.close()
    assert os.listdir("/proc/self/fd") == before


# --- The directory cache ---


def exists(path: Path, cache: t.Optional[DirectoryCache] = None) -> bool:
    with Walk(str(path), cache=cache) as walk:
        return walk.leaf is not None


def swap(place: Path) -> None:
    """Put another directory, without a file in it, in the place of one."""
    (place / "a").rename(place / "old")
    (place / "a").mkdir()


def test_walk_with_a_cache_starts_where_another_has_come_by(tree: Path) -> None:
    with contextlib.closing(DirectoryCache(())) as cache:
        assert exists(tree / "a" / "missing", cache) is False
        swap(tree)
        # Only root can do that here, and the last look is always one from the root on.
        assert exists(tree / "a" / "file", cache) is True
        assert exists(tree / "a" / "file") is False
    assert exists(tree / "a" / "file") is False


@pytest.mark.parametrize("mode", [0o775, 0o757, 0o1777], ids=["group", "others", "sticky"])
def test_directory_that_others_may_write_is_not_cached(tree: Path, mode: int) -> None:
    tree.chmod(mode)
    with contextlib.closing(DirectoryCache(())) as cache:
        assert exists(tree / "a" / "file", cache) is True
        swap(tree)
        assert exists(tree / "a" / "file", cache) is False


def test_directory_that_was_made_anew_is_not_taken_for_the_old_one(tree: Path) -> None:
    new = tree / "new"
    new.mkdir()
    with contextlib.closing(DirectoryCache(())) as cache:
        assert exists(new / "file", cache) is False
        new.rmdir()
        new.mkdir()
        (new / "file").touch()
        assert exists(new / "file", cache) is True


def test_directory_to_what_is_missing_is_cached_as_far_as_it_goes(tree: Path) -> None:
    before = len(os.listdir("/proc/self/fd"))
    with contextlib.closing(DirectoryCache(())) as cache:
        assert exists(tree / "a" / "new" / "one", cache) is False
        swap(tree)
        (tree / "old" / "new").mkdir()
        (tree / "old" / "new" / "one").touch()
        assert exists(tree / "a" / "new" / "one", cache) is True
        assert len(os.listdir("/proc/self/fd")) == before + 2
    assert len(os.listdir("/proc/self/fd")) == before


def test_directory_that_is_gone_is_given_back_once(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real, new = os.open, tree / "new"

    def fail(path: str, *arguments: t.Any, **named: t.Any) -> int:
        if path == "/":
            raise OSError(12, "Cannot allocate memory")
        return real(path, *arguments, **named)

    new.mkdir()
    with contextlib.closing(DirectoryCache(())) as cache:
        assert exists(new / "file", cache) is False
        new.rmdir()
        monkeypatch.setattr(os, "open", fail)
        with pytest.raises(OSError, match="memory"):
            exists(new / "file", cache)
        other = real("/", os.O_PATH)
    os.fstat(other)
    os.close(other)


@pytest.mark.parametrize("path", ["a/link/file", "way/b", "a/file/b", "missing/more"])
def test_directory_that_ends_early_is_not_cached(tree: Path, path: str) -> None:
    with contextlib.closing(DirectoryCache(())) as cache:
        with Walk(f"{tree}/{path}", cache=cache) as first:
            found = (first.obstacle, first.missing)
        with Walk(f"{tree}/{path}", cache=cache) as second:
            assert (second.obstacle, second.missing) == found
        assert found != (None, ())


@pytest.mark.parametrize("managed", ["a", ""], ids=["the directory", "above it"])
def test_directory_on_a_managed_mount_point_is_not_cached(tree: Path, managed: str) -> None:
    before = len(os.listdir("/proc/self/fd"))
    with contextlib.closing(DirectoryCache({str(tree / managed)})) as cache:
        assert exists(tree / "a" / "file", cache)
        assert len(os.listdir("/proc/self/fd")) == before
    with contextlib.closing(DirectoryCache({str(tree / "a" / "file")})) as cache:
        assert exists(tree / "a" / "file", cache)
        assert len(os.listdir("/proc/self/fd")) == before + 1
    assert len(os.listdir("/proc/self/fd")) == before


# --- What everybody sees ---


@pytest.fixture(params=[leave_on, without_openat2], ids=["at once", "by a walk"])
def glance(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Look as the kernel can, and as it can without openat2(2)."""
    switch: Switch = request.param
    switch(monkeypatch)


@pytest.mark.usefixtures("glance")
@pytest.mark.parametrize(
    ("path", "is_seen"),
    [
        ("a/b", True),
        ("a/file", True),
        ("a/missing", False),
        ("a/link", False),
        ("way/b", False),
        ("a/file/b", False),
    ],
)
def test_look_at_follows_no_link(tree: Path, path: str, is_seen: bool) -> None:
    inode = look_at(f"{tree}/{path}")
    assert (inode is not None) is is_seen
    if inode is not None:
        assert inode.identity.inode == (tree / path).lstat().st_ino


@pytest.mark.usefixtures("glance")
def test_look_at_leaves_no_handle_behind_and_uses_no_cache(tree: Path) -> None:
    before = os.listdir("/proc/self/fd")
    with contextlib.closing(DirectoryCache(())) as cache:
        assert exists(tree / "a" / "file", cache)
        swap(tree)
        assert look_at(str(tree / "a" / "file")) is None
    assert os.listdir("/proc/self/fd") == before
