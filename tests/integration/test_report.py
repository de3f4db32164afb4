# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The playbook report, and so its role: a fleet of which some answer, some do not, and one lies."""

from __future__ import annotations

import json
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


def run_report(world: World, *options: str, **variables: t.Any) -> Played:
    """Run the playbook on a host that answers and on one that is unreachable."""
    inventory = world.scratch / "hosts.ini"
    inventory.write_text(INVENTORY, encoding="utf-8")
    given = {f"report_{key}": value for key, value in variables.items()}
    imported = {"name": "Run", "import_playbook": "holdfast.mounts.report"}
    more = ("--inventory", str(inventory), "--extra-vars", json.dumps(given))
    return world.playbook([imported], *more, *options)


def read(path: Path) -> t.Dict[str, t.Any]:
    return t.cast("t.Dict[str, t.Any]", json.loads(path.read_text(encoding="utf-8")))


def test_report_without_a_file_is_refused(private_world: World) -> None:
    played = run_report(private_world, html="", json="")
    assert played.finished.rc == 2
    assert "report_html" in played.results[-1]["msg"]


def test_report_tells_who_holds_what_and_who_is_away(private_world: World, tmp_path: Path) -> None:
    world = private_world
    for holder, path in (("shop", "/mnt/a"), ("billing", "/mnt/a"), ("shop", "/mnt/b")):
        assert not world.call(**tmpfs(path, holder)).failed
    world.unmount("/mnt/b")
    before = world.snapshot(log=True)
    page, data = tmp_path / "mounts.html", tmp_path / "mounts.json"
    played = run_report(
        world, html=str(page), json=str(data), title="Fleet", paths="", unmanaged="", writer=""
    )
    assert played.finished.rc == 0, played.finished
    assert before.differences(world.snapshot(log=True)) == []
    assert [result for result in played.results if result.changed] == []
    told = read(data)
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
    assert "<title>Fleet</title>" in page.read_text(encoding="utf-8")
    assert (page.stat().st_mode & 0o777, data.stat().st_mode & 0o777) == (0o640, 0o640)
    summary = played.results[-1]["ansible_facts"]["report_result"]
    assert summary["conditions"] == {"drift": 1, "unreachable": 1}


def test_report_in_check_mode_writes_no_file(private_world: World, tmp_path: Path) -> None:
    files = {"html": str(tmp_path / "a.html"), "json": str(tmp_path / "a.json")}
    played = run_report(private_world, "--check", **files)
    assert played.finished.rc == 0, played.finished
    assert list(tmp_path.glob("a.*")) == []


def test_report_patterns_of_a_survey_select(private_world: World, tmp_path: Path) -> None:
    for path in ("/mnt/a", "/mnt/b", "/srv/c"):
        assert not private_world.call(**tmpfs(path, "shop")).failed
    data = tmp_path / "mounts.json"
    played = run_report(private_world, json=str(data), paths="/mnt/b\n/srv/*\n")
    assert played.finished.rc == 0, played.finished
    assert [row["mount"] for row in read(data)["hosts"][1]["mounts"]] == ["/mnt/b", "/srv/c"]


def test_report_host_with_a_broken_ledger_is_told(private_world: World, tmp_path: Path) -> None:
    assert not private_world.call(**tmpfs("/mnt/a", "shop")).failed
    private_world.write(LEDGER, "{{ 7 * 7 }}")
    data = tmp_path / "mounts.json"
    assert run_report(private_world, json=str(data)).finished.rc == 0
    host = read(data)["hosts"][1]
    assert (host["condition"], host["mounts"]) == ("failed", [])
    assert "ledger" in host["message"]


@pytest.mark.parametrize("name", ["{{ lookup('ansible.builtin.file', '/etc/hostname') }}", "</script>\u202e"])
def test_report_names_of_a_host_are_never_evaluated(private_world: World, tmp_path: Path, name: str) -> None:
    private_world.make_directory(f"/mnt/{name}")
    private_world.mount("tmpfs", f"/mnt/{name}", "tmpfs")
    page, data = tmp_path / "mounts.html", tmp_path / "mounts.json"
    played = run_report(private_world, html=str(page), json=str(data), unmanaged=True, paths=["/mnt/*"])
    assert played.finished.rc == 0, played.finished
    shown = f"/mnt/{name}".replace("\u202e", "\\u202e")
    assert [row["mount"] for row in read(data)["hosts"][1]["mounts"]] == [shown]
    assert name not in page.read_text(encoding="utf-8")
