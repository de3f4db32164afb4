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
    hints,
    record,
    strings,
)

HOLDER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:@+-]{0,127}")
_OTHER_SPELLINGS = {"fuse.glusterfs": "glusterfs", "sshfs": "fuse.sshfs"}


def check_holder(value: t.Any, option: str) -> str:
    """Return the holder's name. Raises invalid_argument."""
    holder = strings.check_text(value, option)
    if HOLDER.fullmatch(holder) is None:
        raise strings.refusal(
            "invalid_argument",
            f"{option}: {strings.quote(holder)} is no name of a holder; write 1 to 128 characters out of "
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
    raise strings.refusal(
        "fstype_not_allowed", f"{option}: {strings.quote(name)} {_instead(name, opts)}; {hints.GUIDE}"
    )


def check_allowed_types(values: t.Sequence[t.Any], option: str) -> t.Tuple[str, ...]:
    """Return the types that the caller turns on. Raises invalid_argument."""
    for index, value in enumerate(values):
        name = strings.check_text(value, f"{option}[{index}]")
        if name not in filesystems.OPTIONAL_TYPES:
            raise strings.refusal(
                "invalid_argument",
                f"{option}[{index}]: {strings.quote(name)} is no type that is off by default; write one of "
                f"{', '.join(filesystems.OPTIONAL_TYPES)}, or leave it out",
            )
    if len(set(values)) < len(values):
        raise strings.refusal("invalid_argument", f"{option}: a type is there twice; name it once")
    return tuple(values)


def _instead(name: str, opts: t.Sequence[str]) -> str:
    if name == "none" and any(word in ("bind", "rbind") for word in opts):
        return "with the option bind is fstab's spelling of a bind mount; write fstype: bind"
    if name in filesystems.OPTIONAL_TYPES:
        return f"is off by default; write allow_fstypes: [{name}]"
    if name in _OTHER_SPELLINGS:
        return f"is written otherwise here; write fstype: {_OTHER_SPELLINGS[name]}"
    by_default = ", ".join(
        sorted(name for name in filesystems.FILESYSTEMS if name not in filesystems.OPTIONAL_TYPES)
    )
    return f"is no type that may be mounted; write one of {by_default}"
