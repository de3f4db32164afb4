# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What README.md, docs/ and the roles show as YAML: playbooks run, single tasks ask for what is allowed.

What README.md shows as commands is run too, and prints what is shown.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import typing as t
from pathlib import Path

import pytest
import yaml
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.arguments.build import build_request
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.arguments.spec import ARGUMENT_SPEC
from harness.cycle import succeed, tmpfs
from harness.world import World, executable

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
ROLES = sorted(ROOT.glob("roles/*/README.md"))
BLOCK = re.compile(r"^```yaml\n(.*?)^```$", re.MULTILINE | re.DOTALL)
COMMANDS = re.compile(r"^```sh\n(.*?)^```\n(?:\n```text\n(.*?)^```\n)?", re.MULTILINE | re.DOTALL)
# An address that is not given out (RFC 2606).
REPOSITORY = "https://git.example.org/holdfast/mounts"
MODULE = "holdfast.mounts.safe_mount"


class Example(t.NamedTuple):
    """A block of YAML and where it stands."""

    place: str
    items: t.List[t.Dict[str, t.Any]]

    @property
    def is_playbook(self) -> bool:
        return "hosts" in self.items[0]


def find_examples(pages: t.Iterable[Path]) -> t.List[Example]:
    """Return every block that is a list: plays or tasks."""
    examples = []
    for page in pages:
        text = page.read_text(encoding="utf-8")
        for block in BLOCK.finditer(text):
            line = text.count("\n", 0, block.start()) + 1
            items = yaml.safe_load(block.group(1))
            if isinstance(items, list):
                examples.append(Example(f"{page.relative_to(ROOT)}:{line}", items))
    return examples


# What needs a server is run by that server's tests.
PLAYS = [example for example in find_examples(PAGES) if example.is_playbook]
NFS = [example for example in PLAYS if "'nfs'" in str(example.items)]
PLAYBOOKS = [example for example in PLAYS if example not in NFS]
TASKS = [
    (example.place, task)
    for example in find_examples([*PAGES, *ROLES])
    for item in example.items
    for task in [*item.get("tasks", []), item]
    if "{{" not in str(task.get(MODULE, "{{"))
]


@pytest.mark.parametrize("example", PLAYBOOKS, ids=[example.place for example in PLAYBOOKS])
def test_documented_playbook_runs(private_world: World, example: Example) -> None:
    played = private_world.playbook([{**play, "hosts": "localhost"} for play in example.items])
    assert played.finished.rc == 0, played.finished.stdout


def find_commands() -> t.List[t.Any]:
    """Return the lines of README.md that a shell is given, each with what is shown of its output."""
    blocks = COMMANDS.findall((ROOT / "README.md").read_text(encoding="utf-8"))
    return [
        pytest.param(line, shown.splitlines(), id=line.split()[0])
        for lines, shown in blocks
        for line in lines.splitlines()
    ]


@pytest.mark.parametrize(("line", "shown"), find_commands())
def test_documented_command_prints_what_is_shown(
    private_world: World, tmp_path: Path, line: str, shown: t.Sequence[str]
) -> None:
    if REPOSITORY in line:
        install_from_a_clone(tmp_path, line)
        return
    succeed(private_world, **tmpfs("/srv/releases", "shop"))
    refused = private_world.call(path="/srv/releases", src="other", fstype="tmpfs", holder="billing")
    assert refused["error"]["log_ref"], "there is an entry of the log to look at"
    environment = private_world.environment(tmp_path / "record.jsonl")
    ended = private_world.run("sh", "-euc", line, environment=environment)
    assert ended.rc == 0, ended
    printed = iter(ended.stdout.splitlines())
    assert [text for text in shown if text.strip() != "…" and text not in printed] == [], ended.stdout
    about = {"/srv/releases", refused["error"]["log_ref"]}
    assert shown or about & set(re.findall(r'"([^"]+)"', ended.stdout))


def install_from_a_clone(folder: Path, line: str) -> None:
    """Run a command that installs the collection, with a repository on this machine."""
    source = folder / "source"
    shutil.copytree(ROOT, source)
    environment = {
        "ANSIBLE_COLLECTIONS_PATH": str(folder / "place"),
        "ANSIBLE_GALAXY_SERVER": "http://127.0.0.1:9",
        "GIT_AUTHOR_NAME": "a",
        "GIT_AUTHOR_EMAIL": "a@example.org",
        "GIT_COMMITTER_NAME": "a",
        "GIT_COMMITTER_EMAIL": "a@example.org",
        "HOME": str(folder),
        "LC_ALL": "C.UTF-8",
        "PATH": f"{os.path.dirname(executable('ansible'))}:/usr/bin:/bin",
    }
    for command in ("git init --quiet", "git add .", "git commit --quiet --message copy"):
        subprocess.run(command.split(), cwd=source, env=environment, check=True)
    argv = line.replace(REPOSITORY, f"file://{source}").split()
    subprocess.run(argv, cwd=folder, env=environment, check=True, capture_output=True)
    assert (folder / "place/ansible_collections/holdfast/mounts/plugins/modules/safe_mount.py").is_file()


@pytest.mark.parametrize(("place", "task"), TASKS, ids=[f"{place} {task['name']}" for place, task in TASKS])
def test_documented_task_asks_for_what_is_allowed(place: str, task: t.Dict[str, t.Any]) -> None:
    validated = ArgumentSpecValidator(ARGUMENT_SPEC).validate(task[MODULE])
    assert validated.error_messages == [], place
    assert build_request(validated.validated_parameters).entries
