# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Stages: root's, private wherever they lie, gone without a trace; what a helper mounted is checked."""

from __future__ import annotations

import ctypes
import errno
import os
import typing as t
from pathlib import Path

import pytest
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.helper import command, staging
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.helper.command import Said
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.kernel import (
    mountinfo,
    mounts,
    syscalls,
    system,
)
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.kernel.mountinfo import read_mounts
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.kernel.mounts import mount_under
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.model import Definition, KernelMount
from ansible_collections.holdfast.mounts.tests.unit.plugins.module_utils.builders import refused
from ansible_collections.holdfast.mounts.tests.unit.plugins.module_utils.conftest import (
    LIBC,
    check,
    mount_tmpfs,
)

MS_SHARED = 1 << 20
NFS = Definition("nfs", "host:/a", ("noatime", "nodev", "nosuid", "ro"), ())
AS_CHILD: t.Dict[str, t.Any] = {"parent": 0, "seconds": 60}
MountAt = t.Callable[[Path], Path]


@pytest.fixture(params=["private", "shared"])
def run(request: pytest.FixtureRequest, mount_at: MountAt) -> Path:
    """A /run of our own, private or shared as systemd makes it, with the directory of stages' parent."""
    place = mount_at(Path("/run"))
    if request.param == "shared":
        check(LIBC.mount(b"none", b"/run", b"", ctypes.c_ulong(MS_SHARED), b""), "make shared")
    (place / "holdfast").mkdir(mode=0o700)
    return place


def points() -> t.Dict[str, KernelMount]:
    return {mount.mount_point: mount for mount in read_mounts()}


def test_stage_is_roots_and_private(run: Path) -> None:
    staging.make_stage("one")
    stage = points()["/run/holdfast/stage/one"]
    assert stage.propagation == ()
    assert {"nosuid", "nodev", "noexec"} <= set(stage.flags)
    for path in ("stage", "stage/one", "stage/one/mount"):
        assert os.stat(run / "holdfast" / path).st_mode & 0o7777 == 0o700
    staging.drop_stage("one")


def test_stage_is_dropped_with_what_is_in_it(run: Path) -> None:
    staging.make_stage("one")
    mount_tmpfs("/run/holdfast/stage/one/mount")
    staging.drop_stage("one")
    assert [point for point in points() if point.startswith("/run/")] == []
    assert system.list_stages() == []


def test_stage_that_is_only_a_directory_or_nothing_is_dropped(run: Path) -> None:
    (run / "holdfast/stage/half").mkdir(parents=True)
    staging.drop_stage("half")
    staging.drop_stage("half")
    assert system.list_stages() == []


@pytest.mark.parametrize("mode", [0o755, 0o770], ids=["readable", "writable"])
def test_stages_in_a_directory_of_others_are_refused(run: Path, mode: int) -> None:
    (run / "holdfast/stage").mkdir()
    (run / "holdfast/stage").chmod(mode)
    assert refused(staging.make_stage, "one").code == "ledger_untrusted"


