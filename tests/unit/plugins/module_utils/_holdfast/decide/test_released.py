# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What leaving comes to, case by case."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.decide.neighbours import ManagedMounts
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.decide.release import (
    deferred,
    plan_released,
    plan_unmounted,
)
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.model import Place
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.steps import Observation, Plan
from ansible_collections.holdfast.mounts.tests.unit.plugins.module_utils.builders import (
    PATH,
    make_definition,
    make_mount,
    make_reference,
    make_request,
    refused,
    see_foreign,
    see_nothing,
    see_ours,
)

ALONE = ManagedMounts({})
SHOWN = ManagedMounts(
    {"/srv/z": make_reference("db", wanted=make_definition(fstype="bind", src=f"{PATH}/x"))}
)
COVERED = see_foreign(reference=make_reference("web"), is_alive=True)
SUBMOUNTED = see_ours(make_reference("web"), submounts=(4001,))


def released(seen: Observation, around: ManagedMounts = ALONE, **changes: t.Any) -> Plan:
    return plan_released(PATH, make_request(state="released", **changes), seen, around)


def unmounted(seen: Observation, around: ManagedMounts = ALONE, **changes: t.Any) -> Plan:
    return plan_unmounted(PATH, make_request(state="unmounted", **changes), seen, around)


# --- Refusals ---


@pytest.mark.parametrize(
    "act", [pytest.param(released, id="released"), pytest.param(unmounted, id="unmounted")]
)
@pytest.mark.parametrize(
    ("seen", "around", "code"),
    [
        pytest.param(SUBMOUNTED, ALONE, "busy", id="something is mounted on it"),
        pytest.param(COVERED, ALONE, "not_owned", id="covered"),
        pytest.param(
            see_nothing(reference=make_reference("web"), is_alive=True), ALONE, "not_owned", id="moved"
        ),
        pytest.param(see_ours(make_reference("web")), SHOWN, "in_use", id="source of another"),
    ],
)
def test_leave_what_cannot_go_is_refused(
    act: t.Callable[..., Plan], seen: Observation, around: ManagedMounts, code: str
) -> None:
    assert refused(act, seen, around).code == code


@pytest.mark.parametrize(
    ("seen", "code"),
    [
        pytest.param(see_ours(make_reference("web", "db")), "in_use", id="held by others"),
        pytest.param(see_nothing(reference=make_reference("db")), "in_use", id="vanished, held by others"),
        pytest.param(see_ours(make_reference("web", owned=False)), "not_owned", id="adopted"),
        pytest.param(see_foreign(), "not_owned", id="foreign"),
    ],
)
def test_unmount_what_is_not_the_holders_alone_is_refused(seen: Observation, code: str) -> None:
    assert refused(unmounted, seen).code == code


def test_unmount_held_by_others_names_them_only_in_its_detail() -> None:
    error = refused(unmounted, see_ours(make_reference("web", "db")))
    assert "db" not in error.message
    assert error.detail == "held by: db"


# --- What happens ---


@pytest.mark.parametrize(
    ("seen", "changes", "expected"),
    [
        pytest.param(see_nothing(), {}, ("none", "none", False, []), id="nothing"),
        pytest.param(see_foreign(), {}, ("none", "none", True, []), id="foreign"),
        pytest.param(see_ours(make_reference("db")), {}, ("none", "none", True, ["db"]), id="not held"),
        pytest.param(
            see_ours(make_reference("db", "web")), {}, ("released", "none", True, ["db"]), id="others remain"
        ),
        pytest.param(
            see_ours(make_reference("web", owned=False)), {}, ("released", "none", True, []), id="not owned"
        ),
        pytest.param(see_ours(make_reference("web")), {}, ("unmounted", "unmount", False, []), id="last"),
        pytest.param(
            see_nothing(reference=make_reference("web")), {}, ("unmounted", "none", False, []), id="vanished"
        ),
        pytest.param(
            see_foreign(reference=make_reference("web")), {}, ("released", "none", True, []), id="replaced"
        ),
        pytest.param(
            SUBMOUNTED, {"on_busy": "defer"}, ("deferred", "none", True, []), id="submounts, deferred"
        ),
        pytest.param(COVERED, {"on_busy": "defer"}, ("deferred", "none", True, []), id="covered, deferred"),
    ],
)
def test_plan_released_predicts(
    seen: Observation, changes: t.Dict[str, t.Any], expected: t.Tuple[str, str, bool, t.List[str]]
) -> None:
    planned = released(seen, **changes)
    after = planned.after
    assert (planned.action, planned.step, after.is_mounted, list(after.holders)) == expected


@pytest.mark.parametrize(
    ("seen", "expected"),
    [
        pytest.param(see_nothing(), ("none", "none"), id="nothing"),
        pytest.param(see_ours(make_reference("web")), ("unmounted", "unmount"), id="held alone"),
        pytest.param(see_ours(make_reference()), ("unmounted", "unmount"), id="orphaned"),
        pytest.param(see_ours(make_reference(deferred=True)), ("unmounted", "unmount"), id="deferred"),
        pytest.param(see_nothing(reference=make_reference("web")), ("unmounted", "none"), id="vanished"),
    ],
)
def test_plan_unmounted_predicts(seen: Observation, expected: t.Tuple[str, str]) -> None:
    planned = unmounted(seen)
    assert (planned.action, planned.step, planned.reference) == (*expected, None)


def test_leave_others_behind_though_the_mount_is_shown_elsewhere() -> None:
    assert released(see_ours(make_reference("web", "db")), SHOWN).action == "released"


def test_deferred_plan_keeps_the_mount_and_nobody() -> None:
    reference = make_reference("web")
    kept = deferred(released(see_ours(reference)), reference)
    assert (kept.action, kept.step, kept.after.is_mounted, kept.after.holders) == (
        "deferred",
        "none",
        True,
        (),
    )
    assert kept.reference is not None
    assert (kept.reference.deferred, kept.reference.owned) == (True, True)


def test_released_unowned_and_vanished_drops_the_entry() -> None:
    seen = see_nothing(reference=make_reference("web", owned=False), place=Place(PATH, "directory"))
    planned = released(seen)
    assert (planned.action, planned.reference, planned.after.is_mounted) == ("released", None, False)


def test_released_tells_of_a_foreign_mount_only_that_it_is_there() -> None:
    before = released(see_foreign(place=Place(PATH, "directory", mount=make_mount(source="secret")))).before
    assert (before.is_mounted, before.src, before.fstype) == (True, None, None)
