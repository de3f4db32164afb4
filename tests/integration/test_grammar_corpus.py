# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The grammar stands in front of the module: a few rows of its corpus, and what no row can say.

tests/promises/test_hostile.py takes some hundred values of its own through the module.
"""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.holdfast.mounts.tests.unit.plugins.module_utils.grammar_corpus import Row, rows
from harness.cycle import refuse, succeed, tmpfs
from harness.results import play, task
from harness.world import World

PATH = "/srv/data"
REAL = [pytest.param(row, id=row.id) for row in rows() if row.real]
OPTIONS = {"roots": "allowed_roots"}
SOURCES = {"tmpfs": "tmpfs"}


def arguments_of(row: Row) -> t.Dict[str, t.Any]:
    """Return a call that is right but for the words of a row."""
    call = tmpfs(PATH, "a")
    if row.type:
        call.update(fstype=row.type, src=SOURCES.get(row.type, "/dev/nothing"))
    return {**call, OPTIONS.get(row.kind, row.kind): row.words}


@pytest.mark.parametrize("row", REAL)
def test_row_of_the_corpus_holds_for_the_module(private_world: World, row: Row) -> None:
    world, call = private_world, arguments_of(row)
    if row.code:
        assert row.message in refuse(world, row.code, locks=False, **call)["msg"]
        return
    path, holder = call["path"], call["holder"]
    acquired = succeed(world, **call)
    assert (acquired.mount["path"], acquired.holders) == (path, [holder])
    assert len(world.stack(path)) == 1
    assert list(world.references) == [path]
    assert succeed(world, path=path, holder=holder, state="released").action == "unmounted"
    assert not world.exists(path)


def test_ten_rows_are_taken_through_the_module() -> None:
    assert len(REAL) == 10


@pytest.mark.parametrize("option", ["allowed_roots", "source_roots"])
def test_roots_of_either_option_are_refused(private_world: World, option: str) -> None:
    refuse(private_world, "invalid_argument", locks=False, **tmpfs(PATH, "a", **{option: ["/srv/../etc"]}))


def test_holder_is_refused_when_it_releases(private_world: World) -> None:
    refuse(private_world, "invalid_argument", locks=False, path=PATH, holder="a b", state="released")


@pytest.mark.parametrize("missing", ["src", "fstype"])
def test_mounting_needs_source_and_type(private_world: World, missing: str) -> None:
    arguments = tmpfs(PATH, "a")
    del arguments[missing]
    before = private_world.snapshot()
    result = private_world.call(**arguments)
    assert result.failed
    assert missing in result["msg"]
    assert before.differences(private_world.snapshot()) == []


@pytest.mark.parametrize("option", ["timeout", "lock_timeout"])
def test_time_limits_are_at_least_a_second(private_world: World, option: str) -> None:
    refuse(private_world, "invalid_argument", locks=False, **tmpfs(PATH, "a", **{option: 0}))
    refuse(private_world, "invalid_argument", locks=False, **tmpfs(PATH, "a", **{option: -5}))


def test_options_in_one_string_are_split_and_every_offender_is_named(private_world: World) -> None:
    opts = "bogus,noexec,suid,_netdev,size=1q,"
    result = refuse(private_world, "option_not_allowed", locks=False, **tmpfs(PATH, "a", opts=opts))
    for word in ("bogus", "allow_suid", "_netdev", "size=1q", "an empty option"):
        assert word in result["msg"], result
    assert '"noexec"' not in result["msg"]


def test_deepest_path_is_taken(world: World) -> None:
    path = "/srv/" + "/".join(["x" * 190] * 20)
    assert succeed(world, **tmpfs(path, "a")).action == "mounted"
    assert len(world.stack(path)) == 1
    assert succeed(world, path=path, holder="a", state="released").action == "unmounted"
    assert list(world.file("/srv").iterdir()) == []


def test_look_alikes_are_different_mount_points(private_world: World) -> None:
    for path in ("/srv/e\u0301", "/srv/\u00e9"):
        assert succeed(private_world, **tmpfs(path, "a")).action == "mounted"
    assert len(private_world.references) == 2


def test_tilde_and_variable_are_not_expanded_by_ansible(private_world: World) -> None:
    world = private_world
    literal = "/srv/$HOME/~"
    refused = world.ansible("path=~/data src=tmpfs fstype=tmpfs")
    assert refused.code == "invalid_argument", refused
    played = world.playbook(play(task("Acquire", **tmpfs(literal, "a"))))
    assert played.named("Acquire").mount["path"] == literal
    assert len(world.stack(literal)) == 1


def test_refusals_of_a_playbook_have_their_codes(private_world: World) -> None:
    world = private_world
    before = world.snapshot()
    refused = [
        ("Path", {**tmpfs("/srv/../etc", "a")}, "invalid_argument"),
        ("Place", {**tmpfs("/etc/x", "a")}, "path_not_allowed"),
        ("Type", {**tmpfs(PATH, "a"), "fstype": "fuse.sh"}, "fstype_not_allowed"),
        ("Option", tmpfs(PATH, "a", opts="size=1m,suid"), "option_not_allowed"),
        ("Source", {**tmpfs(PATH, "a"), "src": "--help"}, "source_not_allowed"),
    ]
    tasks = [{**task(name, **arguments), "ignore_errors": True} for name, arguments, _code in refused]
    played = world.playbook(play(*tasks))
    codes = [played.named(name).code for name, _arguments, _code in refused]
    assert codes == [code for _name, _arguments, code in refused]
    assert before.differences(world.snapshot()) == []
