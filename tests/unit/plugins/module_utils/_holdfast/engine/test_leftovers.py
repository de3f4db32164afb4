# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a call that died has left on the way to a mount point, looked for once by a batch."""

from __future__ import annotations

import os
import typing as t
from dataclasses import replace
from pathlib import Path

import pytest
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast import claims, session
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.engine import mountpoints
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.kernel import directories, pathwalk
from ansible_collections.holdfast.mounts.tests.unit.plugins.module_utils.builders import HOST, make_request

CALL = session.Session(make_request(), HOST, "2026-01-01T00:00:00Z")
COUNT = 5

pytestmark = pytest.mark.usefixtures("run")


@pytest.fixture(name="leftover")
def make_leftover(private_place: Path) -> Path:
    """A directory that was made, and is in no ledger, with something under a temporary name in it."""
    place = private_place / "app"
    place.mkdir()
    with pathwalk.Walk(str(place)) as walk:
        assert walk.inode is not None
        fd = os.open(place, os.O_RDONLY)
        directories._mark(fd, walk.inode.identity)
        os.close(fd)
    (place / directories.temporary_name("0" * 16, 3)).mkdir()
    return place


@pytest.mark.parametrize(
    ("is_batch", "listings"), [pytest.param(True, 1, id="batch"), pytest.param(False, COUNT, id="one by one")]
)
def test_directory_is_listed_once_and_remembered_for_each_mount_point(
    leftover: Path, monkeypatch: pytest.MonkeyPatch, is_batch: bool, listings: int
) -> None:
    listed: t.List[str] = []
    real = directories.find_leftovers

    def find(walk: pathwalk.Walk, but: t.Container[str]) -> t.List[str]:
        listed.append(walk.path)
        return real(walk, but)

    monkeypatch.setattr(directories, "find_leftovers", find)
    call = replace(CALL, caches=session.Caches(())) if is_batch else CALL
    found = [
        mountpoints.find_leftovers(str(leftover / str(number)), call, claims.Ledger())
        for number in range(COUNT)
    ]
    assert [list(one) for one in found] == [[str(leftover)]] * COUNT
    assert listed == [str(leftover)] * listings
    assert os.listdir(leftover) == []
