# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The ledger: readable by anybody, trusted only when root alone can have written it, never overwritten."""

from __future__ import annotations

import json
import os
import re
import stat
import typing as t

import pytest
from harness.cycle import apply, leave, refuse, succeed, tmpfs, warm_up
from harness.world import LEDGER, RUN, World

PATH = "/srv/data"

DAMAGED: t.List[t.Tuple[str, str]] = [
    ("empty", ""),
    ("text", "hello\n"),
    ("cut", '{"version": 1, "boot_id": "x", "refere'),
    ("list", "[]"),
    ("nothing-in-it", "{}"),
    ("references-list", '{"version": 1, "boot_id": "x", "references": []}'),
    ("later-version", '{"version": 99, "boot_id": "x", "references": {}}'),
    ("number", "7"),
]


@pytest.mark.parametrize("text", [case[1] for case in DAMAGED], ids=[case[0] for case in DAMAGED])
def test_damaged_ledger_is_refused_and_kept(private_world: World, text: str) -> None:
    world = private_world
    succeed(world, **tmpfs("/srv/first", "a"))
    world.file(LEDGER).write_text(text, encoding="utf-8")
    refuse(world, "ledger_corrupt", **tmpfs(PATH, "a"))
    refuse(world, "ledger_corrupt", **leave("/srv/first", "a"))
    refuse(world, "ledger_corrupt", path="/srv/first", holder="a", state="unmounted")
    assert world.file(LEDGER).read_text(encoding="utf-8") == text
    assert len(world.stack("/srv/first")) == 1


def damage_field(change: t.Callable[[t.Dict[str, t.Any]], None]) -> t.Callable[[World], None]:
    """Return what changes the first reference of a good ledger."""

    def damage(world: World) -> None:
        ledger = world.ledger
        change(ledger["references"]["/srv/first"])
        world.file(LEDGER).write_text(json.dumps(ledger), encoding="utf-8")

    return damage


FIELDS: t.List[t.Tuple[str, t.Callable[[t.Dict[str, t.Any]], None]]] = [
    ("holders-list", lambda reference: reference.update(holders=["a"])),
    ("owned-text", lambda reference: reference.update(owned="yes")),
    ("no-src", lambda reference: reference.pop("src")),
    ("fstype-number", lambda reference: reference.update(fstype=7)),
]


@pytest.mark.parametrize("change", [case[1] for case in FIELDS], ids=[case[0] for case in FIELDS])
def test_damaged_reference_is_refused(
    private_world: World, change: t.Callable[[t.Dict[str, t.Any]], None]
) -> None:
    succeed(private_world, **tmpfs("/srv/first", "a"))
    damage_field(change)(private_world)
    refuse(private_world, "ledger_corrupt", **tmpfs(PATH, "a"))


def own_by_nobody(world: World) -> None:
    """Give the ledger away."""
    os.chown(world.file(LEDGER), 65534, 0)


def change_mode(mode: int) -> t.Callable[[World], None]:
    """Return what gives the ledger a mode."""

    def change(world: World) -> None:
        world.file(LEDGER).chmod(mode)

    return change


def make_symbolic_link(world: World) -> None:
    """Put a link to a good ledger in the ledger's place."""
    os.rename(world.file(LEDGER), world.file("/etc/ansible/elsewhere"))
    os.symlink("../elsewhere", world.file(LEDGER))


def make_hard_link(world: World) -> None:
    """Give the ledger a second name."""
    os.link(world.file(LEDGER), world.file("/etc/ansible/second"))


def make_directory(world: World) -> None:
    """Put a directory in the ledger's place."""
    world.file(LEDGER).unlink()
    world.file(LEDGER).mkdir()


def make_fifo(world: World) -> None:
    """Put a pipe in the ledger's place, which would block whoever opens it."""
    world.file(LEDGER).unlink()
    os.mkfifo(world.file(LEDGER))


def open_folder(world: World) -> None:
    """Let everybody put files beside the ledger, and so replace it."""
    world.file(os.path.dirname(LEDGER)).chmod(0o777)


def open_parent(world: World) -> None:
    """Let everybody replace the folder that the ledger lies in."""
    world.file("/etc/ansible").chmod(0o777)


def give_folder_away(world: World) -> None:
    """Let the folder that the ledger lies in belong to somebody else."""
    os.chown(world.file(os.path.dirname(LEDGER)), 65534, 0)


