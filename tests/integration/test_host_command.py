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


@pytest.fixture
def world(private_world: World) -> World:
    """One world: what this does with the kernel is tried on shared mounts elsewhere."""
    return private_world


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


NOBODY = [
    ("explain", "x"),
    ("policy", "check", "-"),
    ("reconcile", "--check"),
    ("release", "--holder", "a", "--all"),
]


@pytest.mark.parametrize("words", NOBODY, ids=[words[0] for words in NOBODY])
def test_what_needs_root_says_so_in_the_words_of_a_shell(
    world: World, command: str, words: t.Sequence[str]
) -> None:
    ended = run_as_nobody(world, command, *words)
    assert (ended.rc, ended.stdout) == (1, "")
    assert ended.stderr.startswith(
        f"holdfast: unsupported: 'holdfast {words[0]}' needs root; repeat it as root"
    )
    assert "become" not in ended.stderr


def test_nobody_alive_is_a_variable_that_was_never_set(world: World, command: str) -> None:
    """It would release everything on the host."""
    succeed(world, **tmpfs("/srv/a", "a"))
    ended = run(world, command, "reconcile", "--live-holders", "")
    assert (ended.rc, "names nobody" in ended.stderr) == (2, True), ended
    assert world.stack("/srv/a")
    assert run(world, command, "reconcile", "--live-holders", "a,b").stdout == "nothing to do\n"
    assert run(world, command, "reconcile", "--drop-holders", "a").stdout.startswith("/srv/a: ")


def test_slash_at_the_end_is_answered_with_what_to_write(world: World, command: str) -> None:
    """As a shell completes the name of a directory."""
    succeed(world, **tmpfs("/srv/a", "a"))
    for words, rc in (
        (("users", "/srv/a/"), 1),
        (("release", "--holder", "a", "/srv/a/"), 1),
        (("status", "/srv/a/"), 0),
    ):
        ended = run(world, command, *words)
        assert (ended.rc, ended.stdout) == (rc, "")
        assert re.search("write ['\"]/srv/a['\"]$", ended.stderr.splitlines()[0]), ended
    succeed(world, **leave("/srv/a", "a"))


TASKS = {
    "text": ("[1]", "the task: write an object of options"),
    "type": ({"mounts": 3}, "mounts: write a list"),
    "element": ({"mounts": [3]}, "mounts[0]: write an object"),
    "deep": ({"mounts": [{"path": "/srv/a", "ttl": "x"}]}, "mounts[0].ttl: write a number"),
    "boolean": ({"ttl": True}, "ttl: write a number"),
    "choice": ({"state": "present"}, "state: write one of mounted, released, unmounted"),
    "name": ({"pth": "/srv/a"}, "pth: no option of safe_mount"),
    "no-json": ("{", "'-' cannot be read as JSON: "),
}


@pytest.mark.parametrize("name", TASKS)
def test_task_of_another_shape_is_refused_by_the_option(world: World, command: str, name: str) -> None:
    task, words = TASKS[name]
    text = task if isinstance(task, str) else json.dumps(task)
    ended = run(world, command, "policy", "check", "-", text=text)
    assert (ended.rc, ended.stdout) == (1, "")
    assert ended.stderr.startswith(f"holdfast: invalid_argument: {words}"), ended


def test_task_is_read_as_a_playbook_would_be(world: World, command: str) -> None:
    """The alias of the path, a number as holder, options in one text."""
    task = {"name": "/srv/a", "src": "x", "fstype": "tmpfs", "holder": 7, "opts": "ro,mode=0755"}
    ended = run(world, command, "policy", "check", "-", text=json.dumps(task))
    assert (ended.rc, ended.stdout.startswith("permitted: '/srv/a' mounted")) == (0, True), ended
    task["opts"] = "ro,rw"
    assert "option_not_allowed" in run(world, command, "policy", "check", "-", text=json.dumps(task)).stderr
    assert run(world, command, "policy", "check", "/none").stderr.endswith(
        "'/none' cannot be read: No such file or directory\n"
    )


def test_line_of_the_log_that_a_full_disk_has_cut_off_is_passed_over(world: World, command: str) -> None:
    lines = [
        '{"time": "x", "log_ref": "abc", "code": "busy"}',
        '{"time": "x", "log_ref": "abc", "co',
        '["log_ref": "abc"',
    ]
    world.write("/var/log/holdfast_mounts.log", "\n".join(lines) + "\n", 0o600)
    told = run(world, command, "explain", "abc")
    assert (told.rc, "code:     busy" in told.stdout) == (0, True), told
    world.write("/var/log/holdfast_mounts.log", lines[1] + "\n", 0o600)
    assert "has no entry 'abc'" in run(world, command, "explain", "abc").stderr
    world.file("/var/log/holdfast_mounts.log").unlink()


def test_release_that_fails_does_not_say_that_nothing_is_held(world: World, command: str) -> None:
    succeed(world, **tmpfs("/srv/a", "a"))
    world.run("mount", "-o", "bind,remount,ro", "/etc")
    ended = run(world, command, "release", "--holder", "a", "--all")
    world.run("mount", "-o", "bind,remount,rw", "/etc")
    assert ended.rc == 1
    (line,) = ended.stderr.splitlines()
    assert line.startswith(
        "holdfast: unmount_failed: the host refused to record '/srv/a': Read-only file system"
    )
    succeed(world, **leave("/srv/a", "a"))


