# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The ledger's file: read only when it can be trusted, replaced in one piece or not at all.

Private to holdfast.mounts.
"""

from __future__ import annotations

import contextlib
import os
import typing as t

from ansible_collections.holdfast.mounts.plugins.module_utils._kernel.walk import Walk
from ansible_collections.holdfast.mounts.plugins.module_utils._ledger.codec import (
    ledger_from_json,
    ledger_to_json,
)
from ansible_collections.holdfast.mounts.plugins.module_utils._ledger.trusted import (
    read_trusted,
    refuse_unsafe_way,
)
from ansible_collections.holdfast.mounts.plugins.module_utils._values.errors import MountError
from ansible_collections.holdfast.mounts.plugins.module_utils._values.ledger import Ledger

LEDGER_PATH = "/etc/ansible/facts.d/holdfast_mounts.fact"
# The local facts of Ansible are *.fact, so the new file is none until it takes the ledger's name.
_NEW_NAME = ".holdfast_mounts.new"


def _untrusted(what: str) -> MountError:
    return MountError(
        "ledger_untrusted",
        f"the ledger '{LEDGER_PATH}' cannot be trusted: {what}; find out who changed it, compare it with "
        "the mounts of the host, then put it right",
        step="ledger",
    )


def read_ledger() -> Ledger:
    """Return the ledger, an empty one where there is no file yet; reading needs neither root nor a lock.

    Raises MountError C(ledger_untrusted) or C(ledger_corrupt).
    """
    raw = read_trusted(LEDGER_PATH, _untrusted)
    if raw is None:
        return Ledger()
    if raw != _last[0]:
        _last[:] = raw, ledger_from_json(raw.decode("utf-8", "surrogateescape"))
    return t.cast(Ledger, _last[1])


# A call reads the ledger several times, and mostly finds what it read or wrote last.
_last: t.List[t.Any] = [None, None]


def write_ledger(ledger: Ledger) -> None:
    """Replace the ledger durably; the caller holds its lock. Raises MountError or OSError."""
    text = ledger_to_json(ledger).encode("utf-8")
    directory = _open_facts_directory()
    try:
        _discard_new(directory)
        flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC
        with os.fdopen(os.open(_NEW_NAME, flags, 0o600, dir_fd=directory), "wb") as file:
            file.write(text)
            file.flush()
            os.fchmod(file.fileno(), 0o644)
            os.fsync(file.fileno())
        os.rename(_NEW_NAME, os.path.basename(LEDGER_PATH), src_dir_fd=directory, dst_dir_fd=directory)
        os.fsync(directory)
        _last[:] = text, ledger
    except BaseException:
        _discard_new(directory)
        raise
    finally:
        os.close(directory)


def require_room(entries: int) -> None:
    """Refuse, before anything is changed, a ledger that could not be written with so many entries more.

    The caller holds the ledger's lock. Raises MountError or OSError.
    """
    directory = _open_facts_directory()
    try:
        _discard_new(directory)
        flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC
        fd = os.open(_NEW_NAME, flags, 0o600, dir_fd=directory)
        try:
            os.posix_fallocate(fd, 0, _size(directory) + 2048 * entries)
        finally:
            os.close(fd)
            _discard_new(directory)
    finally:
        os.close(directory)


def _size(directory: int) -> int:
    try:
        return os.stat(os.path.basename(LEDGER_PATH), dir_fd=directory, follow_symlinks=False).st_size
    except FileNotFoundError:
        return 0


def _discard_new(directory: int) -> None:
    with contextlib.suppress(FileNotFoundError):
        os.unlink(_NEW_NAME, dir_fd=directory)


def _open_facts_directory() -> int:
    """Return a handle of the ledger's directory, made root's where it is missing."""
    facts = os.path.dirname(LEDGER_PATH)
    for directory in (os.path.dirname(facts), facts):
        try:
            os.mkdir(directory, 0o755)
        except FileExistsError:
            continue
        os.chmod(directory, 0o755)  # whatever the umask took away
    with Walk(LEDGER_PATH, waits=True) as walk:
        refuse_unsafe_way(walk, _untrusted)
        return os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=walk.directory)
