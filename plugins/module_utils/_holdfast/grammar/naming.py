# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which names holders and types of filesystems may have.

Private to holdfast.mounts.
"""

from __future__ import annotations

import re
import typing as t

from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.grammar import (
    filesystems,
    record,
    strings,
)

HOLDER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:@+-]{0,127}")


def check_holder(value: t.Any, option: str) -> str:
    """Return the holder's name. Raises invalid_argument."""
    holder = strings.check_text(value, option)
    if HOLDER.fullmatch(holder) is None:
        raise strings.refusal(
            "invalid_argument",
            f"{option}: {strings.quote(holder)} is not a name of a holder; write 1 to 128 characters out of "
            "A-Z a-z 0-9 . _ : @ + - that begin with a letter or a digit",
        )
    return holder


def find_filesystem(
    fstype: t.Any,
    opts: t.Sequence[str] = (),
    option: str = "fstype",
    *,
    allowed: t.Sequence[str] = filesystems.OPTIONAL_TYPES,
) -> record.Filesystem:
    """Return the type of that name.

    Raises invalid_argument for its characters, fstype_not_allowed for anything not in the table.
    opts only serve to tell an old spelling of a bind mount. allowed: what is turned on out of
    OPTIONAL_TYPES.
    """
    name = strings.check_text(fstype, option)
    if name in filesystems.FILESYSTEMS and (name not in filesystems.OPTIONAL_TYPES or name in allowed):
        return filesystems.FILESYSTEMS[name]
    from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.grammar import hints

    raise strings.refusal(
        "fstype_not_allowed",
        f"{option}: {strings.quote(name)} {hints.instead_of_type(name, opts)}; {hints.GUIDE}",
    )


def check_allowed_types(values: t.Sequence[t.Any], option: str) -> t.Tuple[str, ...]:
    """Return the types that the caller turns on. Raises invalid_argument."""
    for index, value in enumerate(values):
        name = strings.check_text(value, f"{option}[{index}]")
        if name not in filesystems.OPTIONAL_TYPES:
            raise strings.refusal(
                "invalid_argument",
                f"{option}[{index}]: {strings.quote(name)} is not a type that is off by default; write one "
                f"of {', '.join(filesystems.OPTIONAL_TYPES)}, or leave it out",
            )
    if len(set(values)) < len(values):
        raise strings.refusal("invalid_argument", f"{option}: a type is listed twice; list it once")
    return tuple(values)
