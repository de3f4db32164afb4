# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What lies below what; which paths are taken is in the corpus."""

from __future__ import annotations

import pytest
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.grammar.paths import is_below

BELOW = {
    "child": ("/mnt/a", "/mnt", True),
    "grandchild": ("/mnt/a/b", "/mnt", True),
    "below_root_directory": ("/mnt", "/", True),
    "itself": ("/mnt", "/mnt", False),
    "root_directory_itself": ("/", "/", False),
    "parent": ("/mnt", "/mnt/a", False),
    "same_prefix": ("/mnt2", "/mnt", False),
}


@pytest.mark.parametrize(("path", "root", "expected"), BELOW.values(), ids=BELOW.keys())
def test_is_below_compares_components(path: str, root: str, expected: bool) -> None:
    assert is_below(path, root) is expected
