# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How typed values are written, and what they become."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.holdfast.mounts.plugins.module_utils._grammar.values import (
    CHARSET,
    IDENTIFIER,
    MASK,
    MODE,
    Value,
    choice,
    either,
    inner_path,
    number,
    size,
)

PERCENT = size(percent=True)

REFUSED: t.Dict[str, t.Tuple[Value, str]] = {
    "number_empty": (number(0, 9), ""),
    "number_too_large": (number(0, 9), "10"),
    "number_too_small": (number(1, 9), "0"),
    "number_octal": (number(0, 99), "010"),
    "number_hexadecimal": (number(0, 99), "0x1"),
    "number_other_digits": (number(0, 9), "\u0667"),
    "number_superscript": (number(0, 9), "\u00b2"),
    "number_underscore": (number(0, 99), "1_0"),
    "number_sign": (number(0, 9), "+1"),
    "number_minus_zero": (number(-9, 9), "-0"),
    "number_space": (number(0, 9), " 1"),
    "number_newline": (number(0, 9), "1\n"),
    "number_endless": (number(0, 9), "9" * 5000),
    "size_empty": (size(), ""),
    "size_suffix_alone": (size(), "k"),
    "size_two_suffixes": (size(), "1kb"),
    "size_fraction": (size(), "1.5g"),
    "size_octal": (size(), "010"),
    "size_negative": (size(), "-1"),
    "size_overflow": (size(), "8e"),
    "size_kelvin_sign": (size(), "1\u212a"),
    "size_percent_where_none_is": (size(), "50%"),
    "size_percent_zero": (PERCENT, "0%"),
    "size_percent_long": (PERCENT, "1000%"),
    "mode_too_short": (MODE, "7"),
    "mode_too_long": (MODE, "00755"),
    "mode_decimal": (MODE, "798"),
    "mode_prefixed": (MODE, "0o755"),
    "mode_symbolic": (MODE, "u=rwx"),
    "identifier_minus_one": (IDENTIFIER, "-1"),
    "identifier_unset": (IDENTIFIER, "4294967295"),
    "identifier_name": (IDENTIFIER, "root"),
    "choice_other_case": (choice("on", "off"), "ON"),
    "charset_path": (CHARSET, "../evil"),
    "inner_path_parent": (inner_path(), "a/../b"),
    "inner_path_dot": (inner_path(), "./a"),
    "inner_path_empty_component": (inner_path(), "a//b"),
    "inner_path_trailing_slash": (inner_path(), "a/"),
    "inner_path_comma": (inner_path(), "a,ro"),
    "inner_path_long": (inner_path(), "a/" * 127 + "ab"),
}


@pytest.mark.parametrize(("value", "text"), REFUSED.values(), ids=REFUSED.keys())
def test_value_with_another_spelling_is_refused(value: Value, text: str) -> None:
    assert value.canonical(text) is None


ACCEPTED: t.Dict[str, t.Tuple[Value, str, str]] = {
    "number": (number(0, 9), "7", "7"),
    "number_zero": (number(0, 9), "0", "0"),
    "number_negative": (number(-9, 9), "-7", "-7"),
    "size_bytes": (size(), "1000", "1000"),
    "size_k": (size(), "4k", "4096"),
    "size_capital": (size(), "1G", "1073741824"),
    "size_largest": (size(), "7E", str(7 << 60)),
    "size_percent": (PERCENT, "50%", "50%"),
    "mode_three_digits": (MODE, "755", "0755"),
    "mode_four_digits": (MODE, "1777", "1777"),
    "mask_one_digit": (MASK, "0", "0000"),
    "identifier": (IDENTIFIER, "65534", "65534"),
    "either_first": (either(choice("any"), number(0, 9)), "any", "any"),
    "either_second": (either(choice("any"), number(0, 9)), "5", "5"),
    "inner_path_relative": (inner_path(), "@home", "/@home"),
    "inner_path_absolute": (inner_path(), "/a/b", "/a/b"),
    "inner_path_top": (inner_path(), "/", "/"),
}


@pytest.mark.parametrize(("value", "text", "canonical"), ACCEPTED.values(), ids=ACCEPTED.keys())
def test_value_gets_its_canonical_spelling(value: Value, text: str, canonical: str) -> None:
    assert value.canonical(text) == canonical
