# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which names a misspelt one is taken for."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.grammar.hints import find_alike

KNOWN = ("gid", "mode", "noatime", "nodiratime", "size", "uid")
CASES: t.Dict[str, t.Tuple[str, t.List[str]]] = {
    "empty": ("", []),
    "far": ("password", []),
    "short": ("xy", []),
    "endless": ("noatime" * 1000, []),
    "one_letter_replaced": ("sise", ["size"]),
    "one_letter_too_many": ("sizes", ["size"]),
    "two_letters_exchanged": ("noatmie", ["noatime"]),
    "two_names_as_near": ("oid", ["gid", "uid"]),
}


@pytest.mark.parametrize(("name", "alike"), CASES.values(), ids=CASES.keys())
def test_find_alike_names_the_nearest(name: str, alike: t.List[str]) -> None:
    assert find_alike(name, KNOWN) == alike
