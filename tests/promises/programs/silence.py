# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Let calls fail in every way there is, and print what they tell: silence.py.

For each row: the code, what the caller said, what the host has to hide, and the results with disclose minimal
and full. The control tells what scripts tell: strerror(3), realpath(3), the row of the table, the ledger.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
import typing as t

from harness.namespace import make_world
from harness.place import LEDGER
from harness.table import read_table
from hidden import PATH
from in_process import Result, call
from refusals import ROWS, Row


def naive_words(row: Row, said: t.Mapping[str, t.Any]) -> str:
    """Return what a script tells about a mount point that it could not mount."""
    words = [os.strerror(16), os.path.realpath(PATH), os.path.realpath(str(said.get("src")))]
    words += [str(found) for found in read_table(os.getpid()) if found.point.startswith(PATH)]
    for path in (PATH, os.path.realpath(str(said.get("src")))):
        with contextlib.suppress(OSError):
            words += [str(os.lstat(path)), *os.listdir(path)]
    with contextlib.suppress(OSError, UnicodeError), open(LEDGER, encoding="utf-8") as file:
        words += [file.read(), str(os.stat(LEDGER))]
    with contextlib.suppress(OSError):
        words += [os.readlink("/proc/self/ns/mnt"), *(f"{pid} {name}" for pid, name in users_of(PATH))]
    return "\n".join([row.code, *words])


def users_of(path: str) -> t.Iterator[t.Tuple[str, str]]:
    """Yield the processes that stand somewhere below a path, as fuser(1) does."""
    for pid in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError):
            if os.readlink(f"/proc/{pid}/cwd").startswith(path):
                with open(f"/proc/{pid}/comm", encoding="ascii", errors="replace") as file:
                    yield pid, file.read()


def try_row(row: Row) -> Result:
    """Lay out the host, call twice, and return what was told."""
    make_world("private", private_dev=True)
    scene = row.prepare()
    told = {word: call(**{**scene.arguments, "disclose": word}) for word in ("minimal", "full")}
    naive = naive_words(row, scene.arguments)
    for pid in scene.started:
        os.kill(pid, signal.SIGKILL)
    return {
        "name": row.name,
        "code": row.code,
        "said": scene.arguments,
        "hidden": scene.hidden,
        "tells": row.tells,
        "naive": naive,
        **told,
    }


def in_child(row: Row) -> Result:
    """Try a row in a process of its own, as it changes the world and some of our calls."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            os.close(reader)
            with os.fdopen(writer, "w", encoding="utf-8") as stream:
                json.dump(try_row(row), stream)
            status = 0
        finally:
            sys.stderr.flush()
            os._exit(status)
    os.close(writer)
    with os.fdopen(reader, encoding="utf-8") as stream:
        text = stream.read()
    os.waitpid(pid, 0)
    return (
        t.cast("Result", json.loads(text)) if text else {"name": row.name, "code": row.code, "crashed": True}
    )


def main() -> None:
    """Try every row."""
    sys.stdout.write(json.dumps({"rows": [in_child(row) for row in ROWS]}) + "\n")


if __name__ == "__main__":
    main()
