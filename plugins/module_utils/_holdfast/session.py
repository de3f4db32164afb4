# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the mount points of one call share, and what has been looked up for them.

Private to holdfast.mounts.
"""

from __future__ import annotations

import contextlib
import time
import typing as t
from dataclasses import dataclass, field

from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast import claims, model, second_names
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.kernel import (
    mountinfo,
    mounts,
    pathwalk,
)
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.ledger import journal, store


class DirectoryLock:
    """The lock of one filesystem's directories, kept from one mount point to the next. Never of two."""

    def __init__(self) -> None:
        self.device = ""
        self._lock = contextlib.ExitStack()
        self._depth = 0

    def take(self, device: str, deadline: float) -> None:
        """Hold the lock of this filesystem and no other; within the context alone."""
        if device != self.device:
            self._release()
            # A server that hangs keeps this lock, so each filesystem has its own.
            self._lock.enter_context(journal.short_lock(f"directories-{device}", deadline))
            self.device = device

    def _release(self) -> None:
        self.device = ""
        self._lock.close()

    def __enter__(self) -> DirectoryLock:
        self._depth += 1
        return self

    def __exit__(self, *exc: object) -> None:
        """The outermost gives back what is held: so many in one directory take it once."""
        self._depth -= 1
        if not self._depth:
            self._release()


class Caches:
    """What the mount points of one batch look up once: for many at once.

    managed: the mount points in the ledger, see DirectoryCache. leftovers: what
        those that died have made of the directories on the way, see mountpoints.find_leftovers.
    """

    def __init__(self, managed: t.Container[str]) -> None:
        self.directories = pathwalk.DirectoryCache(managed)
        self.leftovers: t.Dict[str, t.Optional[model.Identity]] = {}
        self._parents: t.Optional[t.FrozenSet[int]] = None
        self._table: t.Optional[second_names.Table] = None

    def table(self) -> second_names.Table:
        """Return the mount table as it was when it was first asked for."""
        self._table = self._table or second_names.Table()
        return self._table

    def has_no_submounts(self, mount_id: int, *, is_unique: bool) -> bool:
        """Whether the table showed nothing on or below this mount when it was first asked for.

        listmount(2) goes through every mount of the host for each answer. What comes meanwhile makes the
        mount busy (umount2(2)).
        """
        if self._parents is None:
            self._parents = frozenset(mount.parent_id for mount in mountinfo.read_mounts())
        number = mounts.mount_number(mount_id, is_unique=True) if is_unique else mount_id
        return number not in self._parents


@dataclass(frozen=True)
class Session:
    """What every mount point of one call shares.

    now is UTC, ISO 8601; uptime is in seconds of the boot clock. policy: the host's, None where it has none.
    may_block: this process is a worker, given up at a deadline, so it may ask filesystems that do not answer.
    caches: of the batch under way, None where each mount point looks for itself.
    """

    request: model.Request
    host: model.Host
    now: str
    uptime: int = 0
    policy: t.Optional[model.Policy] = None
    may_block: bool = False
    ledger: store.LedgerFile = field(default_factory=store.LedgerFile)
    directory_lock: DirectoryLock = field(default_factory=DirectoryLock)
    caches: t.Optional[Caches] = None

    @property
    def roots(self) -> t.Optional[t.Tuple[str, ...]]:
        """Those of the host's policy, of mount points and of sources; None where it has no policy."""
        return None if self.policy is None else (*self.policy.allowed_roots, *self.policy.source_roots)

    @property
    def moment(self) -> claims.Moment:
        """When the call began."""
        return claims.Moment(self.host.boot_id, self.now, self.uptime)

    @property
    def lock_deadline(self) -> float:
        """Until when one lock is waited for that is asked for now (time.monotonic())."""
        return time.monotonic() + self.request.lock_timeout

    @property
    def is_unique(self) -> bool:
        """Whether ids of mounts are never given twice (Linux 6.8)."""
        return self.host.protection == "full"

    def walk(
        self,
        path: str,
        *,
        trusted: t.Container[model.MountKey] = (),
        is_cached: bool = True,
        springs: bool = False,
    ) -> pathwalk.Walk:
        """Walk to a path as this process may. is_cached: false for a walk from / on, as others see it."""
        cache = self.caches.directories if self.caches and is_cached else None
        return pathwalk.Walk(path, may_block=self.may_block, springs=springs, cache=cache, trusted=trusted)

    def table(self) -> second_names.Table:
        """Return the mount table, of now or of the batch."""
        return self.caches.table() if self.caches else second_names.Table()
