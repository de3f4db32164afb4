# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""An SSH server on loopback, of a world's own, with the keys and the configuration of its only client."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import time
import typing as t
from pathlib import Path

import pytest
from harness.world import World

# Names of the client's configuration: what is wrong with each.
HOSTS = ("server", "wrong-key", "strange", "refusing")
SSHD = "/usr/sbin/sshd"
MNT_DETACH = 2


def find_port() -> int:
    """Return a port of loopback that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def make_key(path: Path) -> str:
    """Make a key and return its public half."""
    command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(path)]
    subprocess.run(command, check=True, capture_output=True)
    return " ".join(path.with_suffix(".pub").read_text(encoding="ascii").split()[:2])


class SshServer:
    """A server in a world: its data lies at C(/media/data)."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.port = find_port()
        keys = world.scratch
        host, client = make_key(keys / "host"), make_key(keys / "client")
        make_key(keys / "wrong")
        (keys / "authorized").write_text(client + "\n", encoding="ascii")
        (keys / "known").write_text(f"[127.0.0.1]:{self.port} {host}\n", encoding="ascii")
        (keys / "sshd_config").write_text(self._server_config(keys), encoding="ascii")
        world.write("/etc/ssh/ssh_config", self._client_config(keys))
        world.make_directory("/run/sshd")
        world.write("/media/data/file", "served\n")
        self.pid = 0
        self.start()

    def _server_config(self, keys: Path) -> str:
        lines = {
            "AuthorizedKeysFile": keys / "authorized",
            "HostKey": keys / "host",
            "ListenAddress": "127.0.0.1",
            "LogLevel": "ERROR",
            "PidFile": "none",
            "Port": self.port,
            "StrictModes": "no",
            "Subsystem": "sftp internal-sftp",
            "UsePAM": "no",
        }
        return "".join(f"{name} {value}\n" for name, value in lines.items())

    def _client_config(self, keys: Path) -> str:
        hosts = {
            "server": (self.port, "client", keys / "known"),
            "wrong-key": (self.port, "wrong", keys / "known"),
            "strange": (self.port, "client", "/dev/null"),
            "refusing": (find_port(), "client", keys / "known"),
        }
        text = ""
        for name, (port, key, known) in hosts.items():
            text += f"Host {name}\n HostName 127.0.0.1\n Port {port}\n User root\n IdentitiesOnly yes\n"
            text += f" IdentityFile {keys / key}\n GlobalKnownHostsFile {known}\n"
            text += " UserKnownHostsFile /dev/null\n"
        return text

    def start(self) -> None:
        """Start the server and wait until it listens."""
        self.pid = self.world.launch([SSHD, "-D", "-f", str(self.world.scratch / "sshd_config")])
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.02)
        raise RuntimeError(f"sshd does not listen: {self.world.wait(self.pid, 1)}")

    def processes(self) -> t.List[int]:
        """The server and everything that it has started."""
        return [self.pid, *find_children(self.pid)]

    def signal(self, number: int) -> None:
        """Send a signal to the server and to all that it has started."""
        for pid in self.processes():
            with contextlib.suppress(ProcessLookupError):  # it ended by itself meanwhile
                os.kill(pid, number)

    def stop(self) -> None:
        """Have the server answer no more, and keep its connections."""
        self.signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """Have it answer again."""
        self.signal(signal.SIGCONT)

    def _points(self) -> t.List[str]:
        places = ("/srv/", "/mnt/", "/run/holdfast/")
        mounts = self.world.table
        return [m.point for m in mounts if m.fstype.startswith("fuse.") and m.point.startswith(places)]

    def close(self) -> None:
        """End the server, and every mount of the world that needs one."""
        self.go_on()
        while points := self._points():
            self.world.unmount(points[0], flags=MNT_DETACH)
        self.signal(signal.SIGKILL)


def find_children(pid: int) -> t.List[int]:
    """Return all descendants of a process, parents first."""
    found = []
    for folder in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = folder.read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(fields[1]) == pid:
            child = int(folder.parent.name)
            found += [child, *find_children(child)]
    return found


def find_daemons(world: World) -> t.List[str]:
    """Return the command lines of what helpers run in a world, but for its server."""
    words = ("mount.fuse.sshfs", "mount -n", "ssh -x")
    return [command for command in world.processes().values() if any(word in command for word in words)]


def wait_for_end(world: World) -> None:
    """Wait until nothing of a helper runs in a world any more."""
    deadline = time.monotonic() + 60
    while find_daemons(world):
        assert time.monotonic() < deadline, find_daemons(world)
        time.sleep(0.02)


def require_sshfs() -> None:
    """Skip the test where something is missing."""
    for command in ("ssh", "ssh-keygen", "sshfs"):
        if shutil.which(command) is None:
            pytest.skip(f"needs {command}")
    if not os.path.exists(SSHD):
        pytest.skip("needs sshd")
    if not os.path.exists("/dev/fuse"):
        pytest.skip("needs /dev/fuse")
