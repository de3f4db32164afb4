# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What may hang, run in a child that is given up at a deadline, and answers in text.

Private to holdfast.mounts.
"""

from __future__ import annotations

import array
import contextlib
import dataclasses
import json
import os
import select
import signal
import socket
import sys
import time
import typing as t

from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast import errors
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.kernel import syscalls

_PACKAGE = __name__.rpartition(".kernel.")[0]
_PLAIN = (bool, int, str, type(None))

T = t.TypeVar("T")
Result = t.Union[T, errors.MountError, OSError]


class Descriptor(int):
    """A descriptor that a child hands over, with a remark: it arrives as one of the parent's own."""

    remark: str = ""


class Task(t.NamedTuple):
    """What one child does, and the descriptors that it keeps: it has no other, so no lock but those.

    act: returns a value that to_text takes, or a Descriptor; raises MountError or OSError.
    """

    act: t.Callable[[], t.Any]
    kept: t.Tuple[int, ...] = ()


def run_with_deadline(act: t.Callable[[], T], timeout: float, *, kept: t.Collection[int], step: str) -> T:
    """Run act in a child and return what it returns.

    What it makes or runs after the deadline dies with it. Raises what act raises, and MountError C(timeout)
    after so many seconds. LIMIT: a child in uninterruptible sleep stays until the kernel lets it go.
    """
    child = _Child(Task(act, tuple(kept)))
    return t.cast("T", child.answer(time.monotonic() + timeout, timeout, step))


def run_together(tasks: t.Sequence[Task], timeout: float, *, step: str) -> t.List[Result[t.Any]]:
    """Run each task in a child of its own, all at once; return what each returned or raised.

    The children may ask filesystems that do not answer, and end with the caller, whatever ends it.
    """
    children = [_Child(task, ends_with_us=True) for task in tasks]
    deadline = time.monotonic() + timeout
    results: t.List[Result[t.Any]] = []
    for child in children:
        try:
            results.append(child.answer(deadline, timeout, step))
        except (errors.MountError, OSError) as error:
            results.append(error)
    return results


class _Child:
    def __init__(self, task: Task, *, ends_with_us: bool = False) -> None:
        self._channel, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        parent = os.getpid()
        self._pid = os.fork()
        if self._pid == 0:
            _serve(task, theirs.fileno(), parent if ends_with_us else 0)
        theirs.close()

    def answer(self, deadline: float, timeout: float, step: str) -> t.Any:
        """Return what the child's task returned, or raise what it raised."""
        with self._channel:
            text, fds = self._read(deadline)
            if text is None:
                _kill(self._pid)
                self._reap(os.WNOHANG)
                raise too_late(timeout, step)
            self._reap(0)
        if not text:
            raise errors.LostError(
                "mount_failed",
                "the worker process ended without an answer; try again",
                step="child",
            )
        value, error = from_text(text)
        if error is not None:
            raise error
        if not fds:
            return value
        descriptor = Descriptor(fds[0])
        descriptor.remark = value
        return descriptor

    def _read(self, deadline: float) -> t.Tuple[t.Optional[bytes], t.List[int]]:
        """Return everything up to the end, and the descriptors that came along; None at the deadline."""
        text, fds = b"", array.array("i")
        while True:
            if not select.select([self._channel], [], [], max(0.0, deadline - time.monotonic()))[0]:
                return None, []
            part, ancillary, _flags, _address = self._channel.recvmsg(
                65536, socket.CMSG_SPACE(4), socket.MSG_CMSG_CLOEXEC
            )
            for _level, _type, data in ancillary:
                fds.frombytes(data)
            if not part:
                return text, list(fds)
            text += part

    def _reap(self, options: int) -> None:
        with contextlib.suppress(ChildProcessError):  # the caller ignores SIGCHLD, so the kernel does it
            os.waitpid(self._pid, options)


def _kill(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)
    with contextlib.suppress(ProcessLookupError):  # it did not come to have a group of its own
        os.killpg(pid, signal.SIGKILL)


def too_late(timeout: float, step: str) -> errors.LostError:
    """Return the error of what did not end within so many seconds."""
    return errors.LostError(
        "timeout",
        f"the kernel did not answer within {timeout:g} seconds; look at the device or the server behind the "
        "mount point and its source, or allow more time with 'timeout'",
        step=step,
    )


