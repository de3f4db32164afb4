# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A call that may hang, run in a child that is given up at a deadline.

Private to holdfast.mounts.
"""

from __future__ import annotations

import array
import contextlib
import json
import os
import select
import signal
import socket
import typing as t

from ansible_collections.holdfast.mounts.plugins.module_utils._values.errors import MountError

# What the child does: returns a descriptor to hand over, or None. Raises MountError or OSError.
Act = t.Callable[[], t.Optional[int]]


def run_with_deadline(act: Act, timeout: int, *, kept: t.Collection[int], step: str) -> t.Optional[int]:
    """Run act in a child and return the descriptor it returns, as one of ours.

    The child has the descriptors in kept and no other: it holds no lock but those, and what it
    makes or runs after the deadline dies with it. Raises what act raises, and MountError C(timeout)
    after so many seconds. LIMIT: a child in uninterruptible sleep stays until the kernel lets it go.
    """
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours:
        pid = os.fork()
        if pid == 0:
            _serve(act, theirs.fileno(), kept)
        theirs.close()
        if not select.select([ours], [], [], timeout)[0]:
            _kill(pid)
            _reap(pid, os.WNOHANG)
            raise MountError(
                "timeout",
                f"the kernel did not answer within {timeout} seconds; look at the device behind the mount, "
                "or allow more time with 'timeout'",
                step=step,
            )
        message, ancillary, _flags, _address = ours.recvmsg(65536, socket.CMSG_SPACE(4))
        _reap(pid, 0)
    return _answer(message, ancillary)


def _kill(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)
    with contextlib.suppress(ProcessLookupError):  # it did not come to have a group of its own
        os.killpg(pid, signal.SIGKILL)


def _reap(pid: int, options: int) -> None:
    with contextlib.suppress(ChildProcessError):  # the caller ignores SIGCHLD, so the kernel does it
        os.waitpid(pid, options)


def _serve(act: Act, channel: int, kept: t.Collection[int]) -> t.NoReturn:
    """Answer once, then end without running anything that the parent has set up."""
    try:
        _let_go_of_the_caller()
        _close_all_but({0, 1, 2, channel, *kept})
        message, fds = _outcome(act)
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))] if fds else []
        socket.socket(fileno=channel).sendmsg([json.dumps(message).encode("ascii")], rights)
    finally:
        os._exit(0)


def _close_all_but(kept: t.Collection[int]) -> None:
    # A lock is shared by every copy of its descriptor (flock(2)), so none may stay open here.
    for fd in map(int, os.listdir("/proc/self/fd")):
        if fd not in kept:
            with contextlib.suppress(OSError):  # the listing's own is closed already
                os.close(fd)


def _let_go_of_the_caller() -> None:
    # Who started the module reads its output to the end, so a child that hangs must not hold the pipes.
    os.setsid()
    null = os.open(os.devnull, os.O_RDWR)
    for fd in (0, 1, 2):
        os.dup2(null, fd)


def _outcome(act: Act) -> t.Tuple[t.Dict[str, t.Any], t.List[int]]:
    try:
        fd = act()
    except MountError as error:
        coded = {
            name: getattr(error, name) for name in ("code", "message", "step", "path", "errno", "detail")
        }
        return {"coded": coded}, []
    except OSError as error:
        return {"errno": error.errno, "text": error.strerror}, []
    return {}, [] if fd is None else [fd]


def _answer(message: bytes, ancillary: t.Sequence[t.Tuple[int, int, bytes]]) -> t.Optional[int]:
    if not message:
        raise MountError(
            "mount_failed", "the child that makes the call ended without an answer; try again", step="child"
        )
    outcome = json.loads(message)
    if "coded" in outcome:
        coded = outcome["coded"]
        raise MountError(coded.pop("code"), coded.pop("message"), **coded)
    if "errno" in outcome:
        raise OSError(outcome["errno"], outcome["text"])
    if not ancillary:
        return None
    return array.array("i", ancillary[0][2])[0]
