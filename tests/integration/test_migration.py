# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""From ansible.posix.mount and from a line of fstab to holders: report, look, adopt, own after a reboot."""

from __future__ import annotations

import typing as t

import pytest
from harness.cycle import apply, leave, repeat_unchanged
from harness.reconcile import reboot, reconcile
from harness.results import Played, play, task
from harness.world import World
from test_boot_peer import find_peers

PATH = "/srv/old"
LINE = f"scratch {PATH} tmpfs nosuid,nodev,size=1m 0 0\n"
HELD: t.Dict[str, t.Any] = {
    "path": PATH,
    "src": "scratch",
    "fstype": "tmpfs",
    "opts": ["size=1m"],
    "holder": "shop",
}
REPORT = {
    "name": "Report",
    "ansible.builtin.debug": {
        "msg": "{{ query('holdfast.mounts.current_mounts', '/srv/*', query='[?!managed].mount') }}"
    },
}
FACTS: t.Dict[str, t.Any] = {"name": "Facts", "holdfast.mounts.safe_mount_facts": {}}


def mount_from_fstab(world: World) -> None:
    """Mount as an administrator does, by a line of fstab."""
    world.write("/etc/fstab", f"# static\n{LINE}")
    world.make_directory(PATH)
    assert world.run("mount", PATH).rc == 0


def mount_with_posix(world: World) -> None:
    """Mount as a playbook does, with ansible.posix.mount."""
    if not (find_peers() / ".ready").exists():
        pytest.skip("needs ansible.posix: tests/tools/fetch_peers.sh")
    world.write("/etc/fstab", "# static\n")
    given = {"path": PATH, "src": "scratch", "fstype": "tmpfs", "opts": "nosuid,nodev,size=1m"}
    assert (
        run(world, {"name": "Mount", "ansible.posix.mount": {**given, "state": "mounted"}}).finished.rc == 0
    )


def run(world: World, *tasks: t.Dict[str, t.Any], check: bool = False) -> Played:
    """Run tasks with ansible.posix beside the playbook, where Ansible finds it."""
    beside = world.scratch / "collections"
    if not beside.exists() and find_peers().exists():
        beside.symlink_to(find_peers())
    return world.playbook(play(*tasks), *(["--check", "--diff"] if check else []))


def take_out_of_fstab(world: World) -> None:
    """Take the old line out."""
    lines = world.file("/etc/fstab").read_text(encoding="utf-8").splitlines(keepends=True)
    world.write("/etc/fstab", "".join(line for line in lines if PATH not in line))


@pytest.mark.parametrize("act", [mount_from_fstab, mount_with_posix], ids=["fstab", "posix"])
def test_mount_of_others_is_reported_adopted_and_owned_after_a_reboot(
    world: World, act: t.Callable[[World], None]
) -> None:
    act(world)
    number = world.unique_id(PATH)
    reported = run(world, FACTS, REPORT)
    assert PATH in reported.named("Report")["msg"], reported
    predicted = run(world, task("Look", **HELD, adopt=True), check=True).named("Look")
    assert (predicted.changed, predicted.action) == (True, "adopted"), predicted
    both = world.call(**HELD, adopt=True, boot=True)
    assert both.code == "conflict", "two entries of one mount point are refused"
    take_out_of_fstab(world)
    before = world.file("/etc/fstab").read_bytes()
    adopted = apply(world, "adopted", **HELD, adopt=True, boot=True)
    assert adopted.mount["owned"] is False
    assert world.unique_id(PATH) == number
    reboot(world)
    assert world.run("mount", PATH).rc == 0
    number = world.unique_id(PATH)
    assert reconcile(world)["repaired"][0]["holders"] == ["shop"]
    assert repeat_unchanged(world, **HELD, boot=True).mount["owned"] is True
    assert world.unique_id(PATH) == number
    apply(world, "unmounted", **leave(PATH, "shop"))
    assert (world.stack(PATH), world.file("/etc/fstab").read_bytes()) == ([], before)
    assert world.exists(PATH), "the directory was not made here"
