# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which names a holder may have.

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

HOLDER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:@+-]{0,127}")


def check_holder(value: t.Any, option: str) -> str:
    """Return the holder's name. Raises invalid_argument."""
    holder = check_text(value, option)
    if HOLDER.fullmatch(holder) is None:
        raise refusal(
            "invalid_argument",
            f"{option}: {quote(holder)} is no name of a holder; write 1 to 128 characters out of "
            "A-Z a-z 0-9 . _ : @ + - that begin with a letter or a digit",
        )
    return holder