def _serve(task: Task, channel: int, parent: int) -> t.NoReturn:
    """Answer once, then end without running anything that the parent has set up.

    parent: the process to end with; 0 for none.
    """
    try:
        if parent:
            syscalls.set_parent_death_signal(signal.SIGKILL)
            if os.getppid() != parent:
                os._exit(0)  # the parent ended before that could be asked for
        _let_go_of_the_caller()
        _close_all_but({0, 1, 2, channel, *task.kept})
        outcome, fds = _outcome(task.act)
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))] if fds else []
        with socket.socket(fileno=channel) as answer:
            text = to_text(outcome)
            answer.sendall(text[answer.sendmsg([text], rights) :])
    finally:
        os._exit(0)


def _close_all_but(kept: t.Collection[int]) -> None:
    # A lock is shared by every copy of its descriptor (flock(2)), so none may stay open here.
    for fd in map(int, os.listdir("/proc/self/fd")):
        if fd not in kept:
            with contextlib.suppress(OSError):  # the listing's own is closed already
                os.close(fd)


def _let_go_of_the_caller() -> None:
    """Become what a service is when it starts, whatever the caller has set: what it runs inherits that."""
    os.setsid()
    os.chdir("/")  # a child that hangs must keep no mount busy
    os.umask(0o022)
    # Who started the module reads its output to the end, so a child that hangs must not hold the pipes.
    null = os.open(os.devnull, os.O_RDWR)
    for fd in (0, 1, 2):
        os.dup2(null, fd)
    for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())


def _outcome(act: t.Callable[[], t.Any]) -> t.Tuple[t.Tuple[t.Any, t.Optional[Exception]], t.List[int]]:
    try:
        value = act()
    except (errors.MountError, OSError) as error:
        return (None, error), []
    if isinstance(value, Descriptor):
        return (value.remark, None), [value]
    return (value, None), []


def to_text(value: t.Any) -> bytes:
    """Return a value as text: plain ones, containers, our frozen classes, MountError and OSError.

    Raises TypeError for any other.
    """
    return json.dumps(_encode(value)).encode("ascii")


def from_text(text: bytes) -> t.Any:
    """Return the value that to_text was given. Nothing but classes of this package is made."""
    return _decode(json.loads(text))


def _encode(value: t.Any) -> t.Any:
    if isinstance(value, _PLAIN):
        return value
    if isinstance(value, (list, dict, frozenset, set)):
        items = value.items() if isinstance(value, dict) else value
        return {"container": type(value).__name__, "items": [_encode(item) for item in items]}
    if isinstance(value, errors.MountError):
        return {"class": _name(value), "error": value.message, "fields": vars(value)}
    if isinstance(value, OSError):
        return {"errno": value.errno, "text": value.strerror}
    if isinstance(value, tuple):
        items = [_encode(item) for item in value]
        return {"class": _name(value), "values": items} if hasattr(value, "_fields") else items
    if dataclasses.is_dataclass(value):
        fields = [_encode(getattr(value, field.name)) for field in dataclasses.fields(value)]
        return {"class": _name(value), "values": fields}
    raise TypeError(f"no answer can hold a {type(value).__name__}")


def _name(value: t.Any) -> str:
    return f"{type(value).__module__[len(_PACKAGE) + 1 :]}:{type(value).__name__}"


def _class(name: str) -> t.Any:
    module, _colon, own = name.partition(":")
    return getattr(sys.modules[f"{_PACKAGE}.{module}"], own)


def _decode(value: t.Any) -> t.Any:
    if isinstance(value, list):
        return tuple(_decode(item) for item in value)
    if not isinstance(value, dict):
        return value
    if "container" in value:
        makers: t.Dict[str, t.Any] = {"list": list, "dict": dict, "set": set, "frozenset": frozenset}
        return makers[value["container"]](_decode(item) for item in value["items"])
    if "errno" in value:
        return OSError(value["errno"], value["text"])
    made = _class(value["class"])
    if "error" in value:
        error = made.__new__(made, value["error"])
        vars(error).update(value["fields"])
        return error
    return made(*(_decode(item) for item in value["values"]))
