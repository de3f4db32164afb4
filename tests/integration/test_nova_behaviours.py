# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What Nova's tests of its host mount manager describe, with exact numbers of mounts and unmounts.

Ported as behaviour from nova/tests/unit/virt/libvirt/volume/test_mount.py, whose assertions pass on extra
calls: here the kernel counts. An attachment of a volume to an instance is a holder.
"""

from __future__ import annotations

import json

from harness.calls import Calls
from harness.cycle import leave, refuse, succeed, tmpfs
from harness.locks import find_lock, hold
from harness.results import Result
from harness.world import LEDGER, LOG, World

PATH = "/srv/instances/export"
OTHER = "/srv/instances/other"
FIRST, SECOND = "vol-1.instance-1", "vol-2.instance-1"


def test_init_knows_what_each_instance_holds(world: World, calls: Calls) -> None:
    """test_init: the state of an earlier process; local disks and foreign mounts are no state."""
    for path in (PATH, OTHER):
        for instance in ("vol.instance-1", "vol.instance-2"):
            succeed(world, **tmpfs(path, instance))
    world.make_directory("/srv/local/disk")
    world.make_directory("/srv/foreign")
    world.mount("foreign", "/srv/foreign", "tmpfs")
    calls.take()
    references = world.facts()["references"]
    assert sorted(references) == [PATH, OTHER]
    for path in (PATH, OTHER):
        assert sorted(references[path]["holders"]) == ["vol.instance-1", "vol.instance-2"]
    assert calls.take() == (0, 0)


def test_mount_umount_once_for_two_volumes(world: World, calls: Calls) -> None:
    """test_mount_umount: one mkdir and mount for the first, one umount and rmdir for the last."""
    calls.take()
    assert succeed(world, **tmpfs(PATH, FIRST, opts=["size=1m"])).action == "mounted"
    assert calls.take() == (1, 0)
    assert world.top(PATH).source == "tmpfs"
    assert succeed(world, **tmpfs(PATH, SECOND, opts=["size=1m"])).action == "joined"
    assert calls.take() == (0, 0)
    assert succeed(world, **leave(PATH, FIRST)).action == "released"
    assert calls.take() == (0, 0)
    assert world.exists(PATH)
    assert succeed(world, **leave(PATH, SECOND)).action == "unmounted"
    assert calls.take() == (0, 1)
    assert not world.exists("/srv/instances")


def test_multi_attach_of_one_volume_is_two_references(world: World, calls: Calls) -> None:
    """test_mount_umount_multi_attach: the same volume for two instances."""
    attachments = ["vol-1.instance-1", "vol-1.instance-2"]
    calls.take()
    for attachment in attachments:
        succeed(world, **tmpfs(PATH, attachment))
    assert world.holders(PATH) == attachments
    assert calls.take() == (1, 0)
    succeed(world, **leave(PATH, attachments[0]))
    assert calls.take() == (0, 0)
    succeed(world, **leave(PATH, attachments[1]))
    assert calls.take() == (0, 1)


def test_concurrent_acquires_wait_and_mount_once(world: World, calls: Calls) -> None:
    """test_mount_concurrent, part 1: the second waits for the first, and its release does not unmount."""
    with hold(find_lock(world, PATH)):
        calls.take()
        pids = [world.start(arguments=tmpfs(PATH, holder)) for holder in (FIRST, SECOND)]
        assert [world.ask("wait", pid=pid, seconds=0.2) for pid in pids] == [None, None]
        assert calls.take() == (0, 0)
    assert sorted(str(world.collect(pid).action) for pid in pids) == ["joined", "mounted"]
    assert calls.take() == (1, 0)
    assert succeed(world, **leave(PATH, SECOND)).action == "released"
    assert calls.take() == (0, 0)
    assert succeed(world, **leave(PATH, FIRST)).action == "unmounted"
    assert calls.take() == (0, 1)


def test_acquires_during_an_unmount_remount_once(world: World, calls: Calls) -> None:
    """test_mount_concurrent, part 2: they wait for the unmount, then exactly one of them mounts."""
    lock = find_lock(world, PATH)
    for _round in range(5):
        succeed(world, **tmpfs(PATH, FIRST))
        calls.take()
        with hold(lock):
            leaving = world.start(arguments=leave(PATH, FIRST))
            coming = [world.start(arguments=tmpfs(PATH, f"next-{number}")) for number in range(4)]
            assert world.ask("wait", pid=leaving, seconds=0.1) is None
        left = world.collect(leaving)
        actions = [str(world.collect(pid).action) for pid in coming]
        if left.action == "unmounted":
            assert sorted(actions) == ["joined", "joined", "joined", "mounted"]
            assert calls.take() == (1, 1)
        else:
            assert (left.action, actions) == ("released", ["joined"] * 4)
            assert calls.take() == (0, 0)
        assert len(world.stack(PATH)) == 1
        assert world.holders(PATH) == [f"next-{number}" for number in range(4)]
        for number in range(4):
            succeed(world, **leave(PATH, f"next-{number}"))
        assert calls.take() == (0, 1)


def test_different_mount_points_do_not_interfere(world: World, calls: Calls) -> None:
    """test_mount_concurrent_no_interfere: one mount point's lock never blocks another."""
    with hold(find_lock(world, PATH)):
        calls.take()
        blocked = world.start(arguments=tmpfs(PATH, FIRST))
        assert succeed(world, **tmpfs(OTHER, SECOND)).action == "mounted"
        assert succeed(world, **leave(OTHER, SECOND)).action == "unmounted"
        assert calls.take() == (1, 1)
        assert world.is_running(blocked)
    assert world.collect(blocked).action == "mounted"
    assert calls.take() == (1, 0)