UNTRUSTED: t.List[t.Tuple[str, t.Callable[[World], None]]] = [
    ("foreign-owner", own_by_nobody),
    ("group-writable", change_mode(0o664)),
    ("world-writable", change_mode(0o666)),
    ("executable", change_mode(0o755)),
    ("setuid", change_mode(0o4644)),
    ("symbolic-link", make_symbolic_link),
    ("hard-link", make_hard_link),
    ("directory", make_directory),
    ("fifo", make_fifo),
    ("open-folder", open_folder),
    ("open-parent", open_parent),
    ("foreign-folder", give_folder_away),
]


@pytest.mark.parametrize("damage", [case[1] for case in UNTRUSTED], ids=[case[0] for case in UNTRUSTED])
def test_ledger_that_others_may_have_written_is_not_trusted(
    private_world: World, damage: t.Callable[[World], None]
) -> None:
    world = private_world
    succeed(world, **tmpfs("/srv/first", "a"))
    damage(world)
    refuse(world, "ledger_untrusted", **tmpfs(PATH, "a"))
    refuse(world, "ledger_untrusted", **leave("/srv/first", "a"))
    assert len(world.stack("/srv/first")) == 1


def test_folder_that_is_a_symbolic_link_is_not_followed(private_world: World) -> None:
    world = private_world
    world.make_directory("/etc/ansible")
    world.make_directory("/srv/elsewhere")
    os.symlink("/srv/elsewhere", world.file(os.path.dirname(LEDGER)))
    refuse(world, "ledger_untrusted", **tmpfs(PATH, "a"))
    assert os.listdir(world.file("/srv/elsewhere")) == []


def test_ledger_works_again_when_it_is_mended(private_world: World) -> None:
    succeed(private_world, **tmpfs(PATH, "a"))
    private_world.file(LEDGER).chmod(0o666)
    refuse(private_world, "ledger_untrusted", **leave(PATH, "a"))
    private_world.file(LEDGER).chmod(0o644)
    assert succeed(private_world, **leave(PATH, "a")).action == "unmounted"


