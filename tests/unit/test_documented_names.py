# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Closed sets that pages list: as many names as the code has, no more and no fewer."""

from __future__ import annotations

import re
import typing as t
from pathlib import Path

import pytest
import yaml
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.arguments.build import RECONCILE_SPEC
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.arguments.spec import ARGUMENT_SPEC
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.grammar import paths
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.grammar.filesystems import FILESYSTEMS
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.steps import Action, DriftKind
from ansible_collections.holdfast.mounts.plugins.modules import (
    safe_mount,
    safe_mount_facts,
    safe_mount_reconcile,
)

ROOT = Path(__file__).resolve().parents[2]
NAMESPACE = "holdfast.mounts."
MARKED = re.compile(r"[VC]\(([^)]+)\)")
QUOTED = re.compile(r"`([^`]+)`")


def read(page: str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


def section(text: str, heading: str) -> str:
    """Return what stands below a heading, down to the next heading of any level."""
    found = re.search(rf"^#+ {re.escape(heading)}\n(.*?)(?=^#+ |\Z)", text, re.MULTILINE | re.DOTALL)
    assert found, f"no heading {heading!r}"
    return found.group(1)


def names_in(text: str, column: int = 0) -> t.List[str]:
    """Return the quoted names of a column of the tables in a text, sorted; the heads of tables have none."""
    rows = [line.split("|")[1:-1] for line in text.splitlines() if line.startswith("|")]
    return sorted(name for row in rows for name in QUOTED.findall(row[column]))


def documented(module: t.Any, *keys: str) -> t.Any:
    """Return what a module's documentation of results has under these keys."""
    found = yaml.safe_load(module.RETURN)
    for key in keys:
        found = found[key]
    return found


TABLES = [
    pytest.param("docs/reference/results.md", "Actions", t.get_args(Action), id="actions"),
    pytest.param("docs/reference/results.md", "States", ARGUMENT_SPEC["state"]["choices"], id="states"),
    pytest.param("docs/reconcile.md", "Drift", t.get_args(DriftKind), id="drift"),
    pytest.param(
        "docs/guides/containers_and_chroots.md",
        "What can never be a source",
        [*paths.NEVER_LIST, *paths.NEVER_ROOTS],
        id="never",
    ),
]


@pytest.mark.parametrize(("page", "heading", "names"), TABLES)
def test_table_has_each_name_once(page: str, heading: str, names: t.Sequence[str]) -> None:
    first_cells = re.sub(r"\(.*?\)", "", section(read(page), heading))
    assert names_in(first_cells) == sorted(names)


def test_table_that_lacks_a_name_or_has_one_more_is_found() -> None:
    text = (
        "## Codes\n\n| code | when |\n| --- | --- |\n| `busy`, `gone` | `timeout` |\n\n## More\n\n| `a` | |\n"
    )
    assert names_in(section(text, "Codes")) == ["busy", "gone"]


def test_facts_explain_each_kind_of_drift() -> None:
    drift = documented(safe_mount_facts, "ansible_facts", "contains", "holdfast_mounts", "contains", "drift")
    told = [MARKED.match(line) for line in drift["contains"]["kind"]["description"]]
    assert sorted(found.group(1) for found in told if found) == sorted(t.get_args(DriftKind))


def test_reconcile_repairs_the_kinds_of_drift_that_there_are() -> None:
    assert sorted(RECONCILE_SPEC["repair"]["choices"]) == sorted(t.get_args(DriftKind))
    options = yaml.safe_load(safe_mount_reconcile.DOCUMENTATION)["options"]
    told = {name for line in options["repair"]["description"] for name in MARKED.findall(line)}
    assert told >= set(t.get_args(DriftKind))


def test_filesystems_are_listed_by_their_page_and_by_the_module() -> None:
    options = yaml.safe_load(safe_mount.DOCUMENTATION)["options"]
    told = {name for line in options["fstype"]["description"] for name in MARKED.findall(line)}
    assert told == set(FILESYSTEMS)
    assert names_in(section(read("docs/reference/filesystems.md"), "Filesystems"), 1) == sorted(FILESYSTEMS)


def test_contents_list_whatever_the_collection_has() -> None:
    own = {
        "module": {path.stem for path in (ROOT / "plugins" / "modules").glob("*.py")},
        "lookup": {path.stem for path in (ROOT / "plugins" / "lookup").glob("*.py")},
        "filter": {path.stem for path in (ROOT / "plugins" / "filter").glob("*.py")},
        "role": {path.name for path in (ROOT / "roles").iterdir() if path.is_dir()},
        "playbook": {path.stem for path in (ROOT / "playbooks").glob("*.yml")},
        "action group": set(yaml.safe_load(read("meta/runtime.yml"))["action_groups"]),
    }
    table = section(read("docs/reference/contents.md"), "Contents")
    for kind, names in own.items():
        rows = "\n".join(line for line in table.splitlines() if line.startswith(f"| {kind} |"))
        assert names_in(rows, 1) == sorted(NAMESPACE + name for name in names), kind
