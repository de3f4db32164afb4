# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A minimal error tells nothing of the host that was not said: one real failing call or more for every code.

The hosts are in programs/hidden.py and programs/refusals.py. Where the kernel hardly fails by itself, one of
its calls is made to.
"""

from __future__ import annotations

import json
import re
import typing as t

import pytest
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.errors import Code

Outcome = t.Dict[str, t.Any]
Program = t.Callable[..., Outcome]
Show = t.Callable[[str, str, str], None]

# What the documentation tells everybody.
PUBLIC = (
    "/dev",
    "/etc",
    "/etc/ansible/facts.d/holdfast_mounts.fact",
    "/etc/ansible/holdfast_mounts_policy.json",
    "/etc/fstab",
    "/proc",
    "/run/holdfast",
)
ABSOLUTE = re.compile(r"""(?<![\w.:~*/-])/[^\s"',;:)]*""")
NUMBERS = re.compile(r"\d{4,}")


@pytest.fixture(scope="module")
def rows(run_program: Program) -> t.List[Outcome]:
    """What each failing call has told."""
    return t.cast("t.List[Outcome]", run_program("silence")["rows"])


def text_of(result: Outcome) -> str:
    """Return the whole result as text, without the references into the host's log."""
    if isinstance(result, dict):
        text = "\n".join(f"{key}: {text_of(value)}" for key, value in result.items() if key != "log_ref")
        reference = (result.get("error") or result).get("log_ref")
        return text.replace(str(reference), "") if reference else text
    return "\n".join(map(text_of, result)) if isinstance(result, list) else str(result)


def found_in(text: str, hidden: t.Sequence[str]) -> t.List[str]:
    """Return what the host had to hide and the text has."""
    return [word for word in hidden if word in text]


def strange_in(text: str, said: str) -> t.List[str]:
    """Return paths and numbers that neither the caller nor the documentation has named."""
    paths = {path.rstrip(".") for path in ABSOLUTE.findall(text)} - {"/"}
    strange = [path for path in paths if path not in said and path not in PUBLIC]
    return strange + [number for number in NUMBERS.findall(text) if number not in said]


def test_every_code_of_the_contract_has_a_failing_call(rows: t.List[Outcome]) -> None:
    assert {row["code"] for row in rows} == set(t.get_args(Code))
    for row in rows:
        for word in ("minimal", "full"):
            assert row[word]["failed"], row
            assert row[word]["error"]["code"] == row["code"], row


def test_minimal_error_tells_nothing_that_was_not_said(rows: t.List[Outcome], show_figures: Show) -> None:
    told = {row["name"]: found_in(text_of(row["minimal"]), row["hidden"]) for row in rows}
    naive = [row["name"] for row in rows if found_in(row["naive"], row["hidden"])]
    told = {name: words for name, words in told.items() if words}
    show_figures(
        "7 silence: errors that tell of the host",
        f"{len(told)} of {len(rows)}",
        f"strerror, realpath, the table, the ledger: {len(naive)} of {len(rows)}",
    )
    assert told == {}
    assert len(naive) > len(rows) / 4, "what is hidden here could hardly be found"


def test_minimal_error_names_no_path_and_no_number_of_its_own(rows: t.List[Outcome]) -> None:
    looked = [row for row in rows if row["minimal"]["error"]["step"] != "grammar"]
    strange = {row["name"]: strange_in(text_of(row["minimal"]), json.dumps(row["said"])) for row in looked}
    assert {name: words for name, words in strange.items() if words} == {}
    naive = [row["name"] for row in looked if strange_in(row["naive"], json.dumps(row["said"]))]
    assert len(naive) > len(looked) / 2, "this search finds hardly anything"


def test_full_error_tells_where_there_is_something_to_tell(rows: t.List[Outcome]) -> None:
    telling = [row for row in rows if row["tells"]]
    silent = [row["name"] for row in telling if not found_in(text_of(row["full"]), row["hidden"])]
    assert silent == [], "the search would not find what it looks for"
    assert len(telling) > len(rows) / 3


def test_minimal_error_has_the_keys_of_the_contract_alone(rows: t.List[Outcome]) -> None:
    for row in rows:
        result = row["minimal"]
        assert set(result) - {"mounts"} == {"failed", "changed", "msg", "error"}, result
        assert set(result["error"]) - {"msg"} == {"code", "step", "path", "errno", "log_ref"}, result
