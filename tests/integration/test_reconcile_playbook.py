# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The playbook reconcile, and so its role, as someone starts it with extra variables."""

from __future__ import annotations

import json
import typing as t

from harness.cycle import succeed, tmpfs
from harness.reconcile import reboot
from harness.results import Played
from harness.world import World

EMPTY = {"disclose": "", "lock_timeout": "", "on_busy": "", "timeout": "", "repair": ""}


def run_playbook(world: World, *options: str, **variables: t.Any) -> Played:
    """Run the playbook on localhost."""
    given = {f"reconcile_{key}": value for key, value in {"hosts": "localhost", **variables}.items()}
    imported = {"name": "Run", "import_playbook": "holdfast.mounts.reconcile"}
    return world.playbook([imported], "--extra-vars", json.dumps(given), *options)


def find_changes(played: Played) -> int:
    """Return how many tasks say that they changed something; fail when one has failed."""
    assert played.finished.rc == 0, played.finished
    return sum(result.changed for result in played.results)


def find_left(played: Played) -> t.List[str]:
    """Return the kinds of drift that the role says are left."""
    told = played.named("holdfast.mounts.reconcile : Tell what drift is left")
    left = told["ansible_facts"]["reconcile_result"]
    assert played.results[-1]["msg"]["left"] == left
    return [item["kind"] for item in left]


def test_reconcile_nobody_and_somebody_is_refused(private_world: World) -> None:
    played = run_playbook(private_world, live_holders=["a"], nobody_lives=True)
    assert played.finished.rc == 2
    assert "not both" in played.results[-1]["msg"]


def test_reconcile_unknown_kind_is_refused(private_world: World) -> None:
    assert run_playbook(private_world, repair=["everything"]).finished.rc == 2


def test_reconcile_checks_repairs_again(private_world: World) -> None:
    world = private_world
    for holder in ("shop", "billing"):
        succeed(world, **tmpfs("/srv/a/data", holder))
    reboot(world)
    before = world.snapshot(log=True)
    predicted = run_playbook(world, "--check", "--diff", **EMPTY)
    assert before.differences(world.snapshot(log=True)) == []
    assert (find_changes(predicted), find_left(predicted)) == (1, ["missing"])
    done = run_playbook(world, **EMPTY)
    assert (find_changes(done), find_left(done)) == (1, [])
    assert world.holders("/srv/a/data") == ["billing", "shop"]
    assert find_changes(run_playbook(world, **EMPTY)) == 0


def test_reconcile_answers_of_a_survey_drop_holders(private_world: World) -> None:
    for holder in ("7", "8", "9"):
        succeed(private_world, **tmpfs("/srv/data", holder))
    assert find_changes(run_playbook(private_world, live_holders="", drop_holders="7\n", **EMPTY)) == 1
    assert private_world.holders("/srv/data") == ["8", "9"]
    assert find_changes(run_playbook(private_world, live_holders="9\n", drop_holders="", **EMPTY)) == 1
    assert private_world.holders("/srv/data") == ["9"]
    assert find_changes(run_playbook(private_world, live_holders="", nobody_lives="true")) == 1
    assert private_world.references == {}
