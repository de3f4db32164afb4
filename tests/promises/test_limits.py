# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is written can be read: requests at and beyond every limit, and the ledger read back after each.

programs/limits.py has the requests: LIMIT_CALLS sets how many there are, LIMIT_SEED which. programs/crowd.py
has the user who fills the disk.
"""

from __future__ import annotations

import os
import typing as t

Program = t.Callable[..., t.Dict[str, t.Any]]
Show = t.Callable[[str, str, str], None]

CALLS = int(os.environ.get("LIMIT_CALLS", "250"))
SEED = os.environ.get("LIMIT_SEED", "1")


def test_no_call_writes_a_ledger_that_cannot_be_read(run_program: Program, show_figures: Show) -> None:
    ours = run_program("limits", "ours", CALLS, SEED)
    control = run_program("limits", "naive", CALLS, SEED)
    show_figures(
        "8 limits of the ledger",
        f"0 of {ours['calls']} calls make it unreadable",
        f"a writer without limits: unreadable after {control['calls']} calls, for ever",
    )
    assert ours["wrong"] == []
    assert ours["calls"] == CALLS
    # It has been as full as it may be, and each kind of limit was met.
    assert {"invalid_argument", "mount_failed", "mounted", "option_not_allowed"} <= ours["codes"].keys()
    assert "ledger_corrupt" not in ours["codes"]
    assert control["unread"] == 1


def test_nobody_keeps_a_holder_by_filling_the_disk(run_program: Program, show_figures: Show) -> None:
    mounts = 20
    ours, control = (run_program("crowd", way, mounts) for way in ("ours", "naive"))
    done = [sum(told["codes"].get(word, 0) for word in ("released", "unmounted")) for told in (ours, control)]
    show_figures(
        "4 a user fills the disk",
        f"{done[0]} of {2 * mounts} releases done",
        f"new file, rename: {done[1]} of {2 * mounts}",
    )
    assert ours["codes"] == {"mount_failed": 3, "released": mounts, "unmounted": mounts}
    assert ours["left"] == []
    assert done[1] < mounts
