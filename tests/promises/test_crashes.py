# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Random SIGKILL under five consumers that share mount points and parents: the next call restores everything.

A kill at each step in turn is in tests/integration/test_crash.py. What is compared after each round is in
programs/hosts.py and programs/expectation.py. In a world of its own names come to name something else
meanwhile, see programs/administered.py. TORTURE_KILLS sets how many consumers are killed, TORTURE_SEED
what they ask for; when the kills come is the machine's choice too, so a seed alone does not repeat a run.
"""

from __future__ import annotations

import os
import shutil
import typing as t

import pytest

Outcome = t.Dict[str, t.Any]
Program = t.Callable[..., Outcome]
Show = t.Callable[[str, str, str], None]

KILLS = int(os.environ.get("TORTURE_KILLS", "2000"))
CONTROL_KILLS = 200
SEED = os.environ.get("TORTURE_SEED", "1")


def tell(outcome: Outcome) -> str:
    """Return a figure as it is printed."""
    rounds = f"{outcome['violated_rounds']} of {outcome['rounds']}"
    return f"{rounds} rounds violated ({outcome['kills']} kills, {outcome['acknowledged']} answers)"


@pytest.mark.parametrize("propagation", ["private", "shared"])
def test_killed_at_random_nothing_is_lost_stacked_or_left(
    run_program: Program, show_figures: Show, propagation: str
) -> None:
    common = ("--world", propagation, "--seed", SEED)
    ours = run_program("torture", *common, "--kills", (KILLS + 1) // 2)
    control = run_program("torture", *common, "--kills", CONTROL_KILLS, "--way", "naive")
    show_figures(f"SIGKILL, {propagation}: ledger, kernel and answers agree", tell(ours), tell(control))
    assert ours["violations"] == 0, ours["first"]
    assert ours["kills"] >= KILLS // 2
    # On a busy machine a kill comes early in what its consumer does.
    assert ours["acknowledged"] > ours["kills"] // 4, "the consumers hardly came to anything"
    assert control["violated_rounds"] > 0, "these kills are too few to show anything"


def test_killed_while_names_are_exchanged_what_is_held_is_what_was_named_or_it_is_said(
    run_program: Program, show_figures: Show
) -> None:
    if shutil.which("losetup") is None or not os.path.exists("/dev/loop-control"):
        pytest.skip("needs losetup and loop devices")
    common = ("--world", "identities", "--seed", SEED)
    ours = run_program("torture", *common, "--kills", (KILLS + 9) // 10)
    control = run_program("torture", *common, "--kills", CONTROL_KILLS // 2, "--way", "naive")
    show_figures("SIGKILL, names exchanged: what is named, or it is said", tell(ours), tell(control))
    assert ours["violations"] == 0, ours["first"]
    # On a busy machine a kill comes early in what its consumer does.
    assert ours["acknowledged"] > ours["kills"] // 4, "the consumers hardly came to anything"
    assert control["violated_rounds"] > 0, "these kills are too few to show anything"
