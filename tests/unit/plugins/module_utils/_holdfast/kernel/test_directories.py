# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Directories on the way to mount points: how they are made, and which are taken away."""

from __future__ import annotations

import errno
import os
import stat
import typing as t
from pathlib import Path

import pytest
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.kernel import syscalls
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.kernel.directories import (
    make_missing,
    remove_made,
    sweep_temporaries,
    temporary_name,
)
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.kernel.pathwalk import Walk
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.model import (
    Identity,
    MountPointAttributes,
)

Made = t.Dict[str, Identity]
SPECIAL = MountPointAttributes(mode=0o2750, uid=65534, gid=65533)


def remove(path: str, identity: Identity) -> str:
    with Walk(path) as walk:
        return remove_made(walk, identity)


def make(path: Path, *, is_file: bool = False, note: t.Optional[t.Callable[[str], object]] = None) -> Made:
    """Make what is missing of a path and return what was noted of it."""
    made: Made = {}

    def remember(way: str, identity: Identity) -> None:
        made[way] = identity
        if note is not None:
            note(way)

    with Walk(str(path)) as walk:
        make_missing(walk, operation="op", is_file=is_file, attributes=SPECIAL, record=remember)
    return made


def only(made: t.Mapping[str, Identity]) -> t.Tuple[str, Identity]:
    assert len(made) == 1, made
    return next(iter(made.items()))


def look(path: Path) -> t.Tuple[str, int, int]:
    found = path.lstat()
    return stat.filemode(found.st_mode), found.st_uid, found.st_gid


# --- Making ---


@pytest.fixture
def plain_rename(monkeypatch: pytest.MonkeyPatch) -> None:
    """A filesystem that cannot rename without replacing, as NFS."""

    def refuse(*_given: object) -> None:
        raise OSError(errno.EINVAL, "no such flag")

    monkeypatch.setattr(syscalls, "renameat2", refuse)


@pytest.mark.usefixtures("plain_rename")
@pytest.mark.parametrize("is_file", [False, True], ids=["directory", "file"])
def test_make_missing_needs_no_flag_of_rename(private_place: Path, is_file: bool) -> None:
    made = make(private_place / "a" / "b", is_file=is_file)
    assert [path.name for path in private_place.rglob("*")] == ["a", "b"]
    path, identity = list(made.items())[-1]
    assert remove(path, identity) == "removed"


@pytest.mark.usefixtures("plain_rename")
@pytest.mark.parametrize("is_file", [False, True], ids=["directory", "file"])
def test_make_missing_without_flag_leaves_what_came_meanwhile(private_place: Path, is_file: bool) -> None:
    def come(way: str) -> None:
        if way.endswith("/b"):
            Path(way).write_text("theirs", encoding="ascii")

    make(private_place / "a" / "b", is_file=is_file, note=come)
    assert (private_place / "a" / "b").read_text(encoding="ascii") == "theirs"
    assert [path.name for path in private_place.rglob("*")] == ["a", "b"]


def test_make_missing_gives_attributes_to_the_last_component_only(private_place: Path) -> None:
    made = make(private_place / "a" / "b" / "c")
    assert list(made) == [str(private_place / way) for way in ("a", "a/b", "a/b/c")]
    assert look(private_place / "a" / "b") == ("drwxr-xr-x", 0, 0)
    assert look(private_place / "a" / "b" / "c") == ("drwxr-s---", 65534, 65533)


def test_make_missing_does_not_heed_the_umask(private_place: Path) -> None:
    old = os.umask(0o077)
    try:
        make(private_place / "a" / "b")
    finally:
        os.umask(old)
    assert look(private_place / "a")[0] == "drwxr-xr-x"


def test_make_missing_file_is_an_empty_one(private_place: Path) -> None:
    make(private_place / "a" / "f", is_file=True)
    assert (private_place / "a" / "f").read_bytes() == b""


@pytest.mark.parametrize("mask", [0o000, 0o777], ids=["open-umask", "tight-umask"])
def test_make_missing_file_is_root_s_alone_whatever_is_asked_for(private_place: Path, mask: int) -> None:
    old = os.umask(mask)
    try:
        make(private_place / "a" / "f", is_file=True)
    finally:
        os.umask(old)
    assert look(private_place / "a" / "f") == ("-rw-------", 0, 0)


def test_make_missing_notes_each_before_the_path_shows_it(private_place: Path) -> None:
    seen: t.List[bool] = []
    make(private_place / "a" / "b", note=lambda way: seen.append(os.path.lexists(way)))
    assert seen == [False, False]


