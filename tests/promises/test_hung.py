# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A filesystem whose server stops answering delays its own mount points, no longer than timeout.

Everything is done at once beside a server that hangs. What counts is what was done before a deadline that is
far beyond every timeout that was given; how long it took is not looked at.
"""

from __future__ import annotations

import os
import typing as t

import pytest

DEADLINE = 20
ROUND = ["mounted", "joined", "facts", "bulk", "bulk", "released", "unmounted"]

Outcome = t.Dict[str, t.Any]


@pytest.fixture(scope="module")
def outcome(request: pytest.FixtureRequest) -> Outcome:
    """What every course of calls had brought about at the deadline."""
    if not os.path.exists("/dev/fuse"):
        pytest.skip("needs /dev/fuse")
    run = request.getfixturevalue("run_program")
    return t.cast("Outcome", run("hung", DEADLINE))


# Each has a mount point, or what it shows, below the hung filesystem or at its root.
OWN = [
    "below it, acquire",
    "below it, join",
    "below it, release",
    "below it, unmount",
    "layer in it",
    "source in it",
    "source is it",
]
# The root of the hung filesystem is in the kernel's table: nobody has to ask its server.
KNOWN = [
    ("its mount point, acquire", "conflict"),
    ("its mount point, release", "none"),
    ("its mount point, unmount", "not_owned"),
]


@pytest.mark.parametrize("name", OWN)
def test_call_through_a_hung_filesystem_ends_in_a_coded_error(outcome: Outcome, name: str) -> None:
    assert outcome["told"][name] == ["timeout", "end"]


@pytest.mark.parametrize(("name", "code"), KNOWN, ids=[name for name, _code in KNOWN])
def test_root_of_a_hung_filesystem_is_known_without_its_server(
    outcome: Outcome, name: str, code: str
) -> None:
    assert outcome["told"][name] == [code, "end"]


def test_neighbours_in_one_list_are_done(outcome: Outcome) -> None:
    assert outcome["told"]["one of many"] == ["mounted", "timeout", "mounted", "end"]


def test_neighbours_in_one_list_are_free_for_others(outcome: Outcome) -> None:
    assert outcome["told"]["beside one of many"] == ["joined", "end"]


def test_credentials_file_that_cannot_be_read_stops_its_own_mount_point_only(outcome: Outcome) -> None:
    assert outcome["told"]["credentials in it"] == ["mounted", "timeout", "mounted", "end"]


def test_other_mount_points_go_on(outcome: Outcome, show_figures: t.Callable[[str, str, str], None]) -> None:
    told, control = outcome["told"]["beside"], outcome["told"]["control"]
    assert told[-1] == "end"
    assert told[:-1] == ROUND * (len(told) // len(ROUND))
    show_figures(
        "6 beside a hung server",
        f"{len(told) - 1} of {len(told) - 1} calls done",
        f"ismount of every mount point: hung after {len(control)}",
    )


def test_control_that_asks_every_mount_point_hangs(outcome: Outcome) -> None:
    assert outcome["told"]["control"]
    assert not {"last", "end"} & set(outcome["told"]["control"])


def test_dead_server_lets_everybody_go(outcome: Outcome) -> None:
    assert set(outcome["before"]) == {"mounted"}
    assert outcome["after"] == ["unmounted", "mounted"]
