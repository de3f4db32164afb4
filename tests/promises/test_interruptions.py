# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A signal, or a cleaning of /run, in the middle of a call: the next call brings everything into order."""

from __future__ import annotations

import typing as t

import pytest

Program = t.Callable[..., t.Dict[str, t.Any]]
Show = t.Callable[[str, str, str], None]

STRIDE = 13


@pytest.mark.parametrize("event", ["SIGTERM", "SIGINT", "run-cleaned"])
@pytest.mark.parametrize("propagation", ["private", "shared"])
def test_next_call_heals_after(
    run_program: Program, show_figures: Show, event: str, propagation: str
) -> None:
    outcome = run_program("interruptions", event, propagation, STRIDE)
    courses, control = outcome["ours"].values(), outcome["control"]
    points = sum(sum(course["ends"].values()) for course in courses)
    show_figures(
        f"4, 8 {event} in a call, {propagation}",
        f"{sum(len(course['wrong']) for course in courses)} of {points} points wrong",
        f"mount, then rewrite the JSON: {control['wrong']} of {control['points']} points wrong",
    )
    for course in courses:
        assert course["wrong"] == []
        assert sum(course["ends"].values()) > 5
    assert control["wrong"] > 0


def test_signal_that_ends_the_process_is_a_crash_and_another_is_not(run_program: Program) -> None:
    killed = run_program("interruptions", "SIGTERM", "private", 50)
    interrupted = run_program("interruptions", "SIGINT", "private", 50)
    assert set(killed["ours"]["acquire"]["ends"]) == {"killed"}
    assert "killed" not in interrupted["ours"]["acquire"]["ends"]
