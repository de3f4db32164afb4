# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The control of the sequences: a list of holders beside os.path.ismount, as scripts do it."""

from __future__ import annotations

import contextlib
import os
import typing as t

from harness.namespace import mount
from in_process import unmount


class Counting:
    """Mounts for the first holder and unmounts after the last one, and looks at nothing else."""

    def __init__(self) -> None:
        self.holders: t.Dict[str, t.Set[str]] = {}

    def act(self, *, holder: str, state: str = "mounted", **arguments: t.Any) -> None:
        """Do what a task asks for."""
        entries = arguments.get("mounts")
        for entry in [arguments] if entries is None else entries:
            if state == "mounted":
                self.acquire(entry["path"], holder, entry["opts"])
            else:
                self.release(entry["path"], holder)
        if arguments.get("purge"):
            for path in set(self.holders) - {entry["path"] for entry in entries or ()}:
                self.release(path, holder)

    def acquire(self, path: str, holder: str, opts: t.Sequence[str]) -> None:
        """Mount unless something is mounted there."""
        os.makedirs(path, exist_ok=True)
        if not os.path.ismount(path):
            mount("tmpfs", path, "tmpfs", 2 | 4, ",".join(opts))
        self.holders.setdefault(path, set()).add(holder)

    def release(self, path: str, holder: str) -> None:
        """Unmount when nobody is left."""
        if holder not in self.holders.get(path, ()):
            return
        self.holders[path].remove(holder)
        if not self.holders[path]:
            del self.holders[path]
            unmount(path)
            with contextlib.suppress(OSError):
                os.rmdir(path)
