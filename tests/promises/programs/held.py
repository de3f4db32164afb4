# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Release mounts that a user keeps busy who holds whoever reads of their descriptors: held.py DEADLINE.

The user, without any privilege, has an epoll descriptor with a file of a filesystem that they serve
themselves (in a user namespace), and whose server never says whether the file is ready. Until it does, the
kernel keeps the descriptor's mutex, and who reads its fdinfo sleeps beyond SIGKILL (eventpoll.c). Prints as
JSON what each course of calls had brought about when it was done or the deadline, in seconds, came.
"""

from __future__ import annotations

import ctypes
import json
import os
import select
import signal
import stat
import sys
import time
import typing as t

from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.arguments.build import RECONCILE_SPEC
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.repair import run_reconcile
from harness import fuse
from harness.namespace import LIBC, check, make_world, mount
from hung import TMPFS, Course, act, collect, start
from in_process import call, defaults

USER = 12345
FUSE = "/run/fuse"
CLONE_NEWNS, CLONE_NEWUSER, NOSUID_NODEV = 0x20000, 0x10000000, 6
PR_SET_DUMPABLE = 4
BUSY = {name: f"/srv/busy-{name}" for name in ("one", "bulk", "dropped", "beside")}
NEIGHBOURS = ("/srv/near", "/srv/nearer")


def become_user() -> None:
    """Be a user without privileges, who has them in a namespace of their own."""
    os.setgroups([])
    os.setresgid(USER, USER, USER)
    os.setresuid(USER, USER, USER)
    check(LIBC.prctl(PR_SET_DUMPABLE, 1, 0, 0, 0), "prctl")


def enter_namespace() -> None:
    """Be root of a user namespace with mounts of its own."""
    check(LIBC.unshare(ctypes.c_int(CLONE_NEWUSER | CLONE_NEWNS)), "unshare")
    for name, text in (("setgroups", "deny"), ("uid_map", f"0 {USER} 1"), ("gid_map", f"0 {USER} 1")):
        with open(f"/proc/self/{name}", "w", encoding="ascii") as file:
            file.write(text)


def serve(handle: int, told: int) -> t.NoReturn:
    """Serve one file, and never say whether it is ready."""
    directory = fuse.Directories()

    def answer(operation: int, node: int, body: bytes) -> fuse.Found:
        if operation == fuse.POLL:
            os.write(told, b"x")
            return None
        if operation == fuse.LOOKUP:
            return fuse.entry(2, 3600, fuse.attributes(2, stat.S_IFREG | 0o644))
        return directory(operation, node, body)

    fuse.serve(handle, answer)
    os._exit(0)


def attack(told: int) -> None:
    """Keep every mount busy, then have the mutex of an epoll descriptor held for ever."""
    become_user()
    epoll = select.epoll()  # the first descriptor, which is looked at before any other
    kept = [os.open(path, os.O_RDONLY | os.O_DIRECTORY) for path in BUSY.values()]
    enter_namespace()
    handle = os.open(FUSE, os.O_RDWR)
    mount("user", "/mnt", "fuse", NOSUID_NODEV, f"fd={handle},rootmode=40755,user_id=0,group_id=0")
    if os.fork() == 0:
        for fd in kept:
            os.close(fd)
        serve(handle, told)
    os.close(handle)
    epoll.register(os.open("/mnt/file", os.O_RDONLY), select.EPOLLIN)


def read_descriptors() -> t.Iterator[str]:
    """The control: look for who uses a mount in what proc(5) says of every descriptor."""
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            for fd in os.listdir(f"/proc/{pid}/fdinfo"):
                with open(f"/proc/{pid}/fdinfo/{fd}", encoding="ascii", errors="replace") as file:
                    file.read()
        except OSError:
            continue
        yield "looked"


def release(attacker: int) -> Course:
    """Release one mount point; tell the code, and whether the user is named."""

    def course() -> t.Iterator[str]:
        result = call(path=BUSY["one"], holder="a", state="released", disclose="full", timeout=2)
        yield str(result["error"]["code"])
        yield "named" if f"{attacker} (" in result["msg"] else str(result["msg"])

    return course


def in_bulk() -> t.Iterator[str]:
    """Neighbours of a busy one are released, and locked for nobody."""
    entries = [{"path": path} for path in (NEIGHBOURS[0], BUSY["bulk"], NEIGHBOURS[1])]
    for entry in call(mounts=entries, holder="a", state="released", timeout=2)["mounts"]:
        yield str((entry.get("error") or {}).get("code") or entry.get("action"))
    for path in (NEIGHBOURS[0], BUSY["bulk"]):
        yield act(path=path, holder="b", **TMPFS)


def drop() -> t.Iterator[str]:
    """Reconcile after a holder has died."""
    params = {**defaults(RECONCILE_SPEC), "drop_holders": ["dead"], "timeout": 2}
    result = run_reconcile(params, check_mode=False, diff_mode=False)
    yield str(result["error"]["code"])


def beside() -> t.Iterator[str]:
    """Join what another call is looking for users of."""
    pid = os.fork()
    if pid == 0:
        call(path=BUSY["beside"], holder="a", state="released", timeout=2, lock_timeout=2)
        os._exit(0)
    for number in range(20):
        yield act(path=BUSY["beside"], holder=f"b{number}", **TMPFS)
    os.waitpid(pid, 0)


def main(deadline: float) -> None:
    """Have mounts held, attack, run every course."""
    make_world("private", private_dev=False)
    os.mknod(FUSE, stat.S_IFCHR | 0o666, os.stat(fuse.DEVICE).st_rdev)
    os.chmod(FUSE, 0o666)  # as udev makes it
    held = {path: "dead" if name == "dropped" else "a" for name, path in BUSY.items()}
    before = [act(path=path, holder=holder, **TMPFS) for path, holder in held.items()]
    before += [act(path=path, holder="a", **TMPFS) for path in NEIGHBOURS]
    reader, told = os.pipe()
    attacker = os.fork()
    if attacker == 0:
        try:
            os.setpgid(0, 0)
            attack(told)
        finally:
            os._exit(1)
    os.close(told)
    if not os.read(reader, 1):
        raise RuntimeError("the attack did not come to be")
    courses: t.Dict[str, Course] = {
        "release": release(attacker),
        "bulk": in_bulk,
        "reconcile": drop,
        "beside": beside,
        "control": read_descriptors,
    }
    started = {name: start(course) for name, course in courses.items()}
    end = time.monotonic() + deadline
    outcome = {name: collect(channel, end) for name, (_pid, channel) in started.items()}
    for pid, _channel in started.values():
        os.kill(pid, signal.SIGKILL)
    os.killpg(attacker, signal.SIGKILL)  # with the server, so that everybody is let go
    for pid in (*(pid for pid, _channel in started.values()), attacker):
        os.waitpid(pid, 0)
    sys.stdout.write(json.dumps({"before": before, "told": outcome}) + "\n")


if __name__ == "__main__":
    main(float(sys.argv[1]))
