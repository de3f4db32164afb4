# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the command of the host does for timers and monitoring: numbers, pauses after failures."""

from __future__ import annotations

import json
import re
import time
import typing as t
from unittest.mock import ANY

import pytest
from harness.cycle import leave, succeed, tmpfs
from harness.results import Finished
from harness.world import LEDGER, World
from prometheus_client import parser

NOTED = "/run/holdfast/reconcile.json"


@pytest.fixture
def world(private_world: World) -> World:
    """One world: what this does with the kernel is tried on shared mounts elsewhere."""
    return private_world


def run(world: World, command: str, *words: str) -> Finished:
    return world.run(command, *words)


# --- In numbers ---


def numbers(text: str) -> t.Dict[t.Tuple[str, ...], float]:
    """Read metrics with Prometheus' own parser: by name and values of labels."""
    families = list(parser.text_string_to_metric_families(text))
    assert all(family.type == "gauge" and family.documentation for family in families)
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in families
        for sample in family.samples
    }


def test_metrics_count_what_is_held_and_what_drifts(world: World, command: str) -> None:
    odd = '/srv/"{}\\n, =é'
    succeed(world, **tmpfs(odd, "a"))
    succeed(world, **tmpfs("/srv/b", "a"))
    succeed(world, **tmpfs("/srv/b", "b", ttl=3600))
    world.run("umount", "/srv/b")
    found = numbers(run(world, command, "status", "--prometheus").stdout)
    assert found["holdfast_mounts",] == 2
    assert found["holdfast_holders",] == 2
    assert (found["holdfast_mount_ok", odd, "tmpfs"], found["holdfast_mount_holders", odd]) == (1, 1)
    assert (found["holdfast_mount_ok", "/srv/b", "tmpfs"], found["holdfast_mount_holders", "/srv/b"]) == (
        0,
        2,
    )
    assert 3500 < found["holdfast_lease_end_timestamp_seconds", "/srv/b", "b"] - time.time() <= 3601
    assert (found["holdfast_drift", "missing"], found["holdfast_drift", "stacked"]) == (1, 0)
    assert ("holdfast_last_reconcile_success",) not in found, "there was none"
    started = time.time()
    assert run(world, command, "reconcile").rc == 0
    found = numbers(run(world, command, "status", "--prometheus").stdout)
    assert (found["holdfast_drift", "missing"], found["holdfast_last_reconcile_success",]) == (0, 1)
    assert abs(found["holdfast_last_reconcile_timestamp_seconds",] - started) < 60
    for path, holder in ((odd, "a"), ("/srv/b", "a"), ("/srv/b", "b")):
        succeed(world, **leave(path, holder))


def test_metrics_say_that_the_ledger_cannot_be_read(world: World, command: str) -> None:
    succeed(world, **tmpfs("/srv/a", "a"))
    assert run(world, command, "reconcile").rc == 0
    good = world.file(LEDGER).read_text()
    world.write(LEDGER, "{", 0o644)
    assert run(world, command, "reconcile").rc == 1
    ended = run(world, command, "status", "--prometheus")
    assert (ended.rc, "ledger_corrupt" in ended.stderr) == (1, True), ended
    found = numbers(ended.stdout)
    assert (found["holdfast_up",], found["holdfast_last_reconcile_success",], len(found)) == (0, 0, 3)
    world.write(LEDGER, good, 0o644)
    assert run(world, command, "reconcile").rc == 0
    assert (
        numbers(run(world, command, "status", "--prometheus").stdout)["holdfast_last_reconcile_success",] == 1
    )
    succeed(world, **leave("/srv/a", "a"))


def test_metrics_of_hostile_names_are_read_as_one_sample(world: World, command: str) -> None:
    succeed(world, **tmpfs("/srv/a", "a"))
    world.run("umount", "/srv/a")
    world.run("mount", "-t", "tmpfs", 'x"} 1\nholdfast_mounts 99\n\x1b[2J', "/srv/a")
    shown = run(world, command, "status", "--prometheus").stdout
    assert "\x1b" not in shown
    assert numbers(shown)["holdfast_mounts",] == 1
    world.run("umount", "/srv/a")
    succeed(world, **leave("/srv/a", "a"))


def test_metrics_replace_their_file_in_one_piece_whatever_has_its_name(world: World, command: str) -> None:
    """A collector's directory may be another user's."""
    folder = world.file("/media/metrics")
    folder.mkdir()
    target = world.file("/media/precious")
    target.write_text("precious")
    (folder / "holdfast.prom").symlink_to("/media/precious")
    words = ("status", "--prometheus", "--output", "/media/metrics/holdfast.prom")
    assert run(world, command, *words) == Finished(0, "", "")
    assert target.read_text() == "precious"
    written = folder / "holdfast.prom"
    first = written.lstat()
    assert (first.st_mode, [one.name for one in folder.iterdir()]) == (0o100644, ["holdfast.prom"])
    with written.open() as before:
        succeed(world, **tmpfs("/srv/a", "a"))
        assert run(world, command, *words).rc == 0
        assert numbers(before.read())["holdfast_mounts",] == 0, "whoever reads it has all of the old one"
    assert numbers(written.read_text())["holdfast_mounts",] == 1
    ended = run(world, command, *words[:-1], "/media/nowhere/holdfast.prom")
    assert (ended.rc, "cannot be written" in ended.stderr) == (1, True)
    assert run(world, command, "status", "--prometheus", "--drift").rc == 2
    succeed(world, **leave("/srv/a", "a"))


# --- What keeps failing ---


def last_error(world: World, command: str, path: str) -> t.Any:
    shown = json.loads(run(world, command, "status", path, "--json").stdout)
    return shown["mounts"][0]["error"], shown["last_reconcile"]


