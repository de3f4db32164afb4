# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A secret that somebody writes where none is taken is in no list of arguments, log, result, fact or file.

No option takes a secret, so these are the places where a careless user puts one. Syslog and the journal
are listened to, as Ansible tells them every call with all its parameters. Spellings and places are told in
programs/mistakes.py.
"""

from __future__ import annotations

import json
import os
import sys
import typing as t
import uuid
from pathlib import Path

import pytest
from harness.cycle import tmpfs, warm_up
from harness.results import Finished, play, task
from harness.world import World, Zygote, executable
from search.search import PROGRAMS, Search

PATH = "/srv/data"
JOURNALD = Path(__file__).parent / "support" / "journald"
Arguments = t.Dict[str, t.Any]
Program = t.Callable[..., t.Dict[str, t.Any]]
Show = t.Callable[[str, str, str], None]


def own_source(src: str, fstype: str) -> Arguments:
    """Return the arguments that name a source."""
    return {"path": PATH, "src": src, "fstype": fstype, "holder": "ansible"}


# Where it is written, with S in its place.
PLANTS: t.Dict[str, Arguments] = {
    "option": tmpfs(PATH, opts=["ro", "password=S"]),
    "options as text": tmpfs(PATH, opts="mode=0755,password=S,ro"),
    "option after a comma": tmpfs(PATH, opts=["ro,password=S"]),
    "comma in it": tmpfs(PATH, opts=["password=a,S"]),
    "quotes and backslash in it": tmpfs(PATH, opts=["password='\"\\S\\'"]),
    "control character in it": tmpfs(PATH, opts=["password=\x1bS"]),
    "no ascii in it": tmpfs(PATH, opts=["password=\u00e4\u20acS"]),
    "another name": tmpfs(PATH, opts=["Pass-Phrase=S", "api_token=S", "secretkey=S"]),
    "colon": tmpfs(PATH, opts=["password: S"]),
    "mapping": tmpfs(PATH, opts={"password": "S"}),
    "list of mappings": tmpfs(PATH, opts=[{"password": "S"}]),
    "of another type": {**own_source("//host/share", "cifs"), "opts": ["username=me", "password=S"]},
    "source of cifs": own_source("//me:S@host/share", "cifs"),
    "source of sshfs": own_source("me:S@host:/path", "fuse.sshfs"),
    "unknown parameter": tmpfs(PATH, password="S"),
    "unknown mapping": tmpfs(PATH, credentials={"user": "me", "password": "S"}),
    "bulk": {"mounts": [own_source("tmpfs", "tmpfs"), {**own_source("tmpfs", "tmpfs"), "opts": ["key=S"]}]},
    "bulk, unknown": {"mounts": [{"path": PATH, "src": "tmpfs", "fstype": "tmpfs", "passwd": "S"}]},
    "release": {"path": PATH, "state": "released", "opts": ["password=S"]},
    "twice": {"path": PATH, "name": PATH, "opts": ["password=S"], "state": "no-state"},
    "key=value": {"mounts": [f"path={PATH} src=tmpfs fstype=tmpfs opts=password=S"]},
    "JSON": {"mounts": [json.dumps(tmpfs(PATH, opts=["password=S"]))]},
    "credentials": {**own_source("//h/s", "cifs"), "credentials_file": "username=u\npassword=S"},
    "URL": own_source("DAVS://u:S@h/s", "nfs"),
    "at sign in it": own_source("//u:p@S@h/s", "cifs"),
    "options in a source": own_source("//h/s,username=u,password=S", "cifs"),
    "path": tmpfs(f"{PATH} opts=password=S"),
}
# What a search must find of a way that leaves it everywhere.
EVERYWHERE = {"areas", "cmdline", "environ", "etc", "log", "run", "stdout", "syslog", "temporary"}


def plant(value: t.Any, secret: str) -> t.Any:
    """Return a copy with the secret in its place."""
    if isinstance(value, dict):
        return {key: plant(inner, secret) for key, inner in value.items()}
    if isinstance(value, list):
        return [plant(inner, secret) for inner in value]
    return value.replace("S", secret) if isinstance(value, str) else value


@pytest.fixture
def secret() -> str:
    """A word that is nowhere else."""
    return f"hunter{uuid.uuid4().hex}"


@pytest.fixture(scope="module")
def search(tmp_path_factory: pytest.TempPathFactory) -> t.Iterator[Search]:
    """A world with its own syslog and journal, in which something is mounted."""
    zygote = Zygote()
    scratch = tmp_path_factory.mktemp("secrets") / "scratch"
    scratch.mkdir()
    world = World(zygote, scratch, "private", private_dev=True)
    warm_up(world)
    assert not world.call(**tmpfs("/srv/other")).failed
    yield Search(world)
    world.close()
    zygote.close()


@pytest.mark.parametrize("name", PLANTS)
def test_secret_is_nowhere_after_the_call(search: Search, secret: str, name: str) -> None:
    for check in (True, False):
        started = search.world.start(arguments=plant(PLANTS[name], secret), check=check)
        finished, seen = search.watch(started, secret)
        # Who releases need not say what was mounted, so options are not looked at.
        assert finished.rc == (name != "release"), finished
        assert seen | search.find(secret, finished) == set(), finished
    assert b"Invoked with" in search.receive(), "nobody would have heard"


def test_mistake_of_any_spelling_in_any_place_is_told_nowhere(
    run_program: Program, show_figures: Show
) -> None:
    ours, control = run_program("mistakes", "ours"), run_program("mistakes", "no_log")
    show_figures(
        "7 secrets: calls that tell one, or damage a fixed word",
        f"0 and 0 of {ours['runs']}",
        f"no_log on opts and sources: {len(control['told'])} and {len(control['damaged'])}",
    )
    assert ours["heard"] > 1000, "nobody has listened"
    assert len(control["told"]) > 1000
    assert control["damaged"]
    assert ours["told"] == []
    assert ours["damaged"] == []


def planted_play(secret_from: str) -> t.List[t.Dict[str, t.Any]]:
    """Return a play that fails with a secret, then succeeds with one in reach."""
    careless = task("Careless", **tmpfs(PATH, opts=["password={{ planted }}"]))
    unknown = task("Unknown", **tmpfs(PATH, password="{{ planted }}"))
    tasks = [{**careless, "ignore_errors": True}, {**unknown, "ignore_errors": True}]
    tasks += [task("Mount", **tmpfs(PATH)), task("Release", path=PATH, state="released")]
    return play(*tasks, vars={"planted": secret_from})


def run_play(search: Search, tasks: t.List[t.Dict[str, t.Any]], secret: str, **more: str) -> t.Set[str]:
    """Run a play with the secret in the environment; return where it was seen."""
    world = search.world
    source, record = world.scratch / "play-secret.json", world.scratch / "record-secret.jsonl"
    source.write_text(json.dumps(tasks), encoding="utf-8")
    more = {"TMPDIR": str(search.temporary[-1]), "PLANTED": secret, **more}
    argv = [executable("ansible-playbook"), "-vvv", str(source)]
    started = world.launch(argv, environment={**world.environment(record), **more})
    looks = search.looks
    finished, seen = search.watch(started, secret, environment=False)
    assert finished.rc == 0, finished
    assert search.looks > looks + 10, "hardly anybody has looked"
    told = Finished(0, finished.stdout + record.read_text(encoding="utf-8"), finished.stderr)
    record.unlink()
    if "Careless" in told.stdout:
        assert "opts: not allowed" in told.stdout
        assert "password=********" in told.stdout, "the secret was never there"
    return seen | search.find(secret, told)


@pytest.mark.parametrize("pipelining", ["True", "False"])
def test_secret_of_a_play_is_nowhere_after_it(search: Search, secret: str, pipelining: str) -> None:
    more = {"ANSIBLE_PIPELINING": pipelining, "PYTHONPATH": str(JOURNALD)}
    assert run_play(search, planted_play("{{ lookup('env', 'PLANTED') }}"), secret, **more) == set()


def planted_roles(secret_from: str) -> t.List[t.Dict[str, t.Any]]:
    """Return a play that gives a secret to every role that takes arguments, and goes on."""
    password = f"password={secret_from}"
    share = {"acquire_mounts": [own_source("//h/s", "cifs")]}
    entry = tmpfs(PATH, opts=[password])
    del entry["holder"]
    mistakes: t.List[t.Tuple[str, Arguments]] = [
        ("acquire", {"acquire_mounts": [entry]}),
        (
            "acquire",
            {"acquire_mounts": f"- {{path: {PATH}, src: tmpfs, fstype: tmpfs, opts: ['{password}']}}"},
        ),
        ("acquire", {"acquire_mounts": f"- {{path: {PATH}\n  opts: [{password}\n"}),
        ("acquire", {"acquire_mounts": f"path={PATH} opts={password}"}),
        ("acquire", {**share, "acquire_credentials_file": f"username=u\n{password}"}),
        ("acquire", {**share, "acquire_credentials_file": {"password": secret_from}}),
        ("acquire", {"acquire_disclose": password}),
        ("reconcile", {"reconcile_on_busy": password}),
        ("reconcile", {"reconcile_live_holders": password}),
        ("release", {"release_mounts": f"{PATH} {password}"}),
        ("release", {"release_mounts": [PATH], "release_on_busy": password}),
    ]
    blocks = []
    for number, (role, arguments) in enumerate(mistakes):
        included = {
            "name": f"Run {number}",
            "ansible.builtin.include_role": {"name": f"holdfast.mounts.{role}"},
            "vars": {f"{role}_holder": "web", **arguments} if role != "reconcile" else arguments,
        }
        told = {"name": "Tell", "ansible.builtin.debug": {"msg": f"rescued {number}"}}
        blocks.append({"name": f"Try {number}", "block": [included], "rescue": [told]})
    return play(*blocks)


def test_secret_given_to_a_role_is_nowhere_after_it(search: Search, secret: str) -> None:
    tasks = planted_roles("{{ lookup('env', 'PLANTED') }}")
    assert run_play(search, tasks, secret, PYTHONPATH=str(JOURNALD)) == set()


def test_control_any_other_module_tells_the_journal(search: Search, secret: str) -> None:
    stat = {"name": "Stat", "ansible.builtin.stat": {"path": "/srv/{{ lookup('env', 'PLANTED') }}"}}
    found = run_play(search, play(stat), secret, PYTHONPATH=str(JOURNALD))
    assert {"journal", "stdout"} <= found


def test_control_leaves_it_everywhere(search: Search, secret: str, show_figures: Show) -> None:
    world = search.world
    gate, folder = world.scratch / "gate", world.scratch / "bin"
    os.mkfifo(gate)
    folder.mkdir()
    # A server that takes its time: until the search has looked at the processes.
    (folder / "mount").write_text(f"#!/bin/sh\nread -r _ < {gate}\n", encoding="ascii")
    (folder / "mount").chmod(0o755)
    environment = {"PATH": f"{folder}:/usr/bin:/bin", "TMPDIR": str(search.temporary[-1])}
    program = [sys.executable, str(PROGRAMS / "naive_secret.py")]
    arguments = plant(PLANTS["of another type"], secret)
    started = world.launch(program, environment=environment, text=json.dumps(arguments))
    seen: t.Set[str] = set()
    while "cmdline" not in seen:
        assert world.is_running(started), world.wait(started)
        seen |= search.look(secret.encode(), ("cmdline", "environ"))
    gate.write_text("\n", encoding="ascii")
    finished, more = search.watch(started, secret)
    found = seen | more | search.find(secret, finished)
    count = len(PLANTS) + 2
    show_figures(
        "7 secrets: places that have it after a call",
        f"0, with each of {count} ways to write one",
        f"mount -o, a file, syslog: {len(found & EVERYWHERE)} of {len(EVERYWHERE)}",
    )
    assert found >= EVERYWHERE
