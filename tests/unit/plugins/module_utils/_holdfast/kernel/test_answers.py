# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What worker processes answer arrives as it was."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.errors import BusyError, MountError
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.kernel import child
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.model import Extent, Identity, Tree
from ansible_collections.holdfast.mounts.tests.unit.plugins.module_utils.builders import (
    make_definition,
    make_request,
)


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(object(), id="an object"),
        pytest.param(1.5, id="a fraction"),
        pytest.param(ValueError("x"), id="a strange error"),
        pytest.param((object(),), id="within a tuple"),
    ],
)
def test_answer_that_is_no_value_is_refused(value: object) -> None:
    with pytest.raises(TypeError, match="no answer"):
        child.to_text(value)


@pytest.mark.parametrize(
    "value",
    [
        pytest.param((None, True, 7, "caf\u00e9 \udcff"), id="plain"),
        pytest.param({"a": [1, (2, 3)], 4: {"b"}, "c": frozenset((5,))}, id="containers"),
        pytest.param((Tree("8:1", "/a"), Extent("8:0", 0, 9)), id="named tuples"),
        pytest.param((make_request(), make_definition(), Identity("8:1", 2, 3)), id="classes in classes"),
    ],
)
def test_answer_arrives_as_it_was(value: t.Any) -> None:
    found = child.from_text(child.to_text(value))
    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize(
    "error",
    [
        MountError("conflict", "words", step="attach", path="/srv/a", errno=5, detail="more"),
        BusyError("words", path="/srv/a", errno=16, mount_id=7),
    ],
    ids=["any", "busy"],
)
def test_error_arrives_as_it_was(error: MountError) -> None:
    found = child.from_text(child.to_text(error))
    assert (type(found), str(found), vars(found)) == (type(error), str(error), vars(error))


def test_error_of_the_kernel_arrives_as_it_was() -> None:
    found = child.from_text(child.to_text(FileNotFoundError(2, "nothing there")))
    assert (type(found), found.errno, found.strerror) == (FileNotFoundError, 2, "nothing there")