def let_pauses_end(world: World) -> None:
    """Have every mount point that waits be due, as if its pause were over."""
    noted = json.loads(world.file(NOTED).read_text())
    for one in noted["failures"].values():
        one["next_try"] = 0
    world.file(NOTED).write_text(json.dumps(noted))


def test_mount_that_keeps_failing_is_tried_after_growing_pauses(world: World, command: str) -> None:
    world.file("/srv/source").mkdir()
    succeed(world, path="/srv/b", src="/srv/source", fstype="bind", holder="a")
    succeed(world, **tmpfs("/srv/ok", "a"))
    world.run("umount", "/srv/b")
    world.file("/srv/source").rmdir()
    pauses = []
    for tries in (1, 2, 3):
        world.run("umount", "/srv/ok")
        ended = run(world, command, "reconcile", "--unattended")
        assert (ended.rc, ended.stdout) == (1, "/srv/ok: missing: mounted\n"), ended
        (line,) = ended.stderr.splitlines()
        assert line.startswith("holdfast: mount_failed: '/srv/b'") or "'/srv/source'" in line
        error, last = last_error(world, command, "/srv/b")
        assert (error["code"], error["tries"], last["result"]) == ("mount_failed", tries, "failed")
        assert f"holdfast explain {error['log_ref']}" in run(world, command, "status").stdout
        noted = json.loads(world.file(NOTED).read_text())["failures"]["/srv/b"]
        pauses.append(noted["next_try"] - time.clock_gettime(time.CLOCK_BOOTTIME))
        world.run("umount", "/srv/ok")
        waits = run(world, command, "reconcile", "--unattended")
        assert waits == Finished(0, "/srv/ok: missing: mounted\n", ""), "its neighbours do not wait"
        idle = run(world, command, "reconcile", "--unattended")
        assert idle == Finished(0, "", "")
        assert last_error(world, command, "/srv/b")[0]["tries"] == tries, "it was not tried"
        let_pauses_end(world)
    assert [round(pause / 10) * 10 for pause in pauses] == [30, 60, 120]
    found = numbers(run(world, command, "status", "--prometheus").stdout)
    assert found["holdfast_mount_failed_tries", "/srv/b", "mount_failed"] == 3
    assert found["holdfast_last_reconcile_success",] == 0
    world.file("/srv/source").mkdir()
    assert run(world, command, "reconcile", "--check", "--unattended").rc == 3
    assert run(world, command, "reconcile").rc == 0, "who asks by hand does not wait"
    assert last_error(world, command, "/srv/b") == (None, {**last, "result": "ok", "time": ANY})
    for path in ("/srv/b", "/srv/ok"):
        succeed(world, **leave(path, "a"))


def test_lease_of_what_waits_ends_all_the_same(world: World, command: str) -> None:
    world.file("/srv/source").mkdir()
    succeed(world, path="/srv/b", src="/srv/source", fstype="bind", holder="a", ttl=3)
    world.run("umount", "/srv/b")
    world.file("/srv/source").rmdir()
    assert run(world, command, "reconcile", "--unattended").rc == 1
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and "/srv/b" in world.references:
        ended = run(world, command, "reconcile", "--unattended")
        assert ended.rc == 0, ended
    assert "/srv/b" not in world.references
    assert json.loads(run(world, command, "status", "--json").stdout)["last_reconcile"]["result"] == "ok"


@pytest.mark.parametrize("content", ["", "{}", '{"failed": 1, "failures": {"/srv/a": {}}}', "[]"])
def test_note_of_failures_that_is_damaged_is_written_anew(world: World, command: str, content: str) -> None:
    succeed(world, **tmpfs("/srv/a", "a"))
    world.write(NOTED, content, 0o600)
    assert run(world, command, "status").rc == 0
    assert run(world, command, "reconcile", "--unattended").rc == 0
    assert json.loads(world.file(NOTED).read_text()) == {"failed": False, "failures": {}}
    succeed(world, **leave("/srv/a", "a"))


# --- What it costs ---


def test_reconcile_with_nothing_to_do_writes_nothing(world: World, command: str) -> None:
    succeed(world, **tmpfs("/srv/a", "a"))
    assert run(world, command, "reconcile").rc == 0
    before, noted = world.snapshot(), world.file(NOTED).stat()
    time.sleep(0.02)
    assert run(world, command, "reconcile", "--unattended") == Finished(0, "", "")
    assert [line for line in before.differences(world.snapshot()) if not line.startswith(f"{NOTED}: ")] == []
    after = world.file(NOTED).stat()
    assert (after.st_ino, after.st_ctime_ns > noted.st_ctime_ns) == (noted.st_ino, True), "only its time"
    succeed(world, **leave("/srv/a", "a"))


@pytest.mark.parametrize("words", [("status",), ("reconcile", "--unattended")], ids=" ".join)
def test_look_imports_nothing_that_acts(world: World, command: str, words: t.Sequence[str]) -> None:
    """Each module of the file is compiled at each call, so a call costs what it imports."""
    succeed(world, **tmpfs("/srv/a", "a"))
    told = run(world, "/usr/bin/python3", "-IS", "-X", "importtime", command, *words).stderr
    imported = set(re.findall(r"_holdfast\.([a-z_]+)", told))
    assert {"overview", "facts", "console"} <= imported
    assert not imported & {"engine", "arguments", "call", "helper", "fstab", "places", "observe", "session"}
    assert not re.search(r"\b(shutil|random|subprocess|socket|datetime|hashlib)\b", told)
    succeed(world, **leave("/srv/a", "a"))
