# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Each kind of drift, made for real: reported, then repaired or left as asked."""

from __future__ import annotations

import typing as t

import pytest
from harness.cycle import leave, succeed, tmpfs, warm_up
from harness.reconcile import call_reconcile, reboot, reconcile
from harness.table import has_unique_ids
from harness.world import World

PATH = "/srv/app/data"
MS_REMOUNT = 32
MS_BIND = 1 << 12
MS_NOSUID = 2
MS_NOEXEC = 8
SAFE = 6


def facts_of(world: World, path: str = PATH) -> t.List[str]:
    """Return the kinds of drift that the facts tell of a mount point."""
    return [item["kind"] for item in world.facts()["drift"] if item["path"] == path]


def vanish(world: World) -> None:
    """Unmount by hand."""
    succeed(world, **tmpfs(PATH, "a"))
    world.unmount(PATH)


def restart(world: World) -> None:
    """Boot again."""
    succeed(world, **tmpfs(PATH, "a"))
    reboot(world)


def replace_it(world: World) -> None:
    """Put another filesystem in the place of ours."""
    succeed(world, **tmpfs(PATH, "a"))
    world.unmount(PATH)
    world.mount("other", PATH, "tmpfs")


def remount(world: World) -> None:
    """Take nodev away, and forbid to execute."""
    succeed(world, **tmpfs(PATH, "a"))
    world.mount("tmpfs", PATH, "", flags=MS_REMOUNT | MS_BIND | MS_NOSUID | MS_NOEXEC)


def stack(world: World) -> None:
    """Mount on top of ours."""
    succeed(world, **tmpfs(PATH, "a"))
    world.mount("top", PATH, "tmpfs")


def orphan(world: World) -> None:
    """Lose the last reference, as somebody does who edits the ledger by hand."""
    succeed(world, **tmpfs(PATH, "a"))
    text = world.file("/etc/ansible/facts.d/holdfast_mounts.fact").read_text(encoding="utf-8")
    since = world.references[PATH]["holders"]["a"]["since"]
    claim = f'"holders": {{"a": {{"expires": null, "since": "{since}"}}}}'
    assert claim in text
    world.file("/etc/ansible/facts.d/holdfast_mounts.fact").write_text(
        text.replace(claim, '"holders": {}'), encoding="utf-8"
    )


def defer(world: World) -> None:
    """Let the last holder leave while it is busy."""
    succeed(world, **tmpfs(PATH, "a"))
    pid = world.occupy(PATH)
    assert succeed(world, **leave(PATH, "a", on_busy="defer")).action == "deferred"
    world.end(pid)


def expire(world: World) -> None:
    """Let a lease end."""
    succeed(world, **tmpfs(PATH, "a", ttl=1))
    while "expired" not in facts_of(world):
        pass


def interrupt(world: World) -> None:
    """Kill a job once it has mounted and before the ledger knows."""
    alive = world.wait(world.start(arguments=tmpfs(PATH, "a"), fuse=0))
    succeed(world, **leave(PATH, "a"))
    for point in range(int(alive.stderr.split()[-1]), 0, -3):
        world.wait(world.start(arguments=tmpfs(PATH, "a"), fuse=point))
        if "interrupted" in facts_of(world) and world.stack(PATH):
            return
        world.call(**leave(PATH, "a"))
    raise AssertionError("it was never interrupted in the middle")


class Case(t.NamedTuple):
    """How a kind of drift comes about, and what repairing it does."""

    act: t.Callable[[World], None]
    kind: str
    action: str
    holders: t.List[str]
    mounted: bool


CASES = [
    Case(vanish, "missing", "mounted", ["a"], True),
    Case(restart, "missing", "mounted", ["a"], True),
    Case(remount, "options_changed", "remounted", ["a"], True),
    Case(orphan, "orphaned", "unmounted", [], False),
    Case(defer, "deferred", "unmounted", [], False),
    Case(expire, "expired", "unmounted", [], False),
    Case(interrupt, "interrupted", "none", ["a"], True),
]
EACH = pytest.mark.parametrize("case", CASES, ids=[case.act.__name__ for case in CASES])


