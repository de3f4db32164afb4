# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Write the root-only log while a member of the directory's group swaps names: log_attack.py WAY WRITES.

As on Ubuntu, where /var/log is root:syslog 0775. WAY: ours, or naive, which looks at the file by its handle
and then goes on by name. The attacker has a file and a FIFO of its own, a link, a directory, and another log
of root's, and gives them the names of the log and of its second file. Prints what was counted as JSON.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import sys
import time
import typing as t

from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast import log
from attackers import NOBODY, RENAME_EXCHANGE, RENAME_NOREPLACE, Attacker, rename
from harness.namespace import make_world
from harness.place import LOG
from in_process import call

SECRET = "told-to-root-alone"
SMALL = 2000  # bytes after which the log turns over: at every third line
HARM = ("told", "changed", "destroyed")
OTHER = b"what another program of root's has logged\n"
VICTIM = "/etc/ansible/victim"
DECOYS = [f"/var/log/{name}" for name in ("own", "fifo", "link", "directory", "other.log", "free")]
NAMES = [LOG, f"{LOG}.1", *DECOYS]


def lay_out() -> t.Dict[str, int]:
    """Make what the attacker swaps; return handles of what must not be written."""
    os.chown("/var/log", 0, NOBODY)
    os.chmod("/var/log", 0o775)
    os.makedirs("/etc/ansible", exist_ok=True)
    for path in (VICTIM, "/var/log/other.log"):
        with open(path, "wb") as file:
            file.write(OTHER)
    with open("/var/log/own", "wb"):
        pass
    os.mkfifo("/var/log/fifo")
    os.symlink(VICTIM, "/var/log/link")
    os.mkdir("/var/log/directory")
    for name in ("own", "fifo", "directory"):
        os.chown(f"/var/log/{name}", NOBODY, NOBODY)
    flags = os.O_RDONLY | os.O_NONBLOCK
    found = {name: os.open(f"/var/log/{name}", flags) for name in ("own", "fifo", "other.log")}
    return {**found, "victim": os.open(VICTIM, flags)}


def swap(_attacker: Attacker) -> None:
    """Give names to other things, as fast as it can, then rest."""
    for _swap in range(random.randint(1, 60)):
        one, other = random.sample(NAMES, 2)
        rename(one, other, random.choice((RENAME_EXCHANGE, RENAME_NOREPLACE)))
    time.sleep(random.uniform(0, 0.0005))


def write_naively(record: t.Mapping[str, t.Any]) -> t.Optional[str]:
    """The control: what was looked at is renamed by its name, and what has the name then is opened."""
    line = json.dumps({"log_ref": "x", **record}).encode() + b"\n"
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK
    try:
        fd = os.open(LOG, flags, 0o600)
        try:
            found = os.fstat(fd)
            if found.st_mode & 0o170000 != 0o100000 or found.st_uid != 0 or found.st_nlink != 1:
                return None
            if found.st_size + len(line) > SMALL:
                os.close(fd)
                fd = -1
                with contextlib.suppress(FileNotFoundError):
                    os.rename(LOG, f"{LOG}.1")
                fd = os.open(LOG, flags, 0o600)
            os.write(fd, line)
        finally:
            if fd >= 0:
                os.close(fd)
    except OSError:
        return None
    return "x"


def read_all(fd: int) -> bytes:
    """Return what a file has, or what has come into a FIFO."""
    with contextlib.suppress(OSError):
        os.lseek(fd, 0, os.SEEK_SET)
    with contextlib.suppress(BlockingIOError):
        return os.read(fd, 1 << 20)
    return b""


def attack(write: t.Callable[[t.Mapping[str, t.Any]], t.Optional[str]], writes: int) -> t.Dict[str, t.Any]:
    """Write until it is done, and look after each at what must not be touched."""
    handles = lay_out()
    attacker = Attacker(swap)
    counts = dict.fromkeys((*HARM, "written"), 0)
    gone: t.Set[str] = set()
    end = time.monotonic() + 120
    while counts["written"] < writes and time.monotonic() < end:
        counts["written"] += write({"code": "busy", "detail": f"{SECRET} {'x' * 500}"}) is not None
        counts["told"] += any(SECRET.encode() in read_all(handles[name]) for name in ("own", "fifo"))
        counts["changed"] += any(read_all(handles[name]) != OTHER for name in ("other.log", "victim"))
        lost = {name for name, fd in handles.items() if os.fstat(fd).st_nlink == 0} - gone
        counts["destroyed"] += len(lost)
        gone |= lost
    attacker.stop()
    laps = attacker.read("laps")
    strays = [path for path in NAMES if not os.path.islink(path) and os.path.isfile(path) and leaks(path)]
    return {**counts, "laps": laps, "strays": strays}


def leaks(path: str) -> bool:
    """Return whether somebody else than root may read what was written for root alone."""
    found = os.stat(path)
    with open(path, "rb") as file:
        return SECRET.encode() in file.read() and (found.st_uid != 0 or bool(found.st_mode & 0o077))


def main(way: str, writes: int) -> None:
    """Attack, count, print."""
    make_world("private", private_dev=False)
    call(path="/srv/first", state="released")
    log.MAX_BYTES = SMALL
    counted = attack(log.write_log if way == "ours" else write_naively, writes)
    sys.stdout.write(json.dumps(counted) + "\n")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
