# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Something happens in the middle of a call, at many points of it: interruptions.py EVENT PROPAGATION STRIDE.

EVENT: a signal's name, or run-cleaned, where everything below /run/holdfast is removed. After each the next
calls must bring ledger and kernel together and, in the end, leave nothing. The control, which mounts and then
rewrites its JSON, is interrupted after every single system call.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
import typing as t

from harness.namespace import make_world
from harness.zygote import Fuse
from in_process import call, code_of, mount_tmpfs, unmount
from traces import compare, disagreements, list_intents, look, mounted

TMPFS = {"src": "tmpfs", "fstype": "tmpfs", "opts": ["mode=0755", "size=1m"]}
LARGER = {**TMPFS, "opts": ["mode=0755", "size=2m", "noexec"]}
PATH = "/srv/a/b"
BULK = [{"path": path, **TMPFS} for path in (PATH, f"{PATH}/c", "/srv/a/d")]
PATHS = [{"path": entry["path"]} for entry in BULK]
LEAVE = {"path": PATH, "state": "released"}
LEAVE_ALL = {"mounts": PATHS, "holder": "x", "state": "released"}
ENDLESS = 1_000_000
NAIVE, NAIVE_LEDGER = "/srv/naive", "/etc/naive.json"

Arguments = t.Dict[str, t.Any]
# What is held before, the call that is interrupted, and how to leave everything.
COURSES: t.Dict[str, t.Tuple[t.List[Arguments], Arguments, Arguments]] = {
    "acquire": ([], {"path": PATH, **TMPFS}, LEAVE),
    "release": ([{"path": PATH, **TMPFS}], LEAVE, LEAVE),
    "remount": ([{"path": PATH, **TMPFS}], {"path": PATH, **LARGER}, LEAVE),
    "bulk acquire": ([], {"mounts": BULK, "holder": "x"}, LEAVE_ALL),
    "bulk release": ([{"mounts": BULK, "holder": "x"}], LEAVE_ALL, LEAVE_ALL),
}


class Event(Fuse):
    """Happens once, after a number of system calls."""

    def __init__(self, name: str, number: int) -> None:
        super().__init__(number)
        self.name = name

    def __call__(self, frame: t.Any, event: str, called: t.Any) -> None:
        if event in ("c_return", "c_exception") and getattr(called, "__module__", "") in self.MODULES:
            self.count += 1
            if self.count == self.number:
                sys.setprofile(None)
                self.happen()

    def happen(self) -> None:
        """Do what the event is."""
        if self.name == "run-cleaned":
            shutil.rmtree("/run/holdfast", ignore_errors=True)
        else:
            signal.raise_signal(getattr(signal, self.name))


def interrupt(
    name: str, point: int, arguments: Arguments, act: t.Callable[..., t.Dict[str, t.Any]] = call
) -> t.Tuple[str, bool]:
    """Run a call in a child to which the event happens; return how it ended, and whether the event came."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        event, word = Event(name, point), "raised"
        try:
            sys.setprofile(event)
            result = act(**arguments)
            sys.setprofile(None)
            word = str(result.get("failed", False))
        except KeyboardInterrupt:
            word = "interrupted"
        finally:
            sys.setprofile(None)
            os.write(writer, f"{word} {event.count >= point}".encode())
            os._exit(0)
    os.close(writer)
    text = os.read(reader, 100).decode()
    os.close(reader)
    os.waitpid(pid, 0)
    word, _blank, came = (text or "killed True").partition(" ")
    return word, came == "True"


def run_course(name: str, course: str, first: int, stride: int) -> t.Dict[str, t.Any]:
    """Interrupt the course's call at many points, one after the other; return what went wrong."""
    prepare, interrupted, leave = COURSES[course]
    ends: t.Dict[str, int] = {}
    wrong: t.List[str] = []
    for point in range(first, ENDLESS, stride):
        before = look()
        for arguments in prepare:
            call(**arguments)
        prepared = look()
        word, came = interrupt(name, point, interrupted)
        if not came:
            call(**leave)
            break
        ends[word] = ends.get(word, 0) + 1
        if word == "True" and "mounts" not in interrupted and not look()["notes"]:
            wrong += [f"{course} {point} failed: {what}" for what in compare(prepared, look())]
        wrong += [f"{course} {point} {word}: {what}" for what in heal(word, interrupted, leave)]
        wrong += [f"{course} {point} {word}, left: {what}" for what in compare(before, look())]
        if len(wrong) > 20:
            break
    return {"ends": ends, "wrong": wrong}


def heal(word: str, interrupted: Arguments, leave: Arguments) -> t.Iterator[str]:
    """Look at what a call that told its end has left, then call again and leave; yield what is wrong."""
    if word == "raised":
        yield "an exception"
    if word == "False" or (word == "True" and not list_intents()):
        yield from disagreements()
    again = call(**interrupted)
    if again.get("failed"):
        yield f"again: {code_of(again)} {again.get('mounts') or again['msg']}"
    yield from disagreements()
    left = call(**leave)
    if left.get("failed"):
        yield f"leave: {code_of(left)} {left.get('mounts') or left['msg']}"


def mount_and_rewrite(*, path: str) -> t.Dict[str, t.Any]:
    """The control: mount where the JSON names none, then rewrite it. It has a folder for its notes too."""
    held = json.loads(os.read(os.open(NAIVE_LEDGER, os.O_RDONLY), 1 << 16))
    os.makedirs("/run/holdfast/naive", exist_ok=True)
    if path not in held:
        os.makedirs(path, exist_ok=True)
        mount_tmpfs("naive", path)
    handle = os.open("/run/holdfast/naive/new", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.write(handle, json.dumps([*held, path]).encode())
    os.close(handle)
    shutil.copyfile("/run/holdfast/naive/new", NAIVE_LEDGER)
    return {}


def run_control(name: str) -> t.Tuple[int, int]:
    """Interrupt the control at every point, call it again; return how often that was wrong, and of what."""
    wrong = 0
    for point in range(1, ENDLESS):
        with open(NAIVE_LEDGER, "w", encoding="ascii") as file:
            file.write("[]")
        word, came = interrupt(name, point, {"path": NAIVE}, mount_and_rewrite)
        again = interrupt(name, ENDLESS, {"path": NAIVE}, mount_and_rewrite)[0]
        copies = mounted().count(NAIVE)
        while unmount(NAIVE):
            pass
        if not came:
            return wrong, point - 1
        wrong += copies != 1 or "raised" in (word, again)
    return wrong, ENDLESS


def main(name: str, propagation: str, stride: int) -> None:
    """Run every course."""
    make_world(propagation, private_dev=False)
    call(path="/srv/first", **TMPFS)
    call(path="/srv/first", state="released")
    outcome = {
        course: run_course(name, course, 1 + number % stride, stride)
        for number, course in enumerate(sorted(COURSES))
    }
    wrong, points = run_control(name)
    sys.stdout.write(json.dumps({"ours": outcome, "control": {"wrong": wrong, "points": points}}) + "\n")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
