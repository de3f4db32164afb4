# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The root-only log on the host: what a caller is not told, found by its reference.

Private to holdfast.mounts.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import time
import typing as t

from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.kernel import inodes, pathwalk, system

LOG_PATH = "/var/log/holdfast_mounts.log"
# Where the role keeper puts the command of the host.
COMMAND = "/usr/local/sbin/holdfast"
MAX_BYTES = 1024 * 1024
# Characters of one value, so that a line is shorter than a log.
MAX_VALUE = 8192

_FLAGS = os.O_RDWR | os.O_APPEND | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
# What each line begins with, and so the log.
_BEGINNING = b'{"time": "'


def write_log(record: t.Mapping[str, t.Any]) -> t.Optional[str]:
    """Append one JSON line and return its reference; None where no log can be kept.

    The line is ASCII, so that no control character reaches a terminal. A log that would become longer than
    MAX_BYTES becomes C(.1), so two files are the most there is. Others may write the directory (on Ubuntu the
    group syslog), so nothing is renamed, and nothing written but what was looked at by its handle.
    """
    reference = os.urandom(6).hex()
    when = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    reported = {
        name: value[:MAX_VALUE] if isinstance(value, str) else value for name, value in record.items()
    }
    line = json.dumps({"time": when, "log_ref": reference, **reported}).encode("ascii") + b"\n"
    try:
        fd = _open_log(LOG_PATH)
        try:
            _append(fd, line)
        finally:
            os.close(fd)
    except OSError:
        return None  # The error that is being told matters more than its record.
    return reference


def where_is(reference: t.Optional[str]) -> str:
    """Return the words that lead to an entry, by the command of the host where that is installed."""
    if reference is None:
        return ""
    if os.path.exists(COMMAND):
        return f"more on the host with 'holdfast explain {reference}'"
    return f"more in the host's log, {reference}"


def find_entry(reference: str) -> t.Optional[t.Dict[str, t.Any]]:
    """Return the record with this reference, None where the log and the one before it have none.

    Raises PermissionError for users other than root.
    """
    for path in (LOG_PATH, f"{LOG_PATH}.1"):
        try:
            fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except FileNotFoundError:
            continue
        with open(fd, encoding="ascii", errors="replace") as file:
            lines = [line for line in file if f'"log_ref": "{reference}"' in line] if _is_ours(fd) else []
        for line in reversed(lines):
            with contextlib.suppress(ValueError):  # a full disk has cut it off
                entry = json.loads(line)
                if isinstance(entry, dict) and entry.get("log_ref") == reference:
                    return t.cast("t.Dict[str, t.Any]", entry)
    return None


def _open_log(path: str) -> int:
    """Return a handle of the log at path, a new one where nothing is. Raises OSError for what is not ours."""
    with pathwalk.Walk(path) as walk:
        if walk.obstacle is not None or len(walk.missing) > 1:
            raise NotADirectoryError(path)
        if walk.leaf is None or walk.inode is None:
            with system.labelled(path, is_file=True):
                return os.open(walk.name, _FLAGS | os.O_CREAT | os.O_EXCL, 0o600, dir_fd=walk.directory)
        # A mount on it may be a daemon of somebody's that never answers.
        if walk.inode.kind != "file" or walk.inode.mount_id != walk.above.mount_id:
            raise PermissionError(path)
        fd = os.open(f"/proc/self/fd/{walk.leaf}", _FLAGS & ~os.O_NOFOLLOW)
    if _is_ours(fd):
        os.fchmod(fd, 0o600)
        return fd
    os.close(fd)
    raise PermissionError(path)


def _is_ours(fd: int) -> bool:
    """Whether a file is root's, has no other name, and is a log of ours: a name can be given to any file."""
    inode = inodes.inode_of(fd)
    beginning = os.pread(fd, len(_BEGINNING), 0) if (inode.uid, inode.links) == (0, 1) else b"-"
    return inode.kind == "file" and _BEGINNING.startswith(beginning)


def _append(fd: int, line: bytes) -> None:
    size = os.fstat(fd).st_size
    if size + len(line) >= MAX_BYTES:
        size = _turn_over(fd)
    if size and os.pread(fd, 1, size - 1) != b"\n":
        line = b"\n" + line  # a full disk has cut off the last one
    if os.write(fd, line) < len(line):
        raise OSError("the disk is full")


def _turn_over(fd: int) -> int:
    """Copy the end of the log to its second file, where that is ours, and empty it; return its size then."""
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return os.fstat(fd).st_size  # another call does so
    size = os.fstat(fd).st_size
    end = os.pread(fd, MAX_BYTES, max(0, size - MAX_BYTES))
    second = _open_log(f"{LOG_PATH}.1")
    try:
        os.ftruncate(second, 0)
        os.write(second, end[end.find(b"\n") + 1 :] if size > MAX_BYTES else end)
    finally:
        os.close(second)
    os.ftruncate(fd, 0)
    return 0
