# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The command of the host: what the modules do, from a shell, with the same ledger, locks and codes."""

from __future__ import annotations

import json
import os
import re
import typing as t

import pytest
from ansible_collections.holdfast.mounts.plugins.plugin_utils import _zipapp
from harness.cycle import leave, succeed, tmpfs
from harness.results import Finished
from harness.world import LEDGER, World

POLICY = "/etc/ansible/holdfast_mounts_policy.json"


def run(world: World, command: str, *words: str, **options: t.Any) -> Finished:
    return world.run(command, *words, **options)


def run_as_nobody(world: World, command: str, *words: str) -> Finished:
    """Run the command as another user."""
    return world.run("setpriv", "--reuid=65534", "--clear-groups", command, *words)


def test_same_code_gives_the_same_bytes() -> None:
    built = [_zipapp.build_command("1.2.3", "/usr/bin/python3") for _round in range(2)]
    assert built[0] == built[1]
    assert built[0] != _zipapp.build_command("1.2.4", "/usr/bin/python3"), "the version is in it"


# --- Wrong usage, and what is refused ---


@pytest.mark.parametrize(
    "words",
    [
        ("mount", "/srv/a"),
        ("release", "/srv/a"),
        ("release", "--holder", "a"),
        ("release", "--holder", "a", "--all", "/srv/a"),
        ("reconcile", "--repair", "everything"),
        ("status", "--colour"),
    ],
    ids=["no-command", "no-holder", "nothing", "both", "no-kind", "no-option"],
)
def test_wrong_usage_is_2_and_says_what_is_meant(world: World, command: str, words: t.Sequence[str]) -> None:
    ended = run(world, command, *words)
    assert ended.rc == 2
    assert "holdfast" in ended.stderr


def test_refusal_is_1_and_one_line_with_code_and_message(world: World, command: str) -> None:
    succeed(world, **tmpfs("/srv/a", "a"))
    pid = world.occupy("/srv/a")
    ended = run(world, command, "release", "--holder", "a", "/srv/a")
    assert (ended.rc, ended.stdout) == (1, "")
    (line,) = ended.stderr.splitlines()
    assert line.startswith("holdfast: busy: '/srv/a' is busy: ")
    reference = line.rpartition("holdfast explain ")[2].rstrip(")")
    told = run(world, command, "explain", reference)
    assert told.rc == 0
    assert f"log_ref:  {reference}" in told.stdout
    assert "code:     busy" in told.stdout
    world.end(pid)
    succeed(world, **leave("/srv/a", "a"))


@pytest.mark.parametrize("reference", ["000000000000", "'; id", '", "x'], ids=["gone", "shell", "json"])
def test_reference_that_the_log_does_not_have_is_refused(world: World, command: str, reference: str) -> None:
    ended = run(world, command, "explain", reference)
    assert (ended.rc, ended.stdout) == (1, "")
    assert "invalid_argument" in ended.stderr


def test_policy_of_the_host_governs_the_command(world: World, command: str) -> None:
    succeed(world, **tmpfs("/srv/a", "a"))
    world.write(
        POLICY, json.dumps({"allowed_roots": ["/srv"], "fstypes": ["tmpfs"], "holders": ["b"]}), 0o644
    )
    ended = run(world, command, "release", "--holder", "a", "/srv/a", "--on-busy", "lazy")
    assert (ended.rc, "not_permitted" in ended.stderr) == (1, True), ended
    for path, rc in (("/srv/b", 0), ("/media/b", 1)):
        task = json.dumps({"path": path, "src": "x", "fstype": "tmpfs", "holder": "b", "opts": ["mode=0755"]})
        assert run(world, command, "policy", "check", "-", text=task).rc == rc
    world.file(POLICY).unlink()
    succeed(world, **leave("/srv/a", "a"))


def test_ledger_of_a_newer_version_is_refused_and_left(world: World, command: str) -> None:
    succeed(world, **tmpfs("/srv/a", "a"))
    before = world.file(LEDGER).read_bytes()
    newer = re.sub(rb'"version": \d+', b'"version": 99', before)
    assert newer != before
    world.write(LEDGER, newer.decode("ascii"), 0o644)
    for words in (("status",), ("reconcile",), ("release", "--holder", "a", "--all")):
        ended = run(world, command, *words)
        assert (ended.rc, "ledger_corrupt" in ended.stderr) == (1, True), ended
    assert world.file(LEDGER).read_bytes() == newer
    world.write(LEDGER, before.decode("ascii"), 0o644)
    succeed(world, **leave("/srv/a", "a"))


# --- What it does ---


def test_status_shows_what_is_held_and_by_whom(world: World, command: str) -> None:
    succeed(world, **tmpfs("/srv/a", "a"))
    succeed(world, **tmpfs("/srv/b", "b", ttl=3600))
    shown = run(world, command, "status")
    assert shown.rc == 0
    head, *rows = shown.stdout.splitlines()
    assert head.split("  ")[0] == "MOUNT POINT"
    assert [row.split()[0] for row in rows] == ["/srv/a", "/srv/b"]
    assert {row.split()[-1] for row in rows} == {"ok"}
    told = json.loads(run(world, command, "status", "/srv/b", "--json").stdout)
    (mount,) = told["mounts"]
    assert (mount["path"], list(mount["holders"]), mount["state"]) == ("/srv/b", ["b"], "ok")
    assert mount["holders"]["b"]["expires"] in shown.stdout
    only = run(world, command, "status", "--holder", "a").stdout
    assert ("/srv/a" in only, "/srv/b" in only) == (True, False)
    succeed(world, **leave("/srv/a", "a"))
    succeed(world, **leave("/srv/b", "b"))


