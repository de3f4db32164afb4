# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""An unmount that nobody can look at afterwards: its outcome is unknown, so its intent record stays."""

from __future__ import annotations

import ctypes
import errno
import os
import time
import typing as t
from pathlib import Path

import pytest
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast import errors, observe
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.engine import mounted
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.engine.operation import (
    Recorded,
    Resources,
)
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.kernel.inodes import inode_of
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.ledger import journal
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.model import Entry
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.session import Session
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.steps import Plan, View
from ansible_collections.holdfast.mounts.tests.unit.plugins.module_utils.builders import (
    HOST,
    make_reference,
    make_request,
)

CALL = Session(make_request(state="released"), HOST, "2026-01-01T00:00:00Z")
LIBC = ctypes.CDLL(None, use_errno=True)


def unmount(place: Path) -> Plan:
    """Unmount what is at this place, as the last step of a release."""
    handle = os.open(place, os.O_PATH)
    inode = inode_of(handle)
    os.close(handle)
    if not inode.has_unique_id:
        pytest.skip("needs unique ids of mounts (Linux 6.8)")
    lock = journal.start_operation(str(place), time.monotonic())
    assert lock is not None
    resources = Resources(lock)
    view = View(str(place), None, None, (), False, False, ())
    plan = Plan(str(place), "unmounted", "unmount", view, view)
    reference = make_reference("a", mount_id=inode.mount_id, device=inode.identity.device)
    try:
        return mounted.unmount(Recorded(Entry(str(place)), resources, plan, None), CALL, reference)
    finally:
        resources.close(clears=True)


@pytest.mark.usefixtures("run")
@pytest.mark.parametrize("is_seen", [True, False], ids=["the control", "not seen"])
def test_unmount_that_cannot_be_looked_at_is_unknown(
    private_place: Path, monkeypatch: pytest.MonkeyPatch, is_seen: bool
) -> None:
    place = private_place / "m"
    place.mkdir()
    assert LIBC.mount(b"x", os.fsencode(place), b"tmpfs", 0, None) == 0

    def fail(*_arguments: t.Any) -> bool:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    if is_seen:
        assert unmount(place).action == "unmounted"
    else:
        monkeypatch.setattr(observe, "is_alive", fail)
        with pytest.raises(errors.LostError, match="cannot be seen") as caught:
            unmount(place)
        assert (caught.value.code, caught.value.errno) == ("unmount_failed", errno.EIO)
    rows = Path("/proc/self/mountinfo").read_text(encoding="utf-8")
    assert f" {place} " not in rows, "it is gone all the same"
