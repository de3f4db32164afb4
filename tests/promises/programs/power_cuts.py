# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Cut the power at every write of a course of calls, boot, and compare.

power_cuts.py FSTYPE WAY SAMPLES SEED, or for so many minutes, with other courses and all types:
power_cuts.py MINUTES FIRST-SEED.

/etc and /srv lie on a disk that logs its writes and flushes; each acknowledgement is a mark in the log. A
crash state is a prefix of the writes, block by block, or all that was flushed and some of what was not. WAY
is ours, or unsynced: the same without fsync(2), whose states are looked at and not continued. SAMPLES is how
many distinct states are looked at, 0 for all. SEED picks them, and with any but 0 the order of the calls too.
"""

from __future__ import annotations

import contextlib
import json
import os
import pickle
import random
import shutil
import subprocess
import sys
import time
import traceback
import typing as t
from dataclasses import dataclass

from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast import overview
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.arguments import build
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.decide import boot
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.kernel import system
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.ledger import store
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.repair import run_reconcile
from harness.namespace import CLONE_NEWNS, LIBC, MS_BIND, check, make_world, mount
from in_process import call, code_of, defaults, unmount
from logged_disk import END, Event, LoggedDisk, Mark, Write

PLACE = "/media"
HOST, FUSE, BASE, LOG, STATE = (f"{PLACE}/{name}" for name in ("host", "fuse", "base", "log", "state"))
FSTAB = b"# static\nUUID=1234 / ext4 errors=remount-ro 0 1\n/dev/x /x ext4 noauto 0 0\n"
MEGABYTE, BLOCK = 1 << 20, 4096
MAKE = {
    "ext4": (8, ["mkfs.ext4", "-q", "-F", "-E", "lazy_itable_init=0,lazy_journal_init=0"]),
    "xfs": (320, ["mkfs.xfs", "-q", "-f"]),
    "btrfs": (128, ["mkfs.btrfs", "-q", "-f"]),
}
UNFINISHED = ("/etc/.fstab.holdfast.new", "/etc/ansible/facts.d/.holdfast_mounts.new")
MNT_DETACH, FORGET_DEVICES = 2, 0x50009405

Arguments = t.Dict[str, t.Any]
View = t.Dict[str, t.Any]


def tmpfs(path: str, *opts: str, **more: t.Any) -> Arguments:
    """Return an entry that mounts a tmpfs."""
    return {"path": path, "src": "tmpfs", "fstype": "tmpfs", "opts": ["mode=0755", *opts], **more}


# What a call of another course may meet, whatever was cut off.
REFUSALS = ("conflict", "in_use", "shadows")
BOOTED = "/srv/booted"
BULK = [tmpfs(f"/srv/bulk/{name}") for name in ("x", "x/y", "z")]
COURSE: t.List[Arguments] = [
    {**tmpfs("/srv/app/data"), "holder": "a"},
    {**tmpfs("/srv/app/data"), "holder": "b"},
    {"path": "/srv/shown", "src": "/srv/foreign", "fstype": "bind", "holder": "a"},
    {**tmpfs(BOOTED, "size=1m"), "holder": "a", "boot": True},
    {**tmpfs(BOOTED, "size=2m"), "holder": "a", "boot": True},
    {"mounts": BULK, "holder": "a"},
    {"path": "/srv/app/data", "holder": "b", "state": "released"},
    {"path": "/srv/app/data", "holder": "a", "state": "released"},
    {"mounts": [tmpfs(BOOTED, "size=2m", boot=True)], "holder": "a", "purge": True},
    {"path": BOOTED, "holder": "a", "state": "released"},
]


def course_of(seed: int) -> t.List[Arguments]:
    """Return the calls of a seed."""
    return random.Random(seed).choices(COURSE, k=12) if seed else COURSE


# --- What a host shows ---


def view() -> View:
    """Return what the ledger says of whom."""
    ledger = store.LedgerFile().read()
    return {
        path: [sorted([name, holder.boot] for name, holder in held.holders.items()), list(held.opts)]
        for path, held in ledger.references.items()
    }


def read_table() -> t.Tuple[bytes, t.List[str]]:
    """Return the table of filesystems without our lines, and these."""
    with open("/etc/fstab", "rb") as file:
        lines = file.read().splitlines(keepends=True)
    ours = [line for line in lines if b"x-holdfast.mounts" in line]
    return b"".join(line for line in lines if line not in ours), [line.decode().strip() for line in ours]


def names() -> t.List[str]:
    """Return what there is below /srv, mounts left out."""
    found = []
    for folder, folders, files in os.walk("/srv"):
        found += [os.path.join(folder, name) for name in (*folders, *files)]
        folders[:] = [name for name in folders if not os.path.ismount(os.path.join(folder, name))]
    return sorted(found)


def reconcile() -> t.Dict[str, t.Any]:
    """Run safe_mount_reconcile."""
    return run_reconcile(defaults(build.RECONCILE_SPEC), check_mode=False, diff_mode=False)


# --- The course, recorded ---


def make_base(fstype: str) -> None:
    """Make the image of a host that has never seen us."""
    size, command = MAKE[fstype]
    with open(BASE, "wb") as file:
        file.truncate(size * MEGABYTE)
    subprocess.run([*command, BASE], check=True, capture_output=True)
    attach(BASE, fstype)
    for folder in ("etc", "srv/foreign"):
        os.makedirs(f"{HOST}/{folder}")
    for name in ("group", "ld.so.cache", "nsswitch.conf", "passwd"):
        with contextlib.suppress(FileNotFoundError):
            shutil.copy(f"/etc/{name}", f"{HOST}/etc/{name}")
    for path, content in (("etc/fstab", FSTAB), ("srv/foreign/file", b"theirs")):
        with open(f"{HOST}/{path}", "wb") as file:
            file.write(content)
    detach()


def attach(image: str, fstype: str) -> None:
    """Mount an image at HOST."""
    if fstype == "btrfs":
        forget_devices()
    options = "loop,nouuid" if fstype == "xfs" else "loop"
    subprocess.run(["mount", "-t", fstype, "-o", options, image, HOST], check=True, capture_output=True)


def detach() -> None:
    """Unmount it."""
    if not unmount(HOST):
        unmount(HOST, MNT_DETACH)


def forget_devices() -> None:
    """Have the kernel forget btrfs devices that are not mounted: ours share one identity."""
    import fcntl

    with contextlib.suppress(OSError), open("/dev/btrfs-control", "rb") as control:
        fcntl.ioctl(control, FORGET_DEVICES, bytearray(4096))


def move_in() -> None:
    """Have /etc and /srv of this namespace on the disk."""
    for name in ("etc", "srv"):
        mount(f"{HOST}/{name}", f"/{name}", "", MS_BIND)


def move_out() -> None:
    """Take everything off again."""
    with open("/proc/self/mountinfo", encoding="ascii") as file:
        points = [line.split(" ", 5)[4] for line in file]
    for point in reversed(points):
        if point.startswith(("/srv", "/etc")):
            unmount(point, MNT_DETACH)
    detach()


def record(fstype: str, course: t.Sequence[Arguments], *, is_synced: bool) -> t.List[Event]:
    """Run a course, and return what the disk has logged."""
    shutil.copy(BASE, STATE)
    disk = LoggedDisk(STATE, FUSE, LOG)
    attach(f"{FUSE}/disk", fstype)
    move_in()
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            if not is_synced:
                vars(os)["fsync"] = lambda _fd: None
            disk.mark(json.dumps({}))
            for arguments in course:
                result = call(**arguments)
                if result.get("failed") and course is COURSE:
                    raise RuntimeError(f"{arguments}: {result}")
                disk.mark(json.dumps(view()))
            disk.mark(END.decode())
            status = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(status)
    status = os.waitpid(pid, 0)[1]
    move_out()
    disk.stop()
    unmount(FUSE, MNT_DETACH)
    if status:
        raise RuntimeError("the course could not be recorded")
    with open(LOG, "rb") as file:
        return t.cast("t.List[Event]", pickle.load(file))


# --- Crash states ---


@dataclass(frozen=True)
class State:
    """What the disk may hold: these writes, after so many acknowledgements."""

    writes: t.Tuple[Write, ...]
    acknowledged: int


def states_of(events: t.Sequence[Event], chance: random.Random, subsets: int) -> t.Iterator[State]:
    """Yield every prefix, and at each flush and each mark what was flushed with some of what was not."""
    flushed: t.List[Write] = []
    pending: t.List[Write] = []
    acknowledged = -1
    for event in events:
        if isinstance(event, Write):
            for start in range(
                0, len(event.data), BLOCK
            ):  # a disk writes blocks, not what it is told at once
                pending.append(Write(event.offset + start, event.data[start : start + BLOCK]))
                if acknowledged >= 0:
                    yield State((*flushed, *pending), acknowledged)
            continue
        if isinstance(event, Mark):
            if event.text == END.decode():
                return
            acknowledged += 1
        for number in range((subsets if pending else 1) if acknowledged >= 0 else 0):
            share = chance.random() if number else 0
            some = [write for write in pending if chance.random() < share]
            yield State((*flushed, *some), acknowledged)
        if not isinstance(event, Mark):
            flushed, pending = [*flushed, *pending], []


def distinct(states: t.Iterable[State]) -> t.List[State]:
    """Return those states that no other one equals, block by block."""
    found: t.Dict[t.Tuple[int, int], State] = {}
    for state in states:
        blocks: t.Dict[int, bytes] = {}
        for write in state.writes:
            for start in range(0, len(write.data), 512):
                blocks[write.offset + start] = write.data[start : start + 512]
        found.setdefault((hash(frozenset(blocks.items())), state.acknowledged), state)
    return list(found.values())


def put(state: State, base: t.Sequence[Write]) -> None:
    """Make the image of this state."""
    subprocess.run(["cp", "--sparse=always", BASE, STATE], check=True)
    with open(STATE, "r+b", buffering=0) as file:
        for write in (*base, *state.writes):
            os.pwrite(file.fileno(), write.data, write.offset)


# --- After the boot ---


def start_boot(number: int) -> None:
    """Let this be another boot: another id, an empty /run, no mounts."""
    host = system.observe_host

    def observe_other_boot() -> t.Any:
        return host()._replace(boot_id=f"00000000-0000-4000-8000-{number:012}")

    vars(system)["observe_host"] = observe_other_boot
    mount("world", "/run", "tmpfs", 0, "mode=755")


def mount_entries() -> t.List[str]:
    """Mount what the table says, as a boot does, and return the directories that it makes for that."""
    before = names()
    for line in read_table()[1]:
        _source, path, _fstype, _options = line.split()[:4]
        os.makedirs(path, exist_ok=True)
        subprocess.run(["mount", path], check=True, capture_output=True)
    return [name for name in names() if name not in before]


def compare(views: t.Sequence[View], acknowledged: int) -> t.List[str]:
    """Return what is wrong with a host as the cut has left it."""
    wrong = []
    found, before = view(), views[acknowledged]
    after = views[min(acknowledged + 1, len(views) - 1)]
    for path in {*found, *before, *after}:
        if found.get(path) not in (before.get(path), after.get(path)):
            wrong.append(f"{path}: {found.get(path)}, neither {before.get(path)} nor {after.get(path)}")
    foreign, ours = read_table()
    if foreign != FSTAB:
        wrong.append(f"fstab: {foreign!r}")
    references = store.LedgerFile().read().references
    wanted = {boot.wanted_entry(path, reference) for path, reference in references.items()}
    wrong += [f"fstab says {line}, the ledger does not" for line in ours if line not in wanted]
    with open("/srv/foreign/file", "rb") as file:
        if file.read() != b"theirs":
            wrong.append("a foreign file has changed")
    return wrong


def go_on(number: int, again: t.Sequence[Arguments]) -> t.List[str]:
    """Return what is wrong once reconcile and the call that was cut off have run, in one of three orders."""
    wrong = []
    kept = ["/srv/foreign", "/srv/foreign/file"]
    if number % 3 == 1:
        kept += mount_entries()
    for step in (again, ["reconcile"]) if number % 3 == 2 else (["reconcile"], again):
        for arguments in step:
            result = reconcile() if arguments == "reconcile" else call(**t.cast("Arguments", arguments))
            is_wrong = result.get("failed") and code_of(result) not in REFUSALS
            if is_wrong or result.get("remaining"):
                wrong.append(f"{arguments}: {result.get('msg')} {result.get('remaining')}")
    drift = t.cast("t.Any", overview.observe_facts())["drift"]
    wrong += [f"drift: {drift}"] if drift else []
    _foreign, ours = read_table()
    held = store.LedgerFile().read().references
    wanted = sorted(filter(None, (boot.wanted_entry(path, reference) for path, reference in held.items())))
    if sorted(ours) != wanted:
        wrong.append(f"fstab: {ours}, not {wanted}")
    for holder in "ab":
        call(mounts=[], purge=True, holder=holder)
    reconcile()
    left = [name for name in (*names(), *UNFINISHED) if os.path.lexists(name) and name not in kept]
    if left or view() or read_table() != (FSTAB, []):
        wrong.append(f"left: {left}, {view()}, {read_table()}")
    return wrong


def look(
    fstype: str,
    number: int,
    state: State,
    views: t.Sequence[View],
    again: t.Optional[t.Sequence[Arguments]],
) -> t.Dict[str, t.Any]:
    """Boot from a state in a child of its own, and return what it found wrong: at once, and in the end.

    again: the call that was cut off, if there was one; None where nothing goes on.
    """
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        answer: t.Dict[str, t.List[str]] = {"lost": [], "left": []}
        try:
            check(LIBC.unshare(CLONE_NEWNS), "unshare")
            start_boot(number)
            attach(STATE, fstype)
            move_in()
            try:
                answer["lost"] = compare(views, state.acknowledged)
                if again is not None:
                    answer["left"] = go_on(number, again)
            finally:
                move_out()
        except BaseException:
            answer["lost"].append(traceback.format_exc())
        finally:
            os.write(writer, json.dumps(answer).encode()[:60000])
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as stream:
        raw = stream.read()
    os.waitpid(pid, 0)
    return t.cast("t.Dict[str, t.Any]", json.loads(raw))


def cut(fstype: str, way: str, samples: int, seed: int, *, subsets: int = 4) -> t.Dict[str, t.Any]:
    """Record a course, look at its crash states, and return what was found."""
    make_world("private", private_dev=False)
    for folder in (HOST, FUSE):
        os.mkdir(folder)
    make_base(fstype)
    course, chance = course_of(seed), random.Random(seed)
    events = record(fstype, course, is_synced=way == "ours")
    marks = [event.text for event in events if isinstance(event, Mark) and event.text != END.decode()]
    views = [json.loads(text) for text in marks]
    first = next(place for place, event in enumerate(events) if isinstance(event, Mark))
    base = [event for event in events[:first] if isinstance(event, Write)]
    states = distinct(states_of(events[first:], chance, subsets))
    chosen = chance.sample(states, samples) if 0 < samples < len(states) else states
    figures: t.Dict[str, t.Any] = {"distinct": len(states), "states": len(chosen), "lost": [], "left": []}
    for number, state in enumerate(chosen):
        put(state, base)
        again = course[state.acknowledged : state.acknowledged + 1] if way == "ours" else None
        found = look(fstype, number, state, views, again)
        for kind in ("lost", "left"):
            if found[kind]:
                figures[kind].append([number, state.acknowledged, *found[kind]])
    return figures


def go_on_for(minutes: float, seed: int) -> None:
    """Cut one course after the other, each in a process of its own, and print what each has come to."""
    end, total = time.monotonic() + minutes * 60, 0
    while time.monotonic() < end:
        for fstype in MAKE:
            argv = [sys.executable, __file__, fstype, "ours", "0", str(seed)]
            done = subprocess.run(argv, check=True, capture_output=True, text=True)
            figures = json.loads(done.stdout.splitlines()[-1])
            total += figures["states"]
            sys.stdout.write(f"{fstype} seed {seed}: {json.dumps(figures)}\n")
            sys.stdout.flush()
            if figures["lost"] or figures["left"]:
                sys.exit(1)
        seed += 1
    sys.stdout.write(f"{total} states, none of them wrong\n")


def main(words: t.Sequence[str]) -> None:
    """Cut one course, or go on for some minutes."""
    if len(words) == 2:
        go_on_for(float(words[0]), int(words[1]))
        return
    figures = cut(words[0], words[1], int(words[2]), int(words[3]))
    figures["cpu"] = round(sum(os.times()[:4]), 1)
    sys.stdout.write(json.dumps(figures) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
