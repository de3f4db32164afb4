# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The control of the identities: a ledger that compares names alone, and all else with the mount table."""

from __future__ import annotations

import contextlib
import os
import subprocess
import typing as t

from harness.namespace import MS_BIND, mount
from in_process import read_points, unmount

Wishes = t.Mapping[str, t.Mapping[str, t.Any]]


def stack_at(path: str) -> int:
    """Return how many mounts there are at a path."""
    return [point for _number, point in read_points()].count(path)


class Named:
    """Mounts by name for the first holder; one mount with its flags there is what was asked for."""

    def __init__(self, wishes: Wishes, link: str) -> None:
        self._wishes, self._link = wishes, link
        self._holders: t.Dict[str, t.Set[str]] = {}

    def acquire(self, path: str, holder: str) -> bool:
        """Mount unless something is mounted there, or join that."""
        os.makedirs(path, exist_ok=True)
        if stack_at(path) > 1 or (not stack_at(path) and not self._mount(path)):
            return False
        self._holders.setdefault(path, set()).add(holder)
        return True

    def _mount(self, path: str) -> bool:
        wish = self._wishes[path]
        src, fstype, opts = wish["src"], wish["fstype"], ",".join(wish.get("opts", ()))
        try:
            if fstype == "bind":
                mount(src, path, "", MS_BIND)
            elif src.startswith("LABEL="):
                mount(os.path.realpath(self._link), path, fstype)
            elif src.startswith("/"):
                subprocess.run(["mount", "-o", "loop", src, path], check=True, capture_output=True)
            else:
                mount(src, path, fstype, 0, opts)
        except (OSError, subprocess.CalledProcessError):
            return False
        return True

    def release(self, path: str, holder: str) -> None:
        """Unmount when nobody is left."""
        self._holders.get(path, set()).discard(holder)
        if path in self._holders and not self._holders[path]:
            del self._holders[path]
            unmount(path)

    def reconcile(self) -> None:
        """Mount what is missing."""
        for path in self._holders:
            if not stack_at(path):
                self._mount(path)

    def holders(self) -> t.Dict[str, t.Set[str]]:
        """Return who holds what."""
        return {path: set(holders) for path, holders in self._holders.items()}

    def reported(self) -> t.Set[str]:
        """Return the mount points that have not one mount, or have one with other flags."""
        return {path for path in self._holders if stack_at(path) != 1 or self._is_altered(path)}

    def _is_altered(self, path: str) -> bool:
        is_bind = self._wishes[path]["fstype"] == "bind"
        return not is_bind and bool(os.statvfs(path).f_flag & os.ST_NOEXEC)

    def forget(self) -> None:
        """Hold nothing."""
        self._holders.clear()
        for path in self._wishes:
            with contextlib.suppress(OSError):
                os.rmdir(path)
