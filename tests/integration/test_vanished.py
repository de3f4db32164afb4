# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A mount that somebody unmounted by hand, or that a reboot took: mounted again, with all its references."""

from __future__ import annotations

import shutil
import typing as t

import pytest
from harness.cycle import apply, leave, predict_and_call, refuse, succeed, tmpfs, warm_up
from harness.reconcile import call_reconcile
from harness.results import play, task
from harness.world import LEDGER, RUN, World

PATH = "/srv/app/data"
OPTS = ["size=1m", "noexec"]
OTHER_BOOT = "00000000-0000-4000-8000-000000000000"
MNT_DETACH = 2


def reboot(world: World) -> None:
    """Leave what a reboot leaves: the ledger with the old boot's id, no mounts and an empty /run."""
    for path in sorted(world.references, reverse=True):
        if world.stack(path):
            world.unmount(path)
    text = world.file(LEDGER).read_text(encoding="utf-8")
    boot_id = world.ledger["boot_id"]
    world.file(LEDGER).write_text(text.replace(boot_id, OTHER_BOOT), encoding="utf-8")
    shutil.rmtree(world.file(RUN))


def vanish(world: World) -> None:
    """Unmount by hand."""
    world.unmount(PATH)


ACTS = pytest.mark.parametrize("act", [vanish, reboot], ids=["by-hand", "reboot"])


@ACTS
def test_vanished_mount_is_mounted_again_for_its_holder(world: World, act: t.Callable[[World], None]) -> None:
    succeed(world, **tmpfs(PATH, "a", opts=OPTS))
    world.file(f"{PATH}/of-the-old-one").touch()
    act(world)
    again = apply(world, "mounted", **tmpfs(PATH, "a", opts=OPTS))
    assert again.holders == ["a"]
    assert not world.exists(f"{PATH}/of-the-old-one")
    assert {"noexec", "nosuid", "nodev"} <= world.top(PATH).flags


@ACTS
def test_vanished_mount_keeps_all_references_when_another_comes(
    world: World, act: t.Callable[[World], None]
) -> None:
    for holder in ("a", "b"):
        succeed(world, **tmpfs(PATH, holder, opts=OPTS))
    act(world)
    again = apply(world, "mounted", **tmpfs(PATH, "c", opts=OPTS))
    assert again.holders == ["a", "b", "c"]
    assert len(world.stack(PATH)) == 1
    assert succeed(world, **tmpfs(PATH, "a", opts=OPTS)).action == "none"
    for holder, action in (("b", "released"), ("a", "released"), ("c", "unmounted")):
        assert succeed(world, **leave(PATH, holder)).action == action


@ACTS
def test_vanished_mount_of_another_request_is_still_a_conflict(
    world: World, act: t.Callable[[World], None]
) -> None:
    succeed(world, **tmpfs(PATH, "a", opts=OPTS))
    act(world)
    refuse(world, "conflict", **tmpfs(PATH, "b", opts=["size=2m"]))
    assert world.holders(PATH) == ["a"]


@ACTS
def test_vanished_mount_is_released_with_its_directories(
    world: World, act: t.Callable[[World], None]
) -> None:
    warm_up(world)
    start = world.settled()
    for holder in ("a", "b"):
        succeed(world, **tmpfs(PATH, holder))
    act(world)
    first = predict_and_call(world, **leave(PATH, "a"))
    assert (first.action, first.holders) == ("released", ["b"])
    last = apply(world, "unmounted", **leave(PATH, "b"))
    assert last.mount["mounted"] is False
    assert world.references == {}
    assert not world.exists("/srv/app")
    assert start.mounts == world.settled().mounts


@ACTS
def test_vanished_mount_is_unmounted_by_state(world: World, act: t.Callable[[World], None]) -> None:
    succeed(world, **tmpfs(PATH, "a"))
    act(world)
    assert apply(world, "unmounted", path=PATH, holder="a", state="unmounted").holders == []
    assert world.references == {}


def test_vanished_directory_is_made_again(world: World) -> None:
    succeed(world, **tmpfs(PATH, "a"))
    world.unmount(PATH)
    world.file(PATH).rmdir()
    world.file("/srv/app").rmdir()
    apply(world, "mounted", **tmpfs(PATH, "b"))
    assert world.holders(PATH) == ["a", "b"]


