# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A member of the group that may write /var/log swaps names there, while root writes its log.

programs/log_attack.py has the attacker and the control.
"""

from __future__ import annotations

import typing as t

Program = t.Callable[..., t.Dict[str, t.Any]]
Show = t.Callable[[str, str, str], None]

WRITES = 3000
HARM = ("told", "changed", "destroyed")


def test_log_never_goes_where_it_does_not_belong(run_program: Program, show_figures: Show) -> None:
    ours = run_program("log_attack", "ours", WRITES)
    control = run_program("log_attack", "naive", WRITES)
    harm = sum(control[name] for name in HARM)
    show_figures(
        "5 names in /var/log swapped",
        f"0 of {ours['written']} lines in another's file",
        f"rename and open by name: {harm} times",
    )
    assert {name: ours[name] for name in HARM} == dict.fromkeys(HARM, 0)
    assert ours["strays"] == []
    assert ours["written"] == WRITES
    assert ours["laps"] > 0, "the attacker never came"
    assert harm > 0
