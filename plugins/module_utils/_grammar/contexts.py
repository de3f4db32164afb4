# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How an SELinux context is written, and how mount(8) has to be given one.

Private to holdfast.mounts.
"""

from __future__ import annotations

import re
import typing as t

from ansible_collections.holdfast.mounts.plugins.module_utils._grammar.text import (
    check_text,
    quote,
    refusal,
)

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
            f"{option}: {quote(label)} is no SELinux context; write user:role:type or user:role:type:range, "
            "for example system_u:object_r:httpd_sys_content_t:s0",
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
