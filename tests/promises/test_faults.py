# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What fails around a call: it succeeds or is refused with a code, and leaves what it found.

A full or read-only place of the ledger, and a ledger that others may have written, are in tests/integration.
"""

from __future__ import annotations

import typing as t

import pytest

Outcome = t.Dict[str, t.Any]
Program = t.Callable[..., Outcome]
Show = t.Callable[[str, str, str], None]


@pytest.mark.parametrize("name", ["acquire", "bulk", "join", "release"])
def test_call_without_descriptors_fails_and_leaves_nothing(handles: Outcome, name: str) -> None:
    words = handles["done"][name]
    done = ("bulk", "joined", "mounted", "unmounted")
    assert handles["wrong"] == []
    assert words[0] == "unsupported"
    assert words[-1] in done
    assert not [word for word in words if word.startswith(("raised", "killed"))]
    # Once there are enough, more of them do no harm.
    first = next(number for number, word in enumerate(words) if word in done)
    assert set(words[first:]) == {words[-1]}


@pytest.fixture(scope="module")
def handles(run_program: Program) -> Outcome:
    """What every call came to with ever more descriptors."""
    return run_program("faults", "handles")


def test_ledger_damaged_at_any_byte_is_refused_and_kept(run_program: Program, show_figures: Show) -> None:
    outcome = run_program("faults", "damage")
    assert {code for codes in outcome["codes"].values() for code in codes} == {"ledger_corrupt"}
    assert outcome["touched"] == 0
    assert outcome["mended"] == ["unmounted", "unmounted"]
    damaged = sum(sum(codes.values()) for codes in outcome["codes"].values())
    show_figures(
        "4 damaged ledger",
        f"0 of {damaged} overwritten",
        f"unreadable means empty: {outcome['forgotten']} of {damaged} forgotten",
    )
    assert outcome["forgotten"] == damaged


def test_clock_that_goes_backwards_changes_nothing(run_program: Program) -> None:
    outcome = run_program("faults", "clock")
    assert outcome["words"] == ["mounted", "joined", "released", "unmounted"]
    assert outcome["wrong"] == []
    assert outcome["drift"] == []


@pytest.mark.parametrize("lock", ["ledger", "directories"])
def test_lock_that_is_never_given_back_ends_in_locked(run_program: Program, lock: str) -> None:
    outcome = run_program("faults", "locks")[lock]
    # Facts need no lock.
    assert outcome["words"] == ["locked", "locked", "True"]
    assert outcome["left"] == []
    assert outcome["again"] in ("unmounted", "none")
    assert outcome["wrong"] == []


@pytest.mark.parametrize("name", ["empty-proc", "no-proc"])
def test_host_without_procfs_is_refused_and_left_as_it_was(run_program: Program, name: str) -> None:
    outcome = run_program("faults", name)
    assert outcome["words"] == ["unsupported", "unsupported", "unsupported"]
    assert outcome["left"] == []


def test_run_that_is_cleaned_between_calls_is_made_again(run_program: Program) -> None:
    outcome = run_program("faults", "clean-run")
    assert outcome["words"] == ["mounted", "joined", "released", "unmounted"]
    assert outcome["wrong"] == []


def test_run_that_is_cleaned_while_a_call_waits_does_not_stop_it(run_program: Program) -> None:
    outcome = run_program("faults", "clean-run-while-waiting")
    assert (outcome["status"], outcome["word"]) == (0, "unmounted")
    assert outcome["wrong"] == []
