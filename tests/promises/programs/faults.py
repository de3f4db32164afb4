# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What fails around a call: faults.py NAME. Prints what came of it as JSON."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import resource
import shutil
import sys
import time
import typing as t

from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.errors import MountError
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.overview import observe_facts
from harness.namespace import make_world
from harness.place import LEDGER
from in_process import call, code_of, mount_tmpfs, unmount
from traces import compare, disagreements, look

TMPFS = {"src": "tmpfs", "fstype": "tmpfs", "opts": ["mode=0755"]}
PATH = "/srv/a/b"
MNT_DETACH = 2

Outcome = t.Dict[str, t.Any]
Arguments = t.Dict[str, t.Any]


def in_child(act: t.Callable[[], t.Any]) -> t.Any:
    """Return what comes of an act in a process of its own, so that nothing of it stays in this one."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        word: t.Any = "killed"
        try:
            word = act()
        except BaseException as error:
            word = f"raised {error!r}"
        finally:
            os.write(writer, json.dumps(word).encode())
            os._exit(0)
    os.close(writer)
    with open(reader, "rb") as stream:
        text = stream.read()
    os.waitpid(pid, 0)
    return json.loads(text)


def run_with_handles(spare: int, arguments: Arguments) -> str:
    """Run a call that may open so many descriptors and no more; return what came of it."""

    def act() -> str:
        limits = resource.getrlimit(resource.RLIMIT_NOFILE)
        used = max(map(int, os.listdir("/proc/self/fd")))
        for number in range(3, used):  # no gap is left to be filled
            with contextlib.suppress(OSError):
                os.fstat(number)
                continue
            os.dup2(0, number)
        resource.setrlimit(resource.RLIMIT_NOFILE, (used + spare, limits[1]))
        word = code_of(call(**arguments))
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
        return word

    return str(in_child(act))


def use_up_handles() -> Outcome:
    """Give acquire, join, bulk and release one descriptor more each time, until they succeed."""
    bulk = [{"path": f"/srv/c/{name}", **TMPFS} for name in "xyz"]
    done: t.Dict[str, t.List[str]] = {}
    wrong: t.List[str] = []
    courses: t.Dict[str, t.Tuple[t.List[Arguments], Arguments]] = {
        "acquire": ([], {"path": PATH, **TMPFS}),
        "bulk": ([], {"mounts": bulk, "holder": "x"}),
        "join": ([{"path": PATH, "holder": "y", **TMPFS}], {"path": PATH, **TMPFS}),
        "release": ([{"path": PATH, **TMPFS}], {"path": PATH, "state": "released"}),
    }
    for name, (prepare, arguments) in courses.items():
        for spare in range(24):
            for before in prepare:
                call(**before)
            found = look()
            word = run_with_handles(spare, arguments)
            done.setdefault(name, []).append(word)
            has_failed = word.endswith("_failed") or word.startswith("raised")
            if has_failed:
                wrong += [f"{name} {spare} {word}: {what}" for what in compare(found, look())]
            wrong += [f"{name} {spare} {word}: {what}" for what in disagreements()]
            for holder in "xy":
                call(mounts=[{"path": entry["path"]} for entry in bulk], holder=holder, state="released")
                call(path=PATH, holder=holder, state="released")
            call(path=PATH, state="released")
    return {"done": done, "wrong": wrong, "left": compare(found, look()) if not prepare else []}


def damage_everywhere() -> Outcome:
    """Cut the ledger, blank its end, and spoil a byte, at every byte of it."""
    call(path=PATH, **TMPFS)
    call(path="/srv/other", holder="x", **TMPFS)
    with open(LEDGER, "rb") as file:
        good = file.read()
    codes: t.Dict[str, t.Dict[str, int]] = {"cut": {}, "blank": {}, "spoil": {}}
    touched = forgotten = 0
    for place in range(len(good.rstrip())):
        forms = {
            "cut": good[:place],
            "blank": good[:place] + bytes(len(good) - place),
            "spoil": good[:place] + b"\x00" + good[place + 1 :],
        }
        for form, damaged in forms.items():
            rewrite(damaged)
            code = code_of(call(path=PATH, state="released"))
            codes[form][code] = codes[form].get(code, 0) + 1
            with open(LEDGER, "rb") as file:
                touched += file.read() != damaged
            forgotten += not read_naively(damaged)
    rewrite(good)
    leaving = ({"path": PATH}, {"path": "/srv/other", "holder": "x"})
    mended = [code_of(call(state="released", **arguments)) for arguments in leaving]
    return {"codes": codes, "touched": touched, "forgotten": forgotten, "mended": mended}


def read_naively(text: bytes) -> t.Any:
    """The control: what cannot be read is as good as nothing, and is written anew."""
    try:
        return json.loads(text)
    except ValueError:
        return {}


def rewrite(text: bytes) -> None:
    """Put another text into the ledger's file."""
    with open(LEDGER, "wb") as file:
        file.write(text)


