# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Leases: claims that end by themselves, by a clock that nobody can set.

Private to holdfast.mounts.
"""

from __future__ import annotations

import datetime
import typing as t
from dataclasses import dataclass

_FORMAT = "%Y-%m-%dT%H:%M:%SZ"
# C(YYYY-MM-DDTHH:MM:SS): of one length, so that the order of texts is the order in time.
_SECONDS = 19


@dataclass(frozen=True)
class Moment:
    """When something is looked at.

    now: the wall clock, UTC, ISO 8601 with a Z.
    uptime: whole seconds since the boot, time asleep included (clock_gettime(2), CLOCK_BOOTTIME).
    """

    boot_id: str
    now: str
    uptime: int


@dataclass(frozen=True)
class Lease:
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
    ends = datetime.datetime.strptime(moment.now, _FORMAT) + datetime.timedelta(seconds=ttl)
    # The uptime was rounded down, so one second more is never less than ttl.
    return Lease(ttl, moment.boot_id, moment.uptime + ttl + 1, ends.strftime(_FORMAT))
