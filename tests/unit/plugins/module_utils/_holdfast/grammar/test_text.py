# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which characters pass, and that an error shows none that a terminal would obey."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.errors import MountError
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.grammar.strings import (
    check_text,
    quote,
)

REFUSED = {
    "newline": "\n",
    "nul": "\0",
    "escape": "\x1b",
    "delete": "\x7f",
    "c1_control": "\x85",
    "soft_hyphen": "\xad",
    "zero_width_joiner": "\u200d",
    "right_to_left_override": "\u202e",
    "line_separator": "\u2028",
    "paragraph_separator": "\u2029",
    "private_use": "\ue000",
    "byte_order_mark": "\ufeff",
    "byte_that_is_not_utf8": b"\xff".decode("utf-8", "surrogateescape"),
    "tag": "\U000e0041",
}


@pytest.mark.parametrize("character", REFUSED.values(), ids=REFUSED.keys())
def test_text_with_invisible_character_is_refused(character: str) -> None:
    with pytest.raises(MountError) as caught:
        check_text(f"/mnt/a{character}b", "path")
    assert (caught.value.code, caught.value.step) == ("invalid_argument", "grammar")
    assert f"U+{ord(character):04X} at position 7" in caught.value.message
    assert character not in caught.value.message


@pytest.mark.parametrize("value", [None, 7, ["/mnt/a"], b"/mnt/a"], ids=["none", "int", "list", "bytes"])
def test_text_of_another_kind_is_refused(value: t.Any) -> None:
    with pytest.raises(MountError, match="is not a text"):
        check_text(value, "path")


@pytest.mark.parametrize(
    "value",
    ["", "a b,c\"d'e$f;g\\h", "caf\u00e9", "cafe\u0301", "\u65e5\u672c", "\U0001f4be", "\u0430"],
    ids=["empty", "shell", "composed", "decomposed", "cjk", "emoji", "look_alike"],
)
def test_text_of_visible_characters_is_returned_as_it_is(value: str) -> None:
    assert check_text(value, "path") == value


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