def test_status_and_users_need_no_root_and_say_what_they_cannot_see(world: World, command: str) -> None:
    succeed(world, **tmpfs("/srv/a", "a"))
    for words, found, unseen in (
        (("status",), "/srv/a", "operations that were interrupted"),
        (("users", "/srv/a"), "", "processes of other users"),
    ):
        ended = run_as_nobody(world, command, *words)
        assert (ended.rc, found in ended.stdout) == (0, True), ended
        assert ended.stderr.splitlines()[-1].startswith(f"not root: {unseen}"), ended
    succeed(world, **leave("/srv/a", "a"))


def test_reconcile_without_root_is_refused_also_where_nothing_drifts(world: World, command: str) -> None:
    succeed(world, **tmpfs("/srv/a", "a"))
    ended = run_as_nobody(world, command, "reconcile")
    assert (ended.rc, ended.stdout) == (1, ""), ended
    assert "unsupported" in ended.stderr
    succeed(world, **leave("/srv/a", "a"))


def test_drift_is_3_and_reconcile_mends_it(world: World, command: str) -> None:
    succeed(world, **tmpfs("/srv/a", "a"))
    assert run(world, command, "status", "--drift").rc == 0
    assert run(world, command, "reconcile").stdout == "nothing to do\n"
    world.run("umount", "/srv/a")
    drifting = run(world, command, "status", "--drift")
    assert (drifting.rc, drifting.stdout.split()[-1]) == (3, "missing")
    before = world.ledger
    assert run(world, command, "reconcile", "--check").rc == 3
    assert (world.ledger, world.stack("/srv/a")) == (before, [])
    mended = run(world, command, "reconcile")
    assert (mended.rc, mended.stdout) == (0, "/srv/a: missing: mounted\n")
    assert world.stack("/srv/a")
    succeed(world, **leave("/srv/a", "a"))


def test_release_of_all_predicts_and_does_it(world: World, command: str) -> None:
    for path in ("/srv/a", "/srv/b"):
        succeed(world, **tmpfs(path, "a"))
    succeed(world, **tmpfs("/srv/b", "b"))
    words = ("release", "--holder", "a", "--all")
    said = "/srv/a: unmounted\n/srv/b: released\n"
    foreseen = run(world, command, *words, "--check")
    assert (foreseen.rc, foreseen.stdout) == (3, said)
    done = run(world, command, *words)
    assert (done.rc, done.stdout) == (0, said)
    again = run(world, command, *words)
    assert (again.rc, again.stdout) == (0, "")
    assert "'a' holds nothing on this host" in again.stderr
    succeed(world, **leave("/srv/b", "b"))


def test_users_names_who_keeps_it_busy(world: World, command: str) -> None:
    succeed(world, **tmpfs("/srv/a", "a"))
    pid = world.occupy("/srv/a")
    ended = run(world, command, "users", "/srv/a")
    assert (ended.rc, f" {pid}" in ended.stdout or f"({pid})" in ended.stdout) == (0, True), ended
    assert run(world, command, "users", "/srv/nothing").rc == 1
    world.end(pid)
    succeed(world, **leave("/srv/a", "a"))


def test_names_of_strangers_never_reach_a_terminal_raw(world: World, command: str) -> None:
    succeed(world, **tmpfs("/srv/a", "a"))
    world.run("mount", "-t", "tmpfs", "\x1b[2Jhidden", "/srv/a")
    ended = run(world, command, "status")
    assert "\x1b" not in ended.stdout
    assert "\\x1b[2Jhidden" in ended.stdout
    world.run("umount", "/srv/a")
    succeed(world, **leave("/srv/a", "a"))


@pytest.mark.parametrize(("environment", "is_coloured"), [({}, True), ({"NO_COLOR": "1"}, False)])
def test_terminal_gets_colour_and_rows_that_fit(
    command: str, environment: t.Dict[str, str], is_coloured: bool, world: World
) -> None:
    succeed(world, **tmpfs("/srv/" + "a" * 90, "a"))
    script = f"stty cols 60 <&0; exec {command} status"
    options = {"COLUMNS": "60", "PATH": os.environ["PATH"], "TERM": "xterm", **environment}
    ended = world.run("script", "-qec", script, "/dev/null", environment=options)
    rows = ended.stdout.splitlines()
    assert ("\x1b[32m" in ended.stdout) is is_coloured
    plain = [row.replace("\x1b[32m", "").replace("\x1b[0m", "") for row in rows]
    assert all(len(row.rstrip()) <= 60 for row in plain), plain
    succeed(world, **leave("/srv/" + "a" * 90, "a"))
