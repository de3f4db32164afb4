# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Work beside a filesystem whose server hangs, and on it: hung.py DEADLINE.

Every course of calls runs in a process of its own, all at once. Prints as JSON what each course had brought
about when it was done or the deadline, in seconds, came: nobody looks at the time that it took.
"""

from __future__ import annotations

import json
import os
import select
import signal
import sys
import time
import typing as t

from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.helper import command
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.overview import observe_facts
from harness import fuse
from harness.namespace import make_world
from harness.table import read_table
from in_process import call, code_of, mount_tmpfs

SLOW = "/srv/slow"
HELD = {name: f"{SLOW}/held-{name}" for name in ("join", "leave", "unmount", "after")}
LAST = "/srv/last"
ROUNDS = 20
TIMEOUTS = {"timeout": 2, "lock_timeout": 2}
TMPFS = {"src": "tmpfs", "fstype": "tmpfs", "opts": ["mode=0755"]}
Course = t.Callable[[], t.Iterator[str]]


def act(**arguments: t.Any) -> str:
    """Return the action or the error's code of one call."""
    return code_of(call(**TIMEOUTS, **arguments))


def work_beside() -> t.Iterator[str]:
    """Acquire, join, look, release and do many at once, on other mount points."""
    bulk = [{"path": f"/srv/bulk/{name}", **TMPFS} for name in "abc"]
    for _round in range(ROUNDS):
        yield act(path="/srv/beside", holder="a", **TMPFS)
        yield act(path="/srv/beside", holder="b", **TMPFS)
        points = {mount["mount"] for mount in t.cast("t.Any", observe_facts())["mounts"]}
        yield "facts" if {SLOW, "/srv/beside"} <= points else "incomplete"
        yield act(mounts=bulk, holder="c")
        yield act(mounts=[{"path": entry["path"]} for entry in bulk], holder="c", state="released")
        yield act(path="/srv/beside", holder="a", state="released")
        yield act(path="/srv/beside", holder="b", state="unmounted")


def look_at_all() -> t.Iterator[str]:
    """The control: ask of every mount point by its path whether it is one."""
    for row in read_table(os.getpid()):
        os.path.ismount(row.point)
        yield "last" if row.source == "last" else "looked"


def once(**arguments: t.Any) -> Course:
    """Return a course of one call."""

    def course() -> t.Iterator[str]:
        yield act(**arguments)

    return course


def in_bulk() -> t.Iterator[str]:
    """Neighbours of one that hangs are done."""
    entries = [{"path": path, **TMPFS} for path in ("/srv/one", f"{SLOW}/many", "/srv/two")]
    result = call(mounts=entries, holder="n", **TIMEOUTS)
    for entry in result["mounts"]:
        yield str((entry.get("error") or {}).get("code") or entry.get("action"))


def beside_one_of_many() -> t.Iterator[str]:
    """Another call on a neighbour of one that hangs, as soon as the neighbour is done."""
    entries = [{"path": path, **TMPFS} for path in ("/srv/three", f"{SLOW}/long")]
    pid = os.fork()
    if pid == 0:
        call(mounts=entries, holder="n", timeout=10, lock_timeout=2)
        os._exit(0)
    while "/srv/three" not in [row.point for row in read_table(os.getpid())]:
        time.sleep(0.01)
    yield act(path="/srv/three", holder="o", **TMPFS)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)


def with_credentials() -> t.Iterator[str]:
    """Neighbours of a mount whose credentials file cannot be read are done."""
    vars(command)["refuse_missing_helper"] = lambda _filesystem: None  # that does not come into it
    share = {"path": "/srv/share", "src": "//server/share", "fstype": "cifs"}
    entries = [{"path": "/srv/four", **TMPFS}, share, {"path": "/srv/five", **TMPFS}]
    result = call(mounts=entries, holder="n", credentials_file=f"{SLOW}/held-secret", **TIMEOUTS)
    for entry in result["mounts"]:
        yield str((entry.get("error") or {}).get("code") or entry.get("action"))


BIND = {"path": "/srv/bind", "fstype": "bind"}
LAYERS = {"path": "/srv/layers", "fstype": "overlay", "src": "overlay"}
COURSES: t.Dict[str, Course] = {
    "beside": work_beside,
    "control": look_at_all,
    "its mount point, acquire": once(path=SLOW, **TMPFS),
    "its mount point, release": once(path=SLOW, state="released"),
    "its mount point, unmount": once(path=SLOW, state="unmounted"),
    "below it, acquire": once(path=f"{SLOW}/new", **TMPFS),
    "below it, join": once(path=HELD["join"], holder="late", **TMPFS),
    "below it, release": once(path=HELD["leave"], state="released"),
    "below it, unmount": once(path=HELD["unmount"], state="unmounted"),
    "source in it": once(src=f"{SLOW}/source", **BIND),
    "source is it": once(src=SLOW, **{**BIND, "path": "/srv/bind2"}),
    "layer in it": once(opts=[f"lowerdir={SLOW}/layer:/media/layer"], **LAYERS),
    "one of many": in_bulk,
    "beside one of many": beside_one_of_many,
    "credentials in it": with_credentials,
}


def start(course: Course) -> t.Tuple[int, int]:
    """Run a course in a process of its own; return its id, and where it tells what it has done."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            os.close(reader)
            for word in course():
                os.write(writer, f"{word}\n".encode())
            os.write(writer, b"end\n")
            status = 0
        finally:
            os._exit(status)
    os.close(writer)
    return pid, reader


def collect(reader: int, end: float) -> t.List[str]:
    """Return the words that came until the process had ended, or the deadline came."""
    text = b""
    while select.select([reader], [], [], max(0.0, end - time.monotonic()))[0]:
        part = os.read(reader, 65536)
        if not part:
            break
        text += part
    os.close(reader)
    return text.decode().splitlines()


def main(deadline: float) -> None:
    """Let the server answer while something is mounted in it, then hang; run every course."""
    make_world("private", private_dev=False)
    os.mkdir(SLOW)
    os.mkdir("/media/layer")
    os.mkdir(LAST)
    server = fuse.Server(SLOW, fuse.Directories(b"held"))
    mount_tmpfs("last", LAST)
    before = [act(path=path, allow_unsafe_parents=True, **TMPFS) for path in HELD.values()]
    server.hang()
    started = {name: start(course) for name, course in COURSES.items()}
    end = time.monotonic() + deadline
    told = {name: collect(reader, end) for name, (_pid, reader) in started.items()}
    # One that looks up the same name as another sleeps until that one is gone, so all are ended first.
    for pid, _reader in started.values():
        os.kill(pid, signal.SIGKILL)
    server.stop()
    for pid, _reader in started.values():
        os.waitpid(pid, 0)
    # Nobody waits at a dead server, and what was mounted in it can be released.
    after = [act(path=HELD["after"], state="released"), act(path="/srv/after", **TMPFS)]
    sys.stdout.write(json.dumps({"before": before, "told": told, "after": after}) + "\n")


if __name__ == "__main__":
    main(float(sys.argv[1]))
