# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The lookup: what is mounted on a managed host, out of its facts."""

from __future__ import annotations

import typing as t

import pytest
from harness.cycle import succeed, tmpfs
from harness.results import play
from harness.world import World

LOOKUP = "holdfast.mounts.current_mounts"
FACTS = {"name": "Gather", "holdfast.mounts.safe_mount_facts": {}}
SUBSET = ["!all", "!min", "local", "mounts"]
LOCAL = {"name": "Gather local", "ansible.builtin.setup": {"gather_subset": SUBSET}}


@pytest.fixture
def world(private_world: World) -> World:
    """One world: what this does with the kernel is tried on shared mounts elsewhere."""
    return private_world


def ask(name: str, terms: str, *, function: str = "query", ignore: bool = False) -> t.Dict[str, t.Any]:
    """Return a task that shows what the lookup answers."""
    expression = f"{{{{ {function}('{LOOKUP}'{', ' if terms else ''}{terms}) }}}}"
    return {"name": name, "ansible.builtin.debug": {"msg": expression}, "ignore_errors": ignore}


@pytest.fixture
def held(world: World) -> World:
    """A world with three mounts of two holders, one of which has vanished."""
    succeed(world, **tmpfs("/srv/one", "web"))
    succeed(world, **tmpfs("/srv/one", "db"))
    succeed(world, **tmpfs("/srv/two", "db"))
    succeed(world, **tmpfs("/mnt/three", "web"))
    world.unmount("/srv/two")
    return world


def test_lookup_selects_by_pattern_holder_and_query(held: World) -> None:
    played = held.playbook(
        play(
            FACTS,
            ask("All", ""),
            ask("Pattern", "'/srv/*'"),
            ask("Patterns", "'/srv/o*', '/mnt/*'"),
            ask("Nothing", "'/nothing/*'"),
            ask("Holder", "holder='web'"),
            ask("Pattern and holder", "'/srv/*', holder='web'"),
            ask("Drift", "'/srv/*', query='[?state!=`ok`].mount'"),
            ask("Host", "'/srv/one', host='localhost'"),
            ask("Controller", "'/mnt/three', source='controller'"),
            ask("Counted", "query='sum([?managed].holder_count)'"),
        )
    )

    def answer(name: str) -> t.Any:
        return played.named(name)["msg"]

    def mounts(name: str) -> t.List[str]:
        return [found["mount"] for found in answer(name)]

    assert {"/srv/one", "/srv/two", "/mnt/three", "/"} <= set(mounts("All"))
    assert sorted(mounts("Pattern")) == ["/srv/one", "/srv/two"]
    assert sorted(mounts("Patterns")) == ["/mnt/three", "/srv/one"]
    assert answer("Nothing") == []
    assert sorted(mounts("Holder")) == ["/mnt/three", "/srv/one"]
    assert mounts("Pattern and holder") == ["/srv/one"]
    assert answer("Drift") == ["/srv/two"]
    assert mounts("Host") == ["/srv/one"]
    assert mounts("Controller") == ["/mnt/three"]
    assert answer("Counted") in (4, [4])
    one = answer("Host")[0]
    assert (one["holders"], one["holder_count"]) == (["db", "web"], 2)
    assert (one["managed"], one["state"]) == (True, "ok")
    two = next(found for found in answer("Pattern") if found["mount"] == "/srv/two")
    assert (two["holders"], two["state"]) == (["db"], "missing")


def test_lookup_without_facts_says_how_to_gather_them(private_world: World) -> None:
    succeed(private_world, **tmpfs("/srv/one", "web"))
    played = private_world.playbook(
        play(
            ask("No facts", "'/srv/*'", ignore=True),
            ask("No facts by lookup", "'/srv/*'", function="lookup", ignore=True),
            ask("No such host", "host='nowhere'", ignore=True),
            FACTS,
            ask("Bad query", "query='[?'", ignore=True),
            ask("Bad source", "source='moon'", ignore=True),
        )
    )
    for name in ("No facts", "No facts by lookup"):
        refused = played.named(name)
        assert refused.failed, played
        assert "safe_mount_facts" in refused["msg"]
    for name in ("No such host", "Bad query", "Bad source"):
        assert played.named(name).failed, played


def test_lookup_joins_local_facts_with_gathered_mounts(world: World) -> None:
    world.make_directory("/srv/source")
    succeed(world, **tmpfs("/srv/one", "web"))
    by_holder = ask("Holder", "holder='web', query='[].mount'")
    played = world.playbook(play(LOCAL, ask("Local", "'/srv/one'"), by_holder))
    local = played.named("Local")["msg"]
    assert [(found["mount"], found["holders"]) for found in local] == [("/srv/one", ["web"])]
    assert local[0]["managed"] is True
    assert played.named("Holder")["msg"] == ["/srv/one"]


def test_lookup_reports_facts_as_they_were_gathered(private_world: World) -> None:
    release = {"path": "/srv/one", "holder": "web", "state": "released"}
    succeed(private_world, **tmpfs("/srv/one", "web"))
    played = private_world.playbook(
        play(
            FACTS,
            {"name": "Release", "holdfast.mounts.safe_mount": release},
            ask("Stale", "'/srv/*'"),
            {**FACTS, "name": "Again"},
            ask("Fresh", "'/srv/*'"),
        )
    )
    assert [found["mount"] for found in played.named("Stale")["msg"]] == ["/srv/one"]
    assert played.named("Fresh")["msg"] == []


def test_lookup_of_another_host_uses_its_facts(private_world: World) -> None:
    succeed(private_world, **tmpfs("/srv/one", "web"))
    add = {"name": "Add", "ansible.builtin.add_host": {"name": "db1", "ansible_connection": "local"}}
    gather = {**FACTS, "delegate_to": "db1", "delegate_facts": True}
    played = private_world.playbook(
        play(
            add,
            gather,
            ask("Other", "'/srv/*', host='db1'"),
            ask("Own", "'/srv/*'", ignore=True),
        )
    )
    assert [found["mount"] for found in played.named("Other")["msg"]] == ["/srv/one"]
    assert played.named("Own").failed
