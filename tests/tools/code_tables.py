# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Write the tables of error codes, as errors.py has them, into the pages: code_tables.py CHECKOUT."""

from __future__ import annotations

import os
import re
import sys
import typing as t
from pathlib import Path

from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.errors import MEANINGS, Code, Meaning

BEGIN = "<!-- Made of errors.py by nox -s docs-tables. -->\n"
END = "<!-- The end of what is made. -->\n"
LINK = re.compile(r"\]\((?=docs/)([^)#]+)")

Meanings = t.Mapping[Code, Meaning]


def when_table(meanings: Meanings) -> str:
    """Return the table that says of each code when it is given."""
    return _table("when", [([code], meaning.when) for code, meaning in meanings.items()])


def do_table(meanings: Meanings) -> str:
    """Return the table that says what to do; codes that ask for the same share a row."""
    codes: t.Dict[str, t.List[str]] = {}
    for code, meaning in meanings.items():
        codes.setdefault(meaning.do, []).append(code)
    return _table("do", [(names, do) for do, names in codes.items()])


PAGES: t.Mapping[str, t.Callable[[Meanings], str]] = {
    "docs/reference/results.md": when_table,
    "docs/guides/reading_an_error.md": do_table,
}


def _table(heading: str, rows: t.Iterable[t.Tuple[t.Iterable[str], str]]) -> str:
    lines = [f"| {', '.join(f'`{name}`' for name in names)} | {text} |\n" for names, text in rows]
    return "".join([f"| code | {heading} |\n", "| --- | --- |\n", *lines])


def with_table(page: str, text: str, meanings: Meanings) -> str:
    """Return the text of a page with its table made anew. Raises ValueError where a marker is missing."""
    before, begin, rest = text.partition(BEGIN)
    _old, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{page} has no table between {BEGIN.strip()} and {END.strip()}")
    folder = os.path.dirname(page) or "."
    table = LINK.sub(lambda link: f"]({os.path.relpath(link[1], folder)}", PAGES[page](meanings))
    return f"{before}{begin}\n{table}\n{end}{after}"


def main() -> None:
    """Write both pages of the checkout."""
    for page in PAGES:
        path = Path(sys.argv[1], page)
        path.write_text(with_table(page, path.read_text(encoding="utf-8"), MEANINGS), encoding="utf-8")


if __name__ == "__main__":
    main()
