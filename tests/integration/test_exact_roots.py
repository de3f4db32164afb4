# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A root is itself a possible mount point and a possible source."""

from __future__ import annotations

import json
import sys
import typing as t

from harness.cycle import apply, leave, refuse, run_cycle, succeed, tmpfs
from harness.place import find_collections_path
from harness.world import World

MODULE = "ansible_collections.holdfast.mounts.plugins.modules.safe_mount"
# A root directory of its own, in which directories can be made that the host never sees.
OWN_ROOT = """
set -e
mount -t tmpfs -o mode=755 root /media
for name in /*; do
    [ "$name" != /media ] || continue
    if [ -L "$name" ]; then cp -P "$name" /media/; continue; fi
    [ -d "$name" ] || continue
    mkdir "/media$name"
    mount --rbind "$name" "/media$name"
done
cp "$1" /media/calls.py
exec chroot /media "$2" /calls.py
"""
CALLS = """
import io, json, os, runpy, sys
from contextlib import redirect_stdout

sys.path.insert(0, {collections!r})
import ansible.module_utils.basic as basic

for arguments in {calls!r}:
    basic._ANSIBLE_ARGS = json.dumps({{"ANSIBLE_MODULE_ARGS": arguments}}).encode()
    basic._ANSIBLE_PROFILE = "legacy"
    said = io.StringIO()
    try:
        with redirect_stdout(said):
            runpy.run_module({module!r}, run_name="__main__")
    except SystemExit:
        pass
    result = json.loads(said.getvalue())
    error = result.get("error") or {{}}
    seen = [os.path.isdir("/data"), os.path.ismount("/data")]
    print(json.dumps([result.get("action"), error.get("code"), *seen]))
"""


def call_in_own_root(world: World, *calls: t.Mapping[str, t.Any]) -> t.List[t.List[t.Any]]:
    """Run the module for each of these; return action, code, and whether /data is there and a mount."""
    program = world.scratch / "calls.py"
    program.write_text(
        CALLS.format(collections=find_collections_path(), calls=list(calls), module=MODULE), encoding="utf-8"
    )
    done = world.run("unshare", "-m", "sh", "-c", OWN_ROOT, "sh", str(program), sys.executable)
    assert done.rc == 0, done
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_top_level_directory_is_made_mounted_and_removed(world: World) -> None:
    data = tmpfs("/data", "a", allowed_roots=["/data"])
    answers = call_in_own_root(
        world,
        {**data, "_ansible_check_mode": True},
        data,
        data,
        tmpfs("/", "a", allowed_roots=["/data"]),
        leave("/data", "a"),
    )
    assert answers == [
        ["mounted", None, False, False],
        ["mounted", None, True, True],
        ["none", None, True, True],
        [None, "invalid_argument", True, True],
        ["unmounted", None, False, False],
    ]


def test_root_is_a_mount_point(world: World) -> None:
    run_cycle(world, **tmpfs("/srv/data", "a", allowed_roots=["/srv/data"]))
    assert not world.exists("/srv/data")


def test_root_that_is_there_already_is_kept(world: World) -> None:
    world.make_directory("/srv/data")
    run_cycle(world, **tmpfs("/srv/data", "a", allowed_roots=["/srv/data"]))
    assert world.exists("/srv/data")


def test_root_with_entries_is_refused(world: World) -> None:
    world.make_directory("/srv/data/there")
    refuse(world, "not_empty", **tmpfs("/srv/data", "a", allowed_roots=["/srv/data"]))


def test_root_above_a_managed_mount_is_refused(world: World) -> None:
    succeed(world, **tmpfs("/srv/data/deep", "a"))
    refuse(world, "shadows", **tmpfs("/srv/data", "a", allowed_roots=["/srv/data"], allow_nonempty=True))


def test_source_root_is_a_source(world: World) -> None:
    world.make_directory("/media/shown")
    apply(
        world,
        "mounted",
        path="/srv/seen",
        src="/media/shown",
        fstype="bind",
        allowed_roots=["/srv/seen"],
        source_roots=["/media/shown"],
    )


def test_policy_allows_a_root_itself(world: World) -> None:
    policy = {"allowed_roots": ["/srv/data"], "fstypes": ["tmpfs"], "holders": ["a"]}
    world.make_directory("/etc/ansible")
    world.write("/etc/ansible/holdfast_mounts_policy.json", json.dumps(policy), 0o644)
    apply(world, "mounted", **tmpfs("/srv/data", "a", allowed_roots=["/srv/data"]))
    refuse(world, "not_permitted", **tmpfs("/srv/other", "a", allowed_roots=["/srv"]))


def test_boot_entry_of_a_root_is_written(world: World) -> None:
    succeed(world, **tmpfs("/srv/data", "a", allowed_roots=["/srv/data"], boot=True))
    assert " /srv/data tmpfs " in world.file("/etc/fstab").read_text(encoding="utf-8")
    succeed(world, **leave("/srv/data", "a"))
