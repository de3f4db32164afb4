# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Notes that operations under way leave for whoever finds them dead."""

from __future__ import annotations

import os
import shutil
import subprocess
import typing as t
from pathlib import Path

import pytest
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.ledger import journal
from ansible_collections.holdfast.mounts.tests.unit.plugins.module_utils._holdfast.ledger.locking import (
    Child,
    locked,
)
from ansible_collections.holdfast.mounts.tests.unit.plugins.module_utils.builders import PATH, refused

NOTE = {"path": PATH, "kind": "mount", "since": "now", "pid": 7}

pytestmark = pytest.mark.usefixtures("run")


@pytest.mark.parametrize("text", [b"{\n", b"[]\n", b"7\n", b"{}\n"], ids=["cut", "list", "number", "no path"])
def test_damaged_note_is_corrupt(text: bytes) -> None:
    operation = locked()
    os.write(operation.fd, text)
    assert refused(operation.records).code == "ledger_corrupt"


def test_note_of_a_killed_process_is_read_by_the_next(start: t.Callable[..., Child]) -> None:
    child = start(NOTE, {"made": "/srv"})
    child.kill()
    operation = locked()
    assert operation.records() == (NOTE, {"made": "/srv"})
    operation.clear()
    assert operation.records() == ()
    operation.close()


def test_note_that_was_cut_by_a_kill_counts_up_to_its_last_whole_line() -> None:
    operation = locked()
    operation.record(NOTE)
    os.write(operation.fd, b'{"made": "/s')
    assert operation.records() == (NOTE,)


def test_note_cut_in_its_first_line_is_none_and_the_next_one_is_whole() -> None:
    operation = locked()
    os.write(operation.fd, b'{"path": "/s')
    assert operation.records() == ()
    operation.record(NOTE)
    assert operation.records() == (NOTE,)


def test_note_for_which_there_is_no_room_is_not_there_at_all(run: Path) -> None:
    operation = locked()
    operation.record(NOTE)
    subprocess.run(["mount", "-o", "remount,size=64k", str(run.parent)], check=True)
    operation.record({"made": "x" * 40000})
    for size in (30000, 60000, 70000):
        with pytest.raises(OSError, match="No space"):
            operation.record({"made": "x" * size})
        assert operation.records() == (NOTE, {"made": "x" * 40000})


def test_close_with_a_note_keeps_it(run: Path) -> None:
    operation = locked()
    operation.record(NOTE)
    operation.close()
    assert journal.list_intents() == {PATH: (NOTE,)}


def test_close_that_forgets_leaves_neither_note_nor_lock(run: Path) -> None:
    operation = locked()
    operation.record(NOTE)
    operation.close(clears=True)
    assert os.listdir(run / "operations") == []
    again = locked()
    assert again.records() == ()
    again.close()


def test_list_notes_leaves_out_own_ones_and_bare_locks() -> None:
    for path in ("/srv/b", "/srv/c"):
        locked(path).record({**NOTE, "path": path})
    bare = locked("/srv/d")
    assert list(journal.list_intents(but=["/srv/b"])) == ["/srv/c"]
    bare.close()


def test_list_notes_without_a_run_directory_is_empty(run: Path) -> None:
    shutil.rmtree(run)
    assert (journal.list_intents(), journal.list_interrupted()) == ({}, ())


def test_list_interrupted_tells_the_dead_from_the_living(start: t.Callable[..., Child]) -> None:
    start({**NOTE, "path": "/srv/dead"}, path="/srv/dead").kill()
    start({**NOTE, "path": "/srv/alive"}, path="/srv/alive")
    assert journal.list_interrupted() == ("/srv/dead",)


@pytest.mark.parametrize(
    ("notes", "told"),
    [
        pytest.param([], "another call is looking at it", id="no note yet"),
        pytest.param([NOTE], "process 7 began to mount it at now", id="note"),
    ],
)
def test_describe_occupant(start: t.Callable[..., Child], notes: t.List[journal.Record], told: str) -> None:
    start(*notes)
    assert journal.describe_occupant(PATH) == told


def test_describe_occupant_that_left_is_nothing() -> None:
    assert journal.describe_occupant(PATH) == ""
