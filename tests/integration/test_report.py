# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The playbook report, and so its role: a fleet of which some answer, some do not, and one lies."""

from __future__ import annotations

import json
import os
import typing as t
from pathlib import Path

import pytest
from harness.cycle import tmpfs
from harness.results import Played
from harness.world import LEDGER, World

INVENTORY = """\
[fleet]
here ansible_connection=local
away ansible_connection=ssh ansible_host=127.0.0.1 ansible_port=9
"""
ASK = "holdfast.mounts.report : Read what is mounted and who holds it"


def run_report(world: World, *options: str, inventory: str = INVENTORY, **variables: t.Any) -> Played:
    """Run the playbook on a host that answers and on one that is unreachable."""
    hosts = world.scratch / "hosts.ini"
    hosts.write_text(inventory, encoding="utf-8")
    given = {f"report_{key}": value for key, value in {"folder": str(folder_of(world)), **variables}.items()}
    imported = {"name": "Run", "import_playbook": "holdfast.mounts.report"}
    return world.playbook([imported], "--inventory", str(hosts), "--extra-vars", json.dumps(given), *options)


def folder_of(world: World) -> Path:
    """The folder that the author of the template has made for reports."""
    folder = world.scratch / "reports"
    folder.mkdir(exist_ok=True)
    return folder


def read(world: World) -> t.Dict[str, t.Any]:
    """Return the report."""
    text = (folder_of(world) / "mounts.json").read_text(encoding="utf-8")
    return t.cast("t.Dict[str, t.Any]", json.loads(text))


def conditions(world: World) -> t.Dict[str, str]:
    """Return how each host of the report does."""
    return {host["name"]: host["condition"] for host in read(world)["hosts"]}


def refused(played: Played) -> str:
    """Return why nothing was written, once no host was asked."""
    assert played.finished.rc == 2, played.finished
    assert [task for task in played.tasks if task["task"] == ASK] == []
    return t.cast("str", played.results[-1]["msg"])


def try_each(world: World, cases: t.Sequence[t.Dict[str, t.Any]]) -> t.List[str]:
    """Return why each case was refused. One playbook for all, as each start takes long."""
    answers, hosts = world.scratch / "answers.yml", world.scratch / "hosts.ini"
    hosts.write_text(INVENTORY, encoding="utf-8")
    # As AWX hands over the answers of a survey: nobody makes templates of them.
    lines = [
        f"case_{number}_{name}: !unsafe {json.dumps(value)}\n"
        for number, case in enumerate(cases)
        for name, value in case.items()
    ]
    answers.write_text("".join(lines), encoding="utf-8")
    include = {"name": "Report", "ansible.builtin.include_role": {"name": "holdfast.mounts.report"}}
    told = {"name": "Told", "ansible.builtin.debug": {"msg": "{{ ansible_failed_result['msg'] }}"}}
    blocks: t.List[t.Any] = []
    for number, case in enumerate(cases):
        given = {f"report_{name}": f"{{{{ case_{number}_{name} }}}}" for name in case}
        variables = {"report_folder": str(folder_of(world)), **given}
        blocks.append({"name": str(number), "block": [{**include, "vars": variables}], "rescue": [told]})
    play = {"name": "Play", "hosts": "here", "gather_facts": False, "tasks": blocks}
    played = world.playbook([play], "--inventory", str(hosts), "--extra-vars", f"@{answers}")
    assert played.finished.rc == 0, played.finished
    assert [task for task in played.tasks if task["task"] == ASK] == []
    return [task["result"]["msg"] for task in played.tasks if task["task"] == "Told"]


NO_PLACES: t.List[t.Dict[str, t.Any]] = [
    *(
        {"folder": folder}
        for folder in ("", "reports", "~/reports", "/srv/$HOME", "/srv/../etc", "/srv/www/")
    ),
    *(
        {"folder": folder}
        for folder in ("/", "//srv", "/srv/.", "/srv\n", "{{ '/srv' }}", ["/srv"], {"/srv": 1}, 7)
    ),
    *({"folder": folder} for folder in ("/no/such/folder", "/etc/passwd", "/tmp")),
    *({"writer": writer} for writer in ("nowhere.example.org", ["here"], "here,away", "all", "{{ 'here' }}")),
]


def test_report_without_a_place_is_refused_before_any_host_is_asked(private_world: World) -> None:
    messages = try_each(private_world, [{"html": "mounts.html", **place} for place in NO_PLACES])
    assert ["report_folder must be" in message for message in messages] == [True] * len(NO_PLACES)


NO_NAMES: t.List[t.Any] = [
    *("/etc/ld.so.preload", "/etc/page.html", "../page.html", "a/page.html", "..", ".page.html", ".html"),
    *("a..html", "ld.so.preload", "page.json", "~page.html", "$HOME.html", "{{ 'a' }}.html", "-page.html"),
    *("*.html", "page.html\n", "a\0.html", "a b.html", "\u00e4.html", "a\\b.html"),
    *(["page.html"], {"page.html": 1}, 7, True, "a" * 100000 + ".html", "a." * 50000 + "html"),
]


