# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How the values of mount options are written, and their canonical spelling.

Private to holdfast.mounts.
"""

from __future__ import annotations

import re
import typing as t
from dataclasses import dataclass

from ansible_collections.holdfast.mounts.plugins.module_utils._grammar.paths import path_fault

# int() takes digits of every script and underscores; the kernel takes a leading zero as octal.
NUMBER = re.compile(r"0|-?[1-9][0-9]{0,18}")
SIZE = re.compile(r"(0|[1-9][0-9]{0,18})([kmgtpeKMGTPE]?)")
PERCENT = re.compile(r"[1-9][0-9]{0,2}%")
SUFFIXES = "kmgtpe"
LARGEST_SIZE = 2**63 - 1
LARGEST_ID = 2**32 - 2  # 2**32 - 1 means "no such user" to the kernel
VALUE_BYTES = 255  # fsconfig(2) takes no longer string


@dataclass(frozen=True)
class Value:
    """One kind of value.

    expected: what may be written, in words that complete "expected ...".
    canonical: gives the canonical spelling, None for what may not be written.
    """

    expected: str
    canonical: t.Callable[[str], t.Optional[str]]


def number(low: int, high: int) -> Value:
    """Return a whole number in decimal, both bounds included."""

    def canonical(text: str) -> t.Optional[str]:
        return text if NUMBER.fullmatch(text) and low <= int(text) <= high else None

    return Value(f"a decimal number from {low} to {high}", canonical)


def size(low: int = 0, high: int = LARGEST_SIZE, *, percent: bool = False) -> Value:
    """Return an amount of bytes with the suffixes of the kernel's memparse(), as decimal bytes."""

    def canonical(text: str) -> t.Optional[str]:
        if percent and PERCENT.fullmatch(text):
            return text
        match = SIZE.fullmatch(text)
        if match is None:
            return None
        suffix = match.group(2).lower()
        amount = int(match.group(1)) << (10 * (SUFFIXES.index(suffix) + 1) if suffix else 0)
        return str(amount) if low <= amount <= high else None

    words = "a number of bytes such as 4096, 512k or 1g"
    words += ", or a percentage such as 50%" if percent else ""
    bounds = "" if (low, high) == (0, LARGEST_SIZE) else f", from {low} to {high}"
    return Value(words + bounds, canonical)


def octal(fewest_digits: int) -> Value:
    """Return permission bits in octal, as four digits."""
    digits = re.compile(f"[0-7]{{{fewest_digits},4}}")

    def canonical(text: str) -> t.Optional[str]:
        return text.zfill(4) if digits.fullmatch(text) else None

    return Value("permission bits in octal such as 0750", canonical)


def choice(*words: str) -> Value:
    """Return one out of a few words."""

    def canonical(text: str) -> t.Optional[str]:
        return text if text in words else None

    return Value("one of " + ", ".join(sorted(words)), canonical)


def pattern(expression: str, expected: str) -> Value:
    """Return what the whole expression matches, as it is written."""
    compiled = re.compile(expression)

    def canonical(text: str) -> t.Optional[str]:
        fits = len(text.encode("utf-8", "surrogatepass")) <= VALUE_BYTES
        return text if fits and compiled.fullmatch(text) else None

    return Value(expected, canonical)


def inner_path() -> Value:
    """Return a path inside of a filesystem, with its leading slash."""

    def canonical(text: str) -> t.Optional[str]:
        path = text if text.startswith("/") else "/" + text
        if not text or len(path.encode("utf-8", "surrogatepass")) > VALUE_BYTES:
            return None
        if "," in text or "\\" in text:
            return None
        return path if path == "/" or not path_fault(path) else None

    return Value("a path of plain components such as @home or /volumes/data", canonical)


def layers() -> Value:
    """Return the text as it is; what an overlay's layers may be is not a matter of one value."""
    return Value("absolute paths", lambda text: text or None)


def either(*kinds: Value) -> Value:
    """Return what any of the kinds takes, in the spelling of the first that does."""

    def canonical(text: str) -> t.Optional[str]:
        spellings = (kind.canonical(text) for kind in kinds)
        return next((spelling for spelling in spellings if spelling is not None), None)

    return Value(", or ".join(kind.expected for kind in kinds), canonical)


IDENTIFIER = number(0, LARGEST_ID)
MODE = octal(3)
MASK = octal(1)
COUNT = number(0, 2**31 - 1)
CHARSET = pattern("[A-Za-z0-9][A-Za-z0-9_-]{0,31}", "a character set such as utf8 or iso8859-1")
