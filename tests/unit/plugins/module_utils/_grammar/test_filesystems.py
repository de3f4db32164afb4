# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which types are known, and which of them this version mounts."""

from __future__ import annotations

import pytest
from ansible_collections.holdfast.mounts.plugins.module_utils._grammar.filesystems import (
    FILESYSTEMS,
    find_filesystem,
    refuse_unsupported,
)
from ansible_collections.holdfast.mounts.plugins.module_utils._values.errors import MountError

NEVER = (
    "",
    "auto",
    "none",
    "fuse",
    "fuseblk",
    "fuse.sshfs",
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
    assert "nfs" not in caught.value.message


@pytest.mark.parametrize("word", ["bind", "rbind"])
def test_fstype_none_with_bind_is_refused_with_the_spelling_to_write(word: str) -> None:
    with pytest.raises(MountError, match="write fstype: bind"):
        find_filesystem("none", ["ro", word])


def test_fstype_with_control_character_is_an_invalid_argument() -> None:
    with pytest.raises(MountError) as caught:
        find_filesystem("ext4\n", ())
    assert caught.value.code == "invalid_argument"


@pytest.mark.parametrize("fstype", NETWORK)
def test_fstype_of_the_network_is_unsupported(fstype: str) -> None:
    with pytest.raises(MountError) as caught:
        refuse_unsupported(find_filesystem(fstype, ()))
    assert caught.value.code == "unsupported"


@pytest.mark.parametrize("fstype", LOCAL)
def test_fstype_local_is_supported(fstype: str) -> None:
    refuse_unsupported(find_filesystem(fstype, ()))


def test_table_holds_the_types_of_the_contract() -> None:
    assert sorted(FILESYSTEMS) == sorted([*LOCAL, *NETWORK])


def test_table_groups_name_options_that_exist() -> None:
    unknown = [
        (filesystem.name, name)
        for filesystem in FILESYSTEMS.values()
        for group in filesystem.groups
        for name in group
        if name not in filesystem.options or filesystem.options[name].name != name
    ]
    assert unknown == []
