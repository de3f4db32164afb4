# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Names of users and groups in options."""

from __future__ import annotations

import pytest
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast import errors
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.arguments import accounts
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.grammar import filesystems

CIFS = filesystems.FILESYSTEMS["cifs"]


@pytest.fixture(autouse=True)
def _known_accounts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accounts, "find_user", {"alice": 1000, "EXAMPLE\\bob": 1001}.__getitem__)
    monkeypatch.setattr(accounts, "find_group", {"alice": 2000}.__getitem__)


def test_unknown_name_is_refused() -> None:
    with pytest.raises(errors.MountError, match='uid: "carol" is unknown on this host') as caught:
        accounts.without_names(CIFS, ["ro", "uid=carol"], "opts")
    assert caught.value.code == "option_not_allowed"


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("uid=alice", "uid=1000"),
        ("gid=alice", "gid=2000"),
        ("cruid=alice", "cruid=1000"),
        ("backupgid=alice", "backupgid=2000"),
        ("uid=EXAMPLE\\bob", "uid=1001"),
        ("uid=1000", "uid=1000"),
        ("uid=0x10", "uid=0x10"),
        ("uid=", "uid="),
        ("uid", "uid"),
        ("ro", "ro"),
        ("username=alice", "username=alice"),
    ],
    ids=lambda word: word,
)
def test_name_becomes_a_number(word: str, expected: str) -> None:
    assert accounts.without_names(CIFS, [word], "opts") == (expected,)


def test_word_of_another_type_is_no_name() -> None:
    assert accounts.without_names(filesystems.FILESYSTEMS["udf"], ["uid=forget"], "opts") == ("uid=forget",)
