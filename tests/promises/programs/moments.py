# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Let somebody act at the worst moment of a call: moments.py SCENE ours|naive.

naive takes the one check away that the moment calls for. Prints as JSON what each call answered, and what was
mounted where afterwards.
"""

from __future__ import annotations

import errno
import json
import os
import sys
import typing as t
from unittest import mock

from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.decide import neighbours
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.engine import batch
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.kernel import mounts
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.ledger import store
from harness.namespace import make_world
from harness.table import read_table
from in_process import call, code_of, mount_tmpfs, unmount

TMPFS = {"src": "tmpfs", "fstype": "tmpfs", "opts": ["mode=0755"]}
OPERATIONS = "/run/holdfast/operations"


def act(**arguments: t.Any) -> t.List[str]:
    """Return the action or the error's code of a call, of each of its entries for a list."""
    result = call(**arguments)
    if "mounts" not in arguments:
        return [code_of(result)]
    return [
        str((entry.get("error") or entry).get("code") or entry.get("action")) for entry in result["mounts"]
    ]


def mounted(*paths: str) -> t.List[str]:
    """Return the sources that are mounted at these paths, the lowest first."""
    return [row.source for row in read_table(os.getpid()) if row.point in paths]


def count_records() -> int:
    """Return how many operations have left a record."""
    return sum(1 for name in os.listdir(OPERATIONS) if os.stat(f"{OPERATIONS}/{name}").st_size)


def stack_while_recording(way: str) -> t.Iterator[t.Any]:
    """A stranger mounts on one of two new mounts, and then the disk of the ledger is full."""

    def fail(_file: t.Any, _ledger: t.Any) -> None:
        mount_tmpfs("strangers", "/srv/x")
        raise OSError(errno.ENOSPC, "full")

    both = [{"path": path, **TMPFS} for path in ("/srv/x", "/srv/y")]
    naive = mock.patch.object(mounts, "has_submounts", return_value=False)
    with mock.patch.object(store.LedgerFile, "write", fail):
        if way == "naive":
            naive.start()
        yield act(mounts=both)
        mock.patch.stopall()
    yield mounted("/srv/x", "/srv/y")
    yield count_records()
    unmount("/srv/x")
    yield act(path="/srv/x", state="released") + act(path="/srv/y", state="released")
    yield mounted("/srv/x", "/srv/y")


def release_source_while_binding(way: str) -> t.Iterator[t.Any]:
    """The last holder of a bind's source leaves between the moments when the bind is made and recorded."""
    record = batch.record_intents

    def leave_first(prepared: t.Any, *given: t.Any) -> t.Any:
        if prepared[0].path == "/srv/shown" and mounted("/srv/source"):
            act(path="/srv/source", state="released")
        return record(prepared, *given)

    yield act(path="/srv/source", **TMPFS)
    with mock.patch.object(batch, "record_intents", leave_first):
        if way == "naive":
            mock.patch.object(neighbours, "have_changed", return_value=False).start()
        yield act(path="/srv/shown", src="/srv/source", fstype="bind")
        mock.patch.stopall()
    yield mounted("/srv/source", "/srv/shown")
    yield count_records()


SCENES = {"stack": stack_while_recording, "source": release_source_while_binding}


def main(scene: str, way: str) -> None:
    """Play one scene."""
    make_world("private", private_dev=False)
    sys.stdout.write(json.dumps(list(SCENES[scene](way))) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
