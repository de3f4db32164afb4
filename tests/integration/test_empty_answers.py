# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Every variable of a role with a playbook: an empty answer of a survey means "not given"."""

from __future__ import annotations

import json
import typing as t

import pytest
import yaml
from harness.cycle import tmpfs
from harness.place import COLLECTION
from harness.world import World

MOUNTS = [{"path": "/mnt/a", "src": "a", "fstype": "tmpfs"}]
# What each role must be told, or it has nothing to do.
GIVEN: t.Dict[str, t.Dict[str, t.Any]] = {
    "acquire": {"acquire_holder": "shop", "acquire_mounts": MOUNTS},
    "reconcile": {},
    "release": {"release_holder": "shop", "release_mounts": ["/mnt/b"]},
    "report": {"report_folder": "/mnt", "report_json": "report.json"},
}
# AWX offers those that a playbook is a front of.
FRONTS = {path.stem for path in (COLLECTION / "playbooks").glob("*.yml")}
ROLES = sorted(path.name for path in (COLLECTION / "roles").iterdir() if path.name in FRONTS)


def test_every_role_is_known() -> None:
    assert set(ROLES) <= set(GIVEN)


# ansible-core 2.19 makes null of the empty text that AWX marks as unsafe.
@pytest.mark.parametrize("empty", ["", None], ids=["text", "null"])
@pytest.mark.parametrize("role", ROLES)
def test_empty_answer_is_as_if_nothing_was_given(private_world: World, role: str, empty: t.Any) -> None:
    assert not private_world.call(**tmpfs("/mnt/b", "shop")).failed
    assert not private_world.call(**tmpfs("/mnt/c", "shop")).failed
    specs = yaml.safe_load((COLLECTION / "roles" / role / "meta" / "argument_specs.yml").read_text())
    answers = dict.fromkeys(specs["argument_specs"]["main"]["options"], empty)
    included = {"name": "Run", "ansible.builtin.include_role": {"name": f"holdfast.mounts.{role}"}}
    play = {"name": "Play", "hosts": "localhost", "gather_facts": False, "tasks": [included]}
    extra = json.dumps({**answers, **GIVEN[role]})
    played = private_world.playbook([play], "--extra-vars", extra)
    assert played.finished.rc == 0, played.finished.stdout
    expected = {
        "acquire": ["/mnt/a", "/mnt/b", "/mnt/c"],
        "release": ["/mnt/c"],
    }
    assert sorted(private_world.references) == expected.get(role, ["/mnt/b", "/mnt/c"])