@EACH
def test_drift_that_is_not_to_be_repaired_is_reported_and_left(world: World, case: Case) -> None:
    case.act(world)
    assert facts_of(world) == [case.kind]
    result = reconcile(world, repair=[])
    assert (result.changed, result.failed, result["repaired"]) == (False, False, [])
    assert [(row["path"], row["kind"], row["error"]) for row in result["remaining"]] == [
        (PATH, case.kind, None)
    ]


@EACH
def test_drift_is_repaired_and_told_mount_by_mount(world: World, case: Case) -> None:
    warm_up(world)
    case.act(world)
    assert facts_of(world) == [case.kind]
    result = reconcile(world, repair=[case.kind])
    assert (result.changed, result.failed, result["remaining"]) == (True, False, []), result
    assert [(row["path"], row["kinds"], row["action"]) for row in result["repaired"]] == [
        (PATH, [case.kind], case.action)
    ]
    row = result["repaired"][0]
    assert (row["holders"], row["mounted"]) == (case.holders, case.mounted)
    assert bool(world.stack(PATH)) is case.mounted
    assert world.holders(PATH) == case.holders
    if not case.mounted:
        assert (world.references, world.exists("/srv/app")) == ({}, False)
        return
    flags = world.top(PATH).flags
    assert {"nosuid", "nodev"} <= flags
    assert "noexec" not in flags
    assert succeed(world, **leave(PATH, "a")).action == "unmounted"


LEFT = [(replace_it, "replaced"), (remount, "options_changed"), (stack, "stacked")]


@pytest.mark.parametrize(("act", "kind"), LEFT, ids=[act.__name__ for act, _kind in LEFT])
def test_drift_of_others_is_left_by_default(world: World, act: t.Callable[[World], None], kind: str) -> None:
    act(world)
    assert facts_of(world) == [kind]
    before = [world.unique_id(PATH), len(world.stack(PATH))]
    result = reconcile(world)
    assert (result.changed, result.failed) == (False, False)
    assert [row["kind"] for row in result["remaining"]] == [kind]
    assert [world.unique_id(PATH), len(world.stack(PATH))] == before


@pytest.mark.parametrize(("act", "kind"), [LEFT[0], LEFT[2]], ids=["replace_it", "stack"])
def test_drift_that_would_cost_a_foreign_mount_is_an_error(
    world: World, act: t.Callable[[World], None], kind: str
) -> None:
    act(world)
    before = [world.unique_id(PATH), len(world.stack(PATH))]
    result = reconcile(world, repair=[kind])
    assert (result.changed, result.failed, result.code) == (False, True, "not_owned"), result
    assert [row["error"]["code"] for row in result["remaining"]] == ["not_owned"]
    assert [world.unique_id(PATH), len(world.stack(PATH))] == before


def test_replaced_by_an_equal_mount_is_held_as_it_is(world: World) -> None:
    if not has_unique_ids():
        pytest.skip("before Linux 6.8 the table shows no difference, see docs/safety_evidence.md")
    succeed(world, **tmpfs(PATH, "a"))
    world.unmount(PATH)
    world.mount("tmpfs", PATH, "tmpfs", flags=SAFE)
    before = world.unique_id(PATH)
    result = reconcile(world, repair=["replaced"])
    assert [row["action"] for row in result["repaired"]] == ["adopted"]
    succeed(world, **leave(PATH, "a"))
    assert world.unique_id(PATH) == before, "what others made is never unmounted"


def test_options_that_cannot_be_changed_in_place_are_an_error(world: World) -> None:
    succeed(world, **tmpfs(PATH, "a", opts=["nr_inodes=100"]))
    world.mount("tmpfs", PATH, "", flags=MS_REMOUNT | SAFE, data="nr_inodes=200")
    result = reconcile(world, repair=["options_changed"])
    assert (result.failed, result.code) == (True, "conflict"), result


def test_size_of_a_tmpfs_is_set_again(world: World) -> None:
    succeed(world, **tmpfs(PATH, "a", opts=["size=1m"]))
    world.mount("tmpfs", PATH, "", flags=MS_REMOUNT | SAFE, data="size=4m")
    result = reconcile(world, repair=["options_changed"])
    assert [row["action"] for row in result["repaired"]] == ["remounted"]
    assert "size=1024k" in world.top(PATH).options


