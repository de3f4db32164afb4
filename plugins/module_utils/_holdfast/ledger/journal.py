# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Locks between processes, and the intent records of operations, for whoever finds an operation dead.

One file per mount point is both: locked while its operation runs, its lines say how far it got,
and it is removed with its lock still held.

Private to holdfast.mounts.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import re
import time
import typing as t

from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast import errors
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.kernel import system

RUN_PATH = "/run/holdfast"
_OPERATIONS = f"{RUN_PATH}/operations"

_NAME = re.compile("[0-9a-f]{40}")

Record = t.Dict[str, t.Any]


def _untrusted(path: str) -> errors.MountError:
    return errors.MountError(
        "ledger_untrusted",
        f"'{path}' is not a directory that belongs to root and that nobody else may write; remove it when "
        "no operation is under way",
        step="lock",
    )


def prepare_run() -> None:
    """Make the directory of locks and intent records where it is missing. Raises MountError or OSError.

    From here on the caller's umask does not count: what is made has the mode that it is made with.
    """
    os.umask(0o022)
    for path in (RUN_PATH, _OPERATIONS):
        with contextlib.suppress(FileExistsError), system.labelled(path):
            os.mkdir(path, 0o700)
        found = os.lstat(path)
        if found.st_mode & 0o170077 != 0o040000 or found.st_uid != 0:
            raise _untrusted(path)


def name_of(path: str) -> str:
    """Return the Operation.name of a mount point."""
    import hashlib

    return hashlib.sha256(path.encode("utf-8")).hexdigest()[:40]


def _file_of(path: str) -> str:
    return f"{_OPERATIONS}/{name_of(path)}"


