# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How an error shows a text; which characters pass is in the corpus."""

from __future__ import annotations

import pytest
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.grammar.strings import (
    check_text,
    quote,
)
from ansible_collections.holdfast.mounts.tests.unit.plugins.module_utils.builders import refused


def test_text_of_bytes_is_refused() -> None:
    assert "is not text" in refused(check_text, b"/mnt/a", "path").message


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("a b", '"a b"'),
        ("a\nb", '"a\\x0ab"'),
        ("\u202e", '"\\u202e"'),
        ("\U000e0041", '"\\U000e0041"'),
        ('a"b\\', '"a\\"b\\\\"'),
        ("x" * 200, '"' + "x" * 160 + '"...'),
    ],
    ids=["plain", "newline", "override", "tag", "quote_and_backslash", "long"],
)
def test_quote_shows_one_line(value: str, shown: str) -> None:
    assert quote(value) == shown
