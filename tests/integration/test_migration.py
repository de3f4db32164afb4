# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""From ansible.posix.mount and from a line of fstab to holders: report, look, adopt, own after a reboot."""

from __future__ import annotations

import json
import re
import textwrap
import typing as t

import pytest
import yaml
from ansible_collections.holdfast.mounts.plugins.filter.fstab_tasks import fstab_tasks
from harness.cycle import apply, leave, repeat_unchanged, succeed
from harness.place import COLLECTION
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


@pytest.fixture
def world(private_world: World) -> World:
    """One world: what this does with the kernel is tried on shared mounts elsewhere."""
    return private_world


def mount_from_fstab(world: World) -> None:
    """Mount as an administrator does, by a line of fstab."""
    world.write("/etc/fstab", f"# static\n{LINE}")
    world.make_directory(PATH)
    assert world.run("mount", PATH).rc == 0


def mount_with_posix(world: World) -> None:
    """Mount as a playbook does, with ansible.posix.mount."""
    if not (find_peers() / ".ready").exists():
        pytest.skip("needs ansible.posix: nox -s peers")
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


# --- The playbook migrate ---

TABLE = """\
# /etc/fstab: static file system information
UUID=7f3ee9fe-1fbf-452b-0c24-2614e1cad18b / ext4 errors=remount-ro 0 1
UUID=501a4e61-aa4f-7737-df03-05124a39119b none swap sw 0 0
scratch\t/srv/old\ttmpfs\tdefaults,noatime,size=1m,mode=0755,nofail,x-systemd.device-timeout=10 0 0
/srv/old/shown /srv/two\\040words/ none bind,ro,X-mount.mkdir 0 0
by-hand /mnt/by-hand tmpfs noauto,user,size=64k 0 0
//nas/share /mnt/nas cifs username=alice,password=s3cret,vers=3.0 0 0
bucket /mnt/bucket fuse.s3fs _netdev,allow_other 0 0
"""
CORPUS = "tests/unit/plugins/module_utils/_holdfast/real_mounts.json"
MIGRATE = [{"name": "Run", "import_playbook": "holdfast.mounts.migrate"}]


def migrate(world: World, **variables: str) -> Played:
    """Run the playbook, which prints YAML then."""
    (world.scratch / "ansible.cfg").write_text(
        "[defaults]\ncallback_result_format = yaml\n", encoding="utf-8"
    )
    given = {"migrate_hosts": "localhost", **variables}
    return world.playbook(MIGRATE, "--extra-vars", " ".join(f"{key}={value}" for key, value in given.items()))


def pasted(played: Played) -> t.List[t.Dict[str, t.Any]]:
    """Return the tasks that the playbook has printed, as whoever pastes its words gets them."""
    blocks = re.findall(
        r"^ok: .*\(item=.*=> *\n    msg:\n((?:    .*\n)+)", played.finished.stdout, re.MULTILINE
    )
    return [task for block in blocks for task in yaml.safe_load(textwrap.dedent(block))]


def test_migrate_for_nobody_is_refused(private_world: World) -> None:
    played = migrate(private_world)
    assert played.finished.rc == 2
    assert "migrate_holder" in played.results[-1]["msg"]


def test_migrate_prints_what_runs_when_it_is_pasted(world: World) -> None:
    world.write("/etc/fstab", TABLE)
    world.make_directory(PATH)
    assert world.run("mount", PATH).rc == 0
    world.make_directory(f"{PATH}/shown")
    before = world.snapshot()
    played = migrate(world, migrate_holder="shop")
    assert played.finished.rc == 0, played.finished
    assert before.differences(world.snapshot()) == []
    assert "s3cret" not in played.finished.stdout
    said = played.results[-1]["msg"]
    assert "3 of 7 lines" in said["done"]
    assert len(said["left"]) == 4
    tasks = pasted(played)
    assert len(tasks) == 3, played.finished.stdout
    for options in (["--check"], []):
        done = world.playbook(play(*tasks), *options)
        assert done.finished.rc == 0, done.finished.stdout
    table = world.file("/etc/fstab").read_text(encoding="utf-8")
    assert [line for line in table.splitlines() if "x-holdfast" not in line] == [
        line for line in TABLE.splitlines() if not line.startswith(("scratch", "/srv/old", "by-hand"))
    ]
    assert {path: row["owned"] for path, row in world.references.items()} == {
        PATH: False,
        "/mnt/by-hand": True,
        "/srv/two words": True,
    }
    again = migrate(world, migrate_holder="shop")
    assert pasted(again) == []
    for path in ("/srv/two words", "/mnt/by-hand", PATH):
        succeed(world, **leave(path, "shop"))


DEFINITIONS = json.loads((COLLECTION / CORPUS).read_text(encoding="utf-8"))
# What only the host can know, and no line of fstab says.
OF_THE_HOST = (
    None,
    "conflict",
    "mount_failed",
    "path_not_allowed",
    "not_empty",
    "unsafe_path",
    "unsupported",
)


def test_whatever_is_printed_is_a_request_of_the_module(private_world: World) -> None:
    lines = []
    for each in DEFINITIONS:
        fields = (each["src"], each["path"], each["fstype"], ",".join(each["opts"]) or "defaults")
        lines.append(" ".join(field.replace(" ", "\\040") for field in fields))
    found = fstab_tasks("\n".join(lines), holder="shop")
    assert len(found) == len(DEFINITIONS)
    assert [bool(row["tasks"]) for row in found] == [not row["reason"] for row in found]
    asked = [task["holdfast.mounts.safe_mount"] for row in found if row["tasks"] for task in held_by(row)]
    assert len(asked) > len(DEFINITIONS) / 2
    refused = [(task, private_world.predict(**task)) for task in asked]
    assert [(task, result["msg"]) for task, result in refused if result.code not in OF_THE_HOST] == []


def held_by(row: t.Dict[str, t.Any]) -> t.List[t.Dict[str, t.Any]]:
    """Return the tasks that hold at once what a line mounts."""
    return [task for task in row["tasks"][0]["block"] if task["name"].startswith("Hold ")]