def test_report_name_that_is_none_is_refused_before_any_host_is_asked(private_world: World) -> None:
    before = private_world.snapshot(log=True)
    pages = [{"html": name, "json": "mounts.json"} for name in NO_NAMES]
    data = [{"json": str(name).replace("html", "json")} for name in NO_NAMES if name != "page.json"]
    messages = try_each(private_world, [*pages, *data, {"json": "page.html"}, {"html": "", "json": ""}])
    assert ["plain names of files" in message for message in messages] == [True] * (2 * len(NO_NAMES) + 1)
    assert before.differences(private_world.snapshot(log=True)) == []
    assert list(folder_of(private_world).iterdir()) == []


def make_file(path: Path) -> None:
    path.write_bytes(b"\xff\xfe not a report\n")


def identity_of(path: Path) -> t.Tuple[int, ...]:
    found = path.lstat()
    return (found.st_ino, found.st_mode, found.st_size, found.st_mtime_ns)


FOREIGN: t.Dict[str, t.Callable[[Path], object]] = {
    "file": make_file,
    "empty": Path.touch,
    "folder": Path.mkdir,
    "link to a report": lambda path: path.symlink_to("older.html"),
    "link to nothing": lambda path: path.symlink_to("nothing"),
    "pipe": os.mkfifo,
}


@pytest.mark.parametrize("make", FOREIGN.values(), ids=FOREIGN.keys())
def test_report_overwrites_nothing_but_a_report(
    private_world: World, make: t.Callable[[Path], object]
) -> None:
    folder = folder_of(private_world)
    assert run_report(private_world, html="older.html").finished.rc == 0
    older = (folder / "older.html").read_bytes()
    make(folder / "mounts.html")
    kept = identity_of(folder / "mounts.html")
    told = refused(run_report(private_world, html="mounts.html", json="mounts.json"))
    assert "something else than an older report" in told
    assert identity_of(folder / "mounts.html") == kept
    assert (folder / "older.html").read_bytes() == older
    assert not (folder / "mounts.json").exists()


SPY = """\
#!/bin/sh
# Stands in for sudo: says for which host, and runs what it is given.
echo "$0" >>{log}
while [ $# -gt 1 ]; do shift; done
exec /bin/sh -c "$1"
"""


def test_report_becomes_nobody_where_it_writes(private_world: World) -> None:
    world = private_world
    log = world.scratch / "became"
    # Else nobody becomes root who is root.
    config = "[privilege_escalation]\nbecome_allow_same_user = true\n"
    (world.scratch / "ansible.cfg").write_text(config, encoding="utf-8")
    for name in ("here", "store"):
        spy = world.scratch / f"sudo-{name}"
        spy.write_text(SPY.format(log=log), encoding="utf-8")
        spy.chmod(0o755)
    # Whoever sets up the inventory may say that every host needs sudo.
    become = "ansible_connection=local ansible_become=true ansible_become_method=ansible.builtin.sudo"
    inventory = "".join(
        f"{name} {become} ansible_become_exe={world.scratch}/sudo-{name}\n" for name in ("here", "store")
    )
    played = run_report(
        world,
        "--become",
        inventory=inventory,
        hosts="here",
        writer="store",
        html="mounts.html",
        json="mounts.json",
    )
    assert played.finished.rc == 0, played.finished
    assert {Path(line).name for line in log.read_text().splitlines()} == {"sudo-here"}
    assert sorted(path.name for path in folder_of(world).iterdir()) == ["mounts.html", "mounts.json"]


def make_liar(world: World, **facts: t.Any) -> str:
    """Return the line of an inventory for a host that answers any module with these facts."""
    answer, program = world.scratch / "answer.json", world.scratch / "liar"
    answer.write_text(json.dumps({"changed": False, "ansible_facts": facts}), encoding="utf-8")
    program.write_text(f"#!/bin/sh\ncat {answer}\n", encoding="utf-8")
    program.chmod(0o755)
    return f"a-liar ansible_connection=local ansible_python_interpreter={program}\n"


