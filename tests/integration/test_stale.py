# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A server that has forgotten its files, lets nobody in, or is gone: what lies there is let go."""

from __future__ import annotations

import errno
import os
import signal
import typing as t

import pytest
from harness.cycle import succeed, tmpfs
from harness.reconcile import call_reconcile
from harness.world import World
from test_user_fuse import THEIRS, pytestmark, serve, serves

__all__ = ["pytestmark"]

BELOW, BOUND = f"{THEIRS}/dir", "/srv/bound"
FAULTS = [errno.ESTALE, errno.EACCES, errno.EIO, errno.ENOTCONN]


def break_down(world: World, number: int) -> None:
    """Have the server answer everything with this error, or be gone."""
    if number != errno.ENOTCONN:
        world.file("/run/fuse.errno").write_text(str(number), encoding="ascii")
        world.file("/run/fuse.errno").chmod(0o644)
        return
    namespace = os.readlink(f"/proc/{world.pid}/ns/mnt")
    for pid in [pid for pid in os.listdir("/proc") if pid.isdigit() and serves(pid, namespace)]:
        os.kill(int(pid), signal.SIGKILL)


@pytest.fixture(name="broken", params=FAULTS, ids=[errno.errorcode[number] for number in FAULTS])
def hold_and_break(private_world: World, request: pytest.FixtureRequest) -> World:
    """Hold a tmpfs below, and a bind and an overlay of, what a server has that breaks down then."""
    world = private_world
    serve(world, THEIRS)
    allowed = {"allow_unsafe_parents": True}
    succeed(world, **tmpfs(BELOW, "a"), **allowed)
    succeed(world, path=BOUND, src=f"{THEIRS}/dir2", fstype="bind", holder="a", **allowed)
    break_down(world, request.param)
    with pytest.raises(OSError, match=r"\[Errno ") as caught:
        os.listdir(world.file(BOUND))
    assert caught.value.errno in (request.param, errno.ECONNABORTED)
    return world


def left(world: World) -> t.List[str]:
    """Return which of the mount points are still mounted."""
    return [point for point in (BELOW, BOUND) if world.stack(point)]


@pytest.mark.parametrize("on_busy", ["fail", "defer", "lazy"])
@pytest.mark.parametrize("state", ["released", "unmounted"])
def test_what_is_held_there_is_let_go(broken: World, state: str, on_busy: str) -> None:
    for path in (BOUND, BELOW):
        result = broken.call(path=path, holder="a", state=state, on_busy=on_busy, disclose="full")
        assert (result.failed, result.action) == (False, "unmounted"), result
    assert left(broken) == []
    assert broken.references == {}


def test_all_is_purged(broken: World) -> None:
    result = broken.call(mounts=[], purge=True, holder="a")
    assert not result.failed, result
    assert left(broken) == []


def test_references_of_a_dead_holder_are_reconciled(broken: World) -> None:
    result = call_reconcile(broken, drop_holders=["a"])
    assert (result.failed, result["remaining"]) == (False, []), result
    assert left(broken) == []
