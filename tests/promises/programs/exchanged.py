# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Hold and release a mount while a user exchanges its name with another's: exchanged.py WAY ROUNDS ON_BUSY.

The user does it from a mount namespace of theirs, in which neither name is a mount point, so the kernel lets
them (rename(2)). WAY: ours; handle, which checks the mount and then unmounts by the parent's handle and the
name; path, which checks it and then unmounts by path. Ends when so many releases were done, a control when it
has hit the other mount, and prints what was counted as JSON.
"""

from __future__ import annotations

import collections
import contextlib
import json
import os
import random
import sys
import time
import typing as t
from unittest import mock

from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.kernel import create, syscalls
from attackers import LIBC, NOBODY, RENAME_EXCHANGE, REST, SWAPS, Attacker, rename
from harness.namespace import CLONE_NEWNS, MS_PRIVATE, MS_REC, check, make_world, mount
from in_process import call, code_of, read_points

CLONE_NEWUSER = 0x10000000
OPEN, PATH, OTHER = "/srv/open", "/srv/open/a", "/srv/open/b"
READY = "/srv/ready"  # there once both are held: a copy of them would keep the names from being exchanged
LONGEST = 60.0  # seconds
TMPFS = {"src": "tmpfs", "fstype": "tmpfs", "opts": ["mode=0755"], "allow_unsafe_parents": True}


def attack() -> Attacker:
    """Start one that exchanges the two names in a mount namespace of its own."""
    is_ready: t.List[bool] = []

    def act(_attacker: Attacker) -> None:
        if not is_ready:
            check(LIBC.unshare(CLONE_NEWUSER | CLONE_NEWNS), "unshare")
            mount("none", "/", "", MS_REC | MS_PRIVATE)
            is_ready.append(True)
        while not os.path.exists(READY):
            time.sleep(0.01)
        for _swap in range(random.randint(1, SWAPS)):
            rename(PATH, OTHER, RENAME_EXCHANGE)
        time.sleep(random.uniform(0, REST))

    return Attacker(act)


def unmount_by_path(walk: t.Any, *, lazily: bool) -> None:
    """Unmount what the path of a walk leads to, after the walk has checked it."""
    walk.drop_leaf()
    syscalls.umount2(walk.path, syscalls.UMOUNT_NOFOLLOW | (syscalls.MNT_DETACH if lazily else 0))


def weaken(way: str) -> t.ContextManager[t.Any]:
    """Take away what keeps an unmount on the mount that was checked."""
    if way == "handle":
        return mock.patch.object(create, "_held_neighbours", return_value=contextlib.nullcontext())
    if way == "path":
        return mock.patch.object(create, "unmount", unmount_by_path)
    return contextlib.nullcontext()


def count_mounts() -> int:
    """Return how many mounts are in the user's directory."""
    return sum(1 for _number, point in read_points() if point.startswith(f"{OPEN}/"))


def play(way: str, rounds: int, on_busy: str, other: int) -> t.Dict[str, t.Any]:
    """Hold and release until it is done; return what was counted."""
    seen: t.Counter[str] = collections.Counter()
    hit, done, end = 0, 0, time.monotonic() + LONGEST
    while time.monotonic() < end and (done < rounds or way != "ours"):
        if count_mounts() < 2:
            seen[code_of(call(path=PATH, holder="a", **TMPFS))] += 1
            continue
        word = code_of(call(path=PATH, holder="a", state="released", on_busy=on_busy))
        seen[word] += 1
        done += word == "unmounted"
        hit += other not in {number for number, _point in read_points()}
        if hit:
            break  # there is nothing left to hit
    return {"hit": hit, "done": done, "seen": dict(seen)}


def main(way: str, rounds: int, on_busy: str) -> None:
    """Attack, count, print."""
    make_world("private", private_dev=False)
    for path in (OPEN, PATH, OTHER):
        os.mkdir(path)
        os.chown(path, NOBODY, NOBODY)
    attacker = attack()
    time.sleep(0.5)
    first = call(path=OTHER, holder="b", **TMPFS)
    other = next(number for number, point in read_points() if point == OTHER)
    with weaken(way), open(READY, "w", encoding="ascii"):
        counted = play(way, rounds, on_busy, other)
    attacker.stop()
    sys.stdout.write(json.dumps({**counted, "first": code_of(first)}) + "\n")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3])
