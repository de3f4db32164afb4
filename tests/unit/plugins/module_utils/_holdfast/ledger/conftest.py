# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Processes that keep locks.

Collections can be imported only once pytest has read this file, so the fixtures do it.
"""

from __future__ import annotations

import typing as t

import pytest

if t.TYPE_CHECKING:
    from ansible_collections.holdfast.mounts.tests.unit.plugins.module_utils._holdfast.ledger.locking import (
        Child,
    )


@pytest.fixture(name="start")
def start_children() -> t.Iterator[t.Callable[..., Child]]:
    """Return what starts a child; all are ended with the test."""

    from ansible_collections.holdfast.mounts.tests.unit.plugins.module_utils._holdfast.ledger.locking import (
        Child,
    )

    children: t.List[Child] = []

    def start(*notes: t.Dict[str, t.Any], **named: str) -> Child:
        children.append(Child(*notes, **named))
        return children[-1]

    yield start
    for child in children:
        child.kill()
