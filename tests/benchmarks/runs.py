# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is measured with the whole of Ansible: plays of a task or two, each in a world.

Cold, as a job of AWX is: each run has an empty ANSIBLE_HOME.
"""

from __future__ import annotations

import json
import shutil
import sys
import time
import typing as t
from dataclasses import dataclass, field
from pathlib import Path

from harness.world import World, executable
from worlds import entries

CALLBACKS = Path(__file__).resolve().parent / "callback_plugins"
MNT_DETACH = 2
LOCAL = {"hosts": "localhost", "gather_facts": False}
EIGHT = [f"host{number}" for number in range(8)]

# Runs a command, and writes how much CPU time it and all that it has waited for took, user and system.
TIMED = """\
import resource, subprocess, sys
code = subprocess.run(sys.argv[2:]).returncode
used = resource.getrusage(resource.RUSAGE_CHILDREN)
open(sys.argv[1], "w").write(str(used.ru_utime + used.ru_stime))
sys.exit(code)
"""

Task = t.Dict[str, t.Any]


@dataclass(frozen=True)
class Case:
    """One or more plays that are run one after the other, in a world of this name.

    tasks: by the name that their figures get. second: a further task of each of these plays.
    undo: what puts the world back, past Ansible. is_long: only on demand.
    """

    world: str
    tasks: t.Mapping[str, Task]
    undo: t.Optional[t.Callable[[World], t.Any]] = None
    hosts: t.Sequence[str] = ()
    second: t.Optional[Task] = None
    is_long: bool = False


@dataclass
class Runner:
    """Runs plays and reads how long they took."""

    peers: str
    folder: Path
    count: int = field(default=0)

    def run(self, world: World, name: str, task: Task, case: Case) -> t.Dict[str, float]:
        """Run a play; return the seconds of the run, of its CPU time, and of each task."""
        self.count += 1
        hosts, tasks = case.hosts, [task] if case.second is None else [task, case.second]
        play = world.scratch / "play.json"
        play.write_text(json.dumps([{**LOCAL, "hosts": "all" if hosts else "localhost", "tasks": tasks}]))
        record, used = (world.scratch / f"{kind}-{self.count}" for kind in ("tasks", "cpu"))
        record.touch()
        home = self.folder / f"home-{self.count}"
        argv = [sys.executable, "-c", TIMED, str(used)]
        argv += [executable("ansible-playbook"), str(play), "--connection", "local"]
        argv += ["--inventory", ",".join(hosts), "--forks", str(len(hosts))] if hosts else []
        environment = dict(world.environment(record))
        environment.update(
            ANSIBLE_CALLBACKS_ENABLED="task_time",
            ANSIBLE_CALLBACK_PLUGINS=str(CALLBACKS),
            ANSIBLE_HOME=str(home),
            ANSIBLE_COLLECTIONS_PATH=f"{environment['ANSIBLE_COLLECTIONS_PATH']}:{self.peers}",
            TASK_TIME_FILE=str(record),
        )
        started = time.perf_counter()
        finished = world.run(*argv, environment=environment)
        seconds = time.perf_counter() - started
        lines = [json.loads(line)["seconds"] for line in record.read_text(encoding="utf-8").splitlines()]
        assert finished.rc == 0, (name, finished)
        shutil.rmtree(home, ignore_errors=True)
        each = max(1, len(hosts))
        expected = 0 if "meta" in task else each * len(tasks)
        assert len(lines) == expected, (name, lines)
        found = {f"{name}.run": seconds, f"{name}.cpu": float(used.read_text(encoding="ascii"))}
        for kind, some in (("task", lines[:each]), ("second", lines[each:])):
            if some:
                found[f"{name}.{kind}"] = max(some)
        return found


def ours(**arguments: t.Any) -> Task:
    """Return a task of our module."""
    return {"holdfast.mounts.safe_mount": {"holder": "bench", **arguments}}


def one(path: str = "/srv/one") -> Task:
    """Return the task that mounts one."""
    return ours(path=path, src="bench", fstype="tmpfs")


def posix(path: str) -> Task:
    """Return the same by the peer, which also writes no fstab so."""
    return {"ansible.posix.mount": {"path": path, "src": "bench", "fstype": "tmpfs", "state": "ephemeral"}}


def let_go(world: World, path: str = "/srv/one") -> None:
    """Release the one mount past Ansible."""
    result = world.call(path=path, holder="bench", state="released")
    assert result.action == "unmounted", result


def let_go_of_both(world: World) -> None:
    """Release the mounts of a play of two tasks."""
    for path in ("/srv/one", "/srv/two"):
        let_go(world, path)


def unmount(*paths: str) -> t.Callable[[World], None]:
    """Return what unmounts the peer's mounts."""

    def undo(world: World) -> None:
        for path in paths:
            world.unmount(path, flags=MNT_DETACH)
            world.file(path).rmdir()

    return undo


def bulk(count: int) -> Case:
    """Many in one task, the same again, and all of it released."""
    mounts = entries(count)
    paths = [{"path": mount["path"]} for mount in mounts]
    return Case(
        "plain",
        {
            f"bulk-{count}": ours(mounts=mounts),
            f"bulk-again-{count}": ours(mounts=mounts),
            f"bulk-release-{count}": ours(mounts=paths, state="released"),
        },
    )


def loop(count: int) -> Case:
    """As many with the peer, in a loop."""
    paths = [f"/srv/loop/{number}" for number in range(count)]
    task = {**posix("{{ item }}"), "loop": paths}
    return Case("plain", {f"loop-{count}": task}, unmount(*paths), is_long=count > 100)


def facts(count: int) -> t.List[Case]:
    """The facts of so many mounts, by our module, by the peer, and our lookup of the controller's."""
    lookup = "{{ query('holdfast.mounts.current_mounts', source='controller') | length }}"
    world = f"others-{count}"
    return [
        Case(world, {f"facts@{count}": {"holdfast.mounts.safe_mount_facts": {}}}),
        Case(world, {f"mount_facts@{count}": {"ansible.builtin.mount_facts": {}}}),
        Case(world, {f"lookup@{count}": {"ansible.builtin.debug": {"msg": lookup}}}),
    ]


def on_eight_hosts() -> t.List[Case]:
    """Eight hosts by eight forks, which are one machine here, and one ledger."""
    mount = one("/srv/{{ inventory_hostname }}")
    release = ours(path="/srv/{{ inventory_hostname }}", state="released")
    return [
        Case("plain", {"ping-8": {"ansible.builtin.ping": {}}}, hosts=EIGHT),
        Case("plain", {"one-8": mount, "one-release-8": release}, hosts=EIGHT),
    ]


def all_cases() -> t.List[Case]:
    """Everything that is measured with Ansible."""
    crowded = {"others-1000": "others-1000", "others-10000": "others-10000"}
    crowded.update({"references": "references", "points-10000": "points-10000"})
    return [
        Case("plain", {"empty": {"meta": "noop"}}),
        Case("plain", {"ping": {"ansible.builtin.ping": {}}}),
        Case("plain", {"two": one()}, let_go_of_both, second=one("/srv/two")),
        Case("plain", {"posix": posix("/srv/posix")}, unmount("/srv/posix")),
        Case(
            "plain",
            {"one": one(), "one-again": one(), "one-release": ours(path="/srv/one", state="released")},
        ),
        *(Case(world, {f"one@{name}": one()}, let_go) for name, world in crowded.items()),
        *(bulk(count) for count in (10, 100, 1000)),
        *(loop(count) for count in (10, 100, 1000)),
        *(case for count in (1000, 2000, 10000) for case in facts(count)),
        *on_eight_hosts(),
    ]