def test_mount_after_failed_umount_does_not_mount_again(world: World, calls: Calls) -> None:
    """test_mount_after_failed_umount: no rmdir, still known as mounted, a later release unmounts."""
    succeed(world, **tmpfs(PATH, FIRST))
    pid = world.occupy(PATH)
    calls.take()
    assert world.call(**leave(PATH, FIRST)).code == "busy"
    assert calls.take() == (0, 0)
    assert world.exists(PATH)
    assert world.holders(PATH) == [FIRST]
    assert succeed(world, **tmpfs(PATH, FIRST)).action == "none"
    assert succeed(world, **tmpfs(PATH, SECOND)).action == "joined"
    assert calls.take() == (0, 0)
    world.end(pid)
    succeed(world, **leave(PATH, SECOND))
    assert calls.take() == (0, 0)
    assert succeed(world, **leave(PATH, FIRST)).action == "unmounted"
    assert calls.take() == (0, 1)
    assert not world.exists("/srv/instances")


def test_umount_failure_is_told_with_its_reason(world: World, calls: Calls) -> None:
    """test_umount_log_failure: reported and logged, not a traceback."""
    succeed(world, **tmpfs(PATH, FIRST))
    pid = world.occupy(PATH)
    calls.take()
    result = world.call(**leave(PATH, FIRST))
    assert (result.failed, result.code, result["error"]["errno"]) == (True, "busy", 16)
    assert "Traceback" not in json.dumps(result)
    lines = world.file(LOG).read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if result["error"]["log_ref"] in line]
    assert calls.take() == (0, 0)
    world.end(pid)


def fail_to_mount(world: World) -> Result:
    """Ask for a mount that the kernel refuses."""
    return world.call(path=PATH, src="/srv/missing", fstype="bind", holder=FIRST)


def test_mount_failure_leaves_no_record(world: World, calls: Calls) -> None:
    """test_mount_failure: failed and no record; a mount by somebody else is not taken for success."""
    calls.take()
    result = fail_to_mount(world)
    assert (result.failed, result.code) == (True, "mount_failed"), result
    assert world.references == {}
    assert not world.exists("/srv/instances")
    assert calls.take() == (0, 0)
    world.make_directory("/srv/missing")
    assert not fail_to_mount(world).failed
    assert calls.take() == (1, 0)
    world.make_directory(OTHER)
    world.mount("tmpfs", OTHER, "tmpfs", flags=6)
    calls.take()
    refuse(world, "not_owned", **tmpfs(OTHER, FIRST))
    assert succeed(world, **tmpfs(OTHER, FIRST, adopt=True)).action == "adopted"
    assert calls.take() == (0, 0)
    assert world.holders(OTHER) == [FIRST]


def test_host_down_fails_every_request_until_it_is_up(world: World, calls: Calls) -> None:
    """test_host_up_down: without a state to trust every request fails; then all is as it was."""
    succeed(world, **tmpfs(PATH, FIRST))
    calls.take()
    world.file(LEDGER).chmod(0o666)
    for arguments in (tmpfs(PATH, SECOND), leave(PATH, FIRST), tmpfs(OTHER, FIRST)):
        assert world.call(**arguments).code == "ledger_untrusted"
    assert calls.take() == (0, 0)
    world.file(LEDGER).chmod(0o644)
    assert succeed(world, **tmpfs(PATH, SECOND)).action == "joined"
    assert world.holders(PATH) == [FIRST, SECOND]
    assert calls.take() == (0, 0)


def test_host_up_waits_for_what_is_under_way(world: World, calls: Calls) -> None:
    """test_host_up_waits_for_completion: requests meanwhile fail clearly, afterwards they work."""
    with hold(find_lock(world, PATH)):
        calls.take()
        assert world.call(lock_timeout=1, **tmpfs(PATH, FIRST)).code == "locked"
        assert calls.take() == (0, 0)
        assert world.references == {}
    assert succeed(world, **tmpfs(PATH, FIRST)).action == "mounted"
    assert calls.take() == (1, 0)