def test_flags_of_a_bind_are_set_again(world: World) -> None:
    world.make_directory("/srv/source")
    succeed(world, path=PATH, src="/srv/source", fstype="bind", opts=["ro"], holder="a")
    world.mount("", PATH, "", flags=MS_REMOUNT | MS_BIND | SAFE)
    assert facts_of(world) == ["options_changed"]
    reconcile(world, repair=["options_changed"])
    assert {"ro", "nosuid", "nodev"} <= world.top(PATH).flags


def test_reboot_brings_all_back_parents_and_sources_first(world: World) -> None:
    mounts = [
        {"path": "/srv/a", "src": "a", "fstype": "tmpfs", "opts": ["mode=0755"]},
        {"path": "/srv/a/b", "src": "b", "fstype": "tmpfs", "opts": ["mode=0755"]},
        {"path": "/srv/shown", "src": "/srv/a", "fstype": "bind"},
    ]
    paths = ["/srv/a", "/srv/a/b", "/srv/shown"]
    for holder in ("x", "y"):
        succeed(world, mounts=mounts, holder=holder)
    reboot(world)
    result = reconcile(world)
    assert {row["path"]: row["action"] for row in result["repaired"]} == {
        "/srv/a": "mounted",
        "/srv/a/b": "mounted",
        "/srv/shown": "mounted",
    }
    assert all(world.holders(path) == ["x", "y"] for path in paths)
    for holder in ("x", "y"):
        succeed(world, mounts=[], purge=True, holder=holder)
    assert world.references == {}


def test_missing_source_is_an_error_and_its_neighbour_is_repaired(world: World) -> None:
    world.make_directory("/srv/source")
    succeed(world, path="/srv/shown", src="/srv/source", fstype="bind", holder="a")
    succeed(world, **tmpfs(PATH, "a"))
    for path in ("/srv/shown", PATH):
        world.unmount(path)
    world.file("/srv/source").rmdir()
    result = reconcile_once(world)
    assert (result.failed, result.changed, result.code) == (True, True, "mount_failed"), result
    assert [row["path"] for row in result["repaired"]] == [PATH]
    assert [row["path"] for row in result["remaining"]] == ["/srv/shown"]


def reconcile_once(world: World, **arguments: t.Any) -> t.Any:
    """Reconcile where a second run fails as the first did."""
    return call_reconcile(world, **arguments)


def test_missing_over_entries_is_refused_unless_allowed(world: World) -> None:
    vanish(world)
    world.write(f"{PATH}/file")
    assert reconcile(world).code == "not_empty"
    assert reconcile(world, allow_nonempty=True)["repaired"][0]["action"] == "mounted"


def test_missing_outside_of_roots_and_policy_is_mounted_again(world: World) -> None:
    succeed(world, **tmpfs("/opt/holdfast-test/data", "a", allowed_roots=["/opt/holdfast-test"]))
    world.unmount("/opt/holdfast-test/data")
    world.write("/etc/ansible/holdfast_mounts_policy.json", '{"holders": ["a"]}')
    assert reconcile(world)["repaired"][0]["action"] == "mounted"
    succeed(world, **leave("/opt/holdfast-test/data", "a"))
    assert not world.exists("/opt/holdfast-test")


# --- Holders ---


def hold_three(world: World) -> None:
    """Have a and b share one mount, and c hold another."""
    for holder, path in (("a", PATH), ("b", PATH), ("c", "/srv/other")):
        succeed(world, **tmpfs(path, holder))


def test_holder_in_both_lists_is_refused(world: World) -> None:
    before = world.snapshot(log=True)
    result = call_reconcile(world, live_holders=["a"], drop_holders=["a"])
    assert (result.failed, result.code) == (True, "invalid_argument")
    assert before.differences(world.snapshot(log=True)) == []


def test_dropped_holders_leave_the_others(world: World) -> None:
    hold_three(world)
    result = reconcile(world, drop_holders=["b", "c", "unknown"])
    told = {row["path"]: (row["action"], row["dropped"], row["holders"]) for row in result["repaired"]}
    assert told == {PATH: ("released", ["b"], ["a"]), "/srv/other": ("unmounted", ["c"], [])}
    assert list(world.references) == [PATH]


def test_live_holders_are_all_that_stay(world: World) -> None:
    hold_three(world)
    result = reconcile(world, live_holders=["a", "z"])
    assert {row["path"]: row["action"] for row in result["repaired"]} == {
        PATH: "released",
        "/srv/other": "unmounted",
    }
    assert world.holders(PATH) == ["a"]


