# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whether a row of the mount table is the mount that a reference means.

Pure. Private to holdfast.mounts.
"""

from __future__ import annotations

from ansible_collections.holdfast.mounts.plugins.module_utils._grammar.filesystems import FILESYSTEMS
from ansible_collections.holdfast.mounts.plugins.module_utils._values.host import KernelMount
from ansible_collections.holdfast.mounts.plugins.module_utils._values.ledger import Reference


def is_same_mount(found: KernelMount, reference: Reference) -> bool:
    """Whether a mount with a reference's id is its mount: before Linux 6.8 a number is used again.

    LIMIT: a foreign mount of the same type, source and device that was given the number is taken for ours.
    """
    if found.unique_id is not None:
        return True
    if found.server is not None and reference.fstype != "bind":
        return False  # a bind may show what a user serves; everything else was mounted by root
    known = FILESYSTEMS.get(reference.fstype)
    if known is not None and known.is_named_at_will and found.source != reference.src:
        return False  # the kernel gives the device number of such a mount to the next one
    # btrfs shows other device numbers for its files than for its superblock.
    is_same_device = found.device == reference.device or found.fstype == "btrfs"
    return is_same_device and may_show(reference.fstype, found.fstype)


def may_show(fstype: str, shown: str) -> bool:
    """Whether the kernel may show a mount of one type as another one: any, for a bind."""
    known = FILESYSTEMS.get(fstype)
    return fstype in ("bind", shown) or (known is not None and shown in known.shown_types)
