# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whatever comes in, what goes out is a value or an error with a code of the contract.

The grammar's words one by one, and single edits of a ledger, are in the unit tests of their files; here whole
calls, tables, ledgers and notes are damaged in several places. programs/long_fuzz.py runs the same
properties for longer, led by coverage.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import typing as t
from pathlib import Path

import pytest
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.arguments.build import build_request
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.errors import MountError
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.kernel.mountinfo import (
    parse_mountinfo,
    visible_mounts,
)
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.ledger.codec import (
    intent_from_records,
    ledger_from_json,
    ledger_to_json,
)
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.ledger.journal import _records
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.model import Request
from fuzz import rules
from fuzz.notes import INTENTS, LEDGER, damaged, edited
from fuzz.parameters import JSON, RIGHT, Parameters, parameters
from hypothesis import HealthCheck, event, example, given, settings
from hypothesis import strategies as st

FIXTURES = Path(__file__).parent.parent / "unit/plugins/module_utils/_holdfast/kernel/fixtures"
TABLES = [path.read_bytes().decode("utf-8", "surrogateescape") for path in sorted(FIXTURES.glob("*.txt"))]
LEDGER_CODES = frozenset(("ledger_corrupt",))
Refused = t.Tuple[t.Optional[MountError], t.Any]


def thorough(examples: int) -> t.Callable[[t.Any], t.Any]:
    """Ask for so many examples; how busy the machine is says nothing."""
    unhurried = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]
    return settings(
        max_examples=examples,
        deadline=None,
        # What is shipped must not get a folder of examples; a failure prints how to repeat it.
        database=None,
        suppress_health_check=unhurried,
        print_blob=True,
    )


def outcome(act: t.Callable[[], t.Any], codes: t.Collection[str]) -> t.Any:
    """Return what an act returns, None where it was refused; any other exception is a failure."""
    try:
        return act()
    except MountError as error:
        rules.assert_coded(error, codes)
        event(error.code)
        return None


# --- A whole call ---


def permissions(given_parameters: Parameters) -> t.List[t.Tuple[bool, bool]]:
    """Return for each entry whether suid and dev are allowed there."""
    names = ("allow_suid", "allow_dev")
    own = given_parameters["mounts"] if given_parameters["mounts"] is not None else [{}]
    found = []
    for entry in own:
        chosen = [entry.get(name) for name in names]
        suid, dev = (given_parameters[name] if value is None else value for name, value in zip(names, chosen))
        found.append((suid, dev))
    return found


def without_implied(request: Request) -> Request:
    """Return the request without which of its words nobody has written: in canonical form all of them are."""
    return request._replace(entries=tuple(entry._replace(implied=()) for entry in request.entries))


def canonical(given_parameters: Parameters, request: Request) -> Parameters:
    """Return the parameters with every option in the form that the request has."""
    opts = [list(entry.definition.opts) if entry.definition else [] for entry in request.entries]
    if given_parameters["mounts"] is None:
        return {**given_parameters, "opts": opts[0]}
    mounts = [{**entry, "opts": words} for entry, words in zip(given_parameters["mounts"], opts)]
    return {**given_parameters, "mounts": mounts}


@thorough(8000)
@given(parameters())
def test_call_of_any_content_is_sound_or_refused(made: Parameters) -> None:
    request = outcome(lambda: build_request(made), rules.GRAMMAR_CODES)
    if request is None:
        return
    event("accepted")
    rules.assert_sound(request, permissions(made))
    assert without_implied(build_request(canonical(made, request))) == without_implied(request)


@pytest.mark.parametrize("made", RIGHT, ids=range(len(RIGHT)))
def test_call_of_the_corpus_is_sound(made: Parameters) -> None:
    request = build_request(made)
    rules.assert_sound(request, permissions(made))
    assert without_implied(build_request(canonical(made, request))) == without_implied(request)


# --- The mount table ---

FIELDS = st.sampled_from(
    ("0", "1", "2", "3", "-1", "/", "/srv", "/srv/a\\040b", "\\134", "-", "rw", "", "\x85")
)
BYTES = st.binary(max_size=12).filter(lambda text: b"\0" not in text)


@st.composite
def tables(draw: st.DrawFn) -> str:
    """Recorded rows, some of them twice, elsewhere, below each other, or with other fields."""
    lines = draw(st.sampled_from(TABLES)).splitlines()
    for _change in range(draw(st.integers(0, 6))):
        index = draw(st.integers(0, len(lines) - 1))
        fields = lines[index].split(" ")
        fields[draw(st.integers(0, len(fields) - 1))] = draw(FIELDS | st.text(max_size=8))
        lines.insert(draw(st.integers(0, len(lines))), " ".join(fields))
    return draw(edited("\n".join(draw(st.permutations(lines)))))


