# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Each row of the corpus is taken in its canonical form, or refused with its code."""

from __future__ import annotations

import collections
import typing as t
from dataclasses import replace

import pytest
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast import model
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.grammar import (
    credentials,
    filesystems,
    naming,
    options,
    paths,
    sources,
    strings,
)
from ansible_collections.holdfast.mounts.tests.unit.plugins.module_utils.builders import refused
from ansible_collections.holdfast.mounts.tests.unit.plugins.module_utils.grammar_corpus import Row, rows

ROWS = rows()
GUIDE = "; see https://docs.example.org/holdfast/mounts/docs/migration.html"
# Read by root after the grammar has passed the call, so no option is named.
AFTERWARDS = ("credentials",)


def option_of(row: Row) -> str:
    return "fstype" if row.kind == "fstype" else f"mounts[1].{row.kind}"


def check_path(row: Row) -> str:
    path = paths.check_path(row.words, option_of(row))
    paths.refuse_never(path, option_of(row))
    paths.refuse_outside(path, row.roots, option_of(row))
    return path


def check_source(row: Row) -> str:
    sources.check_source(row.type, row.words, source_roots=row.roots, option=option_of(row))
    return t.cast("str", row.words)


def find_filesystem(row: Row) -> str:
    return naming.find_filesystem(row.words, row.opts, allowed=row.allowed).name


def canonical_options(row: Row) -> t.List[str]:
    allowed = {"allow_suid": "suid" in row.allow, "allow_dev": "dev" in row.allow}
    flags, data = options.canonical_options(
        row.type, row.words, source_roots=row.roots, option=option_of(row), **allowed
    )
    words = list(model.Definition(row.type, "source", flags, data).opts)
    assert list(flags) == sorted(set(words).intersection(model.MOUNT_FLAGS)), "each word is where it belongs"
    assert list(data) == sorted(data)
    return words


def shown_options(row: Row) -> t.List[str]:
    shown = filesystems.record_of(row.type).shown_options(row.words)
    return [name if value is None else f"{name}={value}" for name, value in shown.items()]


def implied_words(row: Row) -> t.List[str]:
    canonical = options.canonical_options(row.type, row.words)
    return list(options.implied_words(filesystems.record_of(row.type), row.words, *canonical))


KINDS: t.Mapping[str, t.Callable[[Row], t.Any]] = {
    "allow_fstypes": lambda row: list(naming.check_allowed_types(row.words, option_of(row))),
    "context": lambda row: strings.check_context(row.words, option_of(row)),
    "credentials": lambda row: credentials.file_for_helper(filesystems.FILESYSTEMS[row.type], row.words),
    "fstype": find_filesystem,
    "holder": lambda row: naming.check_holder(row.words, option_of(row)),
    "implied": implied_words,
    "opts": canonical_options,
    "path": check_path,
    "roots": lambda row: list(paths.check_roots(row.words, option_of(row))),
    "shown": shown_options,
    "src": check_source,
    "text": lambda row: strings.check_text(row.words, option_of(row)),
}


def each(chosen: t.Iterable[Row]) -> t.List[t.Any]:
    return [pytest.param(row, id=row.id) for row in chosen]


@pytest.mark.parametrize("row", each(row for row in ROWS if row.code))
def test_row_is_refused_with_its_code_and_what_to_do(row: Row) -> None:
    error = refused(KINDS[row.kind], row)
    assert (error.code, error.step) == (row.code, row.kind if row.kind in AFTERWARDS else "grammar")
    assert row.message in error.message
    assert error.message.startswith(option_of(row)) or row.kind in AFTERWARDS
    assert error.message.endswith(GUIDE) == row.guide
    assert error.message == strings.visible(error.message), "nothing in it that a terminal would obey"
    assert "hunter2" not in error.message + error.detail, "no secret is quoted"


@pytest.mark.parametrize("row", each(row for row in ROWS if not row.code))
def test_row_is_taken_in_its_canonical_form(row: Row) -> None:
    assert KINDS[row.kind](row) == row.gives


@pytest.mark.parametrize("row", each(row for row in ROWS if row.kind == "opts" and not row.code))
def test_canonical_form_of_a_row_is_its_own(row: Row) -> None:
    again = Row("opts", row.gives, row.gives, type=row.type, roots=row.roots, allow=row.allow)
    assert canonical_options(again) == row.gives


@pytest.mark.parametrize("tail", ["", "/below"], ids=["itself", "below"])
@pytest.mark.parametrize("never", paths.NEVER_LIST)
def test_path_on_the_never_list_is_refused_whatever_the_roots(never: str, tail: str) -> None:
    row = Row("path", never + tail, "", roots=("/",))
    assert refused(check_path, row).code == "path_not_allowed"


@pytest.mark.parametrize("root", paths.NEVER_ROOTS)
def test_root_that_is_too_wide_is_refused(root: str) -> None:
    error = refused(paths.check_roots, [root], "allowed_roots")
    assert (error.code, error.message.startswith("allowed_roots[0]: ")) == ("invalid_argument", True)
    assert "too broad" in error.message


def test_layers_that_are_too_many_are_refused() -> None:
    layers = "lowerdir=" + ":".join(f"/srv/{number}" for number in range(501))
    error = refused(options.canonical_options, "overlay", [layers], source_roots=("/srv",))
    assert (error.code, "more than 500" in error.message) == ("option_not_allowed", True)


def test_type_refusal_proposes_none_that_is_off_by_default() -> None:
    message = refused(naming.find_filesystem, "ext5", ()).message
    assert ("ext4" in message, "sshfs" in message) == (True, False)


def test_option_refusal_names_every_offender() -> None:
    error = refused(options.canonical_options, "tmpfs", ["suid", "size=big", "loop", "ro", "rw", "ro"])
    for offender in ('"suid"', '"size=big"', '"loop"', '"ro": given 2 times', '"ro", "rw"'):
        assert offender in error.message


def test_path_ill_formed_has_the_code_of_its_use_but_for_characters() -> None:
    for path, code in (("/mnt/", "source_not_allowed"), ("/mnt/\n", "invalid_argument")):
        assert refused(paths.check_path, path, "src", code="source_not_allowed").code == code


def test_corpus_has_rows_of_each_kind_and_type_and_none_twice() -> None:
    told = collections.Counter(repr(replace(row, name="", message="", real=False)) for row in ROWS)
    assert [what for what, times in told.items() if times > 1] == []
    assert {row.kind for row in ROWS} == set(KINDS)
    taken = {row.gives for row in ROWS if row.kind == "fstype" and not row.code}
    assert taken == set(filesystems.FILESYSTEMS)
