# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A user exchanges the names of two held mounts while one of them is released: the other one stays."""

from __future__ import annotations

import os
import typing as t

import pytest

Outcome = t.Dict[str, t.Any]
Program = t.Callable[..., Outcome]
Show = t.Callable[[str, str, str], None]

ROUNDS = int(os.environ.get("ATTACK_ROUNDS", "3000")) // 10
CONTROLS = {"fail": "handle", "lazy": "path"}


@pytest.mark.parametrize("on_busy", sorted(CONTROLS))
def test_release_never_hits_a_mount_that_took_its_name(
    run_program: Program, show_figures: Show, on_busy: str
) -> None:
    ours = run_program("exchanged", "ours", ROUNDS, on_busy)
    control = run_program("exchanged", CONTROLS[on_busy], ROUNDS, on_busy)
    tell = "{hit} of {done}".format_map
    show_figures(f"1 mounts exchanged, {on_busy}: unmounts of another's", tell(ours), tell(control))
    assert ours["first"] == "mounted"
    assert ours["done"] >= ROUNDS, ours
    assert ours["hit"] == 0, ours
    assert len(ours["seen"]) > 2, "the attacker never met a call"
    assert control["hit"] > 0, "this attacker is too weak to show anything"
