# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Jobs as AWX starts them: a private data directory goes through transmit, worker and process.

What the directory holds, and what its environment says, is as in awx/main/tasks/jobs.py. No container and no
receptor: the worker runs in a world of the tests.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import typing as t
from pathlib import Path

import yaml
from harness.place import COLLECTION
from harness.world import World, executable

SAMPLE = COLLECTION / "docs" / "awx" / "project"
PIPELINE = (
    '"$RUNNER" transmit "$1/pdd" --playbook "$2" --ident "$3"'
    ' | "$RUNNER" worker --private-data-dir "$1/worker"'
    ' | "$RUNNER" process "$1/out"'
)
INVENTORY = "node1 ansible_connection=local ansible_python_interpreter={python}\n"


class Unsafe(str):
    """A text that AWX marks, because a person typed it: it is never a template."""


class _Dumper(yaml.SafeDumper):
    pass


_Dumper.add_representer(Unsafe, lambda dumper, value: dumper.represent_scalar("!unsafe", str(value)))


class Job(t.NamedTuple):
    """A job that has ended."""

    status: str
    rc: int
    events: t.List[t.Dict[str, t.Any]]
    stdout: str

    def result(self, task: str) -> t.Dict[str, t.Any]:
        """What the last run of a task returned."""
        told = [event["event_data"] for event in self.events if "res" in event.get("event_data", {})]
        found = [data["res"] for data in told if data.get("task") == task]
        assert found, f"no task {task}: {self.stdout}"
        return t.cast("t.Dict[str, t.Any]", found[-1])

    @property
    def changes(self) -> int:
        """How many tasks say that they changed something."""
        results = [e["event_data"].get("res", {}) for e in self.events if e["event"] == "runner_on_ok"]
        return sum(bool(result.get("changed")) for result in results)


class Running(t.NamedTuple):
    """A job that is under way."""

    pid: int
    folder: Path


class Project:
    """The sample project after an update, which is where the collection gets installed."""

    def __init__(self, world: World, folder: Path) -> None:
        self.world = world
        self.folder = folder
        self.jobs = 0
        self.project = folder / "project"
        self.collections = folder / "requirements_collections"
        shutil.copytree(SAMPLE, self.project)
        build_collection(self.project / "collections")
        run(
            ["ansible-galaxy", "collection", "install", "-r", "collections/requirements.yml"],
            ["--collections-path", str(self.collections), "--offline"],
            directory=self.project,
            home=folder,
        )

    def start(
        self,
        playbook: str,
        answers: t.Mapping[str, t.Any],
        *,
        template: t.Optional[t.Mapping[str, t.Any]] = None,
        check: bool = False,
    ) -> Running:
        """Start a job. answers: of the survey, unsafe texts; template: variables of the job template."""
        self.jobs += 1
        folder = self.folder / f"job-{self.jobs}"
        self._make_directory(folder, {**(template or {}), **_unsafe(answers)}, check=check)
        argv = ["sh", "-c", PIPELINE, "awx", str(folder), playbook, str(self.jobs)]
        environment = {
            "ANSIBLE_HOME": str(folder / "ansible"),
            "HOME": str(folder),
            "LC_ALL": "C.UTF-8",
            "PATH": f"{os.path.dirname(sys.executable)}:/usr/sbin:/usr/bin:/sbin:/bin",
            "RUNNER": executable("ansible-runner"),
        }
        return Running(self.world.launch(argv, environment=environment), folder)

    def finish(self, running: Running) -> Job:
        """Wait for a job's end and read what AWX would show of it."""
        finished = self.world.wait(running.pid)
        artifacts = running.folder / "out" / "artifacts"
        assert artifacts.is_dir(), finished
        events = [json.loads(path.read_text()) for path in artifacts.glob("job_events/*-*.json")]
        return Job(
            status=(artifacts / "status").read_text(),
            rc=int((artifacts / "rc").read_text()),
            events=sorted(events, key=lambda event: int(event["counter"])),
            stdout=(artifacts / "stdout").read_text(),
        )

    def cancel(self, running: Running) -> None:
        """End everything of a job at once, as AWX does; its Ansible has a session of its own."""
        self.world.kill(-running.pid)
        while left := _processes_of(running):
            for pid in left:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            time.sleep(0.05)
        self.world.wait(running.pid)

    def job(self, playbook: str, answers: t.Mapping[str, t.Any], **options: t.Any) -> Job:
        """Run a job to its end."""
        return self.finish(self.start(playbook, answers, **options))

    def _make_directory(self, folder: Path, variables: t.Mapping[str, t.Any], *, check: bool) -> None:
        data = folder / "pdd"
        shutil.copytree(self.project, data / "project")
        shutil.copytree(self.collections, data / "requirements_collections")
        for name in ("env", "inventory"):
            (data / name).mkdir()
        # The worker unpacks the directory where AWX has /runner.
        worker = folder / "worker"
        environment = {
            "ANSIBLE_COLLECTIONS_PATH": f"{worker}/requirements_collections",
            "ANSIBLE_REMOTE_TMP": str(folder / "remote"),
            "ANSIBLE_LOCAL_TEMP": str(folder / "local"),
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        (data / "env" / "envvars").write_text(json.dumps(environment))
        (data / "env" / "extravars").write_text(yaml.dump(dict(variables), Dumper=_Dumper))
        (data / "env" / "cmdline").write_text("--check" if check else "")
        (data / "inventory" / "hosts").write_text(INVENTORY.format(python=sys.executable))


def _processes_of(running: Running) -> t.List[int]:
    """Return the processes that live in a job's home."""
    home, found = os.fsencode(f"HOME={running.folder}"), []
    for environment in Path("/proc").glob("[0-9]*/environ"):
        with contextlib.suppress(OSError):  # it has ended
            if home in environment.read_bytes().split(b"\0"):
                found.append(int(environment.parent.name))
    return found


def build_collection(folder: Path) -> None:
    """Build the tarball of the collection."""
    run(
        ["ansible-galaxy", "collection", "build", "--force"],
        ["--output-path", str(folder)],
        directory=COLLECTION,
        home=folder,
    )


def run(
    argv: t.Sequence[str], more: t.Sequence[str] = (), *, directory: Path, home: Path
) -> subprocess.CompletedProcess[str]:
    """Run one of Ansible's programs that needs no world, with nothing of the caller's environment."""
    environment = {
        "ANSIBLE_HOME": str(home / "ansible"),
        "HOME": str(home),
        "LC_ALL": "C.UTF-8",
        "PATH": f"{os.path.dirname(sys.executable)}:/usr/bin:/bin",
    }
    done = subprocess.run(
        [executable(argv[0]), *argv[1:], *more],
        cwd=directory,
        env=environment,
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done
    return done


def _unsafe(answers: t.Mapping[str, t.Any]) -> t.Dict[str, t.Any]:
    return {key: Unsafe(value) if isinstance(value, str) else value for key, value in answers.items()}