def test_no_live_holders_empty_the_host(world: World) -> None:
    warm_up(world)
    start = world.settled()
    hold_three(world)
    reconcile(world, live_holders=[])
    assert start.differences(world.settled()) == []


def test_live_holders_not_given_drop_nobody(world: World) -> None:
    hold_three(world)
    assert reconcile(world).changed is False


def test_vanished_mount_is_mounted_again_for_those_who_live(world: World) -> None:
    hold_three(world)
    reboot(world)
    result = reconcile(world, live_holders=["a"])
    told = {row["path"]: (row["action"], row["dropped"]) for row in result["repaired"]}
    assert told == {PATH: ("mounted", ["b"]), "/srv/other": ("unmounted", ["c"])}
    assert len(world.stack(PATH)) == 1
    assert world.stack("/srv/other") == []


def test_adopted_mount_of_dropped_holders_stays(world: World) -> None:
    world.make_directory(PATH)
    world.mount("tmpfs", PATH, "tmpfs", flags=SAFE)
    succeed(world, **tmpfs(PATH, "a", adopt=True))
    result = reconcile(world, live_holders=[])
    assert [row["action"] for row in result["repaired"]] == ["released"]
    assert (len(world.stack(PATH)), world.references) == (1, {})


BUSY = [("fail", True, None), ("defer", False, "deferred"), ("lazy", False, None)]


@pytest.mark.parametrize(("on_busy", "failed", "kind"), BUSY, ids=[row[0] for row in BUSY])
def test_busy_mount_of_a_dropped_holder(
    world: World, on_busy: str, failed: bool, kind: t.Optional[str]
) -> None:
    succeed(world, **tmpfs(PATH, "a"))
    pid = world.occupy(PATH)
    result = call_reconcile(world, drop_holders=["a"], on_busy=on_busy)
    assert (result.failed, bool(result.changed)) == (failed, not failed), result
    assert [row["kind"] for row in result["remaining"]] == ([kind] if on_busy != "lazy" else [])
    assert [item["kind"] for item in world.facts()["drift"]] == ([kind] if kind else [])
    assert world.holders(PATH) == (["a"] if failed else [])
    if on_busy == "defer":
        again = call_reconcile(world, on_busy="defer")
        assert (again.failed, again.changed, len(again["remaining"])) == (False, False, 1), again
    world.end(pid)
    call_reconcile(world, drop_holders=["a"])
    assert (world.references, world.stack(PATH)) == ({}, [])


def test_reconcile_of_an_untouched_host_makes_nothing(world: World) -> None:
    result = reconcile(world)
    assert (result["repaired"], result["remaining"], result.changed) == ([], [], False)


def test_two_reconciles_at_once_repair_once(world: World) -> None:
    for number in range(20):
        succeed(world, **tmpfs(f"/srv/n{number}", "a"))
    reboot(world)
    pids = [world.start(module="safe_mount_reconcile", arguments={}) for _number in range(3)]
    results = [world.collect(pid) for pid in pids]
    assert not any(result.failed for result in results), results
    assert all(len(world.stack(f"/srv/n{number}")) == 1 for number in range(20))
    assert world.facts()["drift"] == []


def test_reconcile_killed_anywhere_is_healed_by_the_next(world: World) -> None:
    warm_up(world)
    start = world.settled()
    mounts = [{"path": f"/srv/n{number}", "src": "tmpfs", "fstype": "tmpfs"} for number in range(3)]
    given: t.Dict[str, t.Any] = {"drop_holders": ["b"]}
    for point in [0, *range(40, 3000, 60)]:
        succeed(world, mounts=mounts[:2], holder="a")
        succeed(world, mounts=mounts[1:], holder="b")
        reboot(world)
        finished = world.wait(world.start(module="safe_mount_reconcile", arguments=given, fuse=point))
        assert not call_reconcile(world, **given).failed
        assert sorted(world.references) == ["/srv/n0", "/srv/n1"]
        assert world.holders("/srv/n0") == world.holders("/srv/n1") == ["a"]
        assert [len(world.stack(mount["path"])) for mount in mounts] == [1, 1, 0]
        assert world.facts()["drift"] == []
        succeed(world, mounts=[], purge=True, holder="a")
        assert start.differences(world.settled()) == []
        if point and finished.rc == 0:
            return
    raise AssertionError("it was never killed at its end")
