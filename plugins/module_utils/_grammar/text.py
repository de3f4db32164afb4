# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which characters a text may hold, and how an error quotes one that it may not.

Private to holdfast.mounts.
"""

from __future__ import annotations

import typing as t
import unicodedata

from ansible_collections.holdfast.mounts.plugins.module_utils._values.errors import Code, MountError

# Control, format, surrogate, private use, line and paragraph separators (Unicode, table 4-4).
REFUSED_CATEGORIES = frozenset({"Cc", "Cf", "Co", "Cs", "Zl", "Zp"})
QUOTED_LENGTH = 160


def check_text(value: t.Any, option: str) -> str:
    """Return the value when it is a text of visible characters.

    Raises invalid_argument. A lone surrogate is how Python keeps a byte that is not UTF-8, so
    refusing surrogates refuses such bytes. Look-alikes and unassigned characters pass.
    """
    if not isinstance(value, str):
        raise refusal("invalid_argument", f"{option}: {quote(str(value))} is not a text; write a string")
    if value.isprintable():
        return value  # nearly always, and without a look at each character
    for position, character in enumerate(value):
        category = unicodedata.category(character)
        if category in REFUSED_CATEGORIES:
            found = f"the character U+{ord(character):04X} at position {position + 1}"
            raise refusal(
                "invalid_argument",
                f"{option}: {quote(value)} holds {found}; "
                "expected UTF-8 text without control, format, private or separator characters; "
                "remove the character",
            )
    return value


def refusal(code: Code, message: str) -> MountError:
    """Return the error that the grammar raises for this code."""
    return MountError(code, message, step="grammar")


def quote(value: str) -> str:
    """Return the value in double quotes, on one line, shortened, with nothing a terminal would obey."""
    shown = value[:QUOTED_LENGTH]
    escaped = shown.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{visible(escaped)}"' + ("..." if len(value) > QUOTED_LENGTH else "")


def quote_all(values: t.Iterable[str]) -> str:
    """Return the values in quotes, in the order given, separated by commas."""
    return ", ".join(quote(value) for value in values)


def visible(text: str) -> str:
    """Return the text on one line, with nothing in it that a terminal would obey or not show."""
    return text if text.isprintable() else "".join(_escape(character) for character in text)


def _escape(character: str) -> str:
    if unicodedata.category(character) not in REFUSED_CATEGORIES:
        return character
    number = ord(character)
    if number < 0x100:
        return f"\\x{number:02x}"
    return f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"
