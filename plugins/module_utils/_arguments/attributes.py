# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Mode, owner and group of a mount point that is to be made, as numbers.

The only grammar that asks the host: names of users and groups. Private to holdfast.mounts.
"""

from __future__ import annotations

import grp
import os
import pwd
import re
import stat
import typing as t

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.holdfast.mounts.plugins.module_utils._grammar.text import (
    about,
    check_text,
    quote,
    refusal,
)
from ansible_collections.holdfast.mounts.plugins.module_utils._values.request import (
    MountPointAttributes,
)

DEFAULT_MODE = 0o755
# No setuid: it is for programs, and a mount point is none. Files do not get a mode (_kernel/directories.py).
LARGEST_MODE = 0o3777
LARGEST_ID = 2**32 - 2  # chown(2) takes 2**32 - 1 for "leave it as it is"
NAME_LENGTH = 256  # LOGIN_NAME_MAX, limits.h
OCTAL = re.compile(r"(0o)?[0-7]{1,5}")
# The grammar of chmod(1); the conversion itself overlooks what is cut off.
_CLAUSE = "[ugoa]*([=+-]([rwxXst]*|[ugo]))+"
SYMBOLS = re.compile(f"{_CLAUSE}(,{_CLAUSE})*")
DIGITS = re.compile(r"[0-9]{1,10}")


def build_attributes(
    mode: t.Any, owner: t.Optional[str], group: t.Optional[str], *, prefix: str = ""
) -> MountPointAttributes:
    """Return the attributes, root's 0755 where nothing is said. Raises invalid_argument.

    prefix: what goes before the option's name in a message, for example C(mounts[2].).
    """
    return MountPointAttributes(
        mode=DEFAULT_MODE if mode is None else _mode(mode, prefix + "mode"),
        uid=0 if owner is None else _identifier(owner, prefix + "owner", find=_find_user),
        gid=0 if group is None else _identifier(group, prefix + "group", find=_find_group),
    )


def _mode(value: t.Any, option: str) -> int:
    """Return permission bits, read as ansible.builtin.file does."""
    mode = _number_or_symbols(value, option)
    if mode is None or not 0 <= mode <= LARGEST_MODE:
        raise refusal(
            "invalid_argument",
            f"{about(option, str(value))} is no mode; write octal digits in quotes such as '0755', or "
            "symbols such as u=rwx,g=rx,o=rx",
        )
    return mode


def _number_or_symbols(value: t.Any, option: str) -> t.Optional[int]:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if not isinstance(value, str):
        return None
    text = check_text(value, option)
    if OCTAL.fullmatch(text):
        return int(text, 8)
    return _symbolic_mode(text)


def _symbolic_mode(text: str) -> t.Optional[int]:
    if SYMBOLS.fullmatch(text) is None:
        return None
    base = os.stat_result((stat.S_IFDIR | DEFAULT_MODE, 0, 0, 0, 0, 0, 0, 0, 0, 0))
    try:
        return int(AnsibleModule._symbolic_mode_to_octal(base, text))
    except ValueError:
        return None


def _identifier(value: str, option: str, *, find: t.Callable[[str], int]) -> int:
    text = check_text(value, option)
    if DIGITS.fullmatch(text) and int(text) <= LARGEST_ID:
        return int(text)
    try:
        if text and len(text) <= NAME_LENGTH:
            return find(text)
    except KeyError:
        pass
    raise refusal(
        "invalid_argument",
        f"{option}: {quote(text)} is unknown on this host; write a name that exists there, or a number "
        f"from 0 to {LARGEST_ID}",
    )


def _find_user(name: str) -> int:
    return pwd.getpwnam(name).pw_uid


def _find_group(name: str) -> int:
    return grp.getgrnam(name).gr_gid
