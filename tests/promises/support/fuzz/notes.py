# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A ledger, intent records and a mount table that are right, and how they are damaged."""

from __future__ import annotations

import copy
import json
import typing as t

from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.claims import (
    Holder,
    Lease,
    Ledger,
    Reference,
)
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.ledger import schema
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.ledger.codec import (
    ledger_to_json,
    made_to_record,
)
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.model import Identity
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.steps import Intent
from fuzz.parameters import JSON
from hypothesis import strategies as st

BOOT = "0b8a5d0a-6f4b-4b7c-9d0e-6b1f0f3c2a11"
SINCE = "2026-03-01T10:00:00Z"
PATH = "/srv/a b"
REFERENCE = Reference(
    src="scratch",
    fstype="tmpfs",
    opts=("nodev", "nosuid", "size=1048576"),
    owned=True,
    holders={"web": Holder(SINCE), "7": Holder(SINCE, Lease(3600, BOOT, 5000, "2026-03-02T10:00:00Z"))},
    boot_id=BOOT,
    mount_namespace=4026531841,
    mount_id=2147483699,
    device="0:55",
    operation="3f2a",
)
IDENTITY = Identity("254:0", 17, 1700000000123456789)
LEDGER = json.loads(ledger_to_json(Ledger(BOOT, {PATH: REFERENCE, "/srv/b": REFERENCE}, {PATH: IDENTITY})))
INTENTS = [
    [
        schema.INTENT.write(Intent("3f2a", "mount", PATH, 5, REFERENCE, 4711, SINCE)),
        made_to_record(PATH, IDENTITY),
    ],
    [schema.INTENT.write(Intent("3f2b", "unmount", "/srv/b", 5, None, 4711, SINCE))],
]
# Few enough characters that an edit often hits what means something.
EDITS = st.text('{}[]",:\\\n 0-/.\x00\udcffau', max_size=6) | st.text(max_size=6)


def _paths(node: t.Any, way: t.Tuple[t.Any, ...] = ()) -> t.Iterator[t.Tuple[t.Any, ...]]:
    if way:
        yield way
    keys: t.Iterable[t.Any] = (
        node if isinstance(node, dict) else range(len(node)) if isinstance(node, list) else ()
    )
    for key in keys:
        yield from _paths(node[key], (*way, key))


@st.composite
def damaged(draw: st.DrawFn, right: t.Any) -> t.Any:
    """Data in which up to three values are replaced, renamed, or taken away."""
    made = copy.deepcopy(right)
    for _change in range(draw(st.integers(0, 3))):
        ways = list(_paths(made))
        if not ways:
            break
        *way, key = draw(st.sampled_from(ways))
        node = made
        for step in way:
            node = node[step]
        _damage(draw, node, key)
    return made


def _damage(draw: st.DrawFn, node: t.Any, key: t.Any) -> None:
    act = draw(st.sampled_from(("replace", "remove", "rename")))
    if act == "replace" or isinstance(node, list):
        node[key] = draw(JSON | st.sampled_from((2**64, -1, 10**25, "", {}, [])))
        return
    value = node.pop(key)
    if act == "rename":
        node[draw(EDITS)] = value


@st.composite
def edited(draw: st.DrawFn, text: str) -> str:
    """A text with up to three passages replaced."""
    for _edit in range(draw(st.integers(0, 3))):
        start = draw(st.integers(0, len(text)))
        text = text[:start] + draw(EDITS) + text[start + draw(st.integers(0, 30)) :]
    return text