def test_make_missing_leaves_what_somebody_else_made_meanwhile(private_place: Path) -> None:
    target = private_place / "a"
    made = make(target, note=lambda _way: target.mkdir(0o711))
    assert look(target) == ("drwx--x--x", 0, 0)
    assert remove(str(target), made[str(target)]) == "forgotten"
    assert [path.name for path in private_place.iterdir()] == ["a"]


def test_make_missing_refuses_what_was_swapped_below_a_directory_that_came_meanwhile(
    private_place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place, real = private_place / "a", os.mkdir

    def come(way: str) -> None:
        if way == str(place):
            (place / "theirs").mkdir(parents=True, mode=0o700)
            (place / "theirs" / "secret").touch()
            place.chmod(0o777)

    def make_and_swap(name: str, mode: int = 0o777, *, dir_fd: t.Optional[int] = None) -> None:
        real(name, mode, dir_fd=dir_fd)
        if dir_fd is not None and (place / "theirs").exists():
            (place / name).rename(place / "new")
            (place / "theirs").rename(place / name)

    monkeypatch.setattr(os, "mkdir", make_and_swap)
    with pytest.raises(OSError, match="swapped"):
        make(place / "b", note=come)
    assert [look(path) for path in place.iterdir() if any(path.iterdir())] == [("drwx------", 0, 0)]


def test_make_missing_below_a_link_that_came_meanwhile_fails(private_place: Path) -> None:
    (private_place / "elsewhere").mkdir()

    def swap(way: str) -> None:
        if not os.path.lexists(way):
            os.symlink("elsewhere", way)

    with pytest.raises(OSError, match=r"Not a directory|symbolic"):
        make(private_place / "a" / "b", note=swap)
    assert list((private_place / "elsewhere").iterdir()) == []


def test_make_missing_that_may_not_be_renamed_leaves_nothing(
    private_place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_arguments: t.Any) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(syscalls, "renameat2", fail)
    with pytest.raises(OSError, match="Read-only"):
        make(private_place / "a")
    assert list(private_place.iterdir()) == []


# --- Taking away ---


@pytest.mark.parametrize("is_file", [False, True], ids=["directory", "file"])
def test_remove_made_takes_its_own(private_place: Path, is_file: bool) -> None:
    made = only(make(private_place / "a", is_file=is_file))
    assert remove(*made) == "removed"
    assert list(private_place.iterdir()) == []
    assert remove(*made) == "forgotten"


def test_remove_made_keeps_what_has_entries(private_place: Path) -> None:
    made = only(make(private_place / "a"))
    (private_place / "a" / "entry").write_text("")
    assert remove(*made) == "kept"


def test_remove_made_keeps_a_file_with_content(private_place: Path) -> None:
    made = only(make(private_place / "a", is_file=True))
    (private_place / "a").write_text("x")
    assert remove(*made) == "kept"


def test_remove_made_keeps_what_is_mounted_on(
    private_place: Path, mount_at: t.Callable[[Path], Path]
) -> None:
    made = only(make(private_place / "a"))
    mount_at(private_place / "a")
    assert remove(*made) == "kept"


def test_remove_made_forgets_what_took_its_place(private_place: Path) -> None:
    made = only(make(private_place / "a"))
    (private_place / "a").rename(private_place / "old")
    (private_place / "a").mkdir()
    assert remove(*made) == "forgotten"
    assert (private_place / "a").is_dir()


def test_remove_made_does_not_follow_a_link(private_place: Path) -> None:
    made = only(make(private_place / "a"))
    (private_place / "a").rename(private_place / "b")
    (private_place / "a").symlink_to("b")
    assert remove(*made) == "forgotten"
    assert (private_place / "b").is_dir()


@pytest.mark.parametrize(
    ("device", "fate"), [("9:9", "forgotten"), ("", "removed")], ids=["this boot", "an earlier one"]
)
def test_remove_made_compares_devices_within_one_boot_only(
    private_place: Path, device: str, fate: str
) -> None:
    path, identity = only(make(private_place / "a"))
    assert remove(path, identity._replace(device=device)) == fate


def test_sweep_temporaries_takes_only_its_operations_own(private_place: Path) -> None:
    depth = str(private_place).count("/") + 1
    for operation in ("op", "other"):
        (private_place / temporary_name(operation, depth)).mkdir()
    (private_place / "a").mkdir()
    (private_place / "a" / temporary_name("op", depth + 1)).write_text("")
    sweep_temporaries(str(private_place / "a" / "b"), "op")
    assert sorted(os.listdir(private_place)) == [temporary_name("other", depth), "a"]
    assert os.listdir(private_place / "a") == []
