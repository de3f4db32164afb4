# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Many mount points in one call: each has its own outcome, and a failing one does not undo its neighbours."""

from __future__ import annotations

import os
import stat
import typing as t

import pytest
from harness.cycle import predict_and_call, refuse, succeed, tmpfs, warm_up
from harness.results import play, task
from harness.world import World


def entry(name: str, **more: t.Any) -> t.Dict[str, t.Any]:
    """Return an entry that mounts a tmpfs."""
    return {"path": f"/srv/{name}", "src": "tmpfs", "fstype": "tmpfs", **more}


REFUSED: t.List[t.Tuple[str, t.List[t.Dict[str, t.Any]], str]] = [
    ("same-path-twice", [entry("a"), entry("a")], "invalid_argument"),
    ("bad-path", [entry("a"), entry("b/../c")], "invalid_argument"),
    ("outside", [entry("a"), {**entry("b"), "path": "/opt/b"}], "path_not_allowed"),
    ("bad-option", [entry("a"), entry("b", opts=["suid"])], "option_not_allowed"),
    ("bad-type", [entry("a"), entry("b", fstype="proc")], "fstype_not_allowed"),
    ("bad-source", [entry("a"), entry("b", src="-o")], "source_not_allowed"),
]


@pytest.mark.parametrize(("mounts", "code"), [c[1:] for c in REFUSED], ids=[c[0] for c in REFUSED])
def test_bulk_with_one_bad_entry_does_nothing_at_all(private_world: World, mounts: t.Any, code: str) -> None:
    refuse(private_world, code, locks=False, mounts=mounts, holder="a")


def test_bulk_and_path_exclude_each_other(private_world: World) -> None:
    before = private_world.snapshot()
    result = private_world.call(**tmpfs("/srv/a"), mounts=[entry("b")])
    assert result.failed
    assert before.differences(private_world.snapshot()) == []


def test_neither_path_nor_mounts_is_refused(private_world: World) -> None:
    before = private_world.snapshot()
    assert private_world.call(src="tmpfs", fstype="tmpfs").failed
    assert before.differences(private_world.snapshot()) == []


def test_bulk_comes_and_goes_in_the_order_given(world: World) -> None:
    warm_up(world)
    start = world.settled()
    names = ["c", "a", "b"]
    arguments = {"mounts": [entry(name) for name in names], "holder": "h"}
    acquired = predict_and_call(world, **arguments)
    assert not acquired.failed, acquired
    assert acquired.changed
    assert [found["path"] for found in acquired.mounts] == [f"/srv/{name}" for name in names]
    assert [found["action"] for found in acquired.mounts] == ["mounted"] * 3
    assert all(found["mounted"] and found["owned"] for found in acquired.mounts)
    assert all(found["holder_count"] == 1 for found in acquired.mounts)
    before = world.snapshot(run=False)
    again = predict_and_call(world, **arguments)
    assert (again.changed, {found["action"] for found in again.mounts}) == (False, {"none"})
    assert before.differences(world.snapshot(run=False)) == []
    paths = [{"path": f"/srv/{name}"} for name in names]
    released = predict_and_call(world, mounts=paths, holder="h", state="released")
    assert [found["action"] for found in released.mounts] == ["unmounted"] * 3
    assert start.differences(world.settled()) == []


def test_bulk_tells_each_entry_from_the_other(world: World) -> None:
    succeed(world, **tmpfs("/srv/held", "h"))
    succeed(world, **tmpfs("/srv/joined", "other"))
    result = predict_and_call(world, mounts=[entry("joined"), entry("held"), entry("new")], holder="h")
    assert [found["action"] for found in result.mounts] == ["joined", "none", "mounted"]
    assert sorted(result.mounts[0]["holders"]) == ["h", "other"]


def test_bulk_failure_does_not_undo_its_neighbours(world: World) -> None:
    succeed(world, **tmpfs("/srv/taken", "other", opts=["size=1m"]))
    mounts = [entry("one"), entry("taken", opts=["size=2m"]), entry("two")]
    result = predict_and_call(world, mounts=mounts, holder="h")
    assert result.failed
    assert result.code == "conflict", result
    assert result.changed is True
    assert [found["path"] for found in result.mounts] == ["/srv/one", "/srv/taken", "/srv/two"]
    assert [result.mounts[0]["action"], result.mounts[2]["action"]] == ["mounted", "mounted"]
    assert result.mounts[1]["error"]["code"] == "conflict"
    assert world.holders("/srv/one") == ["h"]
    assert world.holders("/srv/two") == ["h"]
    assert world.holders("/srv/taken") == ["other"]
    assert len(world.stack("/srv/one")) == len(world.stack("/srv/two")) == 1


def test_bulk_mount_failure_leaves_no_directory_of_its_own(world: World) -> None:
    missing = {"path": "/srv/shared/missing", "src": "/srv/nowhere", "fstype": "bind"}
    result = world.call(mounts=[missing, entry("shared/one")], holder="h")
    assert (result.failed, result.code) == (True, "mount_failed"), result
    assert len(world.stack("/srv/shared/one")) == 1
    assert not world.exists("/srv/shared/missing")
    assert list(world.references) == ["/srv/shared/one"]


