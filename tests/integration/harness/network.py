# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The NFS server and the Samba of the virtual machine: exports, shares, and a way to cut them off."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import typing as t
from pathlib import Path

import pytest
from harness.world import World

EXPORT = "127.0.0.1:/export/nfs"
SHARE = "//127.0.0.1/data"
USER = "shopper"
# Whatever a careless list of options, a shell or a configuration file would trip on.
PASSWORD = "c,o\"m ma'$(x)%=#"
SILENT = "192.0.2.7"
CREDENTIALS = "/etc/holdfast/share"


def listens(port: int) -> bool:
    """Return whether somebody serves a port of loopback."""
    with socket.socket() as probe:
        probe.settimeout(5)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def require(helper: str, port: int, folder: str) -> None:
    """Skip the test unless this is a host like the virtual machine."""
    if not os.path.exists(f"/sbin/{helper}"):
        pytest.skip(f"needs {helper}")
    if not os.path.isdir(folder) or not listens(port):
        pytest.skip(f"needs the servers of the virtual machine, port {port} and {folder}")


def require_nfs() -> None:
    """Skip the test where no NFS server has the exports."""
    require("mount.nfs", 2049, "/export/nfs")


def require_smb() -> None:
    """Skip the test where no Samba has the shares; give its user a password."""
    require("mount.cifs", 445, "/export/smb")
    text = f"{PASSWORD}\n{PASSWORD}\n"
    subprocess.run(["smbpasswd", "-a", "-s", USER], input=text, text=True, check=True, capture_output=True)


def write_credentials(world: World, text: str = f"username={USER}\npassword={PASSWORD}\n") -> str:
    """Write a file of credentials into a world and return its path."""
    world.write(CREDENTIALS, text, 0o600)
    world.file(CREDENTIALS).parent.chmod(0o700)
    return CREDENTIALS


@contextlib.contextmanager
def cut_off(port: int) -> t.Iterator[None]:
    """Drop everything that goes to or comes from a port of loopback."""
    if shutil.which("iptables") is None:
        pytest.skip("needs iptables")
    rules = [
        ["INPUT", "-i", "lo", "-p", "tcp", f"--{way}", str(port), "-j", "DROP"] for way in ("dport", "sport")
    ]
    for rule in rules:
        subprocess.run(["iptables", "-I", *rule], check=True)
    try:
        yield
    finally:
        for rule in rules:
            subprocess.run(["iptables", "-D", *rule], check=True)


def find_in_processes(secret: str) -> t.List[str]:
    """Return the processes whose command line or environment holds a text, our own aside."""
    found = []
    for name in filter(str.isdigit, os.listdir("/proc")):
        for kind in ("cmdline", "environ"):
            try:
                raw = Path(f"/proc/{name}/{kind}").read_bytes()
            except OSError:
                continue
            if secret.encode() in raw:
                found.append(f"{name}/{kind}")
    return found
