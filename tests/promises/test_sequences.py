# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whatever is done, by us, by an administrator or by a reboot: ledger, kernel and facts are those of a model,
and what a reference names is what is mounted, or it is said.

The variable SEQUENCES has more of them run.
"""

from __future__ import annotations

import os
import shutil
import typing as t

import pytest

SEQUENCES = int(os.environ.get("SEQUENCES", "450"))
CONTROLS = 60

Program = t.Callable[..., t.Dict[str, t.Any]]
Show = t.Callable[[str, str, str], None]


def test_every_sequence_ends_as_the_model_does(run_program: Program, show_figures: Show) -> None:
    outcome = run_program("sequences", SEQUENCES, CONTROLS)
    assert outcome["sequences"] >= SEQUENCES
    assert outcome["steps"] > 10 * SEQUENCES
    assert outcome["failed"] > CONTROLS / 4
    show_figures(
        "3, 4 sequences",
        f"0 of {outcome['sequences']} wrong, {outcome['steps']} steps",
        f"holders beside ismount: {outcome['failed']} of {CONTROLS} wrong",
    )


def test_what_is_held_is_what_was_named_or_it_is_said(run_program: Program, show_figures: Show) -> None:
    if shutil.which("losetup") is None or not os.path.exists("/dev/loop-control"):
        pytest.skip("needs losetup and loop devices")
    sequences = SEQUENCES // 9
    outcome = run_program("identities", sequences)
    assert outcome["steps"] == outcome["sequences"] * 25
    assert outcome["control"] > sequences / 2
    show_figures(
        "9 identities",
        f"0 of {sequences} wrong, {outcome['steps']} steps",
        f"names alone: {outcome['control']} of {sequences} wrong",
    )