def test_bulk_entries_override_the_defaults(world: World) -> None:
    mounts = [entry("strict"), entry("suid", allow_suid=True), entry("dev", allow_dev=True)]
    succeed(world, mounts=mounts, holder="h")
    names = ("strict", "suid", "dev")
    found = {name: {"nosuid", "nodev"} & world.top(f"/srv/{name}").flags for name in names}
    assert found == {"strict": {"nosuid", "nodev"}, "suid": {"nodev"}, "dev": {"nosuid"}}


def test_bulk_entries_have_their_own_mode_and_owner(world: World) -> None:
    seen = {"opts": ["mode=0755", "uid=0", "gid=0"]}
    mounts = [entry("x/one", mode="0700", owner="65534", **seen), entry("x/two", group="65534", **seen)]
    succeed(world, mounts=mounts, holder="h", mode="0750")
    world.mount("/srv/x", "/media", "", flags=1 << 12)
    one, two = (os.stat(world.file(f"/media/{name}")) for name in ("one", "two"))
    assert (stat.S_IMODE(one.st_mode), one.st_uid, one.st_gid) == (0o700, 65534, 0)
    assert (stat.S_IMODE(two.st_mode), two.st_uid, two.st_gid) == (0o750, 0, 65534)


def test_bulk_releases_a_source_after_what_shows_it(world: World) -> None:
    succeed(world, **tmpfs("/srv/base", "h", opts=["mode=0755"]))
    world.make_directory("/srv/base/data")
    succeed(world, path="/srv/view", src="/srv/base/data", fstype="bind", holder="h")
    paths = [{"path": "/srv/base"}, {"path": "/srv/view"}]
    result = predict_and_call(world, mounts=paths, holder="h", state="released")
    assert not result.failed, result
    assert [found["action"] for found in result.mounts] == ["unmounted", "unmounted"]
    assert world.references == {}


def test_bulk_mounts_a_source_before_what_shows_it(world: World) -> None:
    view = {"path": "/srv/a-view", "src": "/srv/base", "fstype": "bind"}
    result = succeed(world, mounts=[view, entry("base", opts=["mode=0755", "size=3m"])], holder="h")
    assert [found["action"] for found in result.mounts] == ["mounted", "mounted"]
    assert "size=3072k" in world.top("/srv/a-view").options


def test_bulk_release_leaves_what_carries_another_mount(world: World) -> None:
    names = [f"m{number:02}" for number in range(12)]
    succeed(world, mounts=[entry(name, opts=["mode=0755"]) for name in names], holder="h")
    world.make_directory("/srv/m05/theirs")
    world.mount("tmpfs", "/srv/m05/theirs", "tmpfs")
    paths = [{"path": f"/srv/{name}"} for name in names]
    result = predict_and_call(world, mounts=paths, holder="h", state="released")
    assert result.failed
    told = {found["path"]: found.get("error", {}).get("code") for found in result.mounts}
    assert {path for path, code in told.items() if code} == {"/srv/m05"}
    assert told["/srv/m05"] == "busy"
    assert list(world.references) == ["/srv/m05"]


def test_bulk_over_filesystems_by_turns_comes_and_goes(world: World) -> None:
    world.make_directory("/srv/b")
    world.mount("tmpfs", "/srv/b", "tmpfs", data="mode=0755")
    warm_up(world)
    start = world.settled()
    names = ["a/one", "b/one", "b/two/three", "c", "d/one"]
    succeed(world, mounts=[entry(name) for name in names], holder="h")
    assert sorted(world.references) == [f"/srv/{name}" for name in names]
    succeed(world, mounts=[{"path": f"/srv/{name}"} for name in names], holder="h", state="released")
    assert start.differences(world.settled()) == []


def test_bulk_of_two_hundred_is_one_call(world: World) -> None:
    warm_up(world)
    start = world.settled()
    names = [f"many/{number:03}" for number in range(200)]
    succeed(world, mounts=[entry(name) for name in names], holder="h")
    assert len(world.references) == 200
    assert all(len(world.stack(f"/srv/{name}")) == 1 for name in (names[0], names[99], names[199]))
    succeed(world, mounts=[{"path": f"/srv/{name}"} for name in names], holder="h", state="released")
    assert start.differences(world.settled()) == []


def test_bulk_of_a_playbook(world: World) -> None:
    warm_up(world)
    start = world.settled()
    mounts = [entry("one"), entry("two", opts="size=1m,noexec")]
    paths = [{"path": "/srv/one"}, {"path": "/srv/two"}]
    played = world.playbook(
        play(
            task("Acquire", mounts=mounts, holder="h"),
            task("Repeat", mounts=mounts, holder="h"),
            task("Release", mounts=paths, holder="h", state="released"),
        )
    )
    assert [result.changed for result in played.results] == [True, False, True], played
    assert start.differences(world.settled()) == []
