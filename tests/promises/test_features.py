# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The same course of calls on kernels that lack something: what is lost is said, and nothing else is.

LIMIT: the missing things are switched off in the collection's calls to one kernel; older kernels are not run.
"""

from __future__ import annotations

import typing as t

import pytest

Program = t.Callable[..., t.Dict[str, t.Any]]
Show = t.Callable[[str, str, str], None]

FEATURES = [
    ("everything", "full"),
    ("no unique id (6.8)", "no_unique_id"),
    ("no statmount (seccomp)", "no_unique_id"),
    ("no listmount (seccomp)", "no_unique_id"),
    ("no openat2 (5.6)", "full"),
    ("no source of statmount (6.13)", "full"),
    ("no layers by handle (6.13)", "full"),
    ("no lowerdir+ (6.5)", "full"),
    ("no exclusive create (6.6)", "full"),
    ("none of these (5.12)", "no_unique_id"),
]


@pytest.mark.parametrize("call", ["fsopen", "fsconfig", "fsmount", "move_mount"])
def test_kernel_without_the_call_is_refused_and_left_as_it_was(
    run_program: Program, show_figures: Show, call: str
) -> None:
    outcome = run_program("features", "without", call)
    show_figures(
        f"8 no {call}: what is left",
        f"{len(outcome['left'])} traces of {len(outcome['codes'])} calls",
        f"make the directory, then ask the kernel: {len(outcome['naive'])} traces of 1 call",
    )
    assert outcome["naive"]
    assert set(outcome["codes"]) == {"unsupported"}
    assert outcome["left"] == []


@pytest.mark.parametrize(("name", "protection"), FEATURES, ids=[name for name, _level in FEATURES])
def test_course_is_the_same_with(run_program: Program, name: str, protection: str) -> None:
    outcome = run_program("features", name)
    assert outcome["wrong"] == []
    assert outcome["left"] == []
    assert outcome["protection"] == protection
    assert outcome["steps"] > 50
