# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How mode, owner and group are read."""

from __future__ import annotations

import grp
import pwd
import typing as t

import pytest
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.arguments.spec import build_attributes
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.errors import MountError
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.model import MountPointAttributes
from hypothesis import given, settings
from hypothesis import strategies as st

BAD_MODES: t.Dict[str, t.Any] = {
    "empty": "",
    "words": "rwxr-xr-x",
    "decimal_digits": "0798",
    "other_digits": "\u0667\u0665\u0665",
    "too_large": "010000",
    "too_large_number": 0o10000,
    "negative": -1,
    "number_without_the_zero_of_octal": 770,
    "common_number_without_the_zero_of_octal": 755,
    "setuid": "4755",
    "setuid_number": 0o4755,
    "setuid_symbol": "u+s",
    "boolean": True,
    "float": 755.0,
    "list": ["0755"],
    "symbol_unknown": "u=rwz",
    "symbol_cut_off": "u=rwx,g",
    "newline": "0755\n",
}


@pytest.mark.parametrize("mode", BAD_MODES.values(), ids=BAD_MODES.keys())
def test_mode_with_another_spelling_is_refused(mode: t.Any) -> None:
    with pytest.raises(MountError) as caught:
        build_attributes(mode, None, None, prefix="mounts[2].")
    assert caught.value.code == "invalid_argument"
    assert caught.value.message.startswith("mounts[2].mode: ")


BAD_OWNERS = {
    "empty": "",
    "unknown": "no-such-account",
    "negative": "-1",
    "leave_as_it_is": "4294967295",
    "other_digits": "\u0660",
    "nul": "root\0",
    "endless": "x" * 100000,
    "not_utf8": "\udcff",
}


@pytest.mark.parametrize("option", ["owner", "group"])
@pytest.mark.parametrize("name", BAD_OWNERS.values(), ids=BAD_OWNERS.keys())
def test_owner_and_group_unknown_are_refused(name: str, option: str) -> None:
    owner, group = (name, None) if option == "owner" else (None, name)
    with pytest.raises(MountError) as caught:
        build_attributes(None, owner, group)
    assert caught.value.code == "invalid_argument"
    assert caught.value.message.startswith(option + ": ")


@settings(deadline=None)
@given(st.one_of(st.text(max_size=12), st.text("ugoa=+-,rwxXst0127", max_size=12)))
def test_mode_of_any_text_is_read_or_refused(text: str) -> None:
    try:
        mode = build_attributes(text, None, None).mode
    except MountError:
        return
    assert 0 <= mode <= 0o7777


def test_attributes_without_a_word_are_those_of_root() -> None:
    assert build_attributes(None, None, None) == MountPointAttributes(0o755, 0, 0)


MODES: t.Dict[str, t.Tuple[t.Any, int]] = {
    "text": ("0750", 0o750),
    "text_without_zero": ("1777", 0o1777),
    "text_prefixed": ("0o700", 0o700),
    "number": (493, 0o755),
    "sticky_number": (0o1777, 0o1777),
    "private_number": (0o700, 0o700),
    "symbols": ("u=rwx,g=rx,o=", 0o750),
    "symbols_on_top_of_the_default": ("g+w,o-rx", 0o770),
}


@pytest.mark.parametrize(("mode", "expected"), MODES.values(), ids=MODES.keys())
def test_mode_is_read_as_the_file_module_does(mode: t.Any, expected: int) -> None:
    assert build_attributes(mode, None, None).mode == expected


def test_owner_and_group_are_read_as_names_and_as_numbers() -> None:
    user, group = pwd.getpwall()[-1], grp.getgrall()[-1]
    by_name = build_attributes(None, user.pw_name, group.gr_name)
    by_number = build_attributes(None, str(user.pw_uid), str(group.gr_gid))
    assert by_name == by_number == MountPointAttributes(0o755, user.pw_uid, group.gr_gid)
