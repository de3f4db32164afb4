# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The one command that is run: mount(8), for filesystems that the kernel cannot make without a helper.

Private to holdfast.mounts.
"""

from __future__ import annotations

import os
import re
import selectors
import signal
import subprocess
import time
import typing as t

from ansible_collections.holdfast.mounts.plugins.module_utils._grammar.contexts import (
    CONTEXT,
    quoted_context,
)
from ansible_collections.holdfast.mounts.plugins.module_utils._grammar.credentials import (
    CREDENTIALS,
    option_for_helper,
)
from ansible_collections.holdfast.mounts.plugins.module_utils._grammar.filesystems import Filesystem
from ansible_collections.holdfast.mounts.plugins.module_utils._kernel import calls
from ansible_collections.holdfast.mounts.plugins.module_utils._values.errors import MountError
from ansible_collections.holdfast.mounts.plugins.module_utils._values.request import Definition

# Where libmount looks for helpers (mount(8), EXTERNAL HELPERS), and where mount(8) may be.
_HELPER_FOLDERS = ("/sbin", "/usr/sbin")
_MOUNT = ("/usr/bin/mount", "/bin/mount")
_ENVIRONMENT = {"LC_ALL": "C", "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}
_MOST_OUTPUT = 8192
_PAUSE = 0.05
_UNSAFE = re.compile("[^A-Za-z0-9._-]")

# What is asked of each helper beyond the caller's options: to wait for nobody and to ask nobody.
# sshfs keeps what ssh says to itself otherwise.
_ALWAYS: t.Mapping[str, t.Tuple[str, ...]] = {
    "nfs": ("retry=0",),
    "sshfs": ("BatchMode=yes", "StrictHostKeyChecking=yes", "sshfs_verbose"),
}


class Said(t.NamedTuple):
    """How mount(8) ended, and the first of what it and its helper said."""

    status: int
    output: str


def refuse_missing_helper(filesystem: Filesystem) -> None:
    """Refuse a type whose helper is not installed. Raises unsupported.

    mount(8) would ask the kernel instead, and for a type of FUSE run a shell.
    """
    name = f"mount.{filesystem.name}"
    has_helper = any(os.access(f"{folder}/{name}", os.X_OK) for folder in _HELPER_FOLDERS)
    if has_helper and any(os.access(path, os.X_OK) for path in _MOUNT):
        return
    package = filesystem.helper.package if filesystem.helper and not has_helper else "mount"
    raise MountError(
        "unsupported",
        f"this host cannot mount '{filesystem.name}': it has no '{name if not has_helper else 'mount'}'; "
        f"install the package {package}, or what your distribution calls it",
        step="helper",
    )


def arguments(
    filesystem: Filesystem,
    definition: Definition,
    target: str,
    *,
    point: str,
    credentials: t.Optional[int],
) -> t.List[str]:
    """Return the command line.

    point: where the filesystem is going to be seen. credentials: the descriptor of their file.

    Flags of the mount are not in it: they are put on it before anybody sees it.
    """
    words = []
    for name, value in definition.data:
        if name == CONTEXT and value is not None:
            words.append(f"{name}={quoted_context(value)}")
        elif name != CREDENTIALS:
            words.append(name if value is None else f"{name}={value}")
    if credentials is not None:
        words.append(f"{option_for_helper(filesystem)}=/proc/self/fd/{credentials}")
    words += _ALWAYS.get(filesystem.source, ())
    if filesystem.source == "glusterfs":
        # Else each stage would have a log of its own. The script expands it unquoted.
        words.append(f"log-file=/var/log/glusterfs/{_UNSAFE.sub('-', point[1:])[:200]}.log")
    options = ["-o", ",".join(words)] if words else []
    command = next((path for path in _MOUNT if os.access(path, os.X_OK)), _MOUNT[0])
    return [command, "-n", "-t", definition.fstype, *options, "--", definition.src, target]


def run_mount(argv: t.Sequence[str], *, kept: t.Sequence[int]) -> Said:
    """Run mount(8) and return when it has ended; what it started may go on.

    It has the descriptors in kept and no others of ours. There is no deadline here: whoever calls
    runs in a child that is killed with its whole process group.
    """
    # run_command() knows no deadline, no group of processes and no fixed environment.
    process = subprocess.Popen(  # pylint: disable=ansible-bad-function
        argv,
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
        output = _listen(process, stream.fileno())
    return Said(process.wait(), output.decode("utf-8", "replace").strip())


def _listen(process: subprocess.Popen[bytes], fd: int) -> bytes:
    """Return the first of what is said until the process ends: a daemon may keep the pipe open."""
    os.set_blocking(fd, False)
    output = b""
    with selectors.DefaultSelector() as selector:
        selector.register(fd, selectors.EVENT_READ)
        while True:
            has_ended = process.poll() is not None
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


def die_with(parent: int, *, helper: bool = False) -> None:
    """Have this process killed when the process that forked it dies (prctl(2)).

    helper: while one runs, its whole group instead. That takes a handler, which waits for as long as a
    filesystem that does not answer keeps this process; so it is there while nothing else is done.
    """
    if helper:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # where it is ignored, no status is told (wait(2))
        signal.signal(signal.SIGTERM, lambda _number, _frame: os.killpg(0, signal.SIGKILL))
    calls.set_parent_death_signal(signal.SIGTERM if helper else signal.SIGKILL)
    if os.getppid() != parent:
        os.killpg(0, signal.SIGKILL)
