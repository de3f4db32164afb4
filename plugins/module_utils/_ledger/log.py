# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The root-only log on the host: what a caller is not told, found by its reference.

Private to holdfast.mounts.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
import typing as t

LOG_PATH = "/var/log/holdfast_mounts.log"
MAX_BYTES = 1024 * 1024


def write_log(record: t.Mapping[str, t.Any]) -> t.Optional[str]:
    """Append one JSON line and return its reference; None where no log can be kept.

    The line is ASCII, so that no control character reaches a terminal. At MAX_BYTES the log becomes
    C(.1) and a new one begins, so two files are the most there is.
    """
    reference = os.urandom(6).hex()
    when = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    line = json.dumps({"time": when, "log_ref": reference, **record}).encode("ascii") + b"\n"
    try:
        fd = _open_log(len(line))
        try:
            os.write(fd, line)
        finally:
            os.close(fd)
    except OSError:
        return None  # The error that is being told matters more than its record.
    return reference


def _open_log(room: int) -> int:
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    fd = os.open(LOG_PATH, flags, 0o600)
    found = os.fstat(fd)
    is_ours = found.st_mode & 0o170000 == 0o100000 and found.st_uid == 0 and found.st_nlink == 1
    if is_ours and found.st_size + room <= MAX_BYTES:
        os.fchmod(fd, 0o600)
        return fd
    os.close(fd)
    if not is_ours:
        raise PermissionError(LOG_PATH)
    with contextlib.suppress(FileNotFoundError):
        os.rename(LOG_PATH, f"{LOG_PATH}.1")
    return os.open(LOG_PATH, flags, 0o600)
