# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A user mounts a FUSE of their own on the way, over or below what is held: it is not believed, and named."""

from __future__ import annotations

import json
import os
import stat
import sys
import typing as t
from pathlib import Path

import pytest
from harness.cycle import apply, leave, refuse, succeed, tmpfs
from harness.helped import FUSE, MS_BIND
from harness.images import serve_file
from harness.place import LEDGER
from harness.reconcile import OTHER_BOOT, call_reconcile
from harness.results import Result
from harness.world import World

USER = 65534  # fusermount3 wants one that has a name
THEIRS, PATH = "/srv/theirs", "/srv/theirs/dir"
HELD = "/srv/held"

pytestmark = pytest.mark.skipif(
    not (os.path.exists("/usr/bin/fusermount3") and os.path.exists("/dev/fuse")),
    reason="needs fusermount3 and /dev/fuse",
)


def serve(world: World, point: str, options: str = "allow_other", *, by: str = "") -> None:
    """Have the user mount and serve a filesystem at a directory, which becomes theirs."""
    os.makedirs(world.file(point), exist_ok=True)
    if not by:
        os.chown(world.file(point), USER, USER)
    world.file("/etc/fuse.conf").write_text("user_allow_other\n", encoding="ascii")
    if not world.exists("/run/fuse"):
        os.mknod(world.file("/run/fuse"), stat.S_IFCHR | 0o666, os.stat("/dev/fuse").st_rdev)
        os.chmod(world.file("/run/fuse"), 0o666)  # as udev makes it
        world.mount("/run/fuse", "/dev/fuse", "", flags=MS_BIND)
    done = world.run(sys.executable, str(FUSE), point, f"uid={USER}", f"options={options}", f"by={by}")
    assert done.stdout.startswith("ready"), done


def held_by_user(world: World, *, fstype: str) -> t.Dict[str, t.Any]:
    """Hold what a user may mount on: a tmpfs that everybody may write, or a bind of the user's directory."""
    if fstype == "tmpfs":
        wish = {**tmpfs(HELD, "a"), "opts": ["mode=0777"]}
    else:
        os.makedirs(world.file("/srv/home"), exist_ok=True)
        os.chown(world.file("/srv/home"), USER, USER)
        wish = {"path": HELD, "src": "/srv/home", "fstype": "bind", "holder": "a"}
    succeed(world, **wish)
    return wish


# --- What it says of its owners ---


def test_directories_that_a_user_says_are_roots_are_not_safe(world: World) -> None:
    serve(world, THEIRS)
    for path in (PATH, f"{PATH}/dir"):
        result = refuse(world, "unsafe_path", **tmpfs(path, "a"))
        assert (
            f"'{THEIRS}' lies on a fuse filesystem, whose owners and modes count for nothing" in result["msg"]
        )
    succeed(world, **tmpfs(PATH, "a", allow_unsafe_parents=True))
    apply(world, "unmounted", **leave(PATH, "a"))


READ = """
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast import errors
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.kernel import files
try:
    print(files.read_credentials("/srv/credentials", may_block=True))
except errors.MountError as error:
    print(error.code, error)
"""


@pytest.mark.parametrize("is_served", [False, True], ids=["of root's own", "served by a user"])
def test_credentials_file_that_a_user_serves_is_not_safe(
    world: World, tmp_path: Path, is_served: bool
) -> None:
    (tmp_path / "text").write_text("username=x\n", encoding="ascii")
    (tmp_path / "text").chmod(0o666)
    file = world.file("/srv/credentials")
    file.write_text("username=x\n", encoding="ascii")
    file.chmod(0o600)
    if is_served:
        os.chown(file, USER, USER)
        serve_file(world, USER, "/srv/credentials", tmp_path / "text")
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
    done = world.run("env", f"PYTHONPATH={Path(__file__).resolve().parents[5]}", sys.executable, "-c", READ)
    expected = "unsafe_path the credentials file cannot be used" if is_served else "username=x"
    assert done.stdout.startswith(expected), done
    world.run("umount", "/srv/credentials")


