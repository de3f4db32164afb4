# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Names of users and groups, looked up on the host.

Private to holdfast.mounts.
"""

from __future__ import annotations

import grp
import os
import pwd
import re
import typing as t

from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast import errors
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.grammar import (
    filesystems,
    record,
    secrets,
    strings,
    values,
)

LARGEST_ID = values.LARGEST_ID
NAME_LENGTH = 256  # LOGIN_NAME_MAX, limits.h
DIGITS = re.compile(r"[0-9]{1,10}")
# What an option may hold: without what would end it.
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9._@-]*\\?[A-Za-z0-9._@-]*\$?")


def _as_of_locale(name: str) -> str:
    """Return the text that Python makes the UTF-8 of this name of, whatever the locale is."""
    return os.fsdecode(name.encode("utf-8"))


def find_user(name: str) -> int:
    """Return the number of a user. Raises KeyError."""
    return pwd.getpwnam(_as_of_locale(name)).pw_uid


def find_group(name: str) -> int:
    """Return the number of a group. Raises KeyError."""
    return grp.getgrnam(_as_of_locale(name)).gr_gid


def number_of(
    value: str, option: str, *, find: t.Callable[[str], int], code: errors.Code = "invalid_argument"
) -> int:
    """Return the number of a user or group that is named, or numbered. Raises the given code."""
    text = strings.check_text(value, option)
    if DIGITS.fullmatch(text) and int(text) <= LARGEST_ID:
        return int(text)
    try:
        if text and len(text) <= NAME_LENGTH:
            return find(text)
    except KeyError:
        pass
    raise strings.refusal(
        code,
        f"{option}: {strings.quote(text)} is unknown on this host; write a name that exists there, or a "
        f"number from 0 to {LARGEST_ID}",
    )


def with_known_names(params: t.Mapping[str, t.Any]) -> t.Tuple[t.Dict[str, t.Any], t.List[str]]:
    """Return the parameters with root in the place of users and groups that are not there, and which.

    For check mode, where an earlier task may be about to make them.
    """
    unknown: t.List[str] = []

    def is_unknown(name: t.Any, find: t.Callable[[str], int], option: str) -> bool:
        if not isinstance(name, str) or _NAME.fullmatch(name) is None or len(name) > NAME_LENGTH:
            return False  # for the grammar to refuse
        try:
            find(name)
        except KeyError:
            unknown.append(f"{option}: {strings.quote(name)} is unknown on this host")
            return True
        return False

    def known(where: t.Mapping[str, t.Any]) -> t.Dict[str, t.Any]:
        found = dict(where)
        for option, find in (("owner", find_user), ("group", find_group)):
            if is_unknown(where.get(option), find, option):
                found[option] = "0"
        filesystem = filesystems.FILESYSTEMS.get(str(where.get("fstype")))
        opts = where.get("opts") or () if filesystem is not None else ()
        for index, word in enumerate(opts):
            named = None if filesystem is None else _name_in(filesystem, word)
            if named is not None and is_unknown(named.text, named.find, named.name):
                found["opts"] = [*found["opts"][:index], f"{named.name}=0", *found["opts"][index + 1 :]]
        return found

    checked = known(params)
    if params.get("mounts") is not None:
        checked["mounts"] = [known(mount) for mount in params["mounts"]]
    return checked, unknown


def without_names(filesystem: record.Filesystem, opts: t.Sequence[str], option: str) -> t.Tuple[str, ...]:
    """Return the options with numbers in place of names of users and groups.

    What is no such name is left as it is, for the grammar to refuse. Raises option_not_allowed.
    """
    return tuple(_without_name(filesystem, word, f"{option}[{index}]") for index, word in enumerate(opts))


class _Named(t.NamedTuple):
    """An option that a user or group is named in, and who finds it."""

    name: str
    text: str
    find: t.Callable[[str], int]


def _without_name(filesystem: record.Filesystem, word: t.Any, option: str) -> t.Any:
    named = _name_in(filesystem, word)
    if named is None:
        return word
    where = f"{option}, {named.name}"
    return f"{named.name}={number_of(named.text, where, find=named.find, code='option_not_allowed')}"


def _name_in(filesystem: record.Filesystem, word: t.Any) -> t.Optional[_Named]:
    name, _equals, text = word.partition("=") if isinstance(word, str) else ("", "", "")
    known = filesystem.options.get(name)
    if known is None or known.value is None or "ID" not in known.kind.split("|"):
        return None
    is_taken = known.value.canonical(text) is not None or secrets.holds_secret(word)
    if is_taken or not name.endswith(("uid", "gid")) or _NAME.fullmatch(text) is None:
        return None
    return _Named(name, text, find_group if name.endswith("gid") else find_user)
