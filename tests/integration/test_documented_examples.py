# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What README.md, docs/ and the roles show as YAML: playbooks run, single tasks ask for what is allowed."""

from __future__ import annotations

import re
import typing as t
from pathlib import Path

import pytest
import yaml
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.arguments.build import build_request
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.arguments.spec import ARGUMENT_SPEC
from harness.world import World

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
ROLES = sorted(ROOT.glob("roles/*/README.md"))
BLOCK = re.compile(r"^```yaml\n(.*?)^```$", re.MULTILINE | re.DOTALL)
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


@pytest.mark.parametrize(("place", "task"), TASKS, ids=[f"{place} {task['name']}" for place, task in TASKS])
def test_documented_task_asks_for_what_is_allowed(place: str, task: t.Dict[str, t.Any]) -> None:
    validated = ArgumentSpecValidator(ARGUMENT_SPEC).validate(task[MODULE])
    assert validated.error_messages == [], place
    assert build_request(validated.validated_parameters).entries
