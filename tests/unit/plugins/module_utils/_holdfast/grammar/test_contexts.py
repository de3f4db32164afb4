# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""SELinux contexts as they are written, given to mount(8), and shown by the kernel."""

from __future__ import annotations

import pytest
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.grammar.strings import (
    canonical_context,
    check_context,
    quoted_context,
)
from ansible_collections.holdfast.mounts.tests.unit.plugins.module_utils.builders import refused

FAULTY = {
    "empty": "",
    "type_alone": "tmp_t",
    "two_parts": "a:b",
    "quote": 'a:b:c"',
    "option": "a:b:c,suid",
    "space": "a:b:c d",
    "newline": "a:b:c\n",
    "level": "a:b:c:x0",
    "category": "a:b:c:s0:c1,suid",
    "long": "a:b:" + "c" * 255,
    "backslash": "a:b:c\\",
}
GOOD = (
    "system_u:object_r:tmp_t",
    "system_u:object_r:httpd_sys_content_t:s0",
    "system_u:object_r:container_file_t:s0:c1,c2",
    "user_u:object_r:a.b-c_t:s0-s15:c0.c1023",
)


@pytest.mark.parametrize("label", FAULTY.values(), ids=FAULTY.keys())
def test_context_that_is_none_is_refused(label: str) -> None:
    assert refused(check_context, label, "selinux_context").code == "invalid_argument"


@pytest.mark.parametrize("label", GOOD)
def test_context_is_taken_as_it_is(label: str) -> None:
    assert check_context(label, "selinux_context") == label


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
