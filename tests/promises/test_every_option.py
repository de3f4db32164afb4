# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Every option of every type that the kernel has: taken in the form that is written, and found again.

The control compares word by word, as findmnt(8) shows them: what the kernel writes otherwise has changed.
LIMIT: one option at a time, and the bounds of its values; what needs a feature of the image, of the device or
of the kernel's configuration may be refused, by the words of NEEDS alone.
"""

from __future__ import annotations

import json
import re
import shutil
import typing as t
from pathlib import Path

import pytest

Program = t.Callable[..., t.Dict[str, t.Any]]
Show = t.Callable[[str, str, str], None]

BLOCK = {
    "btrfs": "mkfs.btrfs",
    "erofs": "mkfs.erofs",
    "exfat": "mkfs.exfat",
    "ext2": "mkfs.ext2",
    "ext3": "mkfs.ext3",
    "ext4": "mkfs.ext4",
    "f2fs": "mkfs.f2fs",
    "iso9660": "genisoimage",
    "ntfs3": "mkfs.ntfs",
    "squashfs": "mksquashfs",
    "udf": "mkfs.udf",
    "vfat": "mkfs.vfat",
    "xfs": "mkfs.xfs",
}
# Where the machine of the tests shares a folder, its tag is the name of the type.
SHARED = {
    "9p": "/sys/bus/virtio/drivers/9pnet_virtio/virtio*",
    "virtiofs": "/sys/bus/virtio/drivers/virtiofs/virtio*",
}
# What may be refused, and what it needs. Of the kernel's version where a later or an earlier one takes it.
NEEDS: t.Dict[str, t.Dict[str, str]] = {
    "9p": {"trans=xen": "a guest of Xen", "version=9p2000": "a server of the old protocol"},
    "btrfs": {
        "rescue=ignore(metacsums|superflags)": "Linux 6.11",
        "(no)?space_cache|space_cache=v1": "an image without the free space tree",
    },
    "erofs": {"dax(=always)?|directio": "a device for it, Linux 6.15"},
    "ext2": {"prjquota": "the feature of the image, and of the kernel"},
    "ext3": {"prjquota": "the feature of the image, and of the kernel"},
    "ext4": {"dax(=always)?": "a device for it", "prjquota": "the feature of the image, and of the kernel"},
    "f2fs": {"lookup_mode=.*": "Linux 6.16"},
    "iso9660": {"sbsector=1|session=99": "a medium with sessions"},
    "ntfs3": {"acl": "a kernel that is built so"},
    "overlay": {},
    "squashfs": {"threads=.*": "a kernel that is built so"},
    "tmpfs": {"((usr|grp)quota.*|quota)": "a kernel that is built so"},
    "udf": {"bs=(1024|2048|4096)": "a medium of such blocks", "session=1": "a medium with sessions"},
    "virtiofs": {"dax(=always)?": "a device that offers it"},
    "xfs": {
        "(no)?lifetime": "Linux 6.15, and a zoned device",
        "max_atomic_write=.*": "Linux 6.17",
        "[ugp]qnoenforce|(usr|grp|prj)quota": "a kernel that is built so",
    },
}


def is_offered(fstype: str) -> bool:
    """Return whether the emulator shares a folder by this type."""
    devices = SHARED[fstype].rpartition("/")
    return any(Path(devices[0]).glob(devices[2]))


@pytest.mark.parametrize("fstype", sorted([*BLOCK, *SHARED, "overlay", "tmpfs"]))
def test_every_option_is_taken_and_found_again(run_program: Program, show_figures: Show, fstype: str) -> None:
    from harness.images import is_known_to_the_kernel

    if not is_known_to_the_kernel(fstype):
        pytest.skip(f"this kernel has no {fstype}")
    if fstype in BLOCK and shutil.which(BLOCK[fstype]) is None:
        pytest.skip(f"needs {BLOCK[fstype]}")
    if fstype in SHARED and not is_offered(fstype):
        pytest.skip(f"nothing is shared by {fstype} here")
    wish = [json.dumps({"src": fstype})] if fstype in SHARED else []
    outcome = run_program("every_option", fstype, *wish)
    show_figures(
        f"options of {fstype}: taken for changed",
        f"{len(outcome['changed'])} of {outcome['tried']}",
        f"word by word: {outcome['respelled']}",
    )
    needs = NEEDS.get(fstype, {})
    # Of several words the first is the one that is tried.
    unexpected = {
        words: why
        for words, why in outcome["refused"].items()
        if not any(re.fullmatch(pattern, words.partition(",")[0]) for pattern in needs)
    }
    assert unexpected == {}
    assert outcome["changed"] == {}
    assert outcome["tried"] > len(outcome["refused"])
    if fstype not in ("erofs", "squashfs", "virtiofs"):  # of few words, each shown as it is asked
        assert outcome["respelled"] > 0, "the control: the kernel shows nothing in other words"