@pytest.mark.parametrize("gather", [False, True], ids=["asked", "gathered before"])
def test_report_facts_of_a_host_choose_neither_place_nor_name(private_world: World, gather: bool) -> None:
    world = private_world
    (world.scratch / "other").mkdir()
    poison = {"folder": str(world.scratch / "other"), "html": "evil.html", "mode": "6777", "title": "Evil"}
    empty: t.Dict[str, t.Any] = {"mounts": [], "references": {}, "drift": []}
    facts = {"holdfast_mounts": empty, **{f"report_{name}": value for name, value in poison.items()}}
    hosts = world.scratch / "hosts.ini"
    # Given where facts weigh more.
    given = f"report_folder={folder_of(world)}\nreport_html=mounts.html\nreport_json=mounts.json"
    hosts.write_text(f"{make_liar(world, **facts)}{INVENTORY}\n[all:vars]\n{given}\n", encoding="utf-8")
    play = {"name": "Report", "hosts": "all", "gather_facts": gather, "roles": ["holdfast.mounts.report"]}
    played = world.playbook([{**play, "ignore_unreachable": True}], "--inventory", str(hosts))
    assert list((world.scratch / "other").iterdir()) == [], played.finished
    page = folder_of(world) / "mounts.html"
    assert "Mounts and their holders" in page.read_text(encoding="utf-8")
    assert page.stat().st_mode & 0o7777 == 0o640
    assert conditions(world)["a-liar"] == ("no_facts" if gather else "ok")
    assert conditions(world)["here"] == "ok"


def test_report_host_that_floods_hides_no_other(private_world: World) -> None:
    assert not private_world.call(**tmpfs("/mnt/a", "shop")).failed
    drift = [{"path": "/mnt/x", "kind": "missing", "message": f"No {number}"} for number in range(20000)]
    deep: t.Any = "deep"
    for _level in range(300):
        deep = [deep]
    odd = {"device": float("nan"), "options": float("inf"), "fstype": -(10**4000), "managed": True}
    facts = {
        "mounts": [{"mount": deep}, {"mount": "/mnt/x", **odd}],
        "references": {"/mnt/x": deep},
        "drift": drift,
        "protection": deep,
    }
    inventory = make_liar(private_world, holdfast_mounts=facts) + INVENTORY
    played = run_report(private_world, inventory=inventory, html="mounts.html", json="mounts.json")
    assert played.finished.rc == 0, played.finished
    assert conditions(private_world) == {"a-liar": "incomplete", "away": "unreachable", "here": "ok"}
    assert (folder_of(private_world) / "mounts.html").stat().st_size < 1000000


@pytest.mark.parametrize(
    "hosts", ["localhost", "127.0.0.1", "::1", "here,localhost", "here:localhost", ["localhost"]]
)
def test_report_pattern_reaches_no_host_outside_of_the_inventory(private_world: World, hosts: t.Any) -> None:
    played = run_report(private_world, hosts=hosts, json="mounts.json")
    assert played.finished.rc == 0, played.finished
    found = conditions(private_world) if (folder_of(private_world) / "mounts.json").exists() else {}
    assert set(found) == ({"here"} if "here" in hosts else set())


@pytest.mark.parametrize(
    "hosts", ["fleet", "here,away", "here:away", "all:!nobody", ["here", "away"], "", None], ids=str
)
def test_report_pattern_of_a_survey_selects_hosts(private_world: World, hosts: t.Any) -> None:
    played = run_report(private_world, hosts=hosts, json="mounts.json")
    assert played.finished.rc == 0, played.finished
    assert set(conditions(private_world)) == {"here", "away"}


def test_report_is_made_though_any_error_is_fatal(private_world: World) -> None:
    hosts = private_world.scratch / "hosts.ini"
    hosts.write_text(INVENTORY, encoding="utf-8")
    given = {"report_folder": str(folder_of(private_world)), "report_json": "mounts.json"}
    play = {"name": "Report", "hosts": "all", "gather_facts": False, "any_errors_fatal": True, "vars": given}
    play["roles"] = ["holdfast.mounts.report"]
    played = private_world.playbook([play], "--inventory", str(hosts))
    assert played.finished.rc == 0, played.finished
    assert conditions(private_world) == {"away": "unreachable", "here": "ok"}


GONE: t.Dict[str, t.Dict[str, t.Any]] = {
    "failed": {"ansible.builtin.fail": {}},
    "unreachable": {"ansible.builtin.ping": {}, "vars": {"ansible_connection": "ssh", "ansible_port": 9}},
    "left out": {"ansible.builtin.set_fact": {"left_out": True}},
}


@pytest.mark.parametrize("gone", GONE.values(), ids=GONE.keys())
@pytest.mark.parametrize("again", ["in the play", "in the next play"])
def test_report_made_again_counts_no_answer_of_before(
    private_world: World, gone: t.Dict[str, t.Any], again: str
) -> None:
    hosts = private_world.scratch / "hosts.ini"
    hosts.write_text("a ansible_connection=local\nb ansible_connection=local ansible_host=127.0.0.1\n")
    given = {"report_folder": str(folder_of(private_world)), "report_json": "mounts.json"}
    report = {"name": "Report", "ansible.builtin.include_role": {"name": "holdfast.mounts.report"}}
    play = {"name": "Play", "hosts": "all", "gather_facts": False, "vars": given}
    drop = {**gone, "name": "Drop", "when": "inventory_hostname == 'b'"}
    last = {**report, "when": "left_out is not defined"}
    tasks = [[report, drop, last]] if again == "in the play" else [[report, drop], [last]]
    played = private_world.playbook([{**play, "tasks": each} for each in tasks], "--inventory", str(hosts))
    assert len([task for task in played.tasks if task["task"] == ASK and task["host"] == "a"]) == 2
    assert conditions(private_world) == {"a": "ok", "b": "no_facts"}, played.finished


