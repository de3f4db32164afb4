# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Names as the kernel has them: bytes of UTF-8, whatever the locale of the caller is.

Python encodes a text that it hands to the kernel as the locale says, so under C(de_DE.ISO-8859-1) one name
leads to two files. So every call that takes a name that somebody has chosen is given bytes.

Private to holdfast.mounts.
"""

from __future__ import annotations


def encoded(name: str) -> bytes:
    """Return the bytes of a name. What was no UTF-8 when it was read is the same bytes again."""
    return name.encode("utf-8", "surrogateescape")


def decoded(raw: bytes) -> str:
    """Return a name that the kernel has told."""
    return raw.decode("utf-8", "surrogateescape")
