# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a dead operation's intent record comes to: every kind, ledger and state of the kernel."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.claims import Ledger, Reference
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.decide.recovery import (
    Replay,
    replay,
)
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.steps import Intent, IntentKind
from ansible_collections.holdfast.mounts.tests.unit.plugins.module_utils.builders import PATH, make_reference

TARGET = make_reference("web", operation="now", mount_id=4000)
EMPTY = Ledger()
COMMITTED = Ledger("b", {PATH: TARGET})
EARLIER = Ledger("b", {PATH: make_reference("db", operation="before", mount_id=3999)})
SAME_MOUNT = Ledger("b", {PATH: make_reference("db", operation="before", mount_id=4000)})

# (the mount exists, and at its path); the fourth combination cannot be.
GONE, MOVED, HERE = (False, False), (True, False), (True, True)

NOTHING = Replay()
COMMIT = Replay(commits=True, reference=TARGET)
UNDO = Replay(undoes=True)
UNDO_MOVED = Replay(undoes=True, unmounts=True)
DROP = Replay(commits=True)
RESTORE = Replay(restores=True)


@pytest.mark.parametrize(
    ("kind", "ledger", "state", "expected"),
    [
        pytest.param("mount", EMPTY, GONE, UNDO, id="mount-new-gone"),
        pytest.param("mount", EMPTY, MOVED, UNDO_MOVED, id="mount-new-moved"),
        pytest.param("mount", EMPTY, HERE, COMMIT, id="mount-new-here"),
        pytest.param("mount", EARLIER, GONE, UNDO, id="mount-again-gone"),
        pytest.param("mount", EARLIER, MOVED, UNDO_MOVED, id="mount-again-moved"),
        pytest.param("mount", EARLIER, HERE, COMMIT, id="mount-again-here"),
        pytest.param("mount", COMMITTED, GONE, NOTHING, id="mount-committed-gone"),
        pytest.param("mount", COMMITTED, MOVED, NOTHING, id="mount-committed-moved"),
        pytest.param("mount", COMMITTED, HERE, NOTHING, id="mount-committed-here"),
        pytest.param("remount", SAME_MOUNT, GONE, NOTHING, id="remount-gone"),
        pytest.param("remount", SAME_MOUNT, MOVED, NOTHING, id="remount-moved"),
        pytest.param("remount", SAME_MOUNT, HERE, RESTORE, id="remount-here"),
        pytest.param("unmount", SAME_MOUNT, GONE, DROP, id="unmount-done"),
        pytest.param("unmount", SAME_MOUNT, MOVED, NOTHING, id="unmount-moved"),
        pytest.param("unmount", SAME_MOUNT, HERE, NOTHING, id="unmount-not-done"),
        pytest.param("unmount", EMPTY, GONE, NOTHING, id="unmount-committed"),
        pytest.param("unmount", EMPTY, HERE, NOTHING, id="unmount-committed-lazily"),
        pytest.param("unmount", EARLIER, GONE, NOTHING, id="unmount-of-another-mount"),
    ],
)
def test_settle(kind: IntentKind, ledger: Ledger, state: t.Tuple[bool, bool], expected: Replay) -> None:
    reference: t.Optional[Reference] = TARGET if kind == "mount" else None
    intent = Intent("now", kind, PATH, 4000, reference, 4711, "2026-03-01T10:00:00Z")
    assert replay(intent, ledger, is_alive=state[0], is_at_path=state[1]) == expected
