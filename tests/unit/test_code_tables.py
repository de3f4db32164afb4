# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The tables of error codes are what errors.py says: nox -s docs-tables writes them."""

from __future__ import annotations

import typing as t
from pathlib import Path

import pytest
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.errors import MEANINGS, Code, Meaning
from ansible_collections.holdfast.mounts.tests.tools import code_tables

ROOT = Path(__file__).resolve().parents[2]
MADE: t.Dict[Code, Meaning] = {
    "busy": Meaning("it is used", "see [how](docs/a.md#b) and [where](docs/guides/c.md)"),
    "locked": Meaning("it is locked", "wait"),
    "timeout": Meaning("it is slow", "wait"),
}
PAGE = f"before\n{code_tables.BEGIN}of old\n{code_tables.END}after\n"


def test_each_code_has_a_meaning() -> None:
    assert sorted(MEANINGS) == sorted(t.get_args(Code))
    assert [code for code, meaning in MEANINGS.items() if not (meaning.when and meaning.do)] == []


@pytest.mark.parametrize("page", code_tables.PAGES)
def test_table_of_a_page_is_what_the_errors_say(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    assert code_tables.with_table(page, text, MEANINGS) == text, "run nox -s docs-tables"
    assert f"| `{next(iter(MEANINGS))}`" in text


def test_page_without_its_markers_is_an_error() -> None:
    with pytest.raises(ValueError, match="has no table between"):
        code_tables.with_table("docs/reference/results.md", PAGE.replace(code_tables.END, ""), MADE)


def test_table_takes_the_place_of_the_old_one_and_nothing_else() -> None:
    made = code_tables.with_table("docs/reference/results.md", PAGE, MADE)
    assert made.startswith(
        f"before\n{code_tables.BEGIN}\n| code | when |\n| --- | --- |\n| `busy` | it is used |\n"
    )
    assert made.endswith(f"| `timeout` | it is slow |\n\n{code_tables.END}after\n")
    assert "old" not in made


def test_codes_that_ask_for_the_same_share_a_row_and_links_lead_from_the_page() -> None:
    made = code_tables.with_table("docs/guides/reading_an_error.md", PAGE, MADE)
    assert "| `busy` | see [how](../a.md#b) and [where](c.md) |\n| `locked`, `timeout` | wait |\n" in made
