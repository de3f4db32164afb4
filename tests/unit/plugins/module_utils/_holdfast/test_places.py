# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whether the mount that a reference means is there still, on kernels that use a mount's number again."""

from __future__ import annotations

import os
import time
import typing as t
from pathlib import Path

import pytest
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.claims import Reference
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.decide.sameness import is_same_mount
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.kernel import mounts, pathwalk
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.kernel.inodes import inode_of
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.kernel.pathwalk import Walk
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.model import KernelMount
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.observe import is_its_mount
from ansible_collections.holdfast.mounts.tests.unit.plugins.module_utils._holdfast.kernel.kernels import (
    without_unique_ids,
)


def look(path: Path) -> t.Tuple[KernelMount, Reference]:
    """Return the row of the mount at path, and the reference that an acquire of it would leave."""
    handle = os.open(path, os.O_PATH)
    try:
        inode = inode_of(handle)
    finally:
        os.close(handle)
    found = mounts.mount_under(inode)
    assert found is not None
    identity = inode.identity
    return found, Reference(
        src=found.source,
        fstype=found.fstype,
        opts=(),
        owned=True,
        holders={},
        boot_id="boot",
        mount_namespace=1,
        mount_id=inode.mount_id,
        device=identity.device,
        operation="",
        inode=identity.inode,
        birth=identity.birth,
    )


@pytest.fixture
def gone_and_next(
    monkeypatch: pytest.MonkeyPatch, private_place: Path, mount_at: t.Callable[[Path], Path]
) -> t.Tuple[Reference, KernelMount, Path]:
    """A reference whose mount is gone, and the next mount, which has its number and device."""
    without_unique_ids(monkeypatch)
    _row, gone = look(mount_at(private_place / "one"))
    time.sleep(0.05)  # a birth is told in ticks of the kernel's clock
    path = mount_at(private_place / "two")
    row, reference = look(path)
    return gone._replace(mount_id=reference.mount_id, device=reference.device), row, path


def test_mount_is_its_own(gone_and_next: t.Tuple[Reference, KernelMount, Path]) -> None:
    row, reference = look(gone_and_next[2])
    assert is_its_mount(row, reference)


def test_next_mount_with_the_number_of_one_that_is_gone_is_another(
    gone_and_next: t.Tuple[Reference, KernelMount, Path],
) -> None:
    gone, row, _path = gone_and_next
    assert not is_its_mount(row, gone)
    assert is_same_mount(row, gone), "the control: the table shows no difference"


def test_hidden_mount_is_told_by_the_table_alone(
    gone_and_next: t.Tuple[Reference, KernelMount, Path], mount_at: t.Callable[[Path], Path]
) -> None:
    gone, row, path = gone_and_next
    mount_at(path)
    assert is_its_mount(row, gone)
    assert not is_its_mount(row._replace(source="other"), gone)


def test_mount_beyond_a_server_that_may_not_answer_is_told_by_the_table_alone(
    gone_and_next: t.Tuple[Reference, KernelMount, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    gone, row, path = gone_and_next
    monkeypatch.setattr(mounts, "mount_type", lambda *_given, **_named: "nfs4")
    with pytest.raises(pathwalk.MayBlock):
        Walk(str(path))
    assert is_its_mount(row, gone)
