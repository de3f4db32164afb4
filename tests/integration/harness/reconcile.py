# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Reconcile a world, and prove that check mode told it and that a second run changes nothing."""

from __future__ import annotations

import shutil
import typing as t

from harness.cycle import assert_untouched
from harness.place import LEDGER, RUN
from harness.results import Result
from harness.world import World

OTHER_BOOT = "00000000-0000-4000-8000-000000000000"


def call_reconcile(world: World, *, check: bool = False, diff: bool = False, **arguments: t.Any) -> Result:
    """Run safe_mount_reconcile."""
    started = world.start(module="safe_mount_reconcile", arguments=arguments, check=check, diff=diff)
    return world.collect(started)


def outcome(result: Result) -> t.Dict[str, t.Any]:
    """Return what check mode must predict."""
    rows = [{**row, "error": (row["error"] or {}).get("code")} for row in result.get("remaining", [])]
    told = {key: result.get(key) for key in ("changed", "failed", "repaired", "diff", "msg")}
    return {**told, "remaining": rows, "code": result.code}


def reconcile(world: World, **arguments: t.Any) -> Result:
    """Predict, reconcile, reconcile again: the prediction is what happens, and the second changes nothing."""
    before = world.snapshot(log=True)
    predicted = call_reconcile(world, check=True, diff=True, **arguments)
    assert_untouched(world, before, "check mode", log=True)
    result = call_reconcile(world, diff=True, **arguments)
    assert outcome(predicted) == outcome(result), "check mode predicts what happens"
    left = {(row["path"], row["kind"]) for row in result.get("remaining", []) if row["kind"]}
    told = {(row["path"], row["kind"]) for row in world.facts()["drift"]}
    assert left == told, "what is told to be left is what the facts find"
    settled = world.snapshot(run=False)
    again = call_reconcile(world, **arguments)
    assert again.changed is False, again
    assert (again.failed, again["repaired"]) == (result.failed, []), again
    assert settled.differences(world.snapshot(run=False)) == [], "a second run leaves no traces"
    return result


def reboot(world: World) -> None:
    """Leave what a reboot leaves: the ledger with the old boot's id, no mounts and an empty /run."""
    for path in sorted(world.references, reverse=True):
        if world.stack(path):
            world.unmount(path)
    text = world.file(LEDGER).read_text(encoding="utf-8")
    world.file(LEDGER).write_text(text.replace(world.ledger["boot_id"], OTHER_BOOT), encoding="utf-8")
    shutil.rmtree(world.file(RUN))