def test_refusal_of_a_read_only_run_says_what_is_written_there(world: World, command: str) -> None:
    succeed(world, **tmpfs("/srv/a", "a"))
    world.run("umount", "/srv/a")
    world.run("mount", "-o", "remount,ro", "/run")
    ended = run(world, command, "reconcile")
    shown = run(world, command, "status")
    world.run("mount", "-o", "remount,rw", "/run")
    assert (ended.rc, "writes to /run/holdfast and the ledger: Read-only file system" in ended.stderr) == (
        1,
        True,
    )
    assert (shown.rc, shown.stdout.split()[-1]) == (0, "missing")
    succeed(world, **leave("/srv/a", "a"))


# --- Where it writes ---


def shell(world: World, script: str) -> Finished:
    return world.run("bash", "-c", script)


WORDS = (
    "--help",
    "status --help",
    "status",
    "status --json",
    "status --prometheus",
    "release --holder a --all --check",
)


@pytest.mark.parametrize("words", WORDS)
def test_whoever_reads_may_stop_and_a_full_disk_is_told(world: World, command: str, words: str) -> None:
    succeed(world, **tmpfs("/srv/a", "a"))
    # The reader has gone before the first line.
    ended = shell(world, f"exec 3> >(exec true); sleep 0.3; {command} {words} >&3")
    assert (ended.rc, ended.stderr) == (0, "")
    full = shell(world, f"{command} {words} >/dev/full")
    said = "holdfast: invalid_argument: standard output cannot be written: No space left on device\n"
    assert (full.rc, full.stderr) == (1, said)
    succeed(world, **leave("/srv/a", "a"))


@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&-", ">&- 2>&-", "<&- >&- 2>&-"])
def test_stream_that_is_closed_is_none(world: World, command: str, closed: str) -> None:
    """What is opened next would get its number, and what is said would be written into that."""
    succeed(world, **tmpfs("/srv/a", "a"))
    for words, rc in (("status", 0), ("--help", 0), ("users /srv/none", 1), ("status --colour", 2)):
        ended = shell(world, f"{command} {words} {closed}")
        assert ended.rc == rc, (words, ended)
        assert "Traceback" not in ended.stderr
    assert shell(world, f"{command} release --holder a --all {closed}").rc == 0
    assert world.stack("/srv/a") == []
    assert json.loads(world.file(LEDGER).read_bytes())["references"] == {}


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


def on_terminal(world: World, command: str, columns: int, **environment: str) -> t.Tuple[str, t.List[str]]:
    """Return what status shows on a terminal, and its lines without colours."""
    script = f"stty cols {columns} <&0; exec {command} status"
    options = {"PATH": os.environ["PATH"], "TERM": "xterm", **environment}
    ended = world.run("script", "-qec", script, "/dev/null", environment=options)
    plain = re.sub("\x1b\\[[0-9]+m", "", ended.stdout)
    return ended.stdout, [row.rstrip() for row in plain.splitlines()]


@pytest.mark.parametrize(
    ("environment", "is_coloured"), [({}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)]
)
def test_terminal_gets_colour_and_rows_that_fit(
    command: str, environment: t.Dict[str, str], is_coloured: bool, world: World
) -> None:
    succeed(world, **tmpfs("/srv/" + "a" * 90, "a"))
    shown, rows = on_terminal(world, command, 60, **environment)
    assert ("\x1b[32m" in shown) is is_coloured
    assert all(len(row) <= 60 for row in rows), rows
    succeed(world, **leave("/srv/" + "a" * 90, "a"))


@pytest.mark.parametrize("environment", [{}, {"NO_COLOR": "1"}], ids=["colour", "plain"])
def test_narrow_terminal_gets_a_list(command: str, environment: t.Dict[str, str], world: World) -> None:
    succeed(world, **tmpfs("/srv/a", "a"))
    shown, rows = on_terminal(world, command, 40, **environment)
    assert rows == [
        "/srv/a",
        "  source: tmpfs",
        "  type: tmpfs",
        "  holders: a",
        "  lease ends: -",
        "  state: ok",
    ]
    assert ("state: \x1b[32mok" in shown) is not bool(environment)
    succeed(world, **leave("/srv/a", "a"))


def test_columns_are_aligned_beside_wide_characters(command: str, world: World) -> None:
    wide = "/srv/\u6f22\u5b57"
    for path in (wide, "/srv/a\u0301"):
        succeed(world, **tmpfs(path, "a"))
    rows = run(world, command, "status").stdout.splitlines()
    (row,) = [row for row in rows if row.startswith(wide)]
    assert row.index(" tmpfs ") + 2 == rows[0].index(" SOURCE"), "two characters that are twice as wide"
    (row,) = [row for row in rows if row.startswith("/srv/a\u0301")]
    assert row.index(" tmpfs ") - 1 == rows[0].index(" SOURCE"), "one that takes no column"
    for path in (wide, "/srv/a\u0301"):
        succeed(world, **leave(path, "a"))
