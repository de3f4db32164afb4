# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The one command that is run: mount(8), for filesystems that the kernel cannot make without a helper.

Private to holdfast.mounts.
"""

from __future__ import annotations

import contextlib
import os
import re
import resource
import selectors
import signal
import subprocess
import time
import typing as t

from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast import errors, model
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.grammar import (
    credentials,
    record,
    strings,
)
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.kernel import child, syscalls, utf8

# Where libmount looks for helpers (mount(8), EXTERNAL HELPERS), and where mount(8) may be.
_HELPER_FOLDERS = ("/sbin", "/usr/sbin")
_MOUNT = ("/usr/bin/mount", "/bin/mount")
_ENVIRONMENT = {"LC_ALL": "C", "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}
_MOST_OUTPUT = 8192
_PAUSE = 0.05
_UNSAFE = re.compile("[^A-Za-z0-9._-]")
_CHILDREN = "/proc/self/task/{}/children"
# How long children that were killed are waited for: one may sleep at a server.
_END_SECONDS = 1.0

# A daemon lives for as long as its mount: limits of the caller's session would end it in the middle of its
# work. Nor may it write its credentials into a core file.
_LIMITS = (resource.RLIMIT_AS, resource.RLIMIT_CPU, resource.RLIMIT_DATA, resource.RLIMIT_FSIZE)


class Said(t.NamedTuple):
    """How mount(8) ended, and the first of what it and its helper said."""

    status: int
    output: str


def refuse_missing_helper(filesystem: record.Filesystem) -> None:
    """Refuse a type whose helper is not installed. Raises unsupported.

    mount(8) would ask the kernel instead, and for a type of FUSE run a shell.
    """
    name = f"mount.{filesystem.name}"
    has_helper = any(os.access(f"{folder}/{name}", os.X_OK) for folder in _HELPER_FOLDERS)
    if has_helper and any(os.access(path, os.X_OK) for path in _MOUNT):
        return
    package = filesystem.helper.package if filesystem.helper and not has_helper else "mount"
    raise errors.MountError(
        "unsupported",
        f"this host cannot mount '{filesystem.name}': it has no '{name if not has_helper else 'mount'}'; "
        f"install the package {package}, or what your distribution calls it",
        step="helper",
    )


def arguments(
    filesystem: record.Filesystem,
    definition: model.Definition,
    target: str,
    *,
    point: str,
    credentials_fd: t.Optional[int],
) -> t.List[str]:
    """Return the command line.

    point: where the filesystem is going to be seen. credentials: the descriptor of their file.

    Flags of the mount are not in it: they are put on it before anybody sees it.
    """
    words = []
    for name, value in definition.data:
        if name == strings.CONTEXT and value is not None:
            words.append(f"{name}={strings.quoted_context(value)}")
        elif name != credentials.CREDENTIALS:
            words.append(name if value is None else f"{name}={value}")
    if credentials_fd is not None:
        words.append(f"{credentials.option_for_helper(filesystem)}=/proc/self/fd/{credentials_fd}")
    if filesystem.helper:
        words += filesystem.helper.always
    if filesystem.helper and filesystem.helper.log_option:
        # A script may expand it unquoted.
        words.append(f"{filesystem.helper.log_option}{_UNSAFE.sub('-', point[1:])[:200]}.log")
    options = ["-o", ",".join(words)] if words else []
    command = next((path for path in _MOUNT if os.access(path, os.X_OK)), _MOUNT[0])
    return [command, "-n", "-t", definition.fstype, *options, "--", definition.src, target]


def run_mount(argv: t.Sequence[str], *, kept: t.Sequence[int], seconds: float) -> Said:
    """Run mount(8) and return when it has ended; what it started may go on.

    It has the descriptors in kept and no others of ours. Raises MountError C(timeout) after so many
    seconds; whoever called then ends what was started.
    """
    # run_command() knows no deadline, no group of processes and no fixed environment.
    process = subprocess.Popen(  # pylint: disable=ansible-bad-function
        [utf8.encoded(word) for word in argv],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=_ENVIRONMENT,
        cwd="/",
        pass_fds=kept,
    )
    if process.stdout is None:
        raise OSError("no pipe")
    with process.stdout as stream:
        output = _listen(process, stream.fileno(), seconds)
    return Said(process.wait(), output.decode("utf-8", "replace").strip())


def _listen(process: subprocess.Popen[bytes], fd: int, seconds: float) -> bytes:
    """Return the first of what is said until the process ends: a daemon may keep the pipe open."""
    deadline = time.monotonic() + seconds
    os.set_blocking(fd, False)
    output = b""
    with selectors.DefaultSelector() as selector:
        selector.register(fd, selectors.EVENT_READ)
        while True:
            has_ended = process.poll() is not None
            if not has_ended and time.monotonic() >= deadline:
                raise child.too_late(seconds, "helper")
            selector.select(0 if has_ended else _PAUSE)
            try:
                read = os.read(fd, 4096)
            except BlockingIOError:
                if has_ended:
                    return output
                continue
            output = (output + read)[:_MOST_OUTPUT]
            if not read:
                if has_ended:
                    return output
                time.sleep(_PAUSE)


def supervise(parent: int, clean_up: t.Callable[[], None]) -> None:
    """Have this process, a child of its own, end whatever it starts, and clean up, when its parent has died.

    A daemon leaves its parent and its group; as its new parent (PR_SET_CHILD_SUBREAPER) this process knows
    it without looking for it. The handler runs at once, as this process never waits for a filesystem itself.
    LIMIT: where somebody kills it too, what a helper mounted is cut off by the next call on the mount
    point, and a daemon that had mounted nothing yet stays.
    """

    def end(_number: int, _frame: t.Any) -> t.NoReturn:
        try:
            end_children()
            clean_up()
        finally:
            os._exit(1)

    syscalls.become_subreaper()
    signal.signal(signal.SIGTERM, end)
    syscalls.set_parent_death_signal(signal.SIGTERM)
    if os.getppid() != parent:
        end(signal.SIGTERM, None)
    for limit in _LIMITS:
        hard = resource.getrlimit(limit)[1]
        with contextlib.suppress(OSError, ValueError):  # what is above takes CAP_SYS_RESOURCE
            resource.setrlimit(limit, (hard, hard))
            resource.setrlimit(limit, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def end_children() -> None:
    """Kill the children of this process and, as it is a subreaper, in turn all their descendants."""
    deadline = time.monotonic() + _END_SECONDS
    while time.monotonic() < deadline:
        for pid in _children():
            os.kill(pid, signal.SIGKILL)  # nobody else can have its number before it is waited for
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            return
        time.sleep(0.005)


def _children() -> t.List[int]:
    try:
        with open(_CHILDREN.format(os.getpid()), encoding="ascii") as file:
            return [int(pid) for pid in file.read().split()]
    except FileNotFoundError:  # a kernel without CONFIG_PROC_CHILDREN
        pass
    found = []
    for name in filter(str.isdigit, os.listdir("/proc")):
        # Unlike cmdline it has nothing of the process' memory, for which one may be made to wait.
        with contextlib.suppress(OSError), open(f"/proc/{name}/stat", "rb") as file:
            if int(file.read().rpartition(b")")[2].split()[1]) == os.getpid():
                found.append(int(name))
    return found
