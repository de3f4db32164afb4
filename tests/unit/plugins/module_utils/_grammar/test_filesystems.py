# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which types are known, and which of them this version mounts."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.holdfast.mounts.plugins.module_utils._grammar.filesystems import (
    FILESYSTEMS,
    OPTIONAL_TYPES,
    check_allowed_types,
    find_filesystem,
)
from ansible_collections.holdfast.mounts.plugins.module_utils._values.errors import MountError

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
    *("9p", "bind", "btrfs", "erofs", "exfat", "ext2", "ext3", "ext4", "f2fs", "iso9660", "overlay"),
    *("squashfs", "tmpfs", "udf", "vfat", "virtiofs", "xfs"),
)
NETWORK = ("ceph", "cifs", "glusterfs", "nfs", "nfs4", "smb3")


@pytest.mark.parametrize("fstype", NEVER)
def test_fstype_that_is_not_in_the_table_is_refused(fstype: str) -> None:
    with pytest.raises(MountError) as caught:
        find_filesystem(fstype, ())
    assert caught.value.code == "fstype_not_allowed"
    assert "ext4" in caught.value.message
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
        for group in filesystem.groups
        for name in group
        if name not in filesystem.options or filesystem.options[name].name != name
    ]
    assert unknown == []