def test_vanished_by_a_lazy_unmount_while_busy_is_mounted_again(world: World) -> None:
    succeed(world, **tmpfs(PATH, "a"))
    before = world.unique_id(PATH)
    pid = world.occupy(PATH)
    world.unmount(PATH, flags=MNT_DETACH)
    apply(world, "mounted", **tmpfs(PATH, "a"))
    assert world.unique_id(PATH) != before
    world.end(pid)


def test_replaced_by_a_foreign_mount_is_not_touched(world: World) -> None:
    succeed(world, **tmpfs(PATH, "a"))
    world.unmount(PATH)
    world.mount("foreign", PATH, "tmpfs")
    before = world.unique_id(PATH)
    refuse(world, "conflict", **tmpfs(PATH, "b"))
    world.call(**leave(PATH, "a"))
    world.call(path=PATH, holder="a", state="unmounted")
    assert world.unique_id(PATH) == before
    assert len(world.stack(PATH)) == 1


def test_replaced_by_a_foreign_look_alike_is_not_taken_for_ours(world: World) -> None:
    succeed(world, **tmpfs(PATH, "a"))
    world.unmount(PATH)
    world.mount("tmpfs", PATH, "tmpfs", flags=6)
    before = world.unique_id(PATH)
    refuse(world, "not_owned", **tmpfs(PATH, "b"))
    world.call(**leave(PATH, "a", on_busy="lazy"))
    assert world.unique_id(PATH) == before


def test_deferred_mount_that_vanished_is_mounted_anew(world: World) -> None:
    succeed(world, **tmpfs(PATH, "a"))
    pid = world.occupy(PATH)
    assert world.call(**leave(PATH, "a", on_busy="defer")).action == "deferred"
    world.end(pid)
    world.unmount(PATH)
    assert apply(world, "mounted", **tmpfs(PATH, "b")).holders == ["b"]


@pytest.fixture(name="restarted")
def mount_in_a_namespace_that_ends(private_world: World) -> World:
    """Hold in a mount namespace that ends with the call, as a container does that is started again."""
    result = private_world.collect(private_world.start(arguments=tmpfs(PATH, "a"), namespace=True))
    assert result.action == "mounted", result
    assert private_world.stack(PATH) == []
    return private_world


def test_mount_of_a_namespace_that_is_gone_is_mounted_again(restarted: World) -> None:
    apply(restarted, "mounted", **tmpfs(PATH, "a"))
    assert apply(restarted, "joined", **tmpfs(PATH, "b")).holders == ["a", "b"]


def test_mount_of_a_namespace_that_is_gone_is_reconciled(restarted: World) -> None:
    assert [item["kind"] for item in restarted.facts()["drift"]] == ["missing"]
    assert call_reconcile(restarted)["remaining"] == []
    assert len(restarted.stack(PATH)) == 1
    assert restarted.holders(PATH) == ["a"]


@pytest.mark.parametrize("state", ["released", "unmounted"])
def test_mount_of_a_namespace_that_is_gone_is_let_go(restarted: World, state: str) -> None:
    apply(restarted, "unmounted", path=PATH, holder="a", state=state)
    assert restarted.references == {}


def test_mount_of_a_namespace_that_is_gone_is_not_what_stands_there(restarted: World) -> None:
    restarted.mount("tmpfs", PATH, "tmpfs", flags=6)
    before = restarted.unique_id(PATH)
    refuse(restarted, "not_owned", **tmpfs(PATH, "b"))
    call_reconcile(restarted, repair=["missing", "replaced"])
    assert restarted.unique_id(PATH) == before


def test_vanished_of_a_playbook(world: World) -> None:
    played = world.playbook(
        play(
            task("Acquire", **tmpfs(PATH, "a")),
            {"name": "Unmount by hand", "ansible.builtin.command": {"argv": ["umount", "-n", PATH]}},
            task("Another", **tmpfs(PATH, "b")),
        )
    )
    assert played.named("Another").action == "mounted", played
    assert played.named("Another").holders == ["a", "b"]
