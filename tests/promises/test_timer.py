# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Sixteen jobs and the timer of the host at once: nothing is lost, stacked or left, whatever is killed.

programs/timer.py has them. TIMER_SECONDS sets how long.
"""

from __future__ import annotations

import os
import typing as t

import pytest

Outcome = t.Dict[str, t.Any]
Program = t.Callable[..., Outcome]
Show = t.Callable[[str, str, str], None]

SECONDS = float(os.environ.get("TIMER_SECONDS", "20"))


def tell(outcome: Outcome) -> str:
    """Return a figure as it is printed."""
    done = f"{outcome['runs']} runs, {outcome['killed']} killed, {outcome['acknowledged']} answers"
    return f"{outcome['violations']} violations ({done})"


@pytest.mark.parametrize("propagation", ["private", "shared"])
def test_timer_beside_sixteen_jobs_loses_and_stacks_nothing(
    run_program: Program, show_figures: Show, propagation: str
) -> None:
    ours = run_program("timer", "ours", propagation, SECONDS)
    control = run_program("timer", "naive", propagation, SECONDS / 2)
    show_figures(
        f"the timer beside 16 jobs, {propagation}: ledger and kernel agree", tell(ours), tell(control)
    )
    assert ours["violations"] == 0, ours["first"]
    assert ours["runs"] > ours["killed"] > 0
    assert ours["acknowledged"] > 16, "the jobs hardly came to anything"
    assert control["violations"] > 0, "this is too little to show anything"
