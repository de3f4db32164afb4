# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Traps of autofs, as systemd's automount units and automount(8) set them: below, on the way, and sprung."""

from __future__ import annotations

import sys
import typing as t
from pathlib import Path

import pytest
from harness.cycle import apply, leave, predict_and_call, succeed, tmpfs
from harness.images import is_known_to_the_kernel
from harness.reconcile import reconcile
from harness.world import World

PROGRAM = Path(__file__).resolve().parent / "harness" / "trap.py"
POINT, PATH = "/srv/auto", "/mnt/held"

pytestmark = pytest.mark.skipif(not is_known_to_the_kernel("autofs"), reason="this kernel has no autofs")


@pytest.fixture(name="trap", params=["direct", "indirect"])
def set_trap(world: World, request: pytest.FixtureRequest) -> t.Tuple[World, str]:
    """A world with a trap, and the path at which that mounts a tmpfs."""
    world.make_directory(POINT)
    done = world.run(sys.executable, str(PROGRAM), request.param, POINT)
    assert done.stdout == "ready\n", done
    return world, POINT if request.param == "direct" else f"{POINT}/key"


def is_sprung(world: World, sprung: str) -> bool:
    """Whether the trap has mounted something."""
    return any(mount.source == "automounted" for mount in world.stack(sprung))


@pytest.mark.parametrize("below", ["", "/dir"], ids=["itself", "below"])
def test_bind_of_what_a_trap_mounts(trap: t.Tuple[World, str], below: str) -> None:
    world, sprung = trap
    wish = {"path": PATH, "src": f"{sprung}{below}", "fstype": "bind", "holder": "a"}
    result = world.call(**wish)
    assert (result.failed, result.action) == (False, "mounted"), result
    assert is_sprung(world, sprung)
    assert world.top(PATH).fstype == "tmpfs"
    assert world.facts()["drift"] == []
    assert predict_and_call(world, **{**wish, "holder": "b"}).action == "joined"
    world.unmount(sprung)  # as it expires
    assert world.facts()["drift"] == []
    assert succeed(world, **{**wish, "holder": "c"}).action == "joined"
    for holder in ("a", "b", "c"):
        succeed(world, **leave(PATH, holder))
    assert world.stack(PATH) == []


def test_mount_point_below_a_trap(trap: t.Tuple[World, str]) -> None:
    world, sprung = trap
    path = f"{sprung}/new/point"
    result = world.call(**tmpfs(path, "a"))
    assert (result.failed, result.action) == (False, "mounted"), result
    assert world.facts()["drift"] == []
    assert reconcile(world)["remaining"] == []
    apply(world, "unmounted", **leave(path, "a"))
    assert not world.exists(f"{sprung}/new")


def test_what_a_trap_has_mounted_is_adopted(trap: t.Tuple[World, str]) -> None:
    world, sprung = trap
    wish = {"path": sprung, "src": "automounted", "fstype": "tmpfs", "holder": "a", "opts": ["size=1m"]}
    result = world.call(**wish, adopt=True)
    assert (result.failed, result.action) == (False, "adopted"), result
    assert world.facts()["drift"] == []
    assert [row["stacked"] for row in world.facts()["mounts"] if row["mount"] == sprung] == [False]
    assert predict_and_call(world, **wish, adopt=True).action == "none"
    world.unmount(sprung)  # as it expires
    assert [row["kind"] in ("missing", "replaced") for row in world.facts()["drift"]] == [True]
    assert succeed(world, **wish, adopt=True).action == "adopted"
    apply(world, "released", **leave(sprung, "a"))
    assert is_sprung(world, sprung)


def calls(sprung: str) -> t.List[t.Dict[str, t.Any]]:
    """Return what cannot be done without what the trap mounts."""
    bound = {"path": PATH, "src": f"{sprung}/dir", "fstype": "bind", "holder": "a"}
    adopted = {"path": sprung, "src": "automounted", "fstype": "tmpfs", "holder": "a", "adopt": True}
    return [bound, tmpfs(f"{sprung}/new", "a"), adopted]


def test_trap_on_which_nothing_can_be_mounted_is_refused(trap: t.Tuple[World, str]) -> None:
    world, sprung = trap
    world.write("/run/trap.fault", "fail")
    for wish in calls(sprung):
        refused = predict_and_call(world, **wish)
        assert refused.failed, refused
        assert world.stack(wish["path"]) == ([] if wish["path"] != POINT else [world.top(POINT)])
    assert world.references == {}


def test_trap_whose_automounter_does_not_answer_delays_its_own_mount_point(trap: t.Tuple[World, str]) -> None:
    world, sprung = trap
    wishes = calls(sprung)
    succeed(world, **wishes[0])
    world.unmount(sprung)
    world.write("/run/trap.fault", "hang")
    assert world.facts()["drift"] == []
    assert succeed(world, **{**wishes[0], "holder": "b"}).action == "joined"
    mounts = [{key: wish[key] for key in ("path", "src", "fstype")} for wish in (wishes[1], tmpfs("/srv/c"))]
    result = world.call(mounts=mounts, holder="c", timeout=1)
    outcomes = {
        row["path"]: (row.get("action"), (row.get("error") or {}).get("code")) for row in result.mounts
    }
    assert outcomes == {f"{sprung}/new": ("failed", "timeout"), "/srv/c": ("mounted", None)}, result
    for holder, path in (("a", PATH), ("b", PATH), ("c", "/srv/c")):
        succeed(world, **leave(path, holder))
    world.file("/run/trap.fault").unlink()
