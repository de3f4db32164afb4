# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How typed values are written, and what they become."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.grammar.values import (
    KINDS,
    Option,
    Value,
    choice,
    either,
    inner_path,
    number,
    read_line,
    size,
)

CHARSET, IDENTIFIER, MASK, MODE = (KINDS[name] for name in ("CHARSET", "ID", "MASK", "MODE"))

PERCENT = KINDS["MEMORY"]

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


def option(line: str) -> Option:
    """Return the only option of a line."""
    (found,) = read_line(line).options.values()
    return found


# word, what is taken with its canonical form, what is refused
KINDS_OF_A_LINE: t.Dict[str, t.Tuple[str, t.Dict[str, str], t.List[str]]] = {
    "number": ("a=0..9", {"0": "0", "9": "9"}, ["10", "-1", "1k"]),
    "negative": ("a=-5..5", {"-5": "-5"}, ["-6"]),
    "bytes": ("a=1k..16m", {"1024": "1024", "16m": "16777216"}, ["1023", "16777217", "50%"]),
    "bytes from zero": ("a=0k..64k", {"0": "0", "64k": "65536"}, ["65537"]),
    "choice": ("a=on|off", {"on": "on", "off": "off"}, ["ON", "", "on|off"]),
    "one word": ("a=UTC", {"UTC": "UTC"}, ["utc"]),
    "digits as words": ("a=512|1024", {"512": "512"}, ["513"]),
    "kind": ("a=MODE", {"755": "0755"}, ["7"]),
    "word or kind": ("a=forget|ID", {"forget": "forget", "7": "7"}, ["other"]),
    "word or number": ("a=multi|1..4", {"multi": "multi", "4": "4"}, ["5"]),
    "lowered": ("a=<1k..4k", {"4k": "4096"}, ["5k"]),
}


@pytest.mark.parametrize(("line", "taken", "refused"), KINDS_OF_A_LINE.values(), ids=KINDS_OF_A_LINE.keys())
def test_line_gives_an_option_its_kind(line: str, taken: t.Dict[str, str], refused: t.List[str]) -> None:
    value = option(line).value
    assert value is not None
    assert {text: value.canonical(text) for text in taken} == taken
    assert [text for text in refused if value.canonical(text) is not None] == []


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        pytest.param("acl", Option("acl"), id="bare"),
        pytest.param("a[=MODE]", Option("a", kind="MODE", may_be_bare=True), id="optional"),
        pytest.param("a=<MODE", Option("a", kind="MODE", may_be_lowered=True), id="lowered"),
        pytest.param("a=MODE->b,c", Option("a", kind="MODE", stands_for=("b", "c")), id="abbreviation"),
        pytest.param("a->a,b", Option("a", stands_for=("a", "b")), id="bare abbreviation"),
    ],
)
def test_line_says_what_an_option_is(line: str, expected: Option) -> None:
    assert option(line)._replace(value=None) == expected


def test_line_says_what_belongs_together() -> None:
    line = """a b=0..9 c->a a!b +b=1
        b=1~a b=2~ b=*~>a"""
    found = read_line(line)
    assert found.options["c"] is found.options["a"]
    assert (found.groups, found.implied) == ((("a", "b"),), (("b", "1"),))
    assert (found.same, found.shown) == ({"b=1": "a", "b=2": ""}, (("b=*", "a"),))


def test_line_option_that_is_there_twice_is_the_last() -> None:
    assert option("a=on a=off").expected == "a= with one of off"


@pytest.mark.parametrize("line", ["a=1..", "a=on|", "[=x]", "b->a"])
def test_line_that_cannot_be_read_is_an_error(line: str) -> None:
    with pytest.raises((ValueError, KeyError)):
        read_line(line)
