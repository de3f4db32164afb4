# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Where a test happens: a mount namespace, the files and mounts in it, and the warm process it comes from."""

from __future__ import annotations

import array
import json
import os
import signal
import socket
import subprocess
import sys
import typing as t
from pathlib import Path

from harness.snapshot import AREAS, Snapshot, take
from harness.table import Mount, find_stack, find_unique_id, read_table

COLLECTION = Path(__file__).resolve().parents[3]
HARNESS = Path(__file__).resolve().parent
LEDGER = "/etc/ansible/facts.d/holdfast_mounts.fact"
LOG = "/var/log/holdfast_mounts.log"
RUN = "/run/holdfast"


def find_collections_path() -> str:
    """Return the folder that holds ansible_collections/holdfast/mounts: as told, else the one we run in."""
    for folder in os.environ.get("ANSIBLE_COLLECTIONS_PATH", "").split(":"):
        if folder and os.path.isdir(os.path.join(folder, "ansible_collections/holdfast/mounts/plugins")):
            return os.path.abspath(folder)
    return str(Path.cwd().parents[2])


class Zygote:
    """The warm process that all worlds of a test session are forked from."""

    def __init__(self) -> None:
        ours, theirs = socket.socketpair()
        environment = dict(
            os.environ, PYTHONPATH=f"{find_collections_path()}:{HARNESS.parent}", PYTHONDONTWRITEBYTECODE="1"
        )
        self.control = ours
        self.process = subprocess.Popen(
            [sys.executable, str(HARNESS / "zygote.py"), str(theirs.fileno())],
            pass_fds=[theirs.fileno()],
            env=environment,
            stdin=subprocess.DEVNULL,
        )
        theirs.close()

    def fork(self) -> socket.socket:
        """Return the socket of a fresh child."""
        ours, theirs = socket.socketpair()
        rights = array.array("i", [theirs.fileno()])
        self.control.sendmsg([b"w"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, rights)])
        theirs.close()
        return ours

    def close(self) -> None:
        """End the warm process."""
        self.control.close()
        self.process.wait()


class Place:
    """One mount namespace and the files below it."""

    def __init__(self, zygote: Zygote, scratch: Path, propagation: str, *, private_dev: bool = False) -> None:
        self.scratch = scratch
        self.propagation = propagation
        self.connection = zygote.fork()
        self.stream = self.connection.makefile("rwb")
        self.pid = self.ask("world", propagation=propagation, private_dev=private_dev)
        self.root = f"/proc/{self.pid}/root"

    def ask(self, do: str, **request: t.Any) -> t.Any:
        """Have the world's process do something and return its answer."""
        self.stream.write(json.dumps({"do": do, **request}).encode() + b"\n")
        self.stream.flush()
        line = self.stream.readline()
        if not line:
            raise RuntimeError("the world's process is gone")
        answer = json.loads(line)
        if "error" in answer:
            raise RuntimeError(answer["error"])
        return answer["ok"]

    def close(self) -> None:
        """End the world, and with its last process all its mounts."""
        if any(mount.fstype.startswith("fuse") for mount in self.table):
            # A server in the world keeps what it serves, and that keeps the server.
            for pid in self.processes().keys() - {self.pid}:
                os.kill(pid, signal.SIGKILL)
        self.stream.close()
        self.connection.close()

    def processes(self) -> t.Dict[int, str]:
        """The command lines of what runs in the world, by process."""
        namespace = os.stat(f"/proc/{self.pid}/ns/mnt").st_ino
        found = {}
        for name in filter(str.isdigit, os.listdir("/proc")):
            try:
                command = Path(f"/proc/{name}/cmdline").read_bytes().replace(b"\0", b" ").decode()
                if os.stat(f"/proc/{name}/ns/mnt").st_ino == namespace:
                    found[int(name)] = command
            except OSError:
                continue  # it has ended, or is none of ours
        return found

    # Files and mounts

    def file(self, path: str) -> Path:
        """Return a path by which this process reaches a file of the world."""
        return Path(self.root + path)

    @property
    def table(self) -> t.List[Mount]:
        """The kernel's table of mounts."""
        return read_table(self.pid)

    def stack(self, path: str) -> t.List[Mount]:
        """The mounts on each other at a path."""
        return find_stack(self.table, path)

    def top(self, path: str) -> Mount:
        """The one mount at a path; fails when there are several or none."""
        found = self.stack(path)
        assert len(found) == 1, f"{len(found)} mounts at {path}: {found}"
        return found[0]

    def unique_id(self, path: str) -> int:
        """The id of the mount at a path that the kernel never gives again."""
        return find_unique_id(self.root + path)

    def mount(self, source: str, target: str, fstype: str, *, flags: int = 0, data: str = "") -> None:
        """Mount as an administrator would, past the collection."""
        self.ask("mount", source=source, target=target, fstype=fstype, flags=flags, data=data)

    def unmount(self, target: str, *, flags: int = 0) -> None:
        """Unmount as an administrator would, past the collection."""
        self.ask("unmount", target=target, flags=flags)

    def make_directory(self, path: str, mode: int = 0o755) -> None:
        """Make a directory and its parents."""
        self.file(path).mkdir(parents=True, exist_ok=True)
        self.file(path).chmod(mode)

    def write(self, path: str, text: str = "x\n", mode: int = 0o644) -> None:
        """Write a file."""
        self.file(path).parent.mkdir(parents=True, exist_ok=True)
        self.file(path).write_text(text, encoding="utf-8")
        self.file(path).chmod(mode)

    def exists(self, path: str) -> bool:
        """Return whether something stands at a path."""
        return os.path.lexists(self.root + path)

    @property
    def ledger(self) -> t.Dict[str, t.Any]:
        """The ledger as anybody may read it."""
        return t.cast("t.Dict[str, t.Any]", json.loads(self.file(LEDGER).read_text(encoding="utf-8")))

    @property
    def references(self) -> t.Dict[str, t.Any]:
        """The ledger's references, empty when there is no ledger yet."""
        if not self.exists(LEDGER):
            return {}
        return t.cast("t.Dict[str, t.Any]", self.ledger["references"])

    def holders(self, path: str) -> t.List[str]:
        """The names that the ledger holds for a path, sorted."""
        return sorted(self.references.get(path, {}).get("holders", {}))

    def snapshot(self, *, log: bool = False, run: bool = True) -> Snapshot:
        """Everything, byte for byte: nothing at all may differ.

        log: the log too. run: what lies in /run too, where locks are made.
        """
        places = [*AREAS, "/etc/ansible", *(["/run"] if run else []), *(["/var/log"] if log else [])]
        return take(self.root, self.table, places=places, times=True, numbers=True)

    def settled(self) -> Snapshot:
        """What must be as before once everything is undone: the areas, the ledger and the mounts."""
        places = [*AREAS, "/etc/ansible"]
        return take(self.root, self.table, places=places, times=False, numbers=False)
