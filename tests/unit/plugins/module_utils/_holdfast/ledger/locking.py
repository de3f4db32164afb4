# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Locks that tests take, by themselves and in processes of their own."""

from __future__ import annotations

import os
import signal
import time
import typing as t

from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.ledger import journal
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.ledger.journal import Operation
from ansible_collections.holdfast.mounts.tests.unit.plugins.module_utils.builders import PATH


def lock(path: str = PATH, seconds: float = 0) -> t.Optional[Operation]:
    """Take the lock of a mount point, None if it stays taken."""
    return journal.start_operation(path, time.monotonic() + seconds)


def locked(path: str = PATH, seconds: float = 0) -> Operation:
    """Take the lock of a mount point, which must be free."""
    operation = lock(path, seconds)
    assert operation is not None
    return operation


class Child:
    """A process that takes the lock, writes notes, and keeps it until it is ended."""

    def __init__(self, *notes: journal.Record, path: str = PATH) -> None:
        reader, writer = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            try:
                operation = locked(path)
                for note in notes:
                    operation.record(note)
                os.write(writer, b".")
                time.sleep(60)
            finally:
                os._exit(0)
        os.close(writer)
        assert os.read(reader, 1) == b"."
        os.close(reader)

    def kill(self) -> None:
        """End it as a crash does."""
        if self.pid:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
            self.pid = 0
