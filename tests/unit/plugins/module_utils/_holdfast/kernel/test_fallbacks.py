# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Mounts by their ids, with what the kernel tells of them and with what older kernels do."""

from __future__ import annotations

import os
import typing as t
from pathlib import Path

import pytest
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast import session
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.kernel import (
    inodes,
    mountinfo,
    mounts,
    syscalls,
)
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.kernel.create import attach
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.kernel.mountinfo import read_mounts
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.kernel.mounts import (
    find_mount,
    has_submounts,
    mount_number,
    mount_parent,
)
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.kernel.pathwalk import Walk
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.model import KernelMount
from ansible_collections.holdfast.mounts.tests.unit.plugins.module_utils._holdfast.kernel.kernels import (
    Switch,
    attach_at,
    leave_on,
    make_tmpfs,
    without_openat2,
    without_source,
    without_unique_ids,
)
from ansible_collections.holdfast.mounts.tests.unit.plugins.module_utils.builders import (
    refused,
)

MountAt = t.Callable[[Path], Path]

IDS = [
    pytest.param(leave_on, id="on"),
    pytest.param(without_source, id="no source"),
    pytest.param(without_unique_ids, id="no unique ids"),
    pytest.param(without_openat2, id="no openat2"),
]


@pytest.fixture(name="switched", params=IDS)
def switch_ids(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run the test with the kernel's ids as they are, and as older kernels have them."""
    t.cast("Switch", request.param)(monkeypatch)


def tells_sources() -> bool:
    """Whether this kernel tells all of one mount without its table (Linux 6.13)."""
    return tuple(map(int, os.uname().release.split(".")[:2])) >= (6, 13)


def seen_at(path: Path) -> inodes.Inode:
    with Walk(str(path)) as walk:
        assert walk.inode is not None
        return walk.inode


def row_at(path: Path) -> KernelMount:
    (row,) = [mount for mount in read_mounts() if mount.mount_point == str(path)]
    return row


@pytest.mark.usefixtures("switched")
def test_find_mount_tells_what_the_table_tells(private_place: Path) -> None:
    attach_at(private_place / "m", make_tmpfs("noexec", "noatime", "size=8192"))
    inode = seen_at(private_place / "m")
    found, row = find_mount(inode.mount_id, is_unique=inode.has_unique_id), row_at(private_place / "m")
    assert found is not None
    for name in ("mount_id", "parent_id", "device", "root", "mount_point", "fstype", "source"):
        assert getattr(found, name) == getattr(row, name), name
    assert sorted(found.flags) == sorted(row.flags)
    assert set(found.options) == set(row.options)


@pytest.mark.skipif(not tells_sources(), reason="this kernel's statmount does not tell the source")
@pytest.mark.parametrize(
    ("switch", "readings"),
    [pytest.param(leave_on, 0, id="on"), pytest.param(without_source, 1, id="no source")],
)
def test_find_mount_without_options_reads_the_table_only_for_want_of_the_source(
    private_place: Path, monkeypatch: pytest.MonkeyPatch, switch: Switch, readings: int
) -> None:
    attach_at(private_place / "m", make_tmpfs())
    inode, row, count = seen_at(private_place / "m"), row_at(private_place / "m"), 0

    def read() -> t.Tuple[KernelMount, ...]:
        nonlocal count
        count += 1
        return read_mounts()

    switch(monkeypatch)
    monkeypatch.setattr(mountinfo, "read_mounts", read)
    found = find_mount(inode.mount_id, is_unique=inode.has_unique_id)
    assert found is not None
    assert (found.options, found.source, count) == (row.options, row.source, readings)


def note_masks(patch: pytest.MonkeyPatch) -> t.List[int]:
    """Return a list that gets what statmount(2) is asked for from now on."""
    masks: t.List[int] = []
    real = syscalls.statmount

    def statmount(mount_id: int, mask: int) -> bytes:
        masks.append(mask)
        return real(mount_id, mask)

    patch.setattr(syscalls, "statmount", statmount)
    return masks


@pytest.mark.parametrize(
    ("fstype", "switch", "is_asked"),
    [
        pytest.param("tmpfs", leave_on, True, id="the control"),
        pytest.param("ntfs3", leave_on, False, id="a type that brings the kernel down"),
        pytest.param("ntfs", leave_on, False, id="by its other name"),
        pytest.param("tmpfs", without_source, False, id="a kernel that does not tell all"),
    ],
)
def test_find_mount_asks_for_options_only_where_that_is_safe(
    private_place: Path, monkeypatch: pytest.MonkeyPatch, fstype: str, switch: Switch, is_asked: bool
) -> None:
    attach_at(private_place / "m", make_tmpfs("noexec", "size=8192"))
    inode = seen_at(private_place / "m")
    if not (inode.has_unique_id and mounts._tells_source()):
        pytest.skip("needs statmount(2) of Linux 6.13")
    monkeypatch.setattr(mounts, "_type_of", lambda _mount_id: fstype)
    masks = note_masks(monkeypatch)
    switch(monkeypatch)
    found, row = find_mount(inode.mount_id, is_unique=True), row_at(private_place / "m")
    assert found is not None
    assert (found.mount_id, set(found.options)) == (row.mount_id, set(row.options))
    assert any(mask & mounts._MNT_OPTS for mask in masks) is is_asked


@pytest.mark.usefixtures("switched")
def test_find_mount_that_is_gone_is_none(private_place: Path, mount_at: MountAt) -> None:
    inode = seen_at(mount_at(private_place / "m"))
    syscalls.umount2(str(private_place / "m"), 0)
    for ask in (find_mount, mount_number, mount_parent):
        assert ask(inode.mount_id, is_unique=inode.has_unique_id) is None


@pytest.mark.usefixtures("switched")
def test_mount_number_and_parent_are_those_of_the_table(private_place: Path, mount_at: MountAt) -> None:
    above, inode = seen_at(private_place), seen_at(mount_at(private_place / "m"))
    row, unique = row_at(private_place / "m"), inode.has_unique_id
    assert mount_number(inode.mount_id, is_unique=unique) == row.mount_id
    assert mount_parent(inode.mount_id, is_unique=unique) == above.mount_id


@pytest.mark.usefixtures("switched")
def test_has_submounts(private_place: Path, mount_at: MountAt) -> None:
    inode = seen_at(mount_at(private_place / "m"))
    assert not has_submounts(inode.mount_id, is_unique=inode.has_unique_id)
    mount_at(private_place / "m" / "below")
    assert has_submounts(inode.mount_id, is_unique=inode.has_unique_id)


@pytest.mark.usefixtures("switched")
def test_parents_are_looked_for_once(private_place: Path, mount_at: MountAt) -> None:
    def is_bare(inode: inodes.Inode, caches: session.Caches) -> bool:
        return caches.has_no_submounts(inode.mount_id, is_unique=inode.has_unique_id)

    bare, parent = (seen_at(mount_at(private_place / name)) for name in ("bare", "parent"))
    mount_at(private_place / "parent" / "below")
    caches = session.Caches(())
    assert is_bare(bare, caches)
    assert not is_bare(parent, caches)
    mount_at(private_place / "bare" / "late")
    assert is_bare(bare, caches)
    with pytest.raises(OSError, match="busy"):
        syscalls.umount2(str(private_place / "bare"), 0)
    assert not is_bare(bare, session.Caches(()))


# --- Attaching ---


@pytest.mark.usefixtures("switched")
def test_attach_to_a_renamed_directory_is_refused_and_leaves_nothing(private_place: Path) -> None:
    (private_place / "m").mkdir()
    mount, before = make_tmpfs(), read_mounts()
    with Walk(str(private_place / "m")) as walk:
        (private_place / "m").rename(private_place / "other")
        assert refused(attach, mount, inodes.inode_of(mount), walk).code == "conflict"
    os.close(mount)
    assert read_mounts() == before


@pytest.mark.usefixtures("switched")
def test_attach_below_what_was_mounted_meanwhile_is_refused(private_place: Path, mount_at: MountAt) -> None:
    (private_place / "m").mkdir()
    mount = make_tmpfs()
    with Walk(str(private_place / "m")) as walk:
        mount_at(private_place / "m")
        assert refused(attach, mount, inodes.inode_of(mount), walk).code == "conflict"
    os.close(mount)
    assert row_at(private_place / "m").source == "world"