def test_way_through_what_lets_only_its_user_in_is_refused(world: World) -> None:
    serve(world, THEIRS, by="namespace")
    for more in ({}, {"allow_unsafe_parents": True}):
        result = world.call(**tmpfs(PATH, "a", **more))
        assert result.code == "unsafe_path", result
        assert f"what is mounted at or above '{THEIRS}' refuses to be searched" in result["msg"]


def test_source_below_what_a_user_serves_is_not_safe(world: World) -> None:
    serve(world, THEIRS)
    bind: t.Dict[str, t.Any] = {"path": HELD, "src": PATH, "fstype": "bind", "holder": "a"}
    refuse(world, "unsafe_path", **bind)
    succeed(world, **bind, allow_unsafe_parents=True)
    refuse(world, "unsafe_path", **tmpfs(f"{HELD}/dir", "a"))  # a bind of ours shows what the user says


@pytest.mark.parametrize("how", ["", "namespace"], ids=["fusermount3", "user-namespace"])
def test_filesystem_of_a_user_is_never_adopted(world: World, how: str) -> None:
    options = ["allow_other", "fsname=server:/data", "subtype=sshfs", "nosuid", "nodev"]
    serve(world, HELD, ",".join(options[:3] if how else options), by=how)
    wish = {"path": HELD, "src": "server:/data", "fstype": "fuse.sshfs", "holder": "a", "adopt": True}
    before = world.stack(HELD)
    result = world.call(**wish, allow_fstypes=["fuse.sshfs"])
    assert result.code == "conflict", result
    assert "of another user than root" in result["msg"]
    assert world.stack(HELD) == before


@pytest.mark.parametrize("how", ["", "namespace"], ids=["fusermount3", "user-namespace"])
def test_filesystem_of_a_user_is_not_ours_after_a_boot(world: World, how: str) -> None:
    wish = {**tmpfs(HELD, "a"), "boot": True}
    world.file("/etc/fstab").write_text("", encoding="ascii")
    succeed(world, **wish)
    world.unmount(HELD)
    known = world.ledger
    line = f"server:/data {HELD} fuse.sshfs nofail,_netdev,nodev,nosuid,x-holdfast.mounts 0 0\n"
    world.file("/etc/fstab").write_text(line, encoding="ascii")
    reference = known["references"][HELD]
    reference.update(src="server:/data", fstype="fuse.sshfs", boot_id=OTHER_BOOT, opts=["nodev", "nosuid"])
    world.file(LEDGER).write_text(json.dumps(known), encoding="utf-8")
    options = "allow_other,fsname=server:/data,subtype=sshfs" + ("" if how else ",nosuid,nodev")
    serve(world, HELD, options, by=how)
    before = world.stack(HELD)
    facts = world.facts()
    if not how:  # the table shows the number of the namespace, and reading the facts needs no root
        assert [item["kind"] for item in facts["drift"]] == ["replaced"], facts["drift"]
    call_reconcile(world, repair=["missing", "replaced"])
    result = world.call(path=HELD, holder="a", state="unmounted", on_busy="lazy")
    assert world.stack(HELD) == before, result


def test_directory_is_never_removed_on_the_word_of_a_user(world: World) -> None:
    succeed(world, **tmpfs("/srv/app/dir", "a"))
    world.unmount("/srv/app/dir")
    serve(world, "/srv/app")
    found = os.stat(world.file("/srv/app/dir"))
    known = world.ledger
    (row,) = [row for row in known["directories"] if row[1] == "dir"]
    row[2:] = [f"0:{os.minor(found.st_dev)}", found.st_ino, 0]
    world.file(LEDGER).write_text(json.dumps(known), encoding="utf-8")
    assert not world.call(**leave("/srv/app/dir", "a")).failed
    assert world.exists("/srv/app/dir")


# --- What it hides, or makes busy ---


