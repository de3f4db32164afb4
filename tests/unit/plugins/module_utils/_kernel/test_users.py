# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Who keeps a mount busy, asked of real processes."""

from __future__ import annotations

import mmap
import os
import typing as t
from pathlib import Path

import pytest
from ansible_collections.holdfast.mounts.plugins.module_utils._kernel.table import read_mounts
from ansible_collections.holdfast.mounts.plugins.module_utils._kernel.users import User, find_users


def use_directory(place: Path) -> object:
    os.chdir(place)
    return None


def use_root(place: Path) -> object:
    os.chroot(place)
    return None


def use_file(place: Path) -> object:
    return os.open(place / "file", os.O_RDONLY)


def use_mapping(place: Path) -> object:
    with open(place / "file", "rb") as file:
        return mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ)


def use_nothing(_place: Path) -> object:
    return None


@pytest.fixture(name="mounted")
def mount_with_a_file(private_place: Path, mount_at: t.Callable[[Path], Path]) -> Path:
    place = mount_at(private_place / "m")
    (place / "file").write_text("text")
    return place


def users_while(act: t.Callable[[Path], object], place: Path) -> t.Tuple[int, t.Tuple[User, ...]]:
    """Return a child that uses the place, and the users that are found meanwhile."""
    (mount,) = [mount for mount in read_mounts() if mount.mount_point == str(place)]
    ready, go = os.pipe(), os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            Path("/proc/self/comm").write_bytes(b"holder")
            used = act(place)
            os.write(ready[1], repr(used)[:1].encode())
            os.close(go[1])
            os.read(go[0], 1)
        finally:
            os._exit(0)
    try:
        os.close(ready[1])
        assert os.read(ready[0], 1)
        found = find_users(mount.mount_id, mount.device)
    finally:
        for fd in (ready[0], *go):
            os.close(fd)
        os.waitpid(pid, 0)
    return pid, found


@pytest.mark.parametrize(
    "act",
    [
        pytest.param(use_directory, id="working directory"),
        pytest.param(use_root, id="root"),
        pytest.param(use_file, id="open file"),
        pytest.param(use_mapping, id="mapped file"),
    ],
)
def test_user_is_found_by(mounted: Path, act: t.Callable[[Path], object]) -> None:
    pid, found = users_while(act, mounted)
    assert [(user.pid, user.command) for user in found] == [(pid, "holder")]


def test_user_of_something_else_is_not_found(mounted: Path) -> None:
    assert users_while(use_nothing, mounted)[1] == ()


def test_user_of_another_mount_of_the_kind_is_not_found(
    mounted: Path, private_place: Path, mount_at: t.Callable[[Path], Path]
) -> None:
    other = mount_at(private_place / "other")
    (other / "file").write_text("text")
    assert users_while(lambda _place: os.open(other / "file", os.O_RDONLY), mounted)[1] == ()


def test_caller_itself_is_not_counted(mounted: Path) -> None:
    with open(mounted / "file", "rb"):
        (mount,) = [mount for mount in read_mounts() if mount.mount_point == str(mounted)]
        assert find_users(mount.mount_id, mount.device) == ()


def test_device_that_is_unknown_is_no_failure(mounted: Path) -> None:
    assert find_users(2**40, "") == ()
