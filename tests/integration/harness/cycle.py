# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Check, apply, apply again, undo, compare: the course that every behaviour is run through."""

from __future__ import annotations

import typing as t

from harness.results import Result
from harness.world import World

Arguments = t.Mapping[str, t.Any]


def assert_untouched(world: World, before: t.Any, what: str, *, log: bool = False) -> None:
    """Fail when anything is not as it was."""
    differences = before.differences(world.snapshot(log=log))
    assert not differences, f"{what} left traces: {differences}"


def predict_untouched(world: World, arguments: Arguments) -> Result:
    """Run check mode, prove that it has written nothing, and return its prediction."""
    before = world.snapshot(log=True)
    predicted = world.predict(**arguments)
    assert_untouched(world, before, "check mode", log=True)
    return predicted


def predict_and_call(world: World, **arguments: t.Any) -> Result:
    """Run check mode, then the real thing, prove that the first told the second, and return it."""
    predicted = predict_untouched(world, arguments)
    result = world.call(**arguments)
    assert predicted.outcome() == result.outcome(), "check mode predicts what happens"
    return result


def repeat_unchanged(world: World, **arguments: t.Any) -> Result:
    """Run what was run before and prove that it changes nothing, in check mode or without.

    Locks and notes in /run may come and go meanwhile.
    """
    before = world.snapshot(run=False)
    predicted = predict_untouched(world, arguments)
    result = world.call(**arguments)
    assert (result.failed, result.changed, result.action) == (False, False, "none"), result
    assert predicted.outcome() == result.outcome()
    differences = before.differences(world.snapshot(run=False))
    assert not differences, f"the second run left traces: {differences}"
    return result


def apply(world: World, action: str, **arguments: t.Any) -> Result:
    """Check, apply, apply again; the action is the contract's word for what happens."""
    result = predict_and_call(world, **arguments)
    assert not result.failed, result
    assert (result.action, result.changed) == (action, True), result
    repeat_unchanged(world, **arguments)
    return result


def refuse(world: World, code: str, *, locks: bool = True, **arguments: t.Any) -> Result:
    """Prove that a call is refused with this code, in check mode too, and leaves nothing behind.

    locks: whether a lock may have been taken, as for all that is not refused before the host is looked at.
    """
    predicted = predict_untouched(world, arguments)
    before = world.snapshot(run=not locks)
    result = world.call(**arguments)
    differences = before.differences(world.snapshot(run=not locks))
    assert not differences, f"a refusal left traces: {differences}"
    assert result.failed, result
    assert result.code == code, result
    assert not result.changed, result
    assert predicted.code == code, f"check mode does not foresee it: {predicted}"
    return result


def run_cycle(world: World, **arguments: t.Any) -> Result:
    """Take one mount point through its whole life as its only holder; return what acquiring returned."""
    warm_up(world)
    start = world.settled()
    path = arguments["path"]
    acquired = apply(world, "mounted", **arguments)
    assert acquired.mount["path"] == path
    assert acquired.mount["mounted"] is True
    assert acquired.mount["owned"] is True
    assert acquired.holders == [arguments.get("holder", "ansible")]
    assert acquired.mount["holder_count"] == 1
    assert len(world.stack(path)) == 1
    drift = world.facts()["drift"]
    assert not drift, f"it is as it was asked for: {drift}"
    leaving = {key: arguments[key] for key in ("path", "holder", "allowed_roots") if key in arguments}
    released = apply(world, "unmounted", state="released", **leaving)
    assert released.mount["mounted"] is False
    assert released.mount["holder_count"] == 0
    differences = start.differences(world.settled())
    assert not differences, f"not undone: {differences}"
    return acquired


def warm_up(world: World) -> None:
    """Have the ledger's files made, so that what a test does can be compared byte for byte."""
    for state in ("mounted", "released"):
        result = world.call(path="/srv/warm-up", src="tmpfs", fstype="tmpfs", state=state)
        assert not result.failed, result


def tmpfs(path: str, holder: str = "ansible", **more: t.Any) -> t.Dict[str, t.Any]:
    """Return the arguments that mount a tmpfs for a holder."""
    return {"path": path, "src": "tmpfs", "fstype": "tmpfs", "holder": holder, **more}


def leave(path: str, holder: str = "ansible", **more: t.Any) -> t.Dict[str, t.Any]:
    """Return the arguments that release a mount point."""
    return {"path": path, "holder": holder, "state": "released", **more}


def succeed(world: World, **arguments: t.Any) -> Result:
    """Call the module and prove that it did not fail."""
    result = world.call(**arguments)
    assert not result.failed, result
    return result
