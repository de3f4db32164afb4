# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A private world for one test: its own mounts, /etc/ansible, /run, /var/log, /mnt, /media and /srv.

Two drivers with one interface: C(World.call) forks the module out of a warm process, C(World.ansible) and
C(World.playbook) start the real thing.
"""

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
FOREVER = 300.0


def find_collections_path() -> str:
    """Return the folder that holds ansible_collections/holdfast/mounts: as told, else the one we run in."""
    for folder in os.environ.get("ANSIBLE_COLLECTIONS_PATH", "").split(":"):
        if folder and os.path.isdir(os.path.join(folder, "ansible_collections/holdfast/mounts/plugins")):
            return os.path.abspath(folder)
    return str(Path.cwd().parents[2])


class Result(t.Dict[str, t.Any]):
    """What a module returned, with the parts that tests look at."""

    @property
    def action(self) -> t.Optional[str]:
        return self.get("action")

    @property
    def changed(self) -> bool:
        return bool(self.get("changed"))

    @property
    def failed(self) -> bool:
        return bool(self.get("failed"))

    @property
    def code(self) -> t.Optional[str]:
        """The code of the error, None when it did not fail."""
        error = self.get("error")
        return error.get("code") if isinstance(error, dict) else None

    @property
    def mount(self) -> t.Dict[str, t.Any]:
        return t.cast("t.Dict[str, t.Any]", self["mount"])

    @property
    def mounts(self) -> t.List[t.Dict[str, t.Any]]:
        return t.cast("t.List[t.Dict[str, t.Any]]", self["mounts"])

    @property
    def holders(self) -> t.List[str]:
        """The names of the holders of the one mount point, sorted."""
        return sorted(self.mount["holders"])

    def outcome(self) -> t.Dict[str, t.Any]:
        """What check mode must predict."""
        keys = ("changed", "action", "mount", "mounts", "failed")
        outcome = {key: without_log_ref(self[key]) for key in keys if key in self}
        outcome["code"] = self.code
        return outcome


def without_log_ref(value: t.Any) -> t.Any:
    """Return data without the references into the log, of which no two are the same."""
    if isinstance(value, dict):
        return {key: without_log_ref(inner) for key, inner in value.items() if key != "log_ref"}
    if isinstance(value, list):
        return [without_log_ref(inner) for inner in value]
    return value


class Finished(t.NamedTuple):
    """A program that has ended."""

    rc: int
    stdout: str
    stderr: str


class Zygote:
    """The warm process that all worlds of a test session are forked from."""

    def __init__(self) -> None:
        ours, theirs = socket.socketpair()
        environment = dict(os.environ, PYTHONPATH=find_collections_path(), PYTHONDONTWRITEBYTECODE="1")
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


class World:
    """One mount namespace, the files below it, and what can be done in it."""

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
        self.stream.close()
        self.connection.close()

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
        arguments: t.Mapping[str, t.Any],
    ) -> int:
        """Start a module and return the number of its process.

        namespace: in a mount namespace of its own. fuse: killed after that many system calls.
        """
        given = {**arguments, "_ansible_check_mode": check, "_ansible_diff": diff}
        more = {"identity": identity, "namespace": namespace, "fuse": fuse}
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
            "ANSIBLE_HOME": str(scratch / "ansible"),
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


class Played(t.NamedTuple):
    """A playbook that has ended, and the results of its tasks in order."""

    finished: Finished
    tasks: t.List[t.Dict[str, t.Any]]

    @property
    def results(self) -> t.List[Result]:
        """What the tasks returned, loops' items left out."""
        return [as_result(task) for task in self.tasks if not task["status"].startswith("item")]

    def named(self, name: str) -> Result:
        """What the task with this name returned."""
        return next(as_result(task) for task in self.tasks if task["task"] == name)


def as_result(task: t.Dict[str, t.Any]) -> Result:
    """Return a task's result; that it failed, the controller tells beside it."""
    return Result(task["result"], failed=task["status"] in ("failed", "item_failed"))


def executable(name: str) -> str:
    """Return the Ansible program that lies beside the running interpreter."""
    return os.path.join(os.path.dirname(sys.executable), name)


def make_config(scratch: Path) -> Path:
    """Return an empty configuration file, so that no other is looked for."""
    path = scratch / "ansible.cfg"
    if not path.exists():
        path.write_text("[defaults]\n", encoding="utf-8")
    return path


def read_result(finished: Finished) -> Result:
    """Return the JSON object that a module printed."""
    lines = [line for line in finished.stdout.splitlines() if line.startswith("{")]
    assert len(lines) == 1, f"no result: {finished}"
    result = Result(json.loads(lines[0]))
    assert finished.rc == (1 if result.failed else 0), finished
    return result


def read_adhoc(finished: Finished) -> Result:
    """Return the result that C(ansible) showed."""
    text = finished.stdout
    start = text.find("=> {")
    assert start >= 0, f"no result: {finished}"
    result = Result(json.JSONDecoder().raw_decode(text[start + 3 :])[0])
    result["failed"] = "FAILED! =>" in text[: start + 3]
    return result


def read_record(path: Path) -> t.List[t.Dict[str, t.Any]]:
    """Return the results that the recording callback has written."""
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def play(*tasks: t.Mapping[str, t.Any], **keywords: t.Any) -> t.List[t.Dict[str, t.Any]]:
    """Return a playbook with one play on localhost."""
    return [{"name": "Play", "hosts": "localhost", "gather_facts": False, **keywords, "tasks": list(tasks)}]


def task(name: str, **arguments: t.Any) -> t.Dict[str, t.Any]:
    """Return a task of safe_mount."""
    return {"name": name, "holdfast.mounts.safe_mount": arguments}