@pytest.mark.parametrize("options", ["allow_other", "fsname=x"], ids=["open", "closed"])
@pytest.mark.parametrize("fstype", ["tmpfs", "bind"])
def test_filesystem_of_a_user_on_a_held_mount_is_named(world: World, fstype: str, options: str) -> None:
    wish = held_by_user(world, fstype=fstype)
    serve(world, f"{HELD}/dir", options)
    for state in ("released", "unmounted"):
        for on_busy in ("fail", "lazy"):
            result = world.call(
                path=HELD, holder="a", state=state, on_busy=on_busy, disclose="full", lock_timeout=5
            )
            assert result.code == "busy", result
            assert f"fuse at '{HELD}/dir', served by the user {USER}" in result["msg"]
            assert "umount(8)" in result["msg"]
    assert world.call(**{**wish, "holder": "b"}).action == "joined"
    assert world.call(**leave(HELD, "b")).action == "released"
    deferred = world.call(**leave(HELD, "a", on_busy="defer"))
    assert deferred.action == "deferred", deferred
    told = call_reconcile(world, disclose="full")
    assert f"served by the user {USER}" in json.dumps(told["remaining"]), told
    world.unmount(f"{HELD}/dir")  # what the message says
    assert call_reconcile(world)["remaining"] == []
    assert world.stack(HELD) == []


@pytest.mark.parametrize("options", ["allow_other", "fsname=x"], ids=["open", "closed"])
@pytest.mark.parametrize("fstype", ["tmpfs", "bind"])
def test_filesystem_of_a_user_over_a_held_mount_is_named(world: World, fstype: str, options: str) -> None:
    wish = held_by_user(world, fstype=fstype)
    serve(world, HELD, options)
    named = f"fuse at '{HELD}', served by the user {USER}"
    joined = world.call(**{**wish, "holder": "b"}, disclose="full")
    assert joined.code == "conflict", joined
    assert named in joined["msg"]
    for on_busy in ("fail", "lazy"):
        result = world.call(**leave(HELD, "a", on_busy=on_busy, disclose="full"))
        assert result.code in ("busy", "not_owned"), result
        assert named in result["msg"]
        assert "umount(8)" in result["msg"]
    assert len(world.stack(HELD)) == 2
    assert world.call(**leave(HELD, "a", on_busy="defer")).action == "deferred"
    assert named in json.dumps(call_reconcile(world, disclose="full")["remaining"])
    world.unmount(HELD)
    assert call_reconcile(world)["remaining"] == []
    assert world.stack(HELD) == []


@pytest.mark.parametrize("options", ["allow_other", "fsname=x"], ids=["open", "closed"])
def test_filesystem_of_a_user_above_a_held_mount_is_named(world: World, options: str) -> None:
    os.makedirs(world.file(THEIRS))
    os.chown(world.file(THEIRS), USER, USER)
    wish = tmpfs(PATH, "a", allow_unsafe_parents=True)
    succeed(world, **wish)
    serve(world, THEIRS, options)
    named = f"fuse at '{THEIRS}', served by the user {USER}"
    for arguments, code in (
        (leave(PATH, "a"), "not_owned"),
        (leave(PATH, "a", on_busy="lazy"), "not_owned"),
        ({**wish, "holder": "b"}, "conflict"),
    ):
        result = world.call(**arguments, disclose="full")
        assert result.code == code, result
        assert named in result["msg"]
    assert world.call(**leave(PATH, "a", on_busy="defer")).action == "deferred"
    world.unmount(THEIRS)
    assert call_reconcile(world)["remaining"] == []
    assert world.stack(PATH) == []


def test_filesystem_of_a_user_whose_server_is_dead_changes_nothing(world: World) -> None:
    held_by_user(world, fstype="bind")
    serve(world, HELD, "fsname=x")
    namespace = os.readlink(f"/proc/{world.pid}/ns/mnt")
    pids = [pid for pid in os.listdir("/proc") if pid.isdigit() and serves(pid, namespace)]
    assert len(pids) == 1
    world.kill(int(pids[0]))
    result: Result = world.call(**leave(HELD, "a", on_busy="defer"))
    assert result.action == "deferred", result


def serves(pid: str, namespace: str) -> bool:
    """Return whether a process of this mount namespace is the user's server."""
    try:
        is_here = os.readlink(f"/proc/{pid}/ns/mnt") == namespace
        return is_here and str(FUSE).encode() in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False
