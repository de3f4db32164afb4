# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Look for a secret in every place where one may be left: while a call runs, and when it has ended."""

from __future__ import annotations

import contextlib
import os
import socket
import sys
import typing as t
from pathlib import Path

from harness.results import Finished
from harness.world import World

PROGRAMS = Path(__file__).parents[2] / "programs"
SYSLOG, JOURNAL = "/dev/log", "/run/systemd/journal/socket"
# Where files are looked through, by the word under which they are told.
PLACES = {
    "areas": ("/mnt", "/media", "/srv"),
    "etc": ("/etc/ansible",),
    "log": ("/var/log",),
    "run": ("/run",),
}
LARGEST = 1 << 20


class Search:
    """Watches one world. told: what was sent to syslog and to the journal, with the socket before it."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.told = world.scratch.parent / "told"
        # Ansible's own, and what TMPDIR is set to; the play itself lies beside them.
        self.temporary = [world.scratch / name for name in ("ansible", "local", "remote", "temporary")]
        self.temporary[-1].mkdir()
        self.namespace = os.readlink(f"/proc/{world.pid}/ns/mnt")
        self.looks = 0
        program = str(PROGRAMS / "listener.py")
        self.listener = world.launch([sys.executable, program, str(self.told), SYSLOG, JOURNAL])
        while not (self.told.exists() and world.exists(JOURNAL)):
            assert world.is_running(self.listener), world.wait(self.listener)

    def watch(self, pid: int, secret: str, *, environment: bool = True) -> t.Tuple[Finished, t.Set[str]]:
        """Look at all processes until this one ends; return how it did, and where the secret was seen.

        environment: whether to look there too; a secret that the caller has put there is in every process.
        """
        seen: t.Set[str] = set()
        while self.world.is_running(pid):
            seen |= self.look(secret.encode(), ("cmdline", "environ") if environment else ("cmdline",))
        return self.world.wait(pid), seen

    def look(self, secret: bytes, names: t.Iterable[str]) -> t.Set[str]:
        """Look once at the processes of this world."""
        self.looks += 1
        seen = set()
        for pid in filter(str.isdigit, os.listdir("/proc")):
            # Processes end while they are looked at.
            with contextlib.suppress(OSError):
                if os.readlink(f"/proc/{pid}/ns/mnt") == self.namespace:
                    seen |= {name for name in names if secret in Path(f"/proc/{pid}/{name}").read_bytes()}
        return seen

    def find(self, secret: str, finished: Finished) -> t.Set[str]:
        """Return where the secret is when a call has ended."""
        found = {word for word in ("stdout", "stderr") if secret in getattr(finished, word)}
        found |= {word for word, places in PLACES.items() if any(map(self.has(secret), places))}
        if any(secret.encode() in data for place in self.temporary for data in read_below(place)):
            found.add("temporary")
        sent = self.receive().splitlines()
        for word, path in (("syslog", SYSLOG), ("journal", JOURNAL)):
            if any(secret.encode() in line for line in sent if line.startswith(path.encode())):
                found.add(word)
        if secret in str(self.world.facts()):
            found.add("facts")
        return found

    def has(self, secret: str) -> t.Callable[[str], bool]:
        """Return a look through the files of the world below a place."""
        return lambda place: any(secret.encode() in data for data in read_below(self.world.file(place)))

    def receive(self) -> bytes:
        """Return all that was sent until now."""
        mark = os.urandom(16).hex().encode()
        for path in (SYSLOG, JOURNAL):
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
                channel.sendto(mark, str(self.world.file(path)))
        while True:
            told = self.told.read_bytes()
            if told.count(mark) == 2:
                return told
            assert self.world.is_running(self.listener)


def read_below(place: Path) -> t.Iterator[bytes]:
    """Yield names and contents of all files below a place."""
    for folder, folders, files in os.walk(place):
        yield os.fsencode("\n".join((*folders, *files)))
        for name in files:
            path = os.path.join(folder, name)
            # Sockets, and what is taken away meanwhile.
            with contextlib.suppress(OSError):
                if os.path.isfile(path):
                    with open(path, "rb") as file:
                        yield file.read(LARGEST)
