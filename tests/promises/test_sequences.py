# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whatever is done, by us, by an administrator or by a reboot: ledger, kernel and facts are those of a model.

The variable SEQUENCES has more of them run.
"""

from __future__ import annotations

import os
import typing as t

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
