# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The ledger's file: read only when it can be trusted, replaced in one piece or not at all.

Private to holdfast.mounts.
"""

from __future__ import annotations

import contextlib
import os
import typing as t

from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast import claims, errors
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.kernel import (
    files,
    pathwalk,
    system,
    utf8,
)
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.ledger import codec

LEDGER_PATH = "/etc/ansible/facts.d/holdfast_mounts.fact"
# The local facts of Ansible are *.fact, so a new file is none until it takes the ledger's name.
_HIDDEN = ".holdfast_mounts"


def _untrusted(what: str) -> errors.MountError:
    return errors.MountError(
        "ledger_untrusted",
        f"the ledger '{LEDGER_PATH}' cannot be trusted: {what}; find out who changed it, compare it with "
        "the mounts of the host, then put it right",
        step="ledger",
    )


class LedgerFile:
    """The ledger's file, and what it said last: a call reads it often, and mostly finds that again."""

    def __init__(self, boot_id: str = "") -> None:
        """boot_id: of this boot, without which the ledger is read as it was written."""
        self._boot_id = boot_id
        self._raw: t.Optional[bytes] = None
        self._ledger = claims.Ledger()
        self._lines = codec.Lines()

    def read(self) -> claims.Ledger:
        """Return the ledger, an empty one where there is no file yet; this needs neither root nor a lock.

        Raises MountError C(ledger_untrusted) or C(ledger_corrupt).
        """
        raw = _read()
        while raw is not None and raw != self._raw:
            try:
                ledger = codec.ledger_from_json(utf8.decoded(raw))
                self._ledger = ledger.seen_in(self._boot_id or ledger.boot_id)
                self._raw = raw
            except errors.MountError:
                # On a full disk the file that was opened may be the next reserve, and be written meanwhile.
                before, raw = raw, _read()
                if raw == before:
                    raise
        if raw is None:
            self._raw = None
            return claims.Ledger(self._boot_id)
        return self._ledger

    def write(self, ledger: claims.Ledger) -> None:
        """Replace the ledger durably; the caller holds its lock, and has read it under that.

        Raises MountError or OSError, and has changed nothing then.
        """
        text = codec.ledger_to_json(ledger, self._lines).encode("ascii")
        with _replaceable() as file, system.labelled(LEDGER_PATH, is_file=True):
            file.replace(text, lambda fd: os.fchmod(fd, 0o644), before=self._raw)
        self._raw, self._ledger = text, ledger

    def open_budget(self) -> codec.Budget:
        """Return what the ledger that was read last may still grow by."""
        return codec.Budget(len(self._raw or b""), self._lines)


def _read() -> t.Optional[bytes]:
    return files.read_trusted(LEDGER_PATH, _untrusted, most=codec.MAX_LEDGER)


def require_room(growth: int) -> None:
    """Refuse, before anything is changed, a ledger that could not be written with so many bytes more.

    The caller holds the ledger's lock. Raises MountError or OSError.
    """
    with _replaceable() as file:
        file.require_room(growth)


def discard_unfinished() -> None:
    """Remove what a writer that died has left; the caller holds the ledger's lock. Raises as require_room."""
    if os.path.isdir(os.path.dirname(LEDGER_PATH)):
        require_room(0)


@contextlib.contextmanager
def _replaceable() -> t.Iterator[files.Replaceable]:
    directory = _open_facts_directory()
    try:
        yield files.Replaceable(directory, os.path.basename(LEDGER_PATH), _HIDDEN, _untrusted)
    finally:
        os.close(directory)


def _open_facts_directory() -> int:
    """Return a handle of the ledger's directory, which is made where it is missing.

    Under the umask of journal.prepare_run: with another mode first, a power cut could leave it so.
    """
    facts = os.path.dirname(LEDGER_PATH)
    for directory in (os.path.dirname(facts), facts):
        with contextlib.suppress(FileExistsError), system.labelled(directory):
            os.mkdir(directory, 0o755)
    with pathwalk.Walk(LEDGER_PATH, is_vital=True) as walk:
        files.refuse_unsafe_path(walk, _untrusted)
        return os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=walk.directory)
