# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Text that people see: what is visible, how it is quoted and shortened, security contexts.

Private to holdfast.mounts.
"""

from __future__ import annotations

import re
import typing as t
import unicodedata

from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast import errors

# Control, format, surrogate, private use, line and paragraph separators (Unicode, table 4-4).
REFUSED_CATEGORIES = frozenset({"Cc", "Cf", "Co", "Cs", "Zl", "Zp"})
QUOTED_LENGTH = 160
# Options whose refused values may be secrets that nothing marks as such, so no message quotes them.
UNQUOTED = ("credentials_file", "src")


def check_text(value: t.Any, option: str, *, secret: errors.Code = "invalid_argument") -> str:
    """Return the value when it is a text of visible characters that does not look like a secret.

    Raises invalid_argument, or the given code for a secret. A lone surrogate is how Python keeps a byte that
    is not UTF-8, so refusing surrogates refuses such bytes. Look-alikes and unassigned characters pass.
    """
    from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.grammar import secrets

    if not isinstance(value, str):
        raise refusal("invalid_argument", f"{about(option, str(value))} is not text; write a string")
    fault = character_fault(value)
    if fault:
        raise refusal("invalid_argument", f"{about(option, value)} {fault}")
    if secrets.holds_secret(value):
        raise refusal(
            secret,
            f"{about(option, value)} holds what looks like a secret; leave that out: a mount's credentials "
            "belong in the file that credentials_file names",
        )
    return value


def is_text(text: str) -> bool:
    """Return whether check_text takes the text."""
    from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.grammar import secrets

    return not (character_fault(text) or secrets.holds_secret(text))


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
    from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.grammar import secrets

    return f"{option}: {quote(secrets.masked(value)) if is_quoted(option) else 'the value'}"


def is_quoted(option: str) -> bool:
    """Return whether messages may quote refused values of this option, for example C(mounts[2].src)."""
    return option.rpartition(".")[2] not in UNQUOTED


def refusal(code: errors.Code, message: str) -> errors.MountError:
    """Return the error that the grammar raises for this code."""
    return errors.MountError(code, message, step="grammar")


def quote(value: str) -> str:
    """Return the value in double quotes, on one line, shortened, with nothing a terminal would obey."""
    shown = value[:QUOTED_LENGTH]
    escaped = shown.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{visible(escaped)}"' + ("..." if len(value) > QUOTED_LENGTH else "")


def quote_all(values: t.Iterable[str]) -> str:
    """Return the values in quotes, in the order given, separated by commas; of many, the first few."""
    return ", ".join(first_few([quote(value) for value in values]))


MOST_LISTED = 12


def first_few(words: t.Sequence[str]) -> t.List[str]:
    """Return the words, of more than a message may list the first ones and how many there are beyond."""
    if len(words) <= MOST_LISTED:
        return list(words)
    shown = MOST_LISTED - 1
    return [*words[:shown], f"and {len(words) - shown} more"]


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


# The name of the option among a definition's data; a caller never writes it (mount(8)).
CONTEXT = "context"
CONTEXT_LENGTH = 255  # fsconfig(2) takes no longer string
_NAME = "[A-Za-z0-9_][A-Za-z0-9_.-]*"
_LEVEL = r"s[0-9]{1,4}(:c[0-9]{1,4}([.,]c[0-9]{1,4})*)?"
LABEL = re.compile(rf"{_NAME}:{_NAME}:{_NAME}(:{_LEVEL}(-{_LEVEL})?)?")


def check_context(value: t.Any, option: str) -> str:
    """Return the context when it is user:role:type, with or without a range. Raises invalid_argument."""
    label = check_text(value, option)
    if LABEL.fullmatch(label) is None or len(label) > CONTEXT_LENGTH:
        raise refusal(
            "invalid_argument",
            f"{option}: {quote(label)} is not an SELinux context; write user:role:type or "
            "user:role:type:range, for example system_u:object_r:httpd_sys_content_t:s0",
        )
    return label


def quoted_context(label: str) -> str:
    """Return the context as one value of mount(8)'s list of options, where a comma would end it."""
    return f'"{label}"'


def canonical_context(text: str) -> str:
    """Return a context in the one spelling of all that mean the same, without the quotes of the kernel.

    That sorts categories, writes three in a row or more as a range, and one level for two equal ones.
    """
    label = text[1:-1] if len(text) > 1 and text[0] == text[-1] == '"' else text
    if LABEL.fullmatch(label) is None:
        return label
    parts = label.split(":", 3)
    levels = [_canonical_level(level) for level in parts[3].split("-")] if len(parts) > 3 else []
    return ":".join([*parts[:3], "-".join(sorted(set(levels), key=levels.index))]) if levels else label


def _canonical_level(level: str) -> str:
    sensitivity, colon, categories = level.partition(":")
    numbers: t.Set[int] = set()
    for part in categories.split(",") if colon else ():
        first, _dot, last = part.replace("c", "").partition(".")
        numbers.update(range(int(first), int(last or first) + 1))
    return sensitivity + colon + ",".join(f"c{number}" for number in sorted(numbers))
