# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The virtual machine as the tests see it: Ansible over SSH, and a look at what is there."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import typing as t
from pathlib import Path

from machine import Machine

Arguments = t.Mapping[str, t.Any]
Result = t.Dict[str, t.Any]

# A comma, quotes and a space, as in the scenario of the roles.
PASSWORD = "pa,ss 'wo\"rd"
CREDENTIALS = "/root/smb.credentials"
NFS: Arguments = {"src": "127.0.0.2:/export/nfs", "fstype": "nfs4", "opts": ["vers=4.2"]}
SMB: Arguments = {
    "src": "//127.0.0.3/data",
    "fstype": "cifs",
    "opts": ["vers=3.1.1"],
    "credentials_file": CREDENTIALS,
}
# Emulation takes its time; what hangs is caught by the module's own deadline first.
ANSIBLE_SECONDS = 900
LEDGER = "/etc/ansible/facts.d/holdfast_mounts.fact"


class Guest:
    """A machine that runs, spoken to by ad-hoc commands of Ansible."""

    def __init__(self, folder: Path, scratch: Path) -> None:
        self.machine, self.scratch = Machine(folder), scratch
        self.environment = dict(
            os.environ,
            ANSIBLE_DEPRECATION_WARNINGS="false",
            ANSIBLE_HOME=str(scratch / "ansible"),
            ANSIBLE_LOCAL_TEMP=str(scratch / "local"),
            ANSIBLE_NOCOLOR="true",
            ANSIBLE_PIPELINING="true",
            ANSIBLE_TIMEOUT="180",
        )

    def shell(self, command: str, text: str = "") -> str:
        """Run a command as an administrator would, past the collection; return what it printed."""
        return self.machine.ssh(command, text=text).stdout

    def start(self, arguments: Arguments, *options: str, module: str = "safe_mount") -> subprocess.Popen[str]:
        """Start a call of a module."""
        argv = [os.path.join(os.path.dirname(sys.executable), "ansible"), "vm", *options]
        argv += ["--inventory", str(self.machine.inventory), "--module-name", f"holdfast.mounts.{module}"]
        # An empty dictionary would be taken for a word.
        argv += ["--args", json.dumps(dict(arguments))] if arguments else []
        pipe = subprocess.PIPE
        return subprocess.Popen(argv, stdout=pipe, stderr=pipe, text=True, env=self.environment)

    def finish(self, process: subprocess.Popen[str]) -> Result:
        """Wait for a call; return its result, with all that was printed as "printed"."""
        stdout, stderr = process.communicate(timeout=ANSIBLE_SECONDS)
        start = stdout.find("=> {")
        assert start >= 0, stdout + stderr
        result = t.cast("Result", json.JSONDecoder().raw_decode(stdout[start + 3 :])[0])
        result["printed"] = stdout + stderr
        return result

    def call(self, *options: str, **arguments: t.Any) -> Result:
        """Call safe_mount and return its result."""
        return self.finish(self.start(arguments, *options))

    def call_all(self, requests: t.Iterable[Arguments]) -> t.List[Result]:
        """Call safe_mount many times at once."""
        return [self.finish(process) for process in [self.start(request) for request in requests]]

    def facts(self) -> Result:
        """Return the facts of safe_mount_facts."""
        result = self.finish(self.start({}, module="safe_mount_facts"))
        return t.cast("Result", result["ansible_facts"]["holdfast_mounts"])

    def play(self, role: str, **variables: t.Any) -> Result:
        """Play a role of ours and return what Ansible counted."""
        play = {"hosts": "vm", "gather_facts": False, "roles": [f"holdfast.mounts.{role}"], "vars": variables}
        file = self.scratch / "play.json"
        file.write_text(json.dumps([{"name": "Play", **play}]), encoding="utf-8")
        argv = [os.path.join(os.path.dirname(sys.executable), "ansible-playbook"), str(file)]
        argv += ["--inventory", str(self.machine.inventory)]
        environment = {**self.environment, "ANSIBLE_STDOUT_CALLBACK": "ansible.builtin.default"}
        done = subprocess.run(
            argv, check=False, capture_output=True, text=True, env=environment, timeout=ANSIBLE_SECONDS
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return {name: int(number) for name, number in re.findall(r"(\w+)=(\d+)", done.stdout)}

    def mounts(self, path: str) -> t.List[str]:
        """Return the lines of the kernel's table for a mount point."""
        table = self.shell("cat /proc/self/mountinfo").splitlines()
        return [line for line in table if line.split()[4] == path]

    def left(self) -> str:
        """Return what a failing call leaves as it was: mounts, directories, stages, references, helpers."""
        return self.shell(
            "cat /proc/self/mountinfo;"
            " find /mnt /run/holdfast/stage /run/holdfast/operations 2>/dev/null | sort;"
            f" sed -n '/references/,/directories/p' {LEDGER};"
            " ps -eo comm= | grep -E '^(u?mount|mount\\.|ssh$|sshfs$)' | sort || true"
        )
