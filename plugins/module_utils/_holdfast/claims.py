# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the ledger says: references, their holders, leases.

Private to holdfast.mounts.
"""

from __future__ import annotations

import functools
import typing as t

from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast import model

_FORMAT = "%Y-%m-%dT%H:%M:%SZ"
# C(YYYY-MM-DDTHH:MM:SS): of one length, so that the order of texts is the order in time.
_SECONDS = 19
# A call asks for it again and again, of up to ten thousand references.
_definition_of = functools.lru_cache(maxsize=None)(model.definition_from_opts)


class Moment(t.NamedTuple):
    """When something is looked at.

    now: the wall clock, UTC, ISO 8601 with a Z.
    uptime: whole seconds since the boot, time asleep included (clock_gettime(2), CLOCK_BOOTTIME).
    """

    boot_id: str
    now: str
    uptime: int


class Lease(t.NamedTuple):
    """When a claim ends.

    ttl: in seconds. boot_id: of the boot in which it was renewed last.
    ends: in that boot, in seconds of its CLOCK_BOOTTIME.
    expires: the same by the wall clock, which is all there is after a reboot. UTC, ISO 8601 with a Z.
    """

    ttl: int
    boot_id: str
    ends: int
    expires: str

    def has_ended(self, moment: Moment) -> bool:
        """Whether it has ended. A clock that was set, forwards or back, ends no lease early.

        In the boot of its renewal only the boot clock counts. After a reboot the wall clock must
        say that it is over, and the host must have been up for ttl: so long had its holder to renew it.
        """
        if self.boot_id == moment.boot_id:
            return moment.uptime >= self.ends
        return self.expires[:_SECONDS] <= moment.now[:_SECONDS] and moment.uptime >= self.ttl


def grant(ttl: t.Optional[int], moment: Moment) -> t.Optional[Lease]:
    """Return a lease of so many seconds from now on, never shorter by rounding; None without ttl."""
    if ttl is None:
        return None
    import datetime

    ends = datetime.datetime.strptime(moment.now, _FORMAT) + datetime.timedelta(seconds=ttl)
    # The uptime was rounded down, so one second more is never less than ttl.
    return Lease(ttl, moment.boot_id, moment.uptime + ttl + 1, ends.strftime(_FORMAT))


class Holder(t.NamedTuple):
    """One claim. since is UTC, ISO 8601 with a Z.

    lease: when it ends by itself, None for never. boot: it wants an entry in fstab. network: one that waits
    for the network, though it names a device.
    """

    since: str
    lease: t.Optional[Lease] = None
    boot: bool = False
    network: bool = False

    @property
    def expires(self) -> t.Optional[str]:
        """When it ends by the wall clock, None without a lease."""
        return None if self.lease is None else self.lease.expires


class Reference(t.NamedTuple):
    """What the ledger keeps of one mount point.

    owned: made by this collection, so it may be unmounted by it.
    mount_id: unique where the kernel has unique ids, else the number of mountinfo; 0 when none is known.
    inode, birth: of the mount's root; they tell mounts apart where the kernel uses a number again.
    operation: the name of the operation that made the mount, by which a replay knows that it was committed.
    deferred: the last holder left while the mount was busy.
    identity: of what the source named when it was mounted, see steps.Source; empty where that has none.
    inherited: the flags that a bind has from the mount of its source, beyond those that were asked for.
        LIMIT: with C(ro) where its superblock was read-only then, a later one of the mount alone is not told.
    """

    src: str
    fstype: str
    opts: t.Tuple[str, ...]
    owned: bool
    holders: t.Mapping[str, Holder]
    boot_id: str
    mount_namespace: int
    mount_id: int
    device: str
    operation: str
    deferred: bool = False
    inode: int = 0
    birth: int = 0
    identity: t.Tuple[str, ...] = ()
    inherited: t.Tuple[str, ...] = ()

    @property
    def definition(self) -> model.Definition:
        """What was asked for, in canonical form."""
        return _definition_of(self.fstype, self.src, self.opts)

    @property
    def image(self) -> str:
        """The file that its device is made of; empty where its source is something else."""
        return model.image_named(self.fstype, self.src)

    @property
    def is_at_boot(self) -> bool:
        """Whether anybody who holds it wants it mounted at boot."""
        return any(holder.boot for holder in self.holders.values())

    @property
    def needs_network(self) -> bool:
        """Whether anybody who holds it wants the boot to wait for the network first."""
        return any(holder.network for holder in self.holders.values())


class Ledger(t.NamedTuple):
    """Everything that is remembered of one host.

    directories: the directories and files that operations made on the paths to their mount points.
    """

    boot_id: str = ""
    references: t.Mapping[str, Reference] = {}
    directories: t.Mapping[str, model.Identity] = {}

    def seen_in(self, boot_id: str) -> Ledger:
        """Return the ledger for the boot with this id: a boot may number the devices differently.

        So what an earlier one has recorded of a directory counts without its device, where it has a birth.
        """
        if self.boot_id == boot_id:
            return self
        known = {
            path: made._replace(device="") if made.birth else made for path, made in self.directories.items()
        }
        return self._replace(boot_id=boot_id, directories=known)

    def changed(
        self,
        references: t.Mapping[str, t.Optional[Reference]],
        directories: t.Optional[t.Mapping[str, t.Optional[model.Identity]]] = None,
    ) -> Ledger:
        """Return a ledger with these set, and without those that are None."""
        return Ledger(
            self.boot_id, _merged(self.references, references), _merged(self.directories, directories or {})
        )


def ended_holders(reference: Reference, moment: Moment) -> t.Tuple[str, ...]:
    """Return the names of those whose lease has ended."""
    return tuple(
        name
        for name, holder in reference.holders.items()
        if holder.lease is not None and holder.lease.has_ended(moment)
    )


V = t.TypeVar("V")


def _merged(old: t.Mapping[str, V], new: t.Mapping[str, t.Optional[V]]) -> t.Mapping[str, V]:
    result = dict(old)
    for key, value in new.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = value
    return result
