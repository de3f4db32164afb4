# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""An unprivileged process swaps names while root mounts and unmounts: nothing lands, or is hit, outside.

The attacks are told in programs/scenes.py, the controls in programs/ways.py. ATTACK_ROUNDS sets how many
acquires and releases have to be completed in each layout.
"""

from __future__ import annotations

import os
import typing as t

import pytest

Outcome = t.Dict[str, t.Any]
Program = t.Callable[..., Outcome]
Show = t.Callable[[str, str, str], None]

ROUNDS = int(os.environ.get("ATTACK_ROUNDS", "1500"))
# What shared mounts add is the copies that propagation makes, not more chances for the attacker.
SIZES = [("private", ROUNDS), ("shared", ROUNDS // 10)]
CONTROLS = {"ancestor": "naive", "away": "handle", "leaf": "naive", "plant": "naive"}
# What is printed besides mounts outside: the harm that the layout is made for.
MORE_HARM = {"ancestor": ["foreign_unmounted"], "leaf": ["astray"]}
WORDS = {
    "outside": ("mounted", "mounts outside"),
    "astray": ("mounted", "mounts elsewhere than reported"),
    "foreign_unmounted": ("unmounted", "unmounts of another's mount"),
}
HARM = ("outside", "foreign_unmounted", "stacked", "astray", "missing", "left", "covered", "removed")


def tell(count: int, outcome: Outcome, word: str) -> str:
    """Return a figure as it is printed."""
    return f"{count} of {outcome['seen'].get(word, 0)}"


@pytest.mark.parametrize("layout", sorted(CONTROLS))
def test_call_is_refused_where_others_may_swap_names(run_program: Program, layout: str) -> None:
    tried = run_program("attack", layout, "careful", 300, "private")
    assert tried["seen"] == {"unsafe_path": 300}
    assert tried["laps"] > 0, "the attacker never came"
    assert tried["wrong"] == []
    assert {name: tried[name] for name in HARM} == dict.fromkeys(HARM, 0)


@pytest.mark.parametrize(("propagation", "rounds"), SIZES, ids=[name for name, _rounds in SIZES])
@pytest.mark.parametrize("layout", sorted(CONTROLS))
def test_swapped_names_never_lead_a_call_outside(
    run_program: Program, show_figures: Show, layout: str, propagation: str, rounds: int
) -> None:
    ours = run_program("attack", layout, "ours", rounds, propagation)
    control = run_program("attack", layout, CONTROLS[layout], rounds, propagation)
    for name in ("outside", *MORE_HARM.get(layout, ())):
        word, text = WORDS[name]
        about = f"attacker, {layout}, {propagation}: {text}"
        show_figures(about, tell(ours[name], ours, word), tell(control[name], control, word))
    assert min(ours["seen"]["mounted"], ours["seen"]["unmounted"]) >= rounds, ours
    assert {name: ours[name] for name in HARM} == dict.fromkeys(HARM, 0), ours
    assert ours["wrong"] == [], "one call for the mount point did not heal it"
    assert len(ours["seen"]) > 2, "the attacker never met a call"
    assert control["outside"] > 0, "this attacker is too weak to show anything"
    if layout == "ancestor":
        assert control["foreign_unmounted"] > 0, "this attacker is too weak to show anything"
