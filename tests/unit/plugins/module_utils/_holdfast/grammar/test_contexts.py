# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""SELinux contexts as they are given to mount(8), and shown by the kernel."""

from __future__ import annotations

import pytest
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.grammar.strings import (
    canonical_context,
    quoted_context,
)

GOOD = (
    "system_u:object_r:tmp_t",
    "system_u:object_r:httpd_sys_content_t:s0",
    "system_u:object_r:container_file_t:s0:c1,c2",
    "user_u:object_r:a.b-c_t:s0-s15:c0.c1023",
)


@pytest.mark.parametrize("label", GOOD)
def test_context_survives_the_quotes_of_both_sides(label: str) -> None:
    assert canonical_context(quoted_context(label)) == canonical_context(label)


@pytest.mark.parametrize(
    ("label", "other"),
    [
        ("a:b:c:s0:c3,c1", "a:b:c:s0:c1,c3"),
        ("a:b:c:s0:c1,c2,c3", "a:b:c:s0:c1.c3"),
        ("a:b:c:s0-s0", "a:b:c:s0"),
        ("a:b:c:s0:c1.c2-s0:c1,c2", "a:b:c:s0:c1,c2"),
    ],
)
def test_context_that_the_kernel_spells_otherwise_is_the_same(label: str, other: str) -> None:
    assert canonical_context(label) == canonical_context(other)


@pytest.mark.parametrize(
    ("label", "other"),
    [
        ("a:b:c:s0:c1,c2", "a:b:c:s0:c1,c3"),
        ("a:b:c:s0-s1", "a:b:c:s1"),
        ("a:b:c:s0-s1", "a:b:c:s0"),
        ("a:b:c", "a:b:c:s0"),
        ("a:b:c", "a:b:d"),
    ],
)
def test_context_of_other_rights_is_another(label: str, other: str) -> None:
    assert canonical_context(label) != canonical_context(other)


def test_context_that_is_none_stays_as_it_is() -> None:
    assert canonical_context("no context") == "no context"
