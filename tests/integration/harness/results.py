# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What modules, programs and playbooks returned, and playbooks as data."""

from __future__ import annotations

import json
import typing as t
from pathlib import Path


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
