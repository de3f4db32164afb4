# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Leases: a clock that is set ends none early, and a lease that nobody renews does end."""

from __future__ import annotations

import datetime

from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.claims import Lease, Moment, grant
from hypothesis import given
from hypothesis import strategies as st

YEAR = 365 * 24 * 3600
TTLS = st.integers(1, YEAR)
JUMPS = st.integers(-20 * YEAR, 20 * YEAR)
UPTIMES = st.integers(0, YEAR)
START = datetime.datetime(2026, 3, 1, 10)


def at(boot_id: str, uptime: int, *, true: int, jump: int = 0) -> Moment:
    """Return a moment; true: real seconds since START. jump: by how much the wall clock is wrong."""
    now = START + datetime.timedelta(seconds=true + jump)
    return Moment(boot_id, now.strftime("%Y-%m-%dT%H:%M:%SZ"), uptime)


def granted(ttl: int, uptime: int) -> Lease:
    lease = grant(ttl, at("a", uptime, true=0))
    assert lease is not None
    return lease


def has_ended_by_the_wall_clock(lease: Lease, moment: Moment) -> bool:
    """The naive way, for control."""
    return lease.expires <= moment.now


def test_lease_without_ttl_is_none() -> None:
    assert grant(None, at("a", 5, true=0)) is None


@given(ttl=TTLS, uptime=UPTIMES, passed=UPTIMES, jump=JUMPS)
def test_lease_is_not_ended_early_by_any_clock_that_is_set(
    ttl: int, uptime: int, passed: int, jump: int
) -> None:
    lease, moment = granted(ttl, uptime), at("a", uptime + passed, true=passed, jump=jump)
    # Rounding may cost a second, in the holder's favour.
    assert lease.has_ended(moment) is (passed > ttl)


def test_control_wall_clock_ends_a_live_lease_when_it_is_set() -> None:
    lease, moment = granted(3600, 100), at("a", 101, true=1, jump=YEAR)
    assert has_ended_by_the_wall_clock(lease, moment)
    assert not lease.has_ended(moment)


def test_lease_ends_though_the_clock_is_set_back() -> None:
    lease, moment = granted(3600, 100), at("a", 100 + 3700, true=3700, jump=-YEAR)
    assert not has_ended_by_the_wall_clock(lease, moment)
    assert lease.has_ended(moment)


@given(ttl=TTLS, jump=JUMPS, uptime=UPTIMES, down=UPTIMES)
def test_lease_after_a_reboot_leaves_its_holder_the_time_to_renew_it(
    ttl: int, jump: int, uptime: int, down: int
) -> None:
    moment = at("b", uptime, true=down + uptime, jump=jump)
    if uptime < ttl:
        assert not granted(ttl, 100).has_ended(moment)


@given(ttl=TTLS, more=UPTIMES)
def test_lease_after_a_reboot_ends_by_the_wall_clock(ttl: int, more: int) -> None:
    assert granted(ttl, 100).has_ended(at("b", ttl + more, true=ttl + more))
    assert not granted(ttl, 100).has_ended(at("b", ttl + more, true=ttl - 1))


def test_lease_with_a_fraction_of_a_second_is_compared() -> None:
    assert Lease(1, "a", 0, "2026-03-01T09:59:59.5Z").has_ended(at("b", 10, true=0))