@thorough(3000)
@given(tables())
def test_table_of_any_rows_is_read(text: str) -> None:
    mounts = parse_mountinfo(text)
    assert len(mounts) <= len(text.split("\n"))
    seen = visible_mounts(mounts)
    points = [visible.mount.mount_point for visible in seen]
    assert points == sorted(set(points))
    for visible in seen:
        assert visible.mount in mounts
        assert set(visible.covered) <= set(mounts)
        assert visible.stacked == bool(visible.covered)


def escaped(field: bytes) -> str:
    """Return a field as the kernel writes it (fs/proc_namespace.c, mangle)."""
    written = re.sub(rb"[ \t\n\\#]", lambda match: b"\\%03o" % match.group()[0], field)
    return written.decode("utf-8", "surrogateescape")


@thorough(2000)
@given(BYTES, BYTES, BYTES)
def test_row_of_any_names_is_read_byte_for_byte(root: bytes, point: bytes, source: bytes) -> None:
    names = [b"/" + root, b"/" + point, source]
    written = [escaped(name) for name in names]
    row = f"36 35 0:1 {written[0]} {written[1]} rw,nosuid shared:1 - tmpfs {written[2]} rw,size=4k"
    (found,) = parse_mountinfo(f"{row}\n")
    assert list(map(os.fsencode, (found.root, found.mount_point, found.source))) == names
    assert (found.flags, found.options) == (("rw", "nosuid"), ("rw", "size=4k"))


# --- The ledger and the notes ---


LEDGERS = st.one_of(JSON, damaged(LEDGER), damaged(LEDGER)).map(json.dumps)


@thorough(4000)
@given(LEDGERS | LEDGERS.flatmap(edited))
def test_ledger_of_any_text_is_read_or_corrupt(text: str) -> None:
    ledger = outcome(lambda: ledger_from_json(text), LEDGER_CODES)
    if ledger is None:
        return
    event("loaded")
    assert ledger_from_json(ledger_to_json(ledger)) == ledger
    for path in (*ledger.references, *ledger.directories):
        rules.assert_plain_text(path)
        assert not {"", ".", ".."}.intersection(rules.components(path))
    for reference in ledger.references.values():
        assert all(map(rules.HOLDER.match, reference.holders))
        assert set(reference.definition.opts) == set(reference.opts)


def holders_of(text: str) -> t.Dict[str, t.List[str]]:
    """The control: read a ledger as scripts do, with nothing said of what may be in it."""
    return {path: sorted(told["holders"]) for path, told in json.loads(text)["references"].items()}


def test_control_lets_other_exceptions_out(show_figures: t.Callable[[str, str, str], None]) -> None:
    tried, uncoded = 0, 0

    @thorough(1000)
    @given(LEDGERS)
    def read(text: str) -> None:
        nonlocal tried, uncoded
        tried += 1
        try:
            holders_of(text)
        except ValueError:
            pass  # no JSON: that it expects
        except Exception:
            uncoded += 1

    read()
    told = f"json, then what should be in it: {uncoded} of {tried} ledgers"
    show_figures("fuzz: exceptions without a code", "0 of 21000 inputs", told)
    assert uncoded > tried / 20


@contextlib.contextmanager
def written(data: bytes) -> t.Iterator[int]:
    """Give a file of this content."""
    handle = os.memfd_create("note")
    try:
        os.write(handle, data)
        yield handle
    finally:
        os.close(handle)


def read_note(data: bytes) -> t.Any:
    """Read a note as recovery does; None where there is none."""
    with written(data) as handle:
        records = _records(handle)
    return intent_from_records(records) if records else None


LINES = st.one_of(st.lists(JSON, max_size=3), *map(damaged, INTENTS))
TEXTS_OF_INTENTS = LINES.map(lambda lines: "".join(json.dumps(line) + "\n" for line in lines))


@thorough(4000)
@given(TEXTS_OF_INTENTS | TEXTS_OF_INTENTS.flatmap(edited))
@example("[" * 100_000 + "\n")
@example('["path"]\n')
def test_note_of_any_text_is_read_or_corrupt(text: str) -> None:
    note = outcome(lambda: read_note(text.encode("utf-8", "surrogateescape")), LEDGER_CODES)
    if note is None:
        return
    event("read")
    assert note.kind in ("mount", "remount", "unmount")
    rules.assert_plain_text(note.path)
    for path in (note.path, *(path for path, _identity in note.made)):
        assert not {"", ".", ".."}.intersection(rules.components(path))
