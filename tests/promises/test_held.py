# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A user keeps mounts busy, and holds whoever reads of their descriptors: nobody else is delayed by it."""

from __future__ import annotations

import os
import typing as t

import pytest

DEADLINE = 20

Outcome = t.Dict[str, t.Any]


@pytest.fixture(scope="module")
def outcome(request: pytest.FixtureRequest) -> Outcome:
    """What every course of calls had brought about at the deadline."""
    if not os.path.exists("/dev/fuse"):
        pytest.skip("needs /dev/fuse")
    if not os.path.exists("/proc/self/ns/user"):
        pytest.skip("needs user namespaces")
    run = request.getfixturevalue("run_program")
    return t.cast("Outcome", run("held", DEADLINE))


def test_everything_is_mounted_before_the_attack(outcome: Outcome) -> None:
    assert set(outcome["before"]) == {"mounted"}


COURSES = {
    "release": ["busy", "named", "end"],
    "bulk": ["unmounted", "busy", "unmounted", "mounted", "joined", "end"],
    "reconcile": ["busy", "end"],
    "beside": [*["joined"] * 20, "end"],
}


@pytest.mark.parametrize("name", COURSES)
def test_calls_on_what_the_user_keeps_busy_end(outcome: Outcome, name: str) -> None:
    assert outcome["told"][name] == COURSES[name]


def test_control_that_reads_of_every_descriptor_hangs(
    outcome: Outcome, show_figures: t.Callable[[str, str, str], None]
) -> None:
    control = outcome["told"]["control"]
    assert "end" not in control
    done = [name for name, told in outcome["told"].items() if told[-1:] == ["end"]]
    show_figures(
        "6 busy by a user who holds readers",
        f"{len(done)} of {len(COURSES)} courses done, the user named",
        "fdinfo of every descriptor: hangs beyond SIGKILL",
    )
