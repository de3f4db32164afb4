# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The last look before a mount is attached: at what came to its mount point meanwhile."""

from __future__ import annotations

import ctypes
import os
import time
import typing as t
from pathlib import Path

import pytest
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.claims import Ledger
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.decide.neighbours import ManagedMounts
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.engine import batch
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.engine.mounting import attach_mount
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.engine.operation import (
    Acted,
    Mount,
    Recorded,
    Resources,
)
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.kernel import directories
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.kernel.child import run_with_deadline
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.kernel.create import create_filesystem
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.kernel.directories import make_missing
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.kernel.inodes import inode_of
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.ledger import journal
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.model import (
    Entry,
    MountPointAttributes,
)
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.session import Session
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.steps import Plan, View
from ansible_collections.holdfast.mounts.tests.unit.plugins.module_utils.builders import (
    HOST,
    make_definition,
    make_request,
    refused,
)

CALL = Session(make_request(), HOST, "2026-01-01T00:00:00Z")
LIBC = ctypes.CDLL(None, use_errno=True)
Prepare = t.Callable[..., Recorded]

pytestmark = pytest.mark.usefixtures("run")


@pytest.fixture(name="prepare")
def prepare_mounts() -> t.Iterator[Prepare]:
    """Return what makes a mount that is ready to be attached."""
    held: t.List[Resources] = []

    def make(path: Path, **attributes: int) -> Recorded:
        lock = journal.start_operation(str(path), time.monotonic())
        assert lock is not None
        entry = Entry(str(path), make_definition(), MountPointAttributes(**attributes))
        resources = Resources(lock)
        held.append(resources)
        fd = create_filesystem(make_definition(), device=None, layers=(), may_share=True)
        view = View(str(path), None, None, (), False, False, ())
        plan = Plan(str(path), "mounted", "mount", view, view)
        return Recorded(entry, resources, plan, Mount(resources.keep(fd), inode_of(fd)))

    yield make
    for resources in held:
        resources.close(clears=True)


def attach(state: Recorded) -> None:
    assert state.mount is not None
    attach_mount(state, state.mount, CALL, Ledger(), ManagedMounts({}), made={})


def is_mounted(place: Path) -> bool:
    rows = Path("/proc/self/mountinfo").read_text(encoding="utf-8").splitlines()
    return any(row.split(" ")[4] == str(place) for row in rows)


@pytest.mark.parametrize("is_there", [True, False], ids=["a directory", "nothing"])
def test_mount_point_that_is_empty_gets_the_mount(
    private_place: Path, prepare: Prepare, is_there: bool
) -> None:
    place = private_place / "a"
    if is_there:
        place.mkdir()
    attach(prepare(place))
    assert is_mounted(place)


@pytest.mark.skipif(not os.path.exists("/dev/fuse"), reason="this kernel has no FUSE")
def test_what_covers_a_mount_point_and_does_not_answer_is_not_asked(
    private_place: Path, prepare: Prepare
) -> None:
    place = private_place / "a"
    place.mkdir()
    state = prepare(place)
    assert state.mount is not None
    dead = os.open("/dev/fuse", os.O_RDWR | os.O_CLOEXEC)
    try:
        data = f"fd={dead},rootmode=40000,user_id=0,group_id=0".encode("ascii")
        assert LIBC.mount(b"dead", os.fsencode(place), b"fuse", ctypes.c_ulong(0), data) == 0
        code = run_with_deadline(
            lambda: refused(attach, state).code,
            20,
            kept=(state.mount.fd,),
            step="look",
        )
        assert code == "conflict"
    finally:
        os.close(dead)


@pytest.mark.parametrize(
    ("mode", "is_looked_at"), [(0o777, True), (0o755, False)], ids=["of others", "of root"]
)
def test_new_mount_point_is_looked_into_where_others_may_have_filled_it(
    private_place: Path, prepare: Prepare, monkeypatch: pytest.MonkeyPatch, mode: int, is_looked_at: bool
) -> None:
    place, real = private_place / "a", make_missing

    def make_and_fill(*arguments: t.Any, **named: t.Any) -> None:
        real(*arguments, **named)
        (place / "theirs").touch()

    monkeypatch.setattr(directories, "make_missing", make_and_fill)
    state = prepare(place, mode=mode)
    if is_looked_at:
        assert refused(attach, state).code == "not_empty"
    else:
        # As root alone could have done it, after any look.
        attach(state)
    assert is_mounted(place) is not is_looked_at


def test_mount_that_was_undone_is_not_undone_again_by_its_number(
    private_place: Path, prepare: Prepare
) -> None:
    first, second = private_place / "a", private_place / "b"
    state, other = prepare(first), prepare(second)
    attach(state)
    attach(other)
    assert state.mount is not None
    assert other.mount is not None
    acted = Acted(state.entry, state.resources, state.plan, state.mount, {})
    assert batch._undo(acted, t.cast("t.Any", None))
    os.dup2(other.mount.fd, state.mount.fd)
    try:
        assert batch._undo(acted, t.cast("t.Any", None))
        assert [is_mounted(first), is_mounted(second)] == [False, True]
    finally:
        os.close(state.mount.fd)
