# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the table of types says is consistent; which of them are taken is in the corpus."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.grammar.filesystems import (
    FILESYSTEMS,
    LOCAL_TYPES,
    record_of,
)
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.grammar.values import KINDS

NETWORK = ("ceph", "cifs", "glusterfs", "nfs", "nfs4", "smb3")


def test_table_groups_name_options_that_exist() -> None:
    unknown = [
        (filesystem.name, name)
        for filesystem in FILESYSTEMS.values()
        for group in filesystem.words.groups
        for name in group
        if name not in filesystem.options or filesystem.options[name].name != name
    ]
    assert unknown == []


@pytest.mark.parametrize("fstype", sorted(FILESYSTEMS))
def test_table_spellings_are_of_what_may_be_asked(fstype: str) -> None:
    """What stands for both is a canonical word, or one that only the kernel writes."""
    found = FILESYSTEMS[fstype].words
    asked = {*found.same.values(), *(word for word, other in found.same.items() if not other)}
    words = sorted(word for word in {*asked, *dict(found.shown)} if word and "*" not in word)
    known = [
        (found.options[name], text)
        for name, _equals, text in (w.partition("=") for w in words)
        if name in found.options
    ]
    wrong = [
        (option.name, text)
        for option, text in known
        if text and (option.value is None or option.value.canonical(text) != text)
    ]
    assert wrong == []


def test_table_kinds_are_known() -> None:
    """A kind that is misspelt would be a word to choose."""
    kinds = {
        part
        for filesystem in FILESYSTEMS.values()
        for option in filesystem.options.values()
        for part in option.kind.split("|")
        if part.isupper() and part not in KINDS
    }
    assert kinds == {"UTC"}


@pytest.mark.parametrize("fstype", sorted(FILESYSTEMS))
def test_record_says_what_may_keep_a_call_waiting(fstype: str) -> None:
    record = FILESYSTEMS[fstype]
    assert (
        record.is_local
        == (fstype in LOCAL_TYPES)
        == (fstype not in (*NETWORK, "9p", "fuse.sshfs", "virtiofs"))
    )
    assert record.can_hang == (fstype not in ("bind", "overlay", "tmpfs"))
    assert record.is_network == (fstype in (*NETWORK, "fuse.sshfs"))


@pytest.mark.parametrize(
    ("fstype", "data", "expected"),
    [
        pytest.param("ext4", {}, False, id="writable"),
        pytest.param("squashfs", {}, True, id="by nature"),
        pytest.param("overlay", {"lowerdir": "/a:/b"}, True, id="overlay without an upper directory"),
        pytest.param("overlay", {"lowerdir": "/a", "upperdir": "/b", "workdir": "/c"}, False, id="overlay"),
        pytest.param("vfat", {"nfs": "nostale_ro"}, True, id="by an option"),
        pytest.param("vfat", {"nfs": None}, False, id="by no option"),
    ],
)
def test_record_says_what_can_only_be_read(
    fstype: str, data: t.Dict[str, t.Optional[str]], expected: bool
) -> None:
    assert FILESYSTEMS[fstype].is_read_only(data.items()) is expected


def test_record_of_a_type_that_only_a_ledger_knows_may_wait() -> None:
    record = record_of("of-tomorrow")
    assert (record.can_hang, record.is_block, record.shown_types) == (True, False, ("of-tomorrow",))