def test_report_tells_who_holds_what_and_who_is_away(private_world: World) -> None:
    world = private_world
    for holder, path in (("shop", "/mnt/a"), ("billing", "/mnt/a"), ("shop", "/mnt/b")):
        assert not world.call(**tmpfs(path, holder)).failed
    world.unmount("/mnt/b")
    before = world.snapshot(log=True)
    names = {"html": "mounts.html", "json": "mounts.json"}
    played = run_report(world, **names, title="Fleet", paths="", unmanaged="", writer="")
    assert played.finished.rc == 0, played.finished
    assert before.differences(world.snapshot(log=True)) == []
    told = read(world)
    assert [(host["name"], host["condition"]) for host in told["hosts"]] == [
        ("away", "unreachable"),
        ("here", "drift"),
    ]
    rows = told["hosts"][1]["mounts"]
    assert [(row["mount"], row["state"], [holder["name"] for holder in row["holders"]]) for row in rows] == [
        ("/mnt/a", "ok", ["billing", "shop"]),
        ("/mnt/b", "missing", ["shop"]),
    ]
    assert all(0 <= row["age"] < 600 for row in rows)
    page, data = (folder_of(world) / name for name in names.values())
    assert "<title>Fleet</title>" in page.read_text(encoding="utf-8")
    assert (page.stat().st_mode & 0o777, data.stat().st_mode & 0o777) == (0o640, 0o640)
    last = played.results[-1]["msg"]
    assert last["files"] == [str(page), str(data)]
    assert last["summary"]["conditions"] == {"drift": 1, "unreachable": 1}
    summaries = [
        result["ansible_facts"].get("report_result") for result in played.results if "ansible_facts" in result
    ]
    assert last["summary"] in summaries


def test_report_says_that_it_has_written_and_overwrites_its_own(private_world: World) -> None:
    names = {"html": "mounts.html", "json": "mounts.json"}
    for _round in range(2):
        played = run_report(private_world, "--diff", **names)
        assert played.finished.rc == 0, played.finished
        changed = [task["task"].split(" : ")[-1] for task in played.tasks if task["result"].get("changed")]
        assert changed == ["Write the page", "Write the JSON"]
        assert "holdfast.mounts.report" in played.finished.stdout


def test_report_in_check_mode_writes_no_file(private_world: World) -> None:
    played = run_report(private_world, "--check", html="mounts.html", json="mounts.json")
    assert played.finished.rc == 0, played.finished
    assert list(folder_of(private_world).iterdir()) == []


def test_report_patterns_of_a_survey_select(private_world: World) -> None:
    for path in ("/mnt/a", "/mnt/b", "/srv/c"):
        assert not private_world.call(**tmpfs(path, "shop")).failed
    played = run_report(private_world, json="mounts.json", paths="/mnt/b\n/srv/*\n")
    assert played.finished.rc == 0, played.finished
    assert [row["mount"] for row in read(private_world)["hosts"][1]["mounts"]] == ["/mnt/b", "/srv/c"]


def test_report_host_with_a_broken_ledger_is_told(private_world: World) -> None:
    assert not private_world.call(**tmpfs("/mnt/a", "shop")).failed
    private_world.write(LEDGER, "{{ 7 * 7 }}")
    assert run_report(private_world, json="mounts.json").finished.rc == 0
    host = read(private_world)["hosts"][1]
    assert (host["condition"], host["mounts"]) == ("failed", [])
    assert "ledger" in host["message"]


@pytest.mark.parametrize("name", ["{{ lookup('ansible.builtin.file', '/etc/hostname') }}", "</script>\u202e"])
def test_report_names_of_a_host_are_never_evaluated(private_world: World, name: str) -> None:
    private_world.make_directory(f"/mnt/{name}")
    private_world.mount("tmpfs", f"/mnt/{name}", "tmpfs")
    played = run_report(
        private_world, html="mounts.html", json="mounts.json", unmanaged=True, paths=["/mnt/*"]
    )
    assert played.finished.rc == 0, played.finished
    shown = f"/mnt/{name}".replace("\u202e", "\\u202e")
    assert [row["mount"] for row in read(private_world)["hosts"][1]["mounts"]] == [shown]
    assert name not in (folder_of(private_world) / "mounts.html").read_text(encoding="utf-8")
