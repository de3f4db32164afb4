# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What an unprivileged process does to a directory of its own, without end and as fast as it can."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import mmap
import os
import random
import signal
import struct
import time
import typing as t

NOBODY = 65534
AT_FDCWD = -100
RENAME_NOREPLACE = 1
RENAME_EXCHANGE = 2
PR_SET_PDEATHSIG = 1
LIBC = ctypes.CDLL(None, use_errno=True)
# It swaps up to so many times as fast as it can, then rests: a call that takes longer than the rest meets it
# surely, and some calls come through. One that never rests would keep most calls from ever succeeding.
SWAPS = 200
PLANTS = 40
REST = 0.002  # seconds, at most


class Attacker:
    """A process of nobody's; its counters lie in memory that both sides see."""

    COUNTERS = ("laps", "covered", "removed")

    def __init__(self, act: t.Callable[[Attacker], None]) -> None:
        self.memory = mmap.mmap(-1, 8 * len(self.COUNTERS))
        self.pid = os.fork()
        if self.pid == 0:
            become_nobody()
            while True:
                act(self)
                self.add("laps")

    def add(self, name: str) -> None:
        """Count one more."""
        position = 8 * self.COUNTERS.index(name)
        struct.pack_into("=Q", self.memory, position, self.read(name) + 1)

    def read(self, name: str) -> int:
        """Return a counter."""
        return int(struct.unpack_from("=Q", self.memory, 8 * self.COUNTERS.index(name))[0])

    def stop(self) -> None:
        """End it."""
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)


def become_nobody() -> None:
    """Give up every right of root, and die with the parent."""
    os.setgroups([])
    os.setresgid(NOBODY, NOBODY, NOBODY)
    os.setresuid(NOBODY, NOBODY, NOBODY)
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def rename(one: str, other: str, flags: int) -> int:
    """Call renameat2(2) and return its error's number, 0 for none."""
    done = LIBC.renameat2(AT_FDCWD, one.encode(), AT_FDCWD, other.encode(), flags)
    return 0 if done == 0 else ctypes.get_errno()


def exchange(one: str, other: str) -> Attacker:
    """Start one that exchanges two names."""
    names = (AT_FDCWD, one.encode(), AT_FDCWD, other.encode(), RENAME_EXCHANGE)

    def act(_attacker: Attacker) -> None:
        for _swap in range(random.randint(1, SWAPS)):
            LIBC.renameat2(*names)
        time.sleep(random.uniform(0, REST))

    return Attacker(act)


def plant(path: str, stash: str, target: str) -> Attacker:
    """Start one that puts things at a path and takes them away again: a full directory, a link, an empty one.

    stash: a directory with an entry. Where it cannot be taken back, somebody has covered it (EBUSY) or taken
    it away. target: where the link leads.
    """

    def act(attacker: Attacker) -> None:
        for _plant in range(random.randint(1, PLANTS)):
            plant_once(attacker, path, stash, target)
        time.sleep(random.uniform(0, REST))

    return Attacker(act)


def plant_once(attacker: Attacker, path: str, stash: str, target: str) -> None:
    """Plant each thing once."""
    if rename(stash, path, RENAME_NOREPLACE) == 0:
        take_back(attacker, path, stash)
    with contextlib.suppress(OSError):
        os.symlink(target, path)
        unlink_own(attacker, path)
    with contextlib.suppress(OSError):
        os.mkdir(path)
    with contextlib.suppress(OSError):
        os.rmdir(path)


def take_back(attacker: Attacker, path: str, stash: str) -> None:
    """Rename the planted directory back; count what has been done to it meanwhile."""
    is_covered = False
    while True:
        number = rename(path, stash, RENAME_NOREPLACE)
        if number == errno.EBUSY:
            is_covered = True
            continue
        if is_covered:
            attacker.add("covered")
        if number or not os.path.exists(f"{stash}/entry"):
            attacker.add("removed")
        return


def unlink_own(attacker: Attacker, path: str) -> None:
    """Remove the planted link; count it when somebody else has."""
    try:
        os.unlink(path)
    except FileNotFoundError:
        attacker.add("removed")