def _try_lock(file: str) -> t.Optional[int]:
    """Return the locked file's descriptor, None if somebody else has the lock."""
    while True:
        try:
            fd = os.open(file, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        except FileNotFoundError:
            prepare_run()  # somebody cleaned /run meanwhile
            continue
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if _is_named(fd, file):
                return fd
        except BlockingIOError:
            os.close(fd)
            return None
        except BaseException:
            os.close(fd)
            raise
        os.close(fd)


def _is_named(fd: int, file: str) -> bool:
    """Whether the file still has its name: whoever had the lock before may have removed it."""
    try:
        return os.fstat(fd).st_ino == os.lstat(file).st_ino
    except FileNotFoundError:
        return False


def _wait(file: str, deadline: float) -> t.Optional[int]:
    import random

    pause = 0.001
    while True:
        fd = _try_lock(file)
        if fd is not None or time.monotonic() >= deadline:
            return fd
        time.sleep(pause * random.uniform(0.5, 1.5))
        pause = min(pause * 1.5, 0.05)


class Operation:
    """One mount point, locked. What its intent record says is there for the next call after a crash."""

    def __init__(self, path: str, fd: int, file: str) -> None:
        self.path = path
        self.fd = fd
        self._file = file

    @property
    def name(self) -> str:
        """What tells this mount point from others in names of files."""
        return os.path.basename(self._file)

    def record(self, record: Record) -> None:
        """Add one line to the intent record, in one write or not at all.

        It dies with the boot, so it is not synced.
        """
        line = json.dumps(record).encode("ascii") + b"\n"
        size = os.fstat(self.fd).st_size
        if os.write(self.fd, line) != len(line):
            os.ftruncate(self.fd, size)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def records(self) -> t.Tuple[Record, ...]:
        """Return the lines of the intent record: of the operation that died with this lock, if any did."""
        records = _records(self.fd)
        if not records and os.fstat(self.fd).st_size:
            self.clear()  # killed while it wrote its first line: it has done nothing
        return records

    def clear(self) -> None:
        """Remove the intent record and keep the lock."""
        os.ftruncate(self.fd, 0)

    def leave(self) -> None:
        """Let go of the file as it is: another process goes on with it, and has the lock until it ends."""
        fd, self.fd = self.fd, -1
        os.close(fd)

    def close(self, *, clears: bool = False) -> None:
        """Give the lock back: without an intent record the file goes, with one it stays for the next caller.

        clears: the intent record goes as well.
        """
        # Unset first: who is interrupted here closes once more, when the number may be another file's.
        fd, self.fd = self.fd, -1
        if fd < 0:
            return
        try:
            if clears or os.fstat(fd).st_size == 0:
                with contextlib.suppress(FileNotFoundError):  # somebody cleaned /run meanwhile
                    os.unlink(self._file)
        finally:
            os.close(fd)


def _records(fd: int) -> t.Tuple[Record, ...]:
    size = os.fstat(fd).st_size
    lines = os.pread(fd, size, 0).split(b"\n")[:-1] if size else []
    try:
        records = tuple(json.loads(line) for line in lines)
        if records and not isinstance(records[0]["path"], str):
            raise ValueError("an intent record that names no mount point")
    except (KeyError, RecursionError, TypeError, ValueError) as error:
        raise errors.MountError(
            "ledger_corrupt",
            f"an intent record in '{_OPERATIONS}' is damaged; compare the host's mounts with its ledger, "
            "then remove that record",
            step="lock",
        ) from error
    return records


def start_operation(path: str, deadline: float) -> t.Optional[Operation]:
    """Lock a mount point, waiting until deadline (time.monotonic()); None if it stays locked."""
    file = _file_of(path)
    fd = _wait(file, deadline)
    return None if fd is None else Operation(path, fd, file)


def lock_idle(name: str) -> t.Optional[Operation]:
    """Lock the mount point whose Operation.name this is; None if an operation is under way there."""
    file = f"{_OPERATIONS}/{name}"
    fd = _try_lock(file) if _NAME.fullmatch(name) else None
    return None if fd is None else Operation("", fd, file)


def describe_occupant(path: str) -> str:
    """Return what is known of the operation that has a mount point's lock, for a message's detail."""
    try:
        with open(_file_of(path), "rb") as file:
            records = _records(file.fileno())
    except (OSError, ValueError):
        return ""
    if not records:
        return "another call is looking at it"
    first = records[0]
    return f"process {first.get('pid')} began to {first.get('kind')} it at {first.get('since')}"


def list_intents(but: t.Collection[str] = ()) -> t.Dict[str, t.Tuple[Record, ...]]:
    """Return the intent record of every other mount point that has one, by path."""
    own = {name_of(path) for path in but}
    intents = {}
    for name in sorted(set(_listing()) - own):
        with contextlib.suppress(FileNotFoundError), open(f"{_OPERATIONS}/{name}", "rb") as file:
            records = _records(file.fileno())
            if records:
                intents[str(records[0]["path"])] = records
    return intents


def _listing() -> t.List[str]:
    try:
        return os.listdir(_OPERATIONS)
    except FileNotFoundError:
        return []


def list_interrupted() -> t.Tuple[str, ...]:
    """Return the mount points whose operation died; empty for callers that may not look."""
    try:
        intents = list_intents()
    except PermissionError:
        return ()
    return tuple(path for path in intents if _is_dead(path))


def _is_dead(path: str) -> bool:
    try:
        with open(_file_of(path), "rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except (BlockingIOError, FileNotFoundError):
        return False  # at work, or at its end meanwhile
    return True


@contextlib.contextmanager
def short_lock(name: str, deadline: float) -> t.Iterator[None]:
    """Hold a lock of the whole host: C(ledger), or C(directories-) and a device. Raises C(locked)."""
    fd = _wait(f"{RUN_PATH}/{name}.lock", deadline)
    if fd is None:
        raise errors.MountError(
            "locked",
            "another operation has kept the host's ledger locked for too long; see which process has "
            f"'{RUN_PATH}' open, or wait longer with 'lock_timeout'",
            step="lock",
        )
    try:
        yield
    finally:
        os.close(fd)
