# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The table of docs/migration.md: a row for whatever people write, and each row is what the grammar says."""

from __future__ import annotations

import json
import re
import typing as t
from pathlib import Path

import pytest
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast import errors
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.grammar import (
    filesystems,
    naming,
    options,
)

ROOT = Path(__file__).resolve().parents[2]
CORPUS = ROOT / "tests" / "unit" / "plugins" / "module_utils" / "_holdfast" / "real_mounts.json"
DEFINITIONS = json.loads(CORPUS.read_text(encoding="utf-8"))
CODE = re.compile("`([^`]+)`")
TYPES = tuple(filesystems.FILESYSTEMS)
# What the words say that begin the third column, by what the grammar says.
VERDICTS = ("the same", "leave it out", "write", "set", "use", "keep it in fstab", "release the mount point")
LAYERS = ["lowerdir=/srv/a:/srv/b", "upperdir=/srv/c", "workdir=/srv/d"]


class Row(t.NamedTuple):
    """One row: the words of fstab, the types they are of, what to write."""

    words: t.Tuple[str, ...]
    types: t.Tuple[str, ...]
    here: str


def read_rows() -> t.List[Row]:
    """Return the rows of the table."""
    text = (ROOT / "docs" / "migration.md").read_text(encoding="utf-8")
    table = text.split("| in fstab | of | here |\n| --- | --- | --- |\n")[1].split("\n\n")[0]
    rows = []
    for line in table.splitlines():
        first, of, here = (cell.strip() for cell in line.strip("|").split(" | "))
        is_type = of == "type"
        words = tuple(first.split(", ") if is_type else CODE.findall(first))
        rows.append(Row(words, TYPES if of == "all" else tuple(of.split(", ")), here))
    return rows


ROWS = read_rows()
OPTION_ROWS = [row for row in ROWS if row.types != ("type",)]
TYPE_ROWS = [row for row in ROWS if row.types == ("type",)]
CASES = [(word, fstype, row.here) for row in OPTION_ROWS for word in row.words for fstype in row.types]


def answer_to(fstype: str, word: str) -> str:
    """Return what the grammar says of a word of a type, nothing where that is taken."""
    if fstype == "none":
        return message_of(lambda: naming.find_filesystem("none", [word]))
    beside = [layer for layer in LAYERS if fstype == "overlay" and layer.partition("=")[0] not in word]
    return message_of(lambda: options.canonical_options(fstype, [word, *beside], source_roots=["/srv"]))


def message_of(ask: t.Callable[[], t.Any]) -> str:
    try:
        ask()
    except errors.MountError as error:
        return error.message
    return ""


def agrees(here: str, answer: str) -> bool:
    """Whether the third column says what the grammar says."""
    if here.startswith("the same"):
        return not answer
    verdict = next(verdict for verdict in VERDICTS if here.startswith(verdict))
    named = CODE.findall(here)
    if verdict in ("write", "set", "use") and named:
        return f"{verdict} {named[0]}" in answer
    return here.split(",")[0].split(".")[0] in answer if verdict == "write" else verdict in answer


@pytest.mark.parametrize(
    ("word", "fstype", "here"), CASES, ids=[f"{word} of {of}" for word, of, _here in CASES]
)
def test_row_is_what_the_grammar_says(word: str, fstype: str, here: str) -> None:
    answer = answer_to(fstype, word)
    assert agrees(here, answer), answer or "it is taken"


@pytest.mark.parametrize(
    ("name", "here"),
    [(name, row.here) for row in TYPE_ROWS for name in row.words],
    ids=lambda value: value[:16],
)
def test_row_of_a_type_is_what_the_grammar_says(name: str, here: str) -> None:
    answer = message_of(lambda: naming.find_filesystem(name, ["bind"], allowed=()))
    assert agrees(here, answer), answer or "it is taken"


@pytest.mark.parametrize("word", ["tls", "iam", "accesspoint=x"])
def test_efs_with_its_own_program_stays(word: str) -> None:
    assert "keep it in fstab" in message_of(lambda: naming.find_filesystem("efs", [word]))


def test_every_type_that_people_write_has_a_row() -> None:
    told = {name for row in TYPE_ROWS for name in row.words}
    assert {definition["fstype"] for definition in DEFINITIONS} - told == set()


def test_every_option_that_people_write_has_a_row() -> None:
    """Options of types that stay in fstab stay there as well."""
    staying = {name for row in TYPE_ROWS if row.here.startswith("keep") for name in row.words}
    told = {word.partition("=")[0] for row in OPTION_ROWS for word in row.words} | {"", "tls", "iam"}
    written = {
        word.partition("=")[0]
        for definition in DEFINITIONS
        if definition["fstype"] not in staying
        for word in definition["opts"]
    }
    assert written - told == set()


def test_control_a_wrong_row_is_found() -> None:
    assert not agrees("the same", answer_to("ext4", "nofail"))
    assert not agrees("leave it out", answer_to("ext4", "noatime"))
    assert not agrees("write `relatime`", answer_to("ext4", "norelatime"))
    assert not agrees("write `fstype: cifs`", message_of(lambda: naming.find_filesystem("ntfs")))