def turn_the_clock_back() -> Outcome:
    """Let every look at the clock see a time before the last one."""
    clock = iter(range(1_700_000_000, 0, -86_400))
    real = time.gmtime
    time.gmtime = lambda *_seconds: real(next(clock))
    words = [
        code_of(call(path=PATH, holder="x", **TMPFS)),
        code_of(call(path=PATH, holder="y", **TMPFS)),
        code_of(call(path=PATH, holder="x", state="released")),
        code_of(call(path=PATH, holder="y", state="unmounted")),
    ]
    return {"words": words, "wrong": disagreements(), "drift": t.cast("t.Any", observe_facts())["drift"]}


def lock_for_ever() -> Outcome:
    """Somebody has the lock of the ledger, or of the directories, and never gives it back."""
    call(path=PATH, **TMPFS)
    device = os.stat("/srv").st_dev
    names = {"ledger": "ledger", "directories": f"directories-{os.major(device)}:{os.minor(device)}"}
    waits = {"lock_timeout": 1}
    outcome: Outcome = {}
    for what, name in names.items():
        with open(f"/run/holdfast/{name}.lock", "a", encoding="ascii") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            before = look()
            words = [code_of(call(path="/srv/c/d", **TMPFS, **waits))]
            outcome[what] = {"words": words, "left": compare(before, look())}
            words.append(code_of(call(path=PATH, state="released", **waits)))
            words.append(str(bool(t.cast("t.Any", observe_facts())["mounts"])))
        again = code_of(call(path=PATH, state="released"))
        outcome[what].update(again=again, wrong=disagreements())
        call(path=PATH, **TMPFS)
    return outcome


def lose_proc(cover: bool) -> Outcome:
    """Nothing is mounted at /proc, or an empty filesystem is."""
    call(path=PATH, **TMPFS)
    before = look()

    def act() -> t.List[str]:
        make_world("private", private_dev=False)
        while unmount("/proc", MNT_DETACH):
            pass
        if cover:
            mount_tmpfs("empty", "/proc")
        words = [code_of(call(path="/srv/c/d", **TMPFS)), code_of(call(path=PATH, state="released"))]
        try:
            observe_facts()
        except MountError as error:
            words.append(error.code)
        return [*words, *os.listdir("/srv")]

    return {"words": in_child(act), "left": compare(before, look())}


def clean_run_between() -> Outcome:
    """Somebody cleans /run after each call."""
    words = []
    for arguments in (
        {"path": PATH, "holder": "x", **TMPFS},
        {"path": PATH, "holder": "y", **TMPFS},
        {"path": PATH, "holder": "x", "state": "released"},
        {"path": PATH, "holder": "y", "state": "released"},
    ):
        shutil.rmtree("/run/holdfast", ignore_errors=True)
        words.append(code_of(call(**arguments)))
    return {"words": words, "wrong": disagreements()}


def clean_run_while_waiting() -> Outcome:
    """Somebody cleans /run while a call waits for the ledger."""
    call(path="/srv/first", **TMPFS)
    with open("/run/holdfast/ledger.lock", "a", encoding="ascii") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        pid = os.fork()
        if pid == 0:
            result = call(path=PATH, **TMPFS)
            os._exit(bool(result.get("failed")))
        while not os.listdir("/run/holdfast/operations"):
            time.sleep(0.01)
        while os.path.isdir("/run/holdfast"):  # the call may make a file in between
            shutil.rmtree("/run/holdfast", ignore_errors=True)
        status = os.waitpid(pid, 0)[1]
    return {"status": status, "wrong": disagreements(), "word": code_of(call(path=PATH, state="released"))}


FAULTS: t.Dict[str, t.Callable[[], Outcome]] = {
    "clean-run": clean_run_between,
    "clean-run-while-waiting": clean_run_while_waiting,
    "clock": turn_the_clock_back,
    "damage": damage_everywhere,
    "empty-proc": lambda: lose_proc(cover=True),
    "handles": use_up_handles,
    "locks": lock_for_ever,
    "no-proc": lambda: lose_proc(cover=False),
}


def main(name: str) -> None:
    """Bring about one fault."""
    make_world("private", private_dev=False)
    call(path="/srv/first", **TMPFS)
    call(path="/srv/first", state="released")
    sys.stdout.write(json.dumps(FAULTS[name]()) + "\n")


if __name__ == "__main__":
    main(sys.argv[1])
