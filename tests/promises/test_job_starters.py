# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whoever may only answer the survey of the report has nothing written but reports in the author's folder."""

from __future__ import annotations

import json
import typing as t

import pytest
from harness.place import Zygote
from harness.world import World

Show = t.Callable[[str, str, str], None]
FOLDER = "/srv/www"
# What is there already, and an answer that would reach it.
REACHED = {
    "/etc/ld.so.preload": "/etc/ld.so.preload",
    "/etc/cron.d/job": "/srv/www/../../etc/cron.d/job",
    "/etc/profile.d/own.html": "../../etc/profile.d/own.html",
    "/srv/secret.html": "../secret.html",
    "/srv/www/index.html": "index.html",
    "/srv/www/.htaccess": ".htaccess",
    "/srv/www/app.js": "app.js",
    "/srv/www/sub/page.html": "sub/page.html",
    "/srv/www/{{ 7 }}.html": "{{ 7 }}.html",
    "/srv/www/line.html\n": "line.html\n",
    "/srv/www/home~.html": "/srv/www/home~.html",
}
KEPT = "of somebody else\n"
INCLUDED: t.Dict[str, t.Any] = {
    "name": "Report",
    "ansible.builtin.include_role": {"name": "holdfast.mounts.report"},
    "vars": {
        "report_folder": FOLDER,
        "report_html": "{{ answers[number] }}",
        "report_title": "Mounts evil.so",
    },
}
# The answer is a path, below the folder where it is not absolute, and root writes it.
NAIVE: t.Dict[str, t.Any] = {
    "name": "Report",
    "ansible.builtin.copy": {
        "dest": "{{ answers[number] if answers[number] is match('/') else '/srv/www/' ~ answers[number] }}",
        "content": "<title>Mounts evil.so</title>",
        "mode": "0640",
    },
    "become": True,
}


@pytest.fixture(scope="module")
def zygote() -> t.Iterator[Zygote]:
    """The warm process that the worlds come from."""
    warm = Zygote()
    yield warm
    warm.close()


def reach(world: World, way: t.Dict[str, t.Any]) -> t.List[str]:
    """Give every answer in one way and return which files were reached."""
    answers = world.scratch / "answers.yml"
    unsafe = "".join(f"- !unsafe {json.dumps(answer)}\n" for answer in REACHED.values())
    answers.write_text(f"answers:\n{unsafe}", encoding="utf-8")
    for path in REACHED:
        world.make_directory(path.rpartition("/")[0])
        world.write(path, KEPT)
    rescue = [{"name": "Go on", "ansible.builtin.debug": {"msg": "refused"}}]
    blocks = [
        {"name": str(number), "block": [way], "rescue": rescue, "vars": {"number": number}}
        for number in range(len(REACHED))
    ]
    play = {"name": "Play", "hosts": "localhost", "gather_facts": False, "become": True, "tasks": blocks}
    played = world.playbook([play], "--extra-vars", f"@{answers}")
    assert played.finished.rc == 0, played.finished
    return [path for path in REACHED if world.file(path).read_text(encoding="utf-8") != KEPT]


def test_survey_of_a_report_reaches_no_file_but_reports(
    zygote: Zygote, tmp_path_factory: pytest.TempPathFactory, show_figures: Show
) -> None:
    reached = {}
    for name, way in (("ours", INCLUDED), ("control", NAIVE)):
        world = World(zygote, tmp_path_factory.mktemp("world"), "private")
        reached[name] = reach(world, way)
        world.close()
    show_figures(
        "10 answers of the report's survey",
        f"reaches {len(reached['ours'])} of {len(REACHED)} files of others",
        f"path from a survey, written by root: {len(reached['control'])}",
    )
    assert reached["ours"] == []
    assert len(reached["control"]) == len(REACHED)
