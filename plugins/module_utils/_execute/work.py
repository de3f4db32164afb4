# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One mount point on its way through an execution, and how a failure on it is told.

Private to holdfast.mounts.
"""

from __future__ import annotations

import errno
import os
import time
import typing as t
from dataclasses import dataclass, field

from ansible_collections.holdfast.mounts.plugins.module_utils._kernel.inodes import Inode
from ansible_collections.holdfast.mounts.plugins.module_utils._ledger.operations import Operation
from ansible_collections.holdfast.mounts.plugins.module_utils._values.errors import Code, MountError
from ansible_collections.holdfast.mounts.plugins.module_utils._values.host import Host, Identity
from ansible_collections.holdfast.mounts.plugins.module_utils._values.lease import Moment
from ansible_collections.holdfast.mounts.plugins.module_utils._values.plan import Plan
from ansible_collections.holdfast.mounts.plugins.module_utils._values.policy import Policy
from ansible_collections.holdfast.mounts.plugins.module_utils._values.request import Entry, Request


@dataclass(frozen=True)
class Call:
    """What every mount point of one call shares.

    now is UTC, ISO 8601; uptime is in seconds of the boot clock. policy: the host's, None where it has none.
    """

    request: Request
    host: Host
    now: str
    uptime: int = 0
    policy: t.Optional[Policy] = None

    @property
    def roots(self) -> t.Optional[t.Tuple[str, ...]]:
        """Those of the host's policy, of mount points and of sources; None where it has no policy."""
        return None if self.policy is None else (*self.policy.allowed_roots, *self.policy.source_roots)

    @property
    def moment(self) -> Moment:
        """When the call began."""
        return Moment(self.host.boot_id, self.now, self.uptime)

    @property
    def lock_deadline(self) -> float:
        """Until when one lock is waited for that is asked for now (time.monotonic())."""
        return time.monotonic() + self.request.lock_timeout


@dataclass(frozen=True)
class Outcome:
    """What became of one mount point: a plan that was carried out, or an error."""

    path: str
    plan: t.Optional[Plan] = None
    error: t.Optional[MountError] = None


class Fate(t.NamedTuple):
    """What became of a directory that was to be taken away: kept because something uses it, or gone."""

    identity: Identity
    is_kept: bool


@dataclass(eq=False)
class Work:
    """One mount point whose lock is held.

    name: of this operation. mount: a detached mount, -1 for none; root: its root.
    made and removed: directories.
    is_noted: a note is in the lock's file. is_open: what became of it is not known, so the note stays.
    is_contended: another operation is in the way, so it begins anew.
    is_apart: a filesystem on its way may not answer, so it begins anew in a process of its own.
    """

    entry: Entry
    operation: Operation
    name: str = field(default_factory=lambda: os.urandom(8).hex())
    plan: t.Optional[Plan] = None
    error: t.Optional[MountError] = None
    mount: int = -1
    root: t.Optional[Inode] = None
    made: t.Dict[str, Identity] = field(default_factory=dict)
    removed: t.Dict[str, Fate] = field(default_factory=dict)
    is_noted: bool = False
    is_open: bool = False
    is_contended: bool = False
    is_apart: bool = False

    @property
    def path(self) -> str:
        """The mount point."""
        return self.entry.path

    @property
    def step(self) -> str:
        """What its plan asks of the kernel, C(none) after a failure."""
        return self.plan.step if self.plan is not None and self.is_going_on else "none"

    @property
    def is_going_on(self) -> bool:
        """Whether nothing has stopped it."""
        return self.error is None and not self.is_contended and not self.is_apart

    def drop_mount(self) -> None:
        """Close the handle of its mount; a detached one dies with it."""
        mount, self.mount = self.mount, -1
        if mount >= 0:
            os.close(mount)

    def close(self) -> None:
        """Give back everything that is held. A second call does nothing."""
        self.drop_mount()
        self.operation.close(forgets=self.is_noted and not self.is_open)
        self.is_noted = False


_HINTS = {
    errno.EACCES: "a security module or a read-only source may forbid it",
    errno.EBUSY: "something else uses the source or the mount point",
    errno.EINVAL: "the filesystem does not take this source or one of these options",
    errno.EMFILE: "too many files are open; raise the limit of open files",
    errno.ENOSPC: "a disk is full, or the limit of mounts in a namespace is reached",
    errno.EPERM: "a security module or a container may forbid it",
    errno.EROFS: "the filesystem is read-only; make it writable, or what is missing beforehand",
    errno.ESTALE: "the mount point lies on a filesystem whose server lost it",
}
_UNSUPPORTED = (errno.ENOSYS, errno.ENODEV, errno.EOPNOTSUPP)


def as_coded(
    error: t.Union[MountError, OSError], path: t.Optional[str], *, step: str, state: str
) -> MountError:
    """Return a failure on one mount point, or with None on the whole call, as an error with a code."""
    if isinstance(error, MountError):
        return error if path is None else error.about(path)
    code: Code = "mount_failed" if state == "mounted" else "unmount_failed"
    if error.errno in _UNSUPPORTED:
        code = "unsupported"
    number = error.errno or 0
    hint = _HINTS.get(number, "see the host's log for what it said")
    return MountError(
        code,
        f"the host refused to {step} '{path or 'the call'}': {os.strerror(number)}; {hint}",
        step=step,
        path=path,
        errno=error.errno,
        detail=error.strerror or "",
    )
