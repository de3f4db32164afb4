# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Attach on the real kernel: what was not seen to be right does not stay."""

from __future__ import annotations

import errno
import os
import typing as t
from pathlib import Path

import pytest
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.kernel import (
    create,
    inodes,
    mountinfo,
    mounts,
)
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.kernel.create import create_filesystem
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.kernel.pathwalk import Walk
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.model import Definition, KernelMount

SCRATCH = Definition("tmpfs", "scratch", ("nodev", "nosuid"), ())


def attach_scratch(place: Path) -> None:
    place.mkdir()
    mount = create_filesystem(SCRATCH, device=None, layers=(), may_share=True)
    try:
        with Walk(str(place)) as walk:
            create.attach(mount, inodes.inode_of(mount), walk)
    finally:
        os.close(mount)


def is_mounted(place: Path) -> bool:
    rows = Path("/proc/self/mountinfo").read_text(encoding="utf-8").splitlines()
    return any(row.split(" ")[4] == str(place) for row in rows)


@pytest.mark.parametrize(
    "stop", [OSError(errno.ENOSYS, "no such call"), KeyboardInterrupt()], ids=["error", "signal"]
)
def test_attach_that_is_stopped_before_its_second_look_leaves_no_mount(
    private_place: Path, monkeypatch: pytest.MonkeyPatch, stop: BaseException
) -> None:
    def interrupt(*_arguments: t.Any, **_named: t.Any) -> t.NoReturn:
        raise stop

    monkeypatch.setattr(mounts, "mount_parent", interrupt)
    with pytest.raises(type(stop)):
        attach_scratch(private_place / "scratch")
    assert not is_mounted(private_place / "scratch")


def test_attach_makes_the_mount_visible(private_place: Path) -> None:
    attach_scratch(private_place / "scratch")
    assert is_mounted(private_place / "scratch")


def test_unmount_is_refused_where_the_table_gives_another_mount_the_same_name(
    private_place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As while a user exchanges the two names: the rows are not read in one moment."""
    (private_place / "open").mkdir()
    ours, other = private_place / "open" / "ours", private_place / "open" / "other"
    for place in (other, ours):
        attach_scratch(place)
    (private_place / "open").chmod(0o777)
    read = mountinfo.read_mounts

    def torn() -> t.Tuple[KernelMount, ...]:
        names = {str(other): str(ours)}
        return tuple(row._replace(mount_point=names.get(row.mount_point, row.mount_point)) for row in read())

    with Walk(str(ours)) as walk:
        monkeypatch.setattr(mountinfo, "read_mounts", torn)
        with pytest.raises(OSError, match="being moved"):
            create.unmount(walk, lazily=False)
    monkeypatch.undo()
    assert is_mounted(ours)
    with Walk(str(ours)) as walk:
        create.unmount(walk, lazily=False)
    assert (is_mounted(ours), is_mounted(other)) == (False, True)
