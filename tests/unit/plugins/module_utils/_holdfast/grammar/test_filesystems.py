# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which types are known, and which of them this version mounts."""

from __future__ import annotations

import re
import typing as t

import pytest
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.errors import MountError
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.grammar.filesystems import (
    FILESYSTEMS,
    LOCAL_TYPES,
    OPTIONAL_TYPES,
    record_of,
)
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.grammar.naming import (
    check_allowed_types,
    find_filesystem,
)
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.grammar.values import KINDS

NEVER = (
    "",
    "auto",
    "none",
    "fuse",
    "fuseblk",
    "fuse.evil",
    "ext4,xfs",
    "noext4",
    "EXT4",
    " ext4",
    "proc",
    "sysfs",
    "devtmpfs",
    "cgroup2",
    "bpf",
    "securityfs",
    "ramfs",
    "nullfs/../ext4",
)
LOCAL = (
    *("9p", "bind", "btrfs", "erofs", "exfat", "ext2", "ext3", "ext4", "f2fs", "iso9660", "ntfs3", "overlay"),
    *("squashfs", "tmpfs", "udf", "vfat", "virtiofs", "xfs"),
)
NETWORK = ("ceph", "cifs", "glusterfs", "nfs", "nfs4", "smb3")


@pytest.mark.parametrize("fstype", NEVER)
def test_fstype_that_is_not_in_the_table_is_refused(fstype: str) -> None:
    with pytest.raises(MountError) as caught:
        find_filesystem(fstype, ())
    assert caught.value.code == "fstype_not_allowed"
    assert re.search("write |keep it in fstab", caught.value.message)
    assert "sshfs" not in caught.value.message


@pytest.mark.parametrize("word", ["bind", "rbind"])
def test_fstype_none_with_bind_is_refused_with_the_spelling_to_write(word: str) -> None:
    with pytest.raises(MountError, match="write fstype: bind"):
        find_filesystem("none", ["ro", word])


def test_fstype_with_control_character_is_an_invalid_argument() -> None:
    with pytest.raises(MountError) as caught:
        find_filesystem("ext4\n", ())
    assert caught.value.code == "invalid_argument"


@pytest.mark.parametrize("fstype", sorted([*LOCAL, *NETWORK]))
def test_fstype_in_the_table_is_found(fstype: str) -> None:
    assert find_filesystem(fstype, (), allowed=()).name == fstype


@pytest.mark.parametrize("fstype", OPTIONAL_TYPES)
def test_fstype_that_is_off_by_default_is_refused_with_the_option(fstype: str) -> None:
    with pytest.raises(MountError, match=r"write allow_fstypes: \[fuse.sshfs\]") as caught:
        find_filesystem(fstype, (), allowed=())
    assert caught.value.code == "fstype_not_allowed"


@pytest.mark.parametrize("fstype", OPTIONAL_TYPES)
def test_fstype_that_is_turned_on_is_found(fstype: str) -> None:
    assert find_filesystem(fstype, (), allowed=(fstype,)).name == fstype


@pytest.mark.parametrize(
    ("fstype", "spelling"),
    [("sshfs", "fuse.sshfs"), ("fuse.glusterfs", "glusterfs")],
    ids=["sshfs", "gluster"],
)
def test_fstype_of_another_spelling_is_refused_with_the_one_to_write(fstype: str, spelling: str) -> None:
    with pytest.raises(MountError, match=f"write fstype: {spelling};"):
        find_filesystem(fstype)


@pytest.mark.parametrize(
    "values",
    [["ext4"], ["fuse.evil"], [""], ["fuse.sshfs\n"], ["fuse.sshfs", "fuse.sshfs"]],
    ids=["on_already", "never", "empty", "newline", "twice"],
)
def test_allowed_types_that_cannot_be_turned_on_are_refused(values: t.List[str]) -> None:
    with pytest.raises(MountError) as caught:
        check_allowed_types(values, "allow_fstypes")
    assert caught.value.code == "invalid_argument"


def test_allowed_types_are_returned() -> None:
    assert check_allowed_types(["fuse.sshfs"], "allow_fstypes") == ("fuse.sshfs",)


def test_table_holds_the_types_of_the_contract() -> None:
    assert sorted(FILESYSTEMS) == sorted([*LOCAL, *NETWORK, *OPTIONAL_TYPES])


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
