# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Somebody acts at the worst moment of a call."""

from __future__ import annotations

import typing as t

Run = t.Callable[..., t.Any]
Show = t.Callable[[str, str, str], None]


def test_taking_back_detaches_nothing_of_others(run_program: Run, show_figures: Show) -> None:
    answers, seen, notes, after, left = run_program("moments", "stack", "ours")
    assert answers == ["mount_failed", "mount_failed"]
    assert seen == ["tmpfs", "strangers"]  # ours under it stays, noted; its neighbour is taken back
    assert notes == 1
    assert after == ["unmounted", "none"]
    assert left == []
    _answers, naive, notes, _after, left = run_program("moments", "stack", "naive")
    assert "strangers" not in naive
    show_figures("5 a stranger mounts on ours", "stranger's mount kept: 1 of 1", "MNT_DETACH: kept 0 of 1")


def test_source_released_meanwhile_is_not_shown(run_program: Run, show_figures: Show) -> None:
    held, bound, seen, notes = run_program("moments", "source", "ours")
    assert (held, bound, seen, notes) == (["mounted"], ["mount_failed"], [], 0)
    _held, bound, seen, _notes = run_program("moments", "source", "naive")
    assert (bound, seen) == (["mounted"], ["tmpfs"])
    show_figures("2 a source goes meanwhile", "dead source shown: 0 of 1", "no second look: 1 of 1")