class Helper:
    """Stands in for mount(8): mounts a tmpfs that calls itself what the test wants."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *, source: str, fstype: str, status: int = 0) -> None:
        self.argv: t.List[str] = []
        self.given = ""
        self.source, self.status = source, status
        shown = mount_under

        def disguised(inode: t.Any) -> t.Optional[KernelMount]:
            found = shown(inode)
            if found is None or found.source != source:
                return found
            return found._replace(fstype=fstype)

        monkeypatch.setattr(mounts, "mount_under", disguised)
        monkeypatch.setattr(command, "run_mount", self.run)
        monkeypatch.setattr(command, "supervise", lambda _parent, _clean_up: None)
        monkeypatch.setattr(command, "end_children", lambda: None)
        monkeypatch.setattr(staging, "_refuse_missing_kernel_type", lambda _filesystem: None)

    def run(self, argv: t.Sequence[str], *, kept: t.Sequence[int], seconds: float) -> Said:
        assert seconds > 0
        self.argv = list(argv)
        self.given = "".join(os.pread(fd, 4096, 0).decode() for fd in kept)
        if self.source:
            arguments = (self.source.encode(), argv[-1].encode(), b"tmpfs", ctypes.c_ulong(0), b"mode=755")
            check(LIBC.mount(*arguments), "mount")
        return Said(self.status, "mount.nfs: access denied by server")


def assert_nothing_is_left() -> None:
    assert [point for point in points() if point.startswith("/run/")] == []
    assert system.list_stages() == []


@pytest.mark.parametrize(
    ("source", "fstype", "words"),
    [
        ("", "", "there is no mount"),
        ("host:/a", "tmpfs", "another type"),
        ("host:/b", "nfs4", "another source"),
        ("host:/a/", "nfs4", "another source"),
    ],
    ids=["nothing", "type", "source", "source-but-for-a-slash"],
)
def test_helper_that_mounted_something_else_is_found_out(
    run: Path, monkeypatch: pytest.MonkeyPatch, source: str, fstype: str, words: str
) -> None:
    Helper(monkeypatch, source=source, fstype=fstype)
    error = refused(staging.mount_staged, "one", NFS, point="/srv/a", **AS_CHILD)
    assert (error.code, error.step) == ("verification_failed", "verify")
    assert words in error.message
    assert_nothing_is_left()


def test_helper_whose_server_does_not_answer_is_found_out(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Helper(monkeypatch, source="host:/a", fstype="nfs4")
    asked = syscalls.statx

    def silent(fd: int, path: bytes, *, flags: int, mask: int) -> t.Any:
        if flags & syscalls.AT_STATX_FORCE_SYNC:
            raise OSError(errno.ESTALE, "gone")
        return asked(fd, path, flags=flags, mask=mask)

    monkeypatch.setattr(syscalls, "statx", silent)
    error = refused(staging.mount_staged, "one", NFS, point="/srv/a", **AS_CHILD)
    assert (error.code, error.step) == ("verification_failed", "verify")
    assert "does not answer" in error.message
    assert_nothing_is_left()


def test_helper_that_fails_after_it_mounted_leaves_nothing(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Helper(monkeypatch, source="host:/a", fstype="nfs4", status=32)
    assert refused(staging.mount_staged, "one", NFS, point="/srv/a", **AS_CHILD).code == "mount_failed"
    assert_nothing_is_left()


def test_helper_mount_is_taken_out_detached_with_its_flags(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    helper = Helper(monkeypatch, source="host:/a", fstype="nfs4")
    mount = staging.mount_staged("one", NFS, point="/srv/a", **AS_CHILD)
    try:
        assert_nothing_is_left()
        assert helper.argv[-2:] == ["host:/a", "/run/holdfast/stage/one/mount"]
        flags = os.fstatvfs(mount).f_flag
        # ro, nosuid, nodev, noatime (statvfs(3))
        assert flags & (1 | 2 | 4 | 1024) == 1 | 2 | 4 | 1024
        assert not flags & 8
    finally:
        os.close(mount)


def test_helper_gets_credentials_in_a_file_without_a_name(
    run: Path, private_place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = private_place / "credentials"
    file.write_text('user=bob\npass=a, "b\n', encoding="utf-8")
    file.chmod(0o600)
    helper = Helper(monkeypatch, source="//host/share", fstype="cifs")
    data = (("credentials_file", str(file)),)
    os.close(
        staging.mount_staged("one", Definition("cifs", "//host/share", (), data), point="/srv/a", **AS_CHILD)
    )
    assert helper.given == 'password=a, "b\nusername=bob\n'
    assert not any("bob" in word or str(file) in word for word in helper.argv)
    assert any("credentials=/proc/self/fd/" in word for word in helper.argv)


def test_daemon_is_only_cut_off_where_its_mount_is_all_that_uses_it(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    forced: t.List[str] = []
    real = syscalls.umount2

    def umount2(path: str, flags: int) -> None:
        if flags & syscalls.MNT_FORCE:
            forced.append(path)
        real(path, flags)

    monkeypatch.setattr(syscalls, "umount2", umount2)
    for name, fstype, aborts in (("a", "nfs4", True), ("b", "fuse.sshfs", True), ("c", "fuse.sshfs", False)):
        staging.make_stage(name)
        mount_tmpfs(f"/run/holdfast/stage/{name}/mount")
        rows = [mount._replace(fstype=fstype) for mount in read_mounts()]
        monkeypatch.setattr(mountinfo, "read_mounts", lambda rows=rows: rows)
        staging.drop_stage(name, aborts=aborts)
    assert forced == ["/run/holdfast/stage/b/mount"]
    assert_nothing_is_left()
