# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which characters a text may hold, and how an error quotes one that it may not.

Private to holdfast.mounts.
"""

from __future__ import annotations

import typing as t
import unicodedata

from ansible_collections.holdfast.mounts.plugins.module_utils._grammar.secrets import holds_secret, masked
from ansible_collections.holdfast.mounts.plugins.module_utils._values.errors import Code, MountError

# Control, format, surrogate, private use, line and paragraph separators (Unicode, table 4-4).
REFUSED_CATEGORIES = frozenset({"Cc", "Cf", "Co", "Cs", "Zl", "Zp"})
QUOTED_LENGTH = 160
# Options whose refused values may be secrets that nothing marks as such, so no message quotes them.
UNQUOTED = ("credentials_file", "src")


def check_text(value: t.Any, option: str, *, secret: Code = "invalid_argument") -> str:
    """Return the value when it is a text of visible characters that does not look like a secret.

    Raises invalid_argument, or the given code for a secret. A lone surrogate is how Python keeps a byte that
    is not UTF-8, so refusing surrogates refuses such bytes. Look-alikes and unassigned characters pass.
    """
    if not isinstance(value, str):
        raise refusal("invalid_argument", f"{about(option, str(value))} is not a text; write a string")
    fault = character_fault(value)
    if fault:
        raise refusal("invalid_argument", f"{about(option, value)} {fault}")
    if holds_secret(value):
        raise refusal(
            secret,
            f"{about(option, value)} holds what looks like a secret; leave that out: a mount's credentials "
            "belong in the file that credentials_file names",
        )
    return value


def character_fault(text: str) -> str:
    """Return which character no text may hold, or nothing."""
    if text.isprintable():
        return ""  # nearly always, and without a look at each character
    for position, character in enumerate(text):
        if unicodedata.category(character) in REFUSED_CATEGORIES:
            return (
                f"holds the character U+{ord(character):04X} at position {position + 1}; "
                "expected UTF-8 text without control, format, private or separator characters; "
                "remove the character"
            )
    return ""


def about(option: str, value: str) -> str:
    """Return the option and its value as a refusal begins; not all values are quoted."""
    return f"{option}: {quote(masked(value)) if is_quoted(option) else 'the value'}"


def is_quoted(option: str) -> bool:
    """Return whether messages may quote refused values of this option, for example C(mounts[2].src)."""
    return option.rpartition(".")[2] not in UNQUOTED


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
