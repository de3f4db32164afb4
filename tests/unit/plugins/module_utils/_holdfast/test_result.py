# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The shapes of what callers get back."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast import result
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.decide.hold import plan_mounted
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.errors import MountError
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.steps import Plan
from ansible_collections.holdfast.mounts.tests.unit.plugins.module_utils.builders import (
    PATH,
    make_reference,
    make_wish,
    see_nothing,
    see_ours,
)

ERROR = MountError("busy", "it is busy", step="unmount", path=PATH, errno=16, detail="7 (vim)")
FAILED: result.Report = (PATH, None, result.error_to_dict(ERROR, "abc"))
MOUNTED = plan_mounted(make_wish("size=4096"), see_nothing())
UNCHANGED = plan_mounted(make_wish(), see_ours(make_reference("web", "db")))
MOUNT = {
    "path": PATH,
    "src": "scratch",
    "fstype": "tmpfs",
    "opts": ["nodev", "nosuid", "size=4096"],
    "mounted": True,
    "owned": True,
    "holders": ["web"],
    "holder_count": 1,
    "protection": "full",
    "drift": [],
}


def single(plan: Plan) -> result.Result:
    return result.single_result((PATH, plan, None), "full", "")


def bulk(*told: result.Report) -> result.Result:
    return result.bulk_result(told, "full", ["it is busy" for _path, _plan, error in told if error])


# --- Failures ---


def test_message_names_the_entry_of_the_log_where_that_has_more() -> None:
    hidden = MountError("busy", "it is busy", step="unmount", detail="7 uses it")
    assert (
        result.error_message(hidden, is_full=False, where="more in the host's log, abc")
        == "it is busy; more in the host's log, abc"
    )
    assert "abc" not in result.error_message(hidden, is_full=True, where="abc")
    plain = MountError("busy", "it is busy", step="unmount")
    assert result.error_message(plain, is_full=False, where="abc") == "it is busy"


def test_single_failure_has_the_error_and_no_mount() -> None:
    assert result.single_result(FAILED, "full", "it is busy") == {
        "failed": True,
        "changed": False,
        "msg": "it is busy",
        "error": {"code": "busy", "step": "unmount", "path": PATH, "errno": 16, "log_ref": "abc"},
    }


def test_single_without_plan_and_error_is_a_bug() -> None:
    with pytest.raises(ValueError, match="without a plan"):
        result.single_result((PATH, None, None), "full", "")


def test_bulk_without_plan_and_error_is_a_bug() -> None:
    with pytest.raises(ValueError, match="without a plan"):
        bulk((PATH, None, None))


def test_bulk_failure_keeps_its_place_and_the_outcome_of_its_neighbours() -> None:
    found = bulk(FAILED, ("/srv/b", MOUNTED, None))
    assert (found["failed"], found["changed"], found["error"]["code"]) == (True, True, "busy")
    assert [(item["path"], item["action"]) for item in found["mounts"]] == [
        (PATH, "failed"),
        (PATH, "mounted"),
    ]
    assert found["msg"] == "it is busy; 1 failed, 1 mounted"


def test_bulk_failures_are_counted_and_the_first_is_told() -> None:
    found = bulk(FAILED, FAILED, FAILED)
    assert found["msg"] == "it is busy (and 2 more, see 'mounts'); 3 failed"
    assert found["changed"] is False


@pytest.mark.parametrize(
    ("is_full", "told"),
    [pytest.param(False, "it is busy", id="minimal"), pytest.param(True, "it is busy (7 (vim))", id="full")],
)
def test_error_message_discloses_detail_only_in_full(is_full: bool, told: str) -> None:
    assert result.error_message(ERROR, is_full=is_full) == told


def test_error_message_in_full_without_detail_is_the_message() -> None:
    assert (
        result.error_message(MountError("busy", "it is busy", step="unmount"), is_full=True) == "it is busy"
    )


def test_error_message_in_full_shows_no_control_characters() -> None:
    error = MountError("busy", "it is busy", step="unmount", detail="7 (\x1b[31m\u202e)")
    assert result.error_message(error, is_full=True).isprintable()


def test_error_about_keeps_the_mount_point_that_it_names() -> None:
    assert ERROR.about("/srv/z") is ERROR
    assert MountError("busy", "it is busy", step="x").about("/srv/z").path == "/srv/z"


# --- Successes ---


def test_single_result_has_the_keys_of_the_contract() -> None:
    assert single(MOUNTED) == {
        "changed": True,
        "msg": f"'{PATH}' mounted; held by 1 holder",
        "action": "mounted",
        "mount": MOUNT,
    }


def test_single_result_unchanged() -> None:
    found = single(UNCHANGED)
    assert (found["changed"], found["action"]) == (False, "none")
    assert found["msg"] == f"'{PATH}' unchanged; held by 2 holders"
    assert found["mount"]["holders"] == ["db", "web"]


def test_bulk_items_are_mounts_with_action_and_changed() -> None:
    found = bulk((PATH, MOUNTED, None))
    assert found["mounts"] == [{**MOUNT, "action": "mounted", "changed": True}]
    assert (found["changed"], found["msg"], "failed" in found) == (True, "mount points: 1 mounted", False)


@pytest.mark.parametrize(
    ("told", "message"),
    [
        pytest.param([], "mount points: nothing to do", id="empty list"),
        pytest.param([(PATH, UNCHANGED, None)], "mount points: 1 unchanged", id="nothing changed"),
    ],
)
def test_bulk_unchanged(told: t.List[result.Report], message: str) -> None:
    found = bulk(*told)
    assert (found["changed"], found["msg"]) == (False, message)


def test_bulk_lines_are_one_for_each_mount_point_in_its_place() -> None:
    told: t.List[result.Report] = [(PATH, MOUNTED, None), FAILED, ("/srv/b", UNCHANGED, None)]
    assert result.bulk_lines(told, ["it is busy"]) == [
        f"'{PATH}' mounted; held by 1 holder",
        f"'{PATH}' failed: it is busy",
        "'/srv/b' unchanged; held by 2 holders",
    ]


def test_diff_shows_each_mount_point_before_and_after() -> None:
    found = result.diff_of([MOUNTED])
    nothing: result.Result = {
        "mounted": False,
        "owned": False,
        "src": None,
        "fstype": None,
        "opts": [],
        "holders": [],
    }
    assert found["before"] == {PATH: nothing}
    assert found["after"] == {PATH: {key: MOUNT[key] for key in nothing}}


def test_diff_of_nothing_is_empty() -> None:
    assert result.diff_of([]) == {"before": {}, "after": {}}