def test_ledger_is_plain_json_for_everybody(world: World) -> None:
    opts = ["size=1m", "noexec"]
    succeed(world, **tmpfs(PATH, "a", opts=opts))
    succeed(world, **tmpfs(PATH, "b", opts=opts))
    found = os.lstat(world.file(LEDGER))
    assert stat.S_ISREG(found.st_mode)
    assert (stat.S_IMODE(found.st_mode), found.st_uid, found.st_gid, found.st_nlink) == (0o644, 0, 0, 1)
    ledger = world.ledger
    assert {"version", "boot_id", "references"} <= set(ledger)
    boot_id = world.file("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    assert ledger["boot_id"] == boot_id
    reference = ledger["references"][PATH]
    assert (reference["src"], reference["fstype"], reference["owned"]) == ("tmpfs", "tmpfs", True)
    assert {"nosuid", "nodev", "noexec"} <= set(reference["opts"])
    assert set(reference["holders"]) == {"a", "b"}
    for holder in reference["holders"].values():
        assert set(holder) >= {"since", "expires"}
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", holder["since"])
        assert holder["expires"] is None


def test_ledger_folder_has_nothing_else_in_it(world: World) -> None:
    succeed(world, **tmpfs(PATH, "a"))
    world.call(**tmpfs(PATH, "b", opts=["size=1m"]))
    succeed(world, **leave(PATH, "a"))
    names = sorted(os.listdir(world.file(os.path.dirname(LEDGER))))
    # No fact, so Ansible passes it over: room for a release when the disk is full.
    assert names == [".holdfast_mounts.reserve", os.path.basename(LEDGER)]


def test_run_folder_is_closed_to_others(world: World) -> None:
    succeed(world, **tmpfs(PATH, "a"))
    found = os.lstat(world.file(RUN))
    assert (stat.S_IMODE(found.st_mode) & 0o077, found.st_uid) == (0, 0)


def test_run_folder_that_others_may_write_is_not_used(private_world: World) -> None:
    world = private_world
    world.make_directory(RUN, 0o777)
    result = world.call(**tmpfs(PATH, "a"))
    assert result.failed, result
    assert result.code == "ledger_untrusted", result
    assert world.stack(PATH) == []
    assert not world.exists(PATH)


def test_run_folder_that_is_a_symbolic_link_is_not_used(private_world: World) -> None:
    world = private_world
    world.make_directory("/srv/elsewhere", 0o700)
    os.symlink("/srv/elsewhere", world.file(RUN))
    result = world.call(**tmpfs(PATH, "a"))
    assert (result.failed, result.code) == (True, "ledger_untrusted"), result
    assert os.listdir(world.file("/srv/elsewhere")) == []


def test_setup_shows_the_ledger_as_a_local_fact(world: World) -> None:
    succeed(world, **tmpfs(PATH, "a"))
    options = "gather_subset=!all,!min,local"
    gathered = world.ansible(options, module="ansible.builtin.setup")["ansible_facts"]["ansible_local"]
    assert gathered["holdfast_mounts"] == world.ledger
    assert list(gathered["holdfast_mounts"]["references"][PATH]["holders"]) == ["a"]


def test_other_facts_beside_the_ledger_are_left_alone(world: World) -> None:
    world.write("/etc/ansible/facts.d/other.fact", "{}")
    succeed(world, **tmpfs(PATH, "a"))
    succeed(world, **leave(PATH, "a"))
    assert world.file("/etc/ansible/facts.d/other.fact").read_text(encoding="utf-8") == "{}"


# --- What is written can be read ---


def test_paths_of_2040_components_leave_the_ledger_readable(private_world: World) -> None:
    world = private_world
    warm_up(world)
    for number in range(17):
        path = f"/srv/{number:02}" + "/a" * 2042 + "/xy"
        assert len(path) == 4094
        result = refuse(world, "invalid_argument", locks=False, **tmpfs(path, "a"))
        assert "more than 64 components" in result["msg"]
    apply(world, "mounted", **tmpfs(PATH, "a"))


def test_deepest_and_longest_path_takes_little_of_the_ledger(private_world: World) -> None:
    world = private_world
    warm_up(world)
    names = ["x" * 62] * 62 + ["y" * 60, "z" * 60]
    for number in range(3):
        path = f"/srv/{number}/" + "/".join(names[2:])
        apply(world, "mounted", **tmpfs(path, "a"))
    size = world.file(LEDGER).stat().st_size
    assert size < 3 * (4096 + 63 * 150)
    for number in range(3):
        apply(world, "unmounted", **leave(f"/srv/{number}/" + "/".join(names[2:]), "a"))
    assert os.listdir(world.file("/srv")) == []


def make_long_layers(world: World, count: int) -> t.List[str]:
    """Return layers with paths of 3,900 bytes, each a directory that is there."""
    names = ["l" * 240] * 16
    folder = os.open(world.file("/media"), os.O_PATH)
    for name in names:
        os.mkdir(name, dir_fd=folder)
        folder, above = os.open(name, os.O_PATH, dir_fd=folder), folder
        os.close(above)
    for number in range(count):
        os.mkdir(f"{number:03}", dir_fd=folder)
    os.close(folder)
    return ["/".join(["/media", *names, f"{number:03}"]) for number in range(count)]


def test_overlay_of_a_megabyte_of_layers_is_refused_before_anything_is_done(private_world: World) -> None:
    world = private_world
    warm_up(world)
    layers = "lowerdir=" + ":".join(make_long_layers(world, 305))
    assert len(layers) > 1_170_000
    given: t.Dict[str, t.Any] = {
        "path": PATH,
        "src": "overlay",
        "fstype": "overlay",
        "opts": [layers],
        "holder": "a",
    }
    result = refuse(world, "option_not_allowed", **given)
    assert "lowerdir" in result["msg"]
    assert len(result["msg"]) < 1000
    apply(world, "mounted", **tmpfs(PATH, "a"))


def test_holder_too_many_is_refused_and_each_of_them_can_leave(private_world: World) -> None:
    world = private_world
    succeed(world, **tmpfs(PATH, "a"))
    text = world.ledger
    claim = text["references"][PATH]["holders"]["a"]
    text["references"][PATH]["holders"].update({f"job-{number}": claim for number in range(2100)})
    world.file(LEDGER).write_text(json.dumps(text), encoding="utf-8")
    result = refuse(world, "in_use", **tmpfs(PATH, "b" * 128))
    assert "drop_holders" in result["msg"]
    apply(world, "released", **leave(PATH, "job-7"))
    apply(world, "released", **leave(PATH, "a"))
