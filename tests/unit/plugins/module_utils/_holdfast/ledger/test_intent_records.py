# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Intent records: what is damaged is refused with a code, what was written comes back."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.ledger import schema
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.ledger.codec import (
    intent_from_records,
    made_to_record,
)
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.model import Identity
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.steps import Intent
from ansible_collections.holdfast.mounts.tests.unit.plugins.module_utils.builders import (
    make_reference,
    refused,
)

NOW = "2026-03-01T10:00:00Z"
IDENTITY = Identity("0:44", 7, 1)
INTENT = Intent("3f2a", "mount", "/srv/a", 12, make_reference("web"), 4711, NOW)
FIRST = schema.INTENT.write(INTENT)
MADE = made_to_record("/srv/a", IDENTITY)


@pytest.mark.parametrize(
    "records",
    [
        pytest.param([{**FIRST, "path": None}], id="no path"),
        pytest.param([{**FIRST, "path": "/srv/../etc"}], id="a path that climbs"),
        pytest.param([{**FIRST, "kind": "format"}], id="another kind"),
        pytest.param([{**FIRST, "mount_id": "x"}], id="no number"),
        pytest.param([{**FIRST, "reference": {"src": "x"}}], id="half a reference"),
        pytest.param([{name: FIRST[name] for name in FIRST if name != "operation"}], id="a key is missing"),
        pytest.param([FIRST, {**MADE, "made": "/srv/a"}], id="a directory without a depth"),
        pytest.param([FIRST, {**MADE, "made": 3}], id="a directory below the mount point"),
        pytest.param([FIRST, {**MADE, "made": 0}], id="the root directory"),
        pytest.param([FIRST, {"made": 2}], id="a directory without an inode"),
        pytest.param([FIRST, 7], id="a line that is a number"),
    ],
)
def test_intent_record_that_is_damaged_is_ledger_corrupt(records: t.List[t.Any]) -> None:
    assert refused(intent_from_records, records).code == "ledger_corrupt"


@pytest.mark.parametrize("reference", [None, make_reference("web")], ids=["unmount", "mount"])
def test_intent_record_comes_back_as_it_was(reference: t.Any) -> None:
    intent = INTENT._replace(reference=reference, made=(("/srv/a", IDENTITY),))
    assert intent_from_records([schema.INTENT.write(intent), MADE]) == intent
