# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A root is itself possible, and a refusal names the root to add."""

from __future__ import annotations

import pytest
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast import errors
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.grammar import paths


@pytest.mark.parametrize("path", ["/data", "/opt/app", "/home/bob", "/run/x", "/mnt2/a"])
def test_refused_path_becomes_possible_by_the_root_that_the_refusal_names(path: str) -> None:
    with pytest.raises(errors.MountError, match=f'add "{path}" to allowed_roots'):
        paths.refuse_outside(path, ("/mnt",), "path")
    paths.refuse_outside(path, paths.check_roots(["/mnt", path], "allowed_roots"), "path")


@pytest.mark.parametrize("path", ["/home", "/var"])
def test_refused_path_that_can_never_be_a_root_is_told_so(path: str) -> None:
    with pytest.raises(errors.MountError, match="can never be in allowed_roots"):
        paths.refuse_outside(path, ("/mnt",), "path")


def test_refused_source_is_not_quoted() -> None:
    with pytest.raises(errors.MountError, match="add this very path to source_roots") as caught:
        paths.refuse_outside(
            "/opt/app", ("/mnt",), "src", code="source_not_allowed", roots_option="source_roots"
        )
    assert "/opt/app" not in caught.value.message


@pytest.mark.parametrize("path", ["/mnt", "/srv/data", "/srv/data/below"])
def test_root_and_what_lies_below_is_taken(path: str) -> None:
    paths.refuse_outside(path, ("/mnt", "/srv/data"), "path")
