# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a reconciliation tells people: one sentence, and a line for each mount point."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.decide.hold import plan_mounted
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.errors import MountError
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.repair import (
    Point,
    repair_lines,
    repair_result,
)
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.result import error_to_dict
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.steps import Drift, DriftKind, Plan
from ansible_collections.holdfast.mounts.tests.unit.plugins.module_utils.builders import (
    HOST,
    make_reference,
    make_wish,
    see_nothing,
    see_ours,
)

ERROR = {
    **error_to_dict(MountError("busy", "it is busy", step="unmount", path="/srv/b"), None),
    "msg": "busy",
}
MOUNTED = plan_mounted(make_wish(), see_nothing())
UNCHANGED = plan_mounted(make_wish(), see_ours(make_reference("web", "db")))
KINDS = ("interrupted", "missing", "orphaned")


def point(
    path: str, kinds: t.Sequence[DriftKind] = (), plan: t.Optional[Plan] = None, **more: t.Any
) -> Point:
    drift = tuple(Drift(path, kind, f"It is {kind}.") for kind in kinds)
    return Point(path, drift, (plan,) if plan else (), **more)


BACK = point("/srv/a", ["missing"], MOUNTED)
FINISHED = point("/srv/a", ["interrupted"], UNCHANGED)
LEFT = point("/srv/c", ["stacked", "options_changed"])
FAILED = point("/srv/b", ["orphaned"], error=ERROR)
STUBBORN = point("/srv/b", error=ERROR)
DROPPED = point("/srv/a", ["missing"], MOUNTED, dropped=("job-7",))


@pytest.mark.parametrize(
    ("points", "message"),
    [
        pytest.param([], "mount points: nothing to repair", id="no drift"),
        pytest.param([LEFT], "mount points: 1 left as it is", id="drift that is not to be repaired"),
        pytest.param([FAILED], "busy; mount points: 1 left as it is", id="failed"),
        pytest.param([BACK], "mount points: 1 mounted", id="repaired"),
        pytest.param([FINISHED], "mount points: 1 finished", id="finished"),
        pytest.param(
            [BACK, LEFT, FAILED], "busy; mount points: 1 mounted; 2 left as they are", id="all of it"
        ),
    ],
)
def test_repair_message_counts_mount_points(points: t.Sequence[Point], message: str) -> None:
    assert repair_result(points, KINDS, HOST.boot_id)["msg"] == message


@pytest.mark.parametrize(
    ("found", "lines"),
    [
        pytest.param(BACK, ["'/srv/a' mounted (missing); held by 1 holder"], id="repaired"),
        pytest.param(FINISHED, ["'/srv/a' finished (interrupted); held by 2 holders"], id="finished"),
        pytest.param(DROPPED, ["'/srv/a' mounted (missing, dropped job-7); held by 1 holder"], id="dropped"),
        pytest.param(FAILED, ["'/srv/b' left as it is (orphaned): busy"], id="failed"),
        pytest.param(STUBBORN, ["'/srv/b' left as it is (not dropped): busy"], id="holder not dropped"),
        pytest.param(
            LEFT,
            [
                "'/srv/c' left as it is (stacked): It is stacked.",
                "'/srv/c' left as it is (options_changed): It is options_changed.",
            ],
            id="two kinds",
        ),
    ],
)
def test_repair_lines_tell_each_mount_point(found: Point, lines: t.Sequence[str]) -> None:
    assert repair_lines(repair_result([found], KINDS, HOST.boot_id)) == lines
