# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What mount(8) is given, and that nothing else of ours reaches it."""

from __future__ import annotations

import os
import resource
import signal
import sys
import time
import typing as t
from pathlib import Path

import pytest
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.grammar.filesystems import FILESYSTEMS
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.helper import command
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.model import Definition
from ansible_collections.holdfast.mounts.tests.unit.plugins.module_utils.builders import refused

TARGET = "/run/holdfast/stage/x/mount"
CONTEXT = "system_u:object_r:tmp_t:s0:c1,c2"
Data = t.Tuple[t.Tuple[str, t.Optional[str]], ...]


def words(
    fstype: str, src: str, data: Data = (), *, flags: t.Tuple[str, ...] = (), fd: t.Optional[int] = None
) -> t.List[str]:
    definition = Definition(fstype, src, flags, data)
    return command.arguments(
        FILESYSTEMS[fstype], definition, TARGET, point="/srv/a b/$(c)", credentials_fd=fd
    )[1:]


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
    monkeypatch.setattr(command, "_HELPER_FOLDERS", ("/nowhere",))
    error = refused(command.refuse_missing_helper, FILESYSTEMS[fstype])
    assert error.code == "unsupported"
    packages = ("ceph-common", "cifs-utils", "glusterfs-client", "nfs-common", "sshfs")
    assert any(f"install the package {package}" in error.message for package in packages), error.message


def run(script: str, *, kept: t.Sequence[int] = (), seconds: float = 60) -> command.Said:
    return command.run_mount([sys.executable, "-c", script], kept=kept, seconds=seconds)


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
    assert run("import sys; sys.exit(3)") == command.Said(3, "")


def test_command_that_does_not_end_in_time_is_timeout() -> None:
    assert refused(run, "import time; time.sleep(5)", seconds=0.2).code == "timeout"


def supervised(act: t.Callable[[], None], *, parent: int) -> int:
    """Return a child that supervises what it does, told by a pipe once it has a daemon."""
    pid = os.fork()
    if pid == 0:
        try:
            command.supervise(parent, lambda: None)
            act()
            for _pause in range(1200):
                time.sleep(0.05)  # as the worker waits: a signal just before a sleep is seen after it
        finally:
            os._exit(0)
    return pid


def start_daemon(told: int) -> None:
    """Start a process that leaves its parent, its group and its session, and has told its number."""
    ready = os.pipe()
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            os.setsid()
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            os.write(told, b"%d\n" % os.getpid())
            os.write(ready[1], b"x")
            time.sleep(60)
        os._exit(0)
    os.wait()
    os.read(ready[0], 1)


def is_running(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state not in ("X", "Z")


@pytest.mark.parametrize("has_children_file", [True, False], ids=["children", "stat"])
def test_daemon_is_ended_by_the_one_that_supervises_it(
    has_children_file: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader, writer = os.pipe()
    if not has_children_file:
        monkeypatch.setattr(command, "_CHILDREN", "/proc/self/task/{}/no such file")

    def act() -> None:
        start_daemon(writer)
        command.end_children()
        os._exit(0)

    pid = supervised(act, parent=os.getpid())
    daemon = int(os.read(reader, 99))
    os.waitpid(pid, 0)
    assert not is_running(daemon)
    os.close(reader)
    os.close(writer)


def test_daemon_is_ended_when_the_caller_is_killed() -> None:
    reader, writer = os.pipe()
    caller = os.fork()
    if caller == 0:
        supervised(lambda: start_daemon(writer), parent=os.getpid())
        time.sleep(60)
        os._exit(0)
    daemon = int(os.read(reader, 99))
    os.kill(caller, signal.SIGKILL)
    os.waitpid(caller, 0)
    deadline = time.monotonic() + 20
    while is_running(daemon):
        assert time.monotonic() < deadline
        time.sleep(0.005)
    os.close(reader)
    os.close(writer)


def test_limits_of_the_caller_do_not_reach_a_helper() -> None:
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            for limit in (resource.RLIMIT_CPU, resource.RLIMIT_FSIZE):
                resource.setrlimit(limit, (600, resource.RLIM_INFINITY))
            resource.setrlimit(resource.RLIMIT_CORE, (4096, resource.RLIM_INFINITY))
            command.supervise(os.getppid(), lambda: None)
            limits = [resource.getrlimit(limit)[0] for limit in (0, 1, 4)]  # CPU, FSIZE, CORE
            os.write(writer, repr(limits).encode())
        finally:
            os._exit(0)
    os.waitpid(pid, 0)
    assert os.read(reader, 999) == b"[-1, -1, 0]"
    os.close(reader)
    os.close(writer)
