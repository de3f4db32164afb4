# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Hostile values are refused with their code and leave no trace; odd ones that are right are taken literally.

The values and why somebody would try them are in support/corpus/. The control is a check of paths by text
in front of a command line.
"""

from __future__ import annotations

import os
import typing as t

import pytest
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.arguments.build import build_request
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.arguments.spec import ARGUMENT_SPEC
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.errors import MountError
from corpus.kernel_view import Shown, find_mount_number, read_rows
from corpus.naive import accept
from corpus.rows import Row, accepted_rows, refused_rows
from fuzz.rules import assert_plain_text
from harness.cycle import assert_untouched, predict_and_call, succeed, warm_up
from harness.results import Result
from harness.table import find_unique_id
from harness.world import RUN, World, Zygote

REFUSED = refused_rows()
ACCEPTED = accepted_rows()
FEWEST_REFUSED = 250
FEWEST_ACCEPTED = 60
LAYERS = ("lowerdir=", "upperdir=", "workdir=")
Entry = t.Mapping[str, t.Any]


def each(rows: t.Sequence[Row]) -> t.Any:
    """Return rows as pytest's parameters."""
    return [pytest.param(row, id=row.name) for row in rows]


@pytest.fixture(scope="module")
def shared_world(tmp_path_factory: pytest.TempPathFactory) -> t.Iterator[World]:
    """One world for all rows: none of them leaves anything behind."""
    zygote = Zygote()
    made = World(zygote, tmp_path_factory.mktemp("world"), "private")
    warm_up(made)
    yield made
    made.close()
    zygote.close()


def assert_refused(result: Result, row: Row) -> None:
    """Fail unless it was refused as the row says."""
    assert result.failed, result
    assert not result.changed, result
    # What Ansible refuses by itself has a code as well.
    assert result.code == ("invalid_argument" if row.code == "argument_spec" else row.code), result
    assert_plain_text(result["msg"])


@pytest.mark.parametrize("row", each(REFUSED))
def test_hostile_value_is_refused_and_leaves_no_trace(shared_world: World, row: Row) -> None:
    before = shared_world.snapshot(log=True)
    predicted = shared_world.predict(**row.arguments)
    assert_untouched(shared_world, before, "check mode", log=True)
    result = shared_world.call(**row.arguments)
    assert_untouched(shared_world, before, "a refusal", log=True)
    assert_refused(predicted, row)
    assert_refused(result, row)


@pytest.mark.parametrize("row", each(ACCEPTED))
def test_odd_value_is_mounted_byte_for_byte(shared_world: World, row: Row) -> None:
    world = shared_world
    entries = entries_of(row)
    for path in {path for entry in entries for path in sources_of(entry)}:
        world.make_directory(path)
    start = world.settled()
    acquired = predict_and_call(world, **row.arguments)
    try:
        assert not acquired.failed, acquired
        for entry in entries:
            assert_shown(world, entry, row)
    finally:
        succeed(world, **leaving(row))
    assert_untouched_after_release(world, start)


def entries_of(row: Row) -> t.Sequence[Entry]:
    """Return the mount points of a row."""
    return t.cast("t.Sequence[Entry]", row.arguments.get("mounts", [row.arguments]))


def sources_of(entry: Entry) -> t.List[str]:
    """Return the directories that must be there."""
    if entry["fstype"] == "bind":
        return [entry["src"]]
    layers = [word for word in entry.get("opts", ()) if word.startswith(LAYERS)]
    return [path for word in layers for path in word.partition("=")[2].split(":")]


def assert_shown(world: World, entry: Entry, row: Row) -> None:
    """Fail unless the kernel's table has exactly what was asked for, and statx(2) says so too."""
    path = entry["path"]
    found = [shown for shown in read_rows(world.pid) if shown.point == os.fsencode(path)]
    assert len(found) == 1, found
    shown = found[0]
    assert {b"nosuid", b"nodev"} <= shown.flags
    assert_source_shown(shown, entry)
    assert {os.fsencode(word) for word in row.shown} <= set(shown.options)
    here = world.root + path
    assert find_mount_number(here) == shown.number
    assert find_unique_id(here) == world.references[path]["mount_id"]


def assert_source_shown(shown: Shown, entry: Entry) -> None:
    """Fail unless the source is the one that was asked for."""
    source = os.fsencode(entry["src"])
    if entry["fstype"] == "bind":
        # A filesystem of its own is mounted at the first component.
        assert shown.root == source[source.index(b"/", 1) :]
        return
    assert (shown.fstype, shown.source) == (os.fsencode(entry["fstype"]), source)
    if entry["fstype"] == "overlay":
        given = dict(os.fsencode(word).split(b"=", 1) for word in entry["opts"])
        assert shown.layers == given.pop(b"lowerdir").split(b":")
        assert {name + b"=" + value for name, value in given.items()} <= set(shown.options)


def leaving(row: Row) -> t.Dict[str, t.Any]:
    """Return the arguments that release what a row has acquired."""
    arguments: t.Dict[str, t.Any] = {"holder": row.arguments["holder"], "state": "released"}
    if "mounts" in row.arguments:
        return {**arguments, "mounts": [{"path": entry["path"]} for entry in entries_of(row)]}
    return {**arguments, "path": row.arguments["path"]}


def assert_untouched_after_release(world: World, start: t.Any) -> None:
    """Fail when anything is left."""
    assert start.differences(world.settled()) == []
    assert list(world.file(f"{RUN}/operations").iterdir()) == []


# --- Beside the control ---


def refusal_of(row: Row) -> t.Optional[str]:
    """Return the code with which the grammar refuses it, None when it is taken."""
    validated = ArgumentSpecValidator(ARGUMENT_SPEC).validate(dict(row.arguments))
    if validated.error_messages:
        return "argument_spec"
    try:
        build_request(validated.validated_parameters)
    except MountError as error:
        return error.code
    return None


def is_accepted_by_the_control(row: Row) -> bool:
    """Return whether the naive checks take it."""
    try:
        accept(row.arguments)
    except (TypeError, ValueError):
        return False
    return True


def test_control_lets_hostile_values_through(show_figures: t.Callable[[str, str, str], None]) -> None:
    # What Ansible refuses by itself does not get as far as either.
    hostile = [row for row in REFUSED if not row.is_harmless and row.code != "argument_spec"]
    right = [row for row in ACCEPTED if refusal_of(row) is None]
    ours = sum(refusal_of(row) is None for row in hostile)
    control = sum(map(is_accepted_by_the_control, hostile))
    counted = f"of {len(hostile)} hostile values"
    show_figures("hostile input let through", f"{ours} {counted}", f"{control} {counted}")
    refused = sum(not is_accepted_by_the_control(row) for row in ACCEPTED)
    odd = f"of {len(ACCEPTED)} odd values"
    show_figures("odd but right input refused", f"{len(ACCEPTED) - len(right)} {odd}", f"{refused} {odd}")
    assert ours == 0
    assert len(right) == len(ACCEPTED)
    assert control > 0


def test_corpus_is_as_large_as_promised() -> None:
    assert len({repr(row.arguments) for row in REFUSED}) >= FEWEST_REFUSED
    assert len({repr(row.arguments) for row in ACCEPTED}) >= FEWEST_ACCEPTED
    assert all(row.why for row in [*REFUSED, *ACCEPTED])
