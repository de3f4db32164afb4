# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A work that goes on in a process of its own begins anew there."""

from __future__ import annotations

import os
import typing as t

import pytest
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.engine import batch, run
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.engine.states import Work
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
    def fail_early(works: t.Sequence[Work], _call: Session) -> None:
        assert [(work.mount, work.outcome_unknown, work.needs_worker) for work in works] == [
            (-1, False, False)
        ]
        works[0].error = MountError("timeout", "it took too long", step="wait")

    mount, lock = os.open("/", os.O_PATH), os.open("/", os.O_PATH)
    work = Work(
        Entry(PATH), Operation(PATH, lock, "/nowhere"), mount=mount, outcome_unknown=True, needs_worker=True
    )
    monkeypatch.setattr(batch, "run_batch", fail_early)
    try:
        run.run_in_workers([work], CALL)
        os.fstat(mount)
    finally:
        os.close(mount)
        os.close(lock)
    assert work.error is not None
    assert (work.error.code, work.mount, work.outcome_unknown) == ("timeout", mount, False)
