# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What stands in a file of credentials, and what of it a helper is given."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.grammar.credentials import (
    file_for_helper,
)
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.grammar.filesystems import FILESYSTEMS
from ansible_collections.holdfast.mounts.tests.unit.plugins.module_utils.builders import refused

KEY = "AQBhunter2hunter2hunter2hunter2hunter2Q=="

WRONG: t.Dict[str, t.Tuple[str, str]] = {
    "empty": ("cifs", ""),
    "no_password": ("cifs", "username=bob\n"),
    "no_user": ("cifs", "password=hunter2\n"),
    "empty_user": ("cifs", "username=\npassword=hunter2\n"),
    "unknown_key": ("cifs", "username=bob\npassword=hunter2\npassword2=hunter2\n"),
    "no_key": ("cifs", "username=bob\npassword=hunter2\nhunter2\n"),
    "twice": ("cifs", "username=bob\npassword=hunter2\npass=hunter2\n"),
    "control": ("cifs", "username=bob\npassword=hunter2\x00\n"),
    "ceph_empty": ("ceph", "\n"),
    "ceph_two_lines": ("ceph", f"{KEY}\n{KEY}\n"),
    "ceph_keyring": ("ceph", f"[client.app]\nkey = {KEY}\n"),
}


@pytest.mark.parametrize(("fstype", "text"), WRONG.values(), ids=WRONG.keys())
def test_credentials_that_are_malformed_are_refused_and_not_quoted(fstype: str, text: str) -> None:
    error = refused(file_for_helper, FILESYSTEMS[fstype], text)
    assert (error.code, error.step) == ("mount_failed", "credentials")
    assert "hunter2" not in error.message + error.detail


GOOD: t.Dict[str, t.Tuple[str, str, str]] = {
    "plain": ("cifs", "username=bob\npassword=hunter2\n", "password=hunter2\nusername=bob\n"),
    "short_names": (
        "smb3",
        "# as whom\n\nuser=bob\npass=hunter2\ndom=work\n",
        "domain=work\npassword=hunter2\nusername=bob\n",
    ),
    "odd_password": (
        "cifs",
        "username = bob\npassword= a,b\"c'd=e \n".replace("username = ", "username ="),
        "password= a,b\"c'd=e \nusername=bob\n",
    ),
    "empty_password": ("cifs", "username=bob\npassword=\n", "password=\nusername=bob\n"),
    "no_last_newline": ("cifs", "password=x\nusername=bob", "password=x\nusername=bob\n"),
    "windows": ("cifs", "username=bob\r\npassword=x\r\n", "password=x\nusername=bob\n"),
    "ceph": ("ceph", f"{KEY}\n", f"{KEY}\n"),
}


@pytest.mark.parametrize(("fstype", "text", "expected"), GOOD.values(), ids=GOOD.keys())
def test_credentials_are_written_anew_for_the_helper(fstype: str, text: str, expected: str) -> None:
    assert file_for_helper(FILESYSTEMS[fstype], text) == expected
