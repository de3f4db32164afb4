# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The options of a reconciliation: what is refused, and what is left out."""

from __future__ import annotations

import typing as t

import pytest
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.arguments.build import (
    RECONCILE_SPEC,
    build_repair,
)
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.model import Repair
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.steps import REPAIRED, DriftKind
from ansible_collections.holdfast.mounts.tests.unit.plugins.module_utils.builders import refused


def validated(**arguments: t.Any) -> t.Dict[str, t.Any]:
    """Return the parameters as AnsibleModule hands them over."""
    result = ArgumentSpecValidator(RECONCILE_SPEC).validate(arguments)
    assert result.error_messages == []
    return t.cast("t.Dict[str, t.Any]", result.validated_parameters)


@pytest.mark.parametrize(
    "arguments",
    [
        {"live_holders": ["a b"]},
        {"drop_holders": [""]},
        {"live_holders": ["a", "b"], "drop_holders": ["b"]},
        {"timeout": 0},
        {"lock_timeout": -1},
    ],
    ids=["live", "dropped", "both", "timeout", "lock_timeout"],
)
def test_repair_of_odd_words_is_refused(arguments: t.Dict[str, t.Any]) -> None:
    assert refused(build_repair, validated(**arguments)).code == "invalid_argument"


def test_repair_of_an_unknown_kind_is_refused_by_the_spec() -> None:
    assert ArgumentSpecValidator(RECONCILE_SPEC).validate({"repair": ["everything"]}).error_messages


def test_repair_knows_every_kind_of_drift() -> None:
    assert RECONCILE_SPEC["repair"]["choices"] == sorted(t.get_args(DriftKind))
    assert set(t.get_args(DriftKind)) - set(REPAIRED) == {
        "options_changed",
        "replaced",
        "stacked",
        "unhealthy",
    }


def test_repair_without_words_drops_nobody() -> None:
    repair, request = build_repair(validated())
    assert repair == Repair(REPAIRED)
    assert (request.entries, request.on_busy, request.timeout) == ((), "fail", 60)


def test_repair_tells_no_list_from_an_empty_one() -> None:
    assert build_repair(validated(live_holders=[]))[0].live == ()
    assert build_repair(validated(drop_holders=[7]))[0].dropped == ("7",)
