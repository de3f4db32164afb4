# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Run a command beside several hosts that are reached over SSH: fleet.py COUNT COMMAND...

The hosts are h1, h2 and so on, at 10.77.0.11 and following. The command finds their inventory at
$FLEET_FOLDER/inventory.yml.

Switch, hosts and the command live in namespaces of network, mounts and processes that belong to one
process. When that ends, for whatever reason, the kernel ends the others and takes everything back: the
machine's own network never has a bridge, an address or a named namespace of ours. Neither the command nor
a host reaches any other network.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import typing as t
from pathlib import Path

HERE = Path(__file__).resolve().parent
SWITCH = "switch"
CONTROLLER = "10.77.0.1"
INSIDE = "--inside"
# Generous: only a host that does not start meets it.
START_SECONDS = 60
COMMANDS = {"ip": "iproute2", "ssh": "openssh-client", "sshd": "openssh-server", "unshare": "util-linux"}
NEW_NAMESPACES = ("unshare", "--mount", "--net", "--pid", "--fork", "--kill-child", "--propagation=private")


class Host(t.NamedTuple):
    """One host, its address, and the process that its namespaces belong to."""

    name: str
    address: str
    process: subprocess.Popen[bytes]


def main(words: t.Sequence[str]) -> int:
    """Enter the namespaces and begin there."""
    if words[:1] == [INSIDE]:
        return run_inside(int(words[1]), words[2:])
    if len(words) < 2 or not words[0].isdigit():
        sys.stderr.write(__doc__ or "")
        return 2
    missing = sorted({package for name, package in COMMANDS.items() if shutil.which(name) is None})
    if os.geteuid() != 0 or missing:
        reason = f"these Debian packages are missing: {' '.join(missing)}" if missing else "this takes root"
        sys.stderr.write(f"fleet: {reason}\n")
        return 1
    argv = [*NEW_NAMESPACES, "--mount-proc", sys.executable, __file__, INSIDE, *words]
    # unshare itself passes no signal on, so it gets one that it cannot ignore: from us, or when we die.
    process = subprocess.Popen(argv, preexec_fn=die_with_parent)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda _number, _frame: process.kill())
    return process.wait()


def die_with_parent() -> None:
    """Have the kernel kill this process when its parent ends (prctl(2), PR_SET_PDEATHSIG)."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)


def run_inside(count: int, command: t.Sequence[str]) -> int:
    """Make the hosts, run the command and return its status."""
    with tempfile.TemporaryDirectory(prefix="fleet-") as name:
        folder = Path(name)
        make_keys(folder)
        make_switch()
        hosts = [start_host(number, folder) for number in range(1, count + 1)]
        for host in hosts:
            wait_for(host, folder)
        write_inventory(hosts, folder)
        return subprocess.run(command, check=False, env=dict(os.environ, FLEET_FOLDER=name)).returncode


def make_keys(folder: Path) -> None:
    """Make a key for the hosts and one for who logs in, for this run only."""
    for name in ("key", "host_key"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name)], check=True)


def make_switch() -> None:
    """Make the bridge that the hosts are plugged into, with the controller's address."""
    ip("link", "set", "lo", "up")
    ip("link", "add", SWITCH, "type", "bridge")
    ip("address", "add", f"{CONTROLLER}/24", "dev", SWITCH)
    ip("link", "set", SWITCH, "up")


def start_host(number: int, folder: Path) -> Host:
    """Start a host in namespaces of its own and plug it in."""
    name, address = f"h{number}", f"10.77.0.{10 + number}"
    log = (folder / f"{name}.log").open("wb")
    argv = [*NEW_NAMESPACES, "--uts", str(HERE / "host.sh"), name, address, str(folder)]
    process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    log.close()
    ours = os.readlink("/proc/self/ns/net")
    while os.readlink(f"/proc/{process.pid}/ns/net") == ours:
        time.sleep(0.01)
    ip("link", "add", f"to-{name}", "type", "veth", "peer", "name", "eth0", "netns", str(process.pid))
    ip("link", "set", f"to-{name}", "master", SWITCH, "up")
    return Host(name, address, process)


def ip(*words: str) -> None:
    """Change the network of this namespace."""
    subprocess.run(["ip", *words], check=True)


def wait_for(host: Host, folder: Path) -> None:
    """Return when a host's SSH server greets."""
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            with socket.create_connection((host.address, 22), timeout=5) as connection:
                if connection.recv(4) == b"SSH-":
                    return
        except OSError:
            pass
        if host.process.poll() is not None or time.monotonic() > deadline:
            said = (folder / f"{host.name}.log").read_text(encoding="utf-8", errors="replace")
            sys.exit(f"fleet: {host.name} does not start:\n{said}")
        time.sleep(0.05)


def write_inventory(hosts: t.Sequence[Host], folder: Path) -> None:
    """Write what SSH and Ansible need to know."""
    key = (folder / "host_key.pub").read_text(encoding="ascii").strip()
    known = folder / "known_hosts"
    known.write_text("".join(f"{host.address} {key}\n" for host in hosts), encoding="ascii")
    lines = ["---", "all:", "  vars:", "    ansible_user: root"]
    lines += [f"    ansible_ssh_private_key_file: {folder / 'key'}"]
    lines += [
        f"    ansible_ssh_common_args: -F /dev/null -o IdentitiesOnly=yes -o UserKnownHostsFile={known}"
    ]
    # The interpreter that a virtual environment was made from: hosts have the machine's files.
    lines += [f"    ansible_python_interpreter: {os.path.realpath(sys.executable)}", "  hosts:"]
    for host in hosts:
        lines += [f"    {host.name}:", f"      ansible_host: {host.address}"]
    (folder / "inventory.yml").write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
