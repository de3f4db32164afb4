# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A private world for one test: its own mounts, /etc/ansible, /run, /var/log, /mnt, /media and /srv.

Two drivers with one interface: C(World.call) forks the module out of a warm process, C(World.ansible) and
C(World.playbook) start the real thing.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import typing as t
from pathlib import Path

from harness.place import HARNESS, LEDGER, LOG, RUN, Place, Zygote, find_collections_path
from harness.results import Finished, Played, Result, read_adhoc, read_record, read_result

__all__ = ["LEDGER", "LOG", "RUN", "World", "Zygote", "executable"]

# Seconds that nothing takes; more where everything is slow, as under emulation.
FOREVER = float(os.environ.get("HARNESS_FOREVER", "300"))


class World(Place):
    """A place, and what can be done in it."""

    # The fast driver

    def start(
        self,
        *,
        module: str = "safe_mount",
        check: bool = False,
        diff: bool = False,
        identity: str = "root",
        namespace: bool = False,
        fuse: t.Optional[int] = None,
        umask: t.Optional[int] = None,
        forbidden: t.Optional[t.Tuple[t.Sequence[str], int]] = None,
        arguments: t.Mapping[str, t.Any],
    ) -> int:
        """Start a module and return the number of its process.

        namespace: in a mount namespace of its own. fuse: killed after that many system calls. umask: with
        this one, and with signals blocked and ignored. forbidden: system calls and their error, see
        seccomp.py.
        """
        given = {**arguments, "_ansible_check_mode": check, "_ansible_diff": diff}
        more = {"identity": identity, "namespace": namespace, "fuse": fuse, "umask": umask}
        more["forbidden"] = forbidden
        return int(self.ask("module", name=module, arguments=given, **more))

    def collect(self, pid: int) -> Result:
        """Wait for a module and return what it printed."""
        return read_result(self.wait(pid))

    def call(self, **arguments: t.Any) -> Result:
        """Run safe_mount with these arguments."""
        return self.collect(self.start(arguments=arguments))

    def predict(self, **arguments: t.Any) -> Result:
        """Run safe_mount in check mode."""
        return self.collect(self.start(arguments=arguments, check=True))

    def call_all(self, requests: t.Iterable[t.Mapping[str, t.Any]]) -> t.List[Result]:
        """Run safe_mount many times at once."""
        pids = [self.start(arguments=request) for request in requests]
        return [self.collect(pid) for pid in pids]

    def facts(self, *, identity: str = "root", **arguments: t.Any) -> t.Dict[str, t.Any]:
        """Run safe_mount_facts and return its facts."""
        started = self.start(module="safe_mount_facts", identity=identity, arguments=arguments)
        result = self.collect(started)
        assert not result.failed, result
        return t.cast("t.Dict[str, t.Any]", result["ansible_facts"]["holdfast_mounts"])

    # Programs

    def launch(
        self, argv: t.Sequence[str], *, directory: str = "/", environment: t.Any = None, text: str = ""
    ) -> int:
        """Start a program in the world and return the number of its process."""
        request = {"argv": list(argv), "environment": environment, "directory": directory, "text": text}
        return int(self.ask("program", **request))

    def wait(self, pid: int, seconds: float = FOREVER) -> Finished:
        """Wait for a program's or module's end."""
        answer = self.ask("wait", pid=pid, seconds=seconds)
        if answer is None:
            self.kill(-pid)
            raise TimeoutError(f"process {pid} does not end")
        return Finished(answer["rc"], answer["stdout"], answer["stderr"])

    def is_running(self, pid: int) -> bool:
        """Return whether a started process has not ended (it is a zombie when it has)."""
        status = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
        return status.rpartition(")")[2].split()[0] != "Z"

    def kill(self, pid: int, number: int = signal.SIGKILL) -> None:
        """Send a signal to a process, or with a negative number to its group."""
        self.ask("kill", pid=pid, number=int(number))

    def run(self, *argv: str, **options: t.Any) -> Finished:
        """Run a program to its end."""
        return self.wait(self.launch(argv, **options))

    def occupy(self, directory: str) -> int:
        """Start a process that keeps a directory busy by standing in it; return its number."""
        return self.until_ready(["sh", "-c", "echo ready; exec sleep 1000"], directory=directory)

    def open_file(self, path: str) -> int:
        """Start a process that keeps a file open; return its number."""
        return self.until_ready(["sh", "-c", 'exec 3<"$0"; echo ready; exec sleep 1000', path])

    def until_ready(self, argv: t.Sequence[str], **options: t.Any) -> int:
        """Start a program and return when it has become the sleep that it ends in."""
        pid = self.launch(argv, **options)
        while True:
            name = Path(f"/proc/{pid}/comm").read_text(encoding="ascii").strip()
            if name == "sleep":
                return pid
            if not self.is_running(pid):
                raise RuntimeError(f"it did not start: {self.wait(pid)}")

    def end(self, pid: int) -> None:
        """Kill a process and wait for its end."""
        self.kill(pid)
        self.wait(pid)

    # The real thing

    def environment(self, record: Path) -> t.Dict[str, str]:
        """Return what Ansible needs to know, and nothing of the caller's."""
        scratch = self.scratch
        return {
            "ANSIBLE_CALLBACKS_ENABLED": "record",
            "ANSIBLE_CALLBACK_PLUGINS": str(HARNESS / "callback_plugins"),
            "ANSIBLE_COLLECTIONS_PATH": find_collections_path(),
            "ANSIBLE_CONFIG": str(make_config(scratch)),
            "ANSIBLE_HOME": str(make_home(scratch)),
            "ANSIBLE_LOCAL_TEMP": str(scratch / "local"),
            "ANSIBLE_LOCALHOST_WARNING": "false",
            "ANSIBLE_NOCOLOR": "true",
            "ANSIBLE_REMOTE_TMP": str(scratch / "remote"),
            "HOME": str(scratch),
            "LC_ALL": "C.UTF-8",
            "PATH": f"{os.path.dirname(sys.executable)}:/usr/sbin:/usr/bin:/sbin:/bin",
            "PYTHONDONTWRITEBYTECODE": "1",
            "RECORD_FILE": str(record),
        }

    def start_ansible(self, arguments: str, *, module: str = "holdfast.mounts.safe_mount") -> int:
        """Start an ad-hoc run on localhost."""
        argv = [executable("ansible"), "localhost", "-m", module, "-a", arguments]
        return self.launch(argv, environment=self.environment(self.scratch / "adhoc.jsonl"))

    def ansible(self, arguments: str, *options: str, module: str = "holdfast.mounts.safe_mount") -> Result:
        """Run one module ad hoc and return its result."""
        argv = [executable("ansible"), "localhost", "-m", module, "-a", arguments, *options]
        return read_adhoc(self.run(*argv, environment=self.environment(self.scratch / "adhoc.jsonl")))

    def start_playbook(self, play: t.Any, *options: str) -> t.Tuple[int, Path]:
        """Start a playbook, given as data, and return its process and the file of its results."""
        number = len(list(self.scratch.glob("play-*.json")))
        source = self.scratch / f"play-{number}.json"
        source.write_text(json.dumps(play), encoding="utf-8")
        record = self.scratch / f"record-{number}.jsonl"
        argv = [executable("ansible-playbook"), str(source), *options]
        return self.launch(argv, environment=self.environment(record)), record

    def playbook(self, play: t.Any, *options: str) -> Played:
        """Run a playbook, given as data, and return what each task returned."""
        pid, record = self.start_playbook(play, *options)
        finished = self.wait(pid)
        return Played(finished, read_record(record))


def executable(name: str) -> str:
    """Return the Ansible program that lies beside the running interpreter."""
    return os.path.join(os.path.dirname(sys.executable), name)


def make_home(scratch: Path) -> Path:
    """Return Ansible's own folder."""
    home = scratch / "ansible"
    home.mkdir(exist_ok=True)
    return home


def make_config(scratch: Path) -> Path:
    """Return an empty configuration file, so that no other is looked for."""
    path = scratch / "ansible.cfg"
    if not path.exists():
        path.write_text("[defaults]\n", encoding="utf-8")
    return path
