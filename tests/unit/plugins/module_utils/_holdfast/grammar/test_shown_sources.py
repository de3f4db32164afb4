# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Sources of Ceph as the kernel's mount table shows them, which is not as they were written."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.grammar.sources import is_ceph_shown

FSID = "b3acfc0d-575f-41d3-9c91-0e7ed3dbb3fa"
OTHER = "00000000-575f-41d3-9c91-0e7ed3dbb3fa"
ADDRESSES = "192.0.2.1:6789,192.0.2.2:6789"

SHOWN: t.Tuple[t.Tuple[str, str, bool], ...] = (
    ("mon1,mon2:/a", f"{ADDRESSES}:/a", True),
    ("mon1:/a", f"{ADDRESSES}:/b", False),
    (":/", f"{ADDRESSES}:/", True),
    (":/", "elsewhere", False),
    ("mon1:/a:/b", f"{ADDRESSES}:/c:/b", False),
    ("mon1:/a@b", f"{ADDRESSES}:/a@b", True),
    ("app@.fs=/a", f"app@{FSID}.fs=/a", True),
    ("app@.fs.x=/a", f"app@{FSID}.fs.x=/a", True),
    (f"app@{FSID}.fs=/a", f"app@{FSID}.fs=/a", True),
    (f"app@{FSID}.fs=/a", f"app@{OTHER}.fs=/a", False),
    ("app@.fs=/a", f"app@{FSID}.fs=/b", False),
    ("app@.fs=/a", f"app@{FSID}.other=/a", False),
    ("app@.fs=/a", f"admin@{FSID}.fs=/a", False),
    (f"app@{FSID}.fs=/a", f"{ADDRESSES}:/a", True),
    (f"app@{FSID}.fs=/a", f"{ADDRESSES}:/b", False),
)


@pytest.mark.parametrize(("source", "shown", "is_same"), SHOWN)
def test_ceph_source_is_known_again_as_it_is_shown(source: str, shown: str, is_same: bool) -> None:
    assert is_ceph_shown(source, shown) is is_same
