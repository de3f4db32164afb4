# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""NFS against the server of the virtual machine: holders, versions, errors, and a server that is cut off."""

from __future__ import annotations

import json
import re
import typing as t

import pytest
from harness.cycle import apply, leave, run_cycle, succeed, tmpfs, warm_up
from harness.network import EXPORT, cut_off, require_nfs
from harness.world import RUN, World
from test_documented_examples import NFS, Example

PATH = "/srv/remote/nfs"


@pytest.fixture(autouse=True)
def _server() -> None:
    require_nfs()


def nfs(path: str = PATH, holder: str = "a", **more: t.Any) -> t.Dict[str, t.Any]:
    """Return the arguments that mount the export for a holder."""
    definition = {"src": EXPORT, "fstype": "nfs", "opts": ["vers=4.2"], **more}
    return {"path": path, "holder": holder, **definition}


def assert_nothing_staged(world: World) -> None:
    """Fail when anything of a staged mount is left."""
    assert [mount for mount in world.table if mount.point.startswith(RUN)] == []
    stages = world.file(f"{RUN}/stage")
    assert not stages.exists() or list(stages.iterdir()) == []


VERSIONS: t.Dict[str, t.Tuple[t.Dict[str, t.Any], str]] = {
    "newest": ({"opts": []}, "nfs4"),
    "4": ({"opts": ["vers=4"]}, "nfs4"),
    "nfs4": ({"fstype": "nfs4", "opts": ["ro", "noexec", "noatime"]}, "nfs4"),
    "3": ({"opts": ["vers=3", "nolock", "soft"]}, "nfs"),
}


@pytest.mark.parametrize(("more", "shown"), VERSIONS.values(), ids=VERSIONS.keys())
def test_nfs_whole_life(private_world: World, more: t.Dict[str, t.Any], shown: str) -> None:
    run_cycle(private_world, **nfs(**more))
    succeed(private_world, **nfs(**more))
    mount = private_world.top(PATH)
    assert (mount.fstype, mount.source) == (shown, EXPORT)
    assert {"nosuid", "nodev", *({"ro", "noexec", "noatime"} & set(more["opts"]))} <= set(mount.flags)
    succeed(private_world, **leave(PATH, "a"))
    assert_nothing_staged(private_world)


@pytest.mark.parametrize("example", NFS, ids=[example.place for example in NFS])
def test_nfs_example_runs(private_world: World, example: Example) -> None:
    text = json.dumps([{**play, "hosts": "localhost"} for play in example.items])
    played = private_world.playbook(json.loads(re.sub(r'nas1\.example\.org:/[^"]*', EXPORT, text)))
    assert played.finished.rc == 0, played.finished.stdout


def test_nfs_three_holders_share_one_mount(make_world: t.Callable[..., World]) -> None:
    world = make_world("shared")
    warm_up(world)
    before = world.settled()
    apply(world, "mounted", **nfs(holder="a"))
    number = world.unique_id(PATH) if world.call(**nfs()).mount["protection"] == "full" else None
    for holder in ("b", "c"):
        apply(world, "joined", **nfs(holder=holder))
    assert number is None or world.unique_id(PATH) == number
    assert len(world.stack(PATH)) == 1
    assert world.holders(PATH) == ["a", "b", "c"]
    for holder in ("a", "c"):
        apply(world, "released", **leave(PATH, holder))
    apply(world, "unmounted", **leave(PATH, "b"))
    assert before.differences(world.settled()) == []


FAILURES: t.Dict[str, t.Tuple[t.Dict[str, t.Any], str, str]] = {
    "denied-3": ({"src": "127.0.0.1:/export/denied", "opts": ["vers=3"]}, "mount_failed", "denied access"),
    "denied-4": ({"src": "127.0.0.1:/export/denied"}, "mount_failed", "or export it there"),
    "missing-4": ({"src": "127.0.0.1:/nothing"}, "mount_failed", "has no such export"),
    "refused": ({"opts": ["port=1"], "timeout": 60}, "mount_failed", "refused the connection"),
}


@pytest.mark.parametrize(("more", "code", "words"), FAILURES.values(), ids=FAILURES.keys())
def test_nfs_failure_says_why_and_leaves_nothing(
    private_world: World, more: t.Dict[str, t.Any], code: str, words: str
) -> None:
    world = private_world
    warm_up(world)
    before = world.settled()
    result = world.call(**nfs(**more))
    assert (result.code, result.changed) == (code, False), result
    assert words in result["msg"], result["msg"]
    assert before.differences(world.settled()) == []
    assert_nothing_staged(world)


def test_nfs_server_that_is_cut_off_delays_nobody_else(private_world: World) -> None:
    world = private_world
    succeed(world, **nfs(holder="a"))
    succeed(world, **nfs(holder="b"))
    pid = world.occupy(PATH)
    with cut_off(2049):
        assert [mount["state"] for mount in world.facts(paths=[PATH])["mounts"]] == ["ok"]
        assert succeed(world, **tmpfs("/srv/remote/near", "c", timeout=1)).action == "mounted"
        assert succeed(world, **leave("/srv/remote/near", "c")).action == "unmounted"
        assert world.call(**nfs("/srv/remote/second", timeout=3)).code == "timeout"
        assert succeed(world, **leave(PATH, "b")).action == "released"
        assert world.call(**leave(PATH, "a", timeout=20)).code == "busy"
        assert succeed(world, **leave(PATH, "a", on_busy="lazy", timeout=20)).action == "unmounted"
        assert world.stack(PATH) == []
        assert_nothing_staged(world)
    world.end(pid)


def test_nfs_idle_mount_of_a_server_that_is_cut_off_is_released(private_world: World) -> None:
    world = private_world
    succeed(world, **nfs())
    with cut_off(2049):
        result = world.call(**leave(PATH, "a", timeout=30))
        assert result.action == "unmounted" or result.code == "timeout", result
    again = succeed(world, **leave(PATH, "a"))
    assert again.action in ("none", "unmounted")
    assert world.stack(PATH) == []
