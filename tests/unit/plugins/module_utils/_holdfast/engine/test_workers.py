# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A mount point that is retried in a worker process begins anew there."""

from __future__ import annotations

import os
import typing as t

import pytest
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.engine import batch, run
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.engine.operation import (
    End,
    Failed,
    Locked,
    Resources,
)
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.errors import MountError
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.ledger.journal import Operation
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.model import Entry
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.session import Session
from ansible_collections.holdfast.mounts.tests.unit.plugins.module_utils.builders import (
    HOST,
    PATH,
    make_request,
)

CALL = Session(make_request(), HOST, "2026-01-01T00:00:00Z")


def test_handle_that_the_other_process_has_is_left_to_it(monkeypatch: pytest.MonkeyPatch) -> None:
    mount, lock = os.open("/", os.O_PATH), os.open("/", os.O_PATH)
    point = Locked(Entry(PATH), Resources(Operation(PATH, lock, "/nowhere")))
    point.resources.keep(mount)

    def fail_early(points: t.Sequence[Locked], call: Session) -> t.List[End]:
        assert call.may_block
        assert points[0].entry == point.entry
        points[0].resources.drop_mount()  # its number is another file's here, such as the answer's
        return [Failed(PATH, MountError("timeout", "it took too long", step="wait"))]

    monkeypatch.setattr(batch, "run_batch", fail_early)
    try:
        (end,) = run.run_in_workers([point], CALL)
        os.fstat(mount)
    finally:
        point.resources.close()
    assert isinstance(end, Failed)
    assert (end.error.code, end.outcome_unknown) == ("timeout", False)
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(mount)
