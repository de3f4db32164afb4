# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The locks of directories over many mount points: kept from one to the next, never two at a time."""

from __future__ import annotations

import time
import typing as t
from pathlib import Path

import pytest
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.engine.mountpoints import (
    remove_made,
)
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.errors import MountError
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.kernel.inodes import inode_of
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.kernel.pathwalk import Walk
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.ledger import journal
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.model import Identity
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.session import DirectoryLock, Session
from ansible_collections.holdfast.mounts.tests.unit.plugins.module_utils.builders import (
    HOST,
    make_request,
    refused,
)

pytestmark = pytest.mark.usefixtures("run")


def is_free(device: str) -> bool:
    try:
        with journal.short_lock(f"directories-{device}", time.monotonic()):
            return True
    except MountError:
        return False


def frees() -> t.List[bool]:
    return [is_free("1:1"), is_free("2:2")]


def test_lock_is_kept_until_another_filesystem_is_due() -> None:
    with DirectoryLock() as lock:
        assert frees() == [True, True]
        for _mount_point in range(2):
            lock.take("1:1", time.monotonic() + 1)
            assert frees() == [False, True]
        lock.take("2:2", time.monotonic() + 1)
        assert frees() == [True, False]
    assert frees() == [True, True]


def test_lock_within_another_ends_with_the_outer_one() -> None:
    with DirectoryLock() as outer:
        with outer as inner:
            inner.take("1:1", time.monotonic() + 1)
        assert frees() == [False, True]
        outer.take("1:1", time.monotonic() + 1)
    assert frees() == [True, True]


def test_lock_that_cannot_be_had_leaves_none_behind() -> None:
    with DirectoryLock() as lock:
        lock.take("1:1", time.monotonic() + 1)
        with journal.short_lock("directories-2:2", time.monotonic()):
            assert refused(lock.take, "2:2", time.monotonic() + 1).code == "locked"
        assert frees() == [True, True]
        lock.take("1:1", time.monotonic() + 1)
        assert frees() == [False, True]


def test_directories_are_removed_with_the_lock_held(private_place: Path) -> None:
    made: t.Dict[str, Identity] = {}
    for path in (private_place / "a", private_place / "a" / "b"):
        path.mkdir()
        with Walk(str(path)) as walk:
            assert walk.leaf is not None
            made[str(path)] = inode_of(walk.leaf).identity
    call = Session(make_request(lock_timeout=1), HOST, "2026-01-01T00:00:00Z")
    with call.directory_lock as lock:
        lock.take(made[str(private_place / "a")].device, time.monotonic() + 1)
        removals = remove_made(made, call)
    assert not any(removal.is_kept for removal in removals.values())
    assert not (private_place / "a").exists()
