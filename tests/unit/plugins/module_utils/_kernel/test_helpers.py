# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What mount(8) is given, and that nothing else of ours reaches it."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import typing as t

import pytest
from ansible_collections.holdfast.mounts.plugins.module_utils._grammar.filesystems import FILESYSTEMS
from ansible_collections.holdfast.mounts.plugins.module_utils._kernel import helpers
from ansible_collections.holdfast.mounts.plugins.module_utils._values.request import Definition
from ansible_collections.holdfast.mounts.tests.unit.plugins.module_utils.builders import refused

PR_GET_PDEATHSIG = 2  # prctl(2)
TARGET = "/run/holdfast/stage/x/mount"
CONTEXT = "system_u:object_r:tmp_t:s0:c1,c2"
Data = t.Tuple[t.Tuple[str, t.Optional[str]], ...]


def words(
    fstype: str, src: str, data: Data = (), *, flags: t.Tuple[str, ...] = (), fd: t.Optional[int] = None
) -> t.List[str]:
    definition = Definition(fstype, src, flags, data)
    return helpers.arguments(FILESYSTEMS[fstype], definition, TARGET, point="/srv/a b/$(c)", credentials=fd)[
        1:
    ]


GIVEN: t.Dict[str, t.Tuple[t.List[str], t.List[str]]] = {
    "nfs": (
        words("nfs", "host:/a b", (("hard", None), ("vers", "4.2"))),
        ["-n", "-t", "nfs", "-o", "hard,vers=4.2,retry=0", "--", "host:/a b", TARGET],
    ),
    "nfs4": (
        words("nfs4", "[::1]:/"),
        ["-n", "-t", "nfs4", "-o", "retry=0", "--", "[::1]:/", TARGET],
    ),
    "flags_are_not_the_helpers_matter": (
        words("nfs", "host:/a", flags=("nodev", "nosuid", "ro")),
        ["-n", "-t", "nfs", "-o", "retry=0", "--", "host:/a", TARGET],
    ),
    "cifs": (
        words("cifs", "//host/share", (("credentials_file", "/etc/a, b"), ("uid", "7")), fd=9),
        ["-n", "-t", "cifs", "-o", "uid=7,credentials=/proc/self/fd/9", "--", "//host/share", TARGET],
    ),
    "smb3_guest": (
        words("smb3", "//host/share", (("guest", None),)),
        ["-n", "-t", "smb3", "-o", "guest", "--", "//host/share", TARGET],
    ),
    "ceph": (
        words("ceph", "mon:/", (("credentials_file", "/etc/a"), ("name", "app")), fd=9),
        ["-n", "-t", "ceph", "-o", "name=app,secretfile=/proc/self/fd/9", "--", "mon:/", TARGET],
    ),
    "glusterfs": (
        words("glusterfs", "host:/vol"),
        [
            *("-n", "-t", "glusterfs", "-o", "log-file=/var/log/glusterfs/srv-a-b---c-.log"),
            *("--", "host:/vol", TARGET),
        ],
    ),
    "sshfs": (
        words("fuse.sshfs", "me@host:/a,b", (("reconnect", None),)),
        [
            *("-n", "-t", "fuse.sshfs", "-o"),
            "reconnect,BatchMode=yes,StrictHostKeyChecking=yes,sshfs_verbose",
            *("--", "me@host:/a,b", TARGET),
        ],
    ),
    "context_is_quoted": (
        words("cifs", "//host/share", (("context", CONTEXT), ("guest", None))),
        ["-n", "-t", "cifs", "-o", f'context="{CONTEXT}",guest', "--", "//host/share", TARGET],
    ),
}


@pytest.mark.parametrize(("given", "expected"), GIVEN.values(), ids=GIVEN.keys())
def test_helper_is_given_a_fixed_list(given: t.List[str], expected: t.List[str]) -> None:
    assert given == expected


@pytest.mark.parametrize("fstype", sorted(name for name, known in FILESYSTEMS.items() if known.helper))
def test_helper_that_is_missing_is_told_with_its_package(
    fstype: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(helpers, "_HELPER_FOLDERS", ("/nowhere",))
    error = refused(helpers.refuse_missing_helper, FILESYSTEMS[fstype])
    assert error.code == "unsupported"
    packages = ("ceph-common", "cifs-utils", "glusterfs-client", "nfs-common", "sshfs")
    assert any(f"install the package {package}" in error.message for package in packages), error.message


def run(script: str, *, kept: t.Sequence[int] = ()) -> helpers.Said:
    return helpers.run_mount([sys.executable, "-c", script], kept=kept)


def test_command_has_a_clean_environment_and_no_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LD_PRELOAD_OF_A_TEST", "hunter2")
    monkeypatch.setenv("PASSWD", "hunter2")
    said = run("import os, sys; print(sorted(os.environ), os.getcwd(), repr(sys.stdin.read()))")
    expected = {"LC_ALL", "PATH"}
    names = set(said.output.split("]")[0].strip("[").replace("'", "").split(", "))
    assert expected <= names <= expected | {"LC_CTYPE"}
    assert said.output.endswith("/ ''")


def test_command_has_only_the_descriptor_that_is_kept() -> None:
    kept, other = os.memfd_create("kept"), os.memfd_create("other")
    os.set_inheritable(other, True)
    try:
        said = run("import os\nfor fd in os.listdir('/proc/self/fd'):\n  print(fd)", kept=(kept,))
        assert str(kept) in said.output.split()
        assert str(other) not in said.output.split()
    finally:
        os.close(kept)
        os.close(other)


def test_command_that_says_too_much_is_cut_and_ends() -> None:
    said = run("import sys; sys.stdout.write('x' * 3_000_000); sys.exit(32)")
    assert (said.status, len(said.output)) == (32, 8192)


def test_command_whose_daemon_keeps_the_pipe_is_not_waited_for() -> None:
    script = (
        "import os, time\nif os.fork() == 0:\n  time.sleep(60)\n  os._exit(0)\nprint('done', os.getpid())"
    )
    said = run(script)
    assert said.output.startswith("done")


def test_command_that_says_nothing_is_heard_to_the_end() -> None:
    assert run("import sys; sys.exit(3)") == helpers.Said(3, "")


@pytest.mark.parametrize(
    ("runs_helper", "expected"), [(False, signal.SIGKILL), (True, signal.SIGTERM)], ids=["alone", "helper"]
)
def test_signal_of_a_dead_caller_needs_no_handler_but_while_a_helper_runs(
    runs_helper: bool, expected: signal.Signals
) -> None:
    parent = os.getpid()
    pid = os.fork()
    if pid == 0:
        number = ctypes.c_int(0)
        os.setsid()
        helpers.die_with(parent, helper=True)
        helpers.die_with(parent, helper=runs_helper)
        ctypes.CDLL(None).prctl(PR_GET_PDEATHSIG, ctypes.byref(number))
        os._exit(number.value)
    assert os.WEXITSTATUS(os.waitpid(pid, 0)[1]) == expected
