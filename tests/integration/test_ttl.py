# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Leases: renewed by holding again, ended by whatever is called next, and by no clock that is set."""

from __future__ import annotations

import os
import time
import typing as t

import pytest
from harness.cycle import apply, leave, predict_and_call, refuse, repeat_unchanged, succeed, tmpfs, warm_up
from harness.locks import find_lock, hold
from harness.results import Result, read_adhoc
from harness.world import World, executable

PATH = "/srv/app/data"
HOUR = 3600


def wait_for_end(world: World) -> None:
    """Wait until the facts say that a lease has ended."""
    while [item["kind"] for item in world.facts()["drift"]] != ["expired"]:
        pass


def renew(world: World, **arguments: t.Any) -> Result:
    """Hold again, and prove that it renews the lease and is not a change."""
    result = predict_and_call(world, **arguments)
    assert (result.failed, result.changed, result.action) == (False, False, "renewed"), result
    return result


def in_the_future(world: World, seconds: int, module: str, arguments: str) -> Result:
    """Run a module ad hoc where the boot clock is ahead, and with it nothing else."""
    if not os.path.exists("/proc/self/ns/time"):
        pytest.skip("this kernel has no time namespaces")
    argv = ["unshare", "-T", "--boottime", str(seconds), "--fork", executable("ansible"), "localhost"]
    environment = world.environment(world.scratch / "adhoc.jsonl")
    return read_adhoc(world.run(*argv, "-m", module, "-a", arguments, environment=environment))


@pytest.mark.parametrize("ttl", [0, -1, 10**10], ids=["zero", "negative", "for-ever"])
def test_lease_of_no_length_is_refused(private_world: World, ttl: int) -> None:
    refuse(private_world, "invalid_argument", locks=False, **tmpfs(PATH, ttl=ttl))


def test_lease_is_in_the_ledger_and_renewed_by_holding_again(world: World) -> None:
    first = predict_and_call(world, **tmpfs(PATH, "a", ttl=HOUR))
    assert first.action == "mounted"
    claim = world.references[PATH]["holders"]["a"]
    assert claim["expires"] > claim["since"]
    renew(world, **tmpfs(PATH, "a", ttl=2 * HOUR))
    longer = world.references[PATH]["holders"]["a"]
    assert longer["since"] == claim["since"]
    assert longer["expires"] > claim["expires"]
    assert world.facts()["drift"] == []


def test_lease_begins_when_the_lock_is_had(private_world: World) -> None:
    with hold(find_lock(private_world, PATH)):
        pid = private_world.start(arguments=tmpfs(PATH, "a", ttl=HOUR))
        time.sleep(3)
        uptime = time.clock_gettime(time.CLOCK_BOOTTIME)
    assert not private_world.collect(pid).failed
    assert private_world.references[PATH]["holders"]["a"]["lease"]["ends"] >= uptime + HOUR


def test_lease_goes_when_its_holder_holds_without_one(world: World) -> None:
    succeed(world, **tmpfs(PATH, "a", ttl=HOUR))
    renew(world, **tmpfs(PATH, "a"))
    assert world.references[PATH]["holders"]["a"]["expires"] is None
    repeat_unchanged(world, **tmpfs(PATH, "a"))


def test_holder_without_ttl_never_ends(world: World) -> None:
    succeed(world, **tmpfs(PATH, "a"))
    facts = in_the_future(world, 10 * 365 * 24 * HOUR, "holdfast.mounts.safe_mount_facts", "")
    assert facts["ansible_facts"]["holdfast_mounts"]["drift"] == []


def test_lease_ends_by_the_boot_clock(world: World) -> None:
    succeed(world, **tmpfs(PATH, "a", ttl=HOUR))
    kinds = []
    for seconds in (HOUR - 600, HOUR + 600):
        facts = in_the_future(world, seconds, "holdfast.mounts.safe_mount_facts", "")
        kinds.append([item["kind"] for item in facts["ansible_facts"]["holdfast_mounts"]["drift"]])
    assert kinds == [[], ["expired"]]
    gone = in_the_future(world, HOUR + 600, "holdfast.mounts.safe_mount_reconcile", "")
    assert [row["action"] for row in gone["repaired"]] == ["unmounted"]
    assert (world.references, world.stack(PATH)) == ({}, [])


def test_ended_lease_is_taken_out_when_another_comes(world: World) -> None:
    succeed(world, **tmpfs(PATH, "a", ttl=1))
    wait_for_end(world)
    joined = apply(world, "joined", **tmpfs(PATH, "b"))
    assert joined.holders == ["b"]
    assert world.facts()["drift"] == []


def test_ended_lease_is_taken_out_when_another_holds_again(world: World) -> None:
    succeed(world, **tmpfs(PATH, "b"))
    succeed(world, **tmpfs(PATH, "a", ttl=1))
    wait_for_end(world)
    again = predict_and_call(world, **tmpfs(PATH, "b"))
    assert (again.changed, again.action, again.holders) == (False, "none", ["b"])
    assert world.holders(PATH) == ["b"]


def test_ended_lease_that_was_the_last_is_unmounted_by_anybodys_release(world: World) -> None:
    warm_up(world)
    start = world.settled()
    succeed(world, **tmpfs(PATH, "a", ttl=1))
    wait_for_end(world)
    apply(world, "unmounted", **leave(PATH, "stranger"))
    assert start.differences(world.settled()) == []


def test_ended_lease_does_not_keep_others_from_unmounting(world: World) -> None:
    succeed(world, **tmpfs(PATH, "a", ttl=3))  # which a slow machine needs for what follows
    refuse(world, "in_use", path=PATH, holder="b", state="unmounted")
    wait_for_end(world)
    apply(world, "unmounted", path=PATH, holder="b", state="unmounted")


def test_ended_lease_is_released_by_its_holder(world: World) -> None:
    for holder, ttl in (("a", 1), ("b", None)):
        succeed(world, **tmpfs(PATH, holder, ttl=ttl))
    wait_for_end(world)
    assert apply(world, "released", **leave(PATH, "a")).holders == ["b"]


def test_ended_lease_is_joined_anew_by_its_holder(world: World) -> None:
    succeed(world, **tmpfs(PATH, "a", ttl=1))
    wait_for_end(world)
    joined = predict_and_call(world, **tmpfs(PATH, "a", ttl=HOUR))
    assert (joined.action, joined.changed, joined.holders) == ("joined", True, ["a"])


def test_lease_of_each_entry_in_a_list(world: World) -> None:
    entry = {"src": "tmpfs", "fstype": "tmpfs"}
    mounts = [{**entry, "path": "/srv/own", "ttl": HOUR}, {**entry, "path": "/srv/common"}]
    succeed(world, mounts=mounts, ttl=1, holder="a")
    wait_for_end(world)
    result = succeed(
        world, mounts=[{"path": "/srv/own"}, {"path": "/srv/common"}], state="released", holder="b"
    )
    assert [item["action"] for item in result.mounts] == ["none", "unmounted"]
    assert list(world.references) == ["/srv/own"]
