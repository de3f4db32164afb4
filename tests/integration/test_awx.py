# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The sample project of docs/awx.md as AWX runs it: surveys, check mode, jobs after and beside each other."""

from __future__ import annotations

import json
import shutil
import time
import typing as t
from pathlib import Path

import pytest
from harness.awx import SAMPLE, Job, Project, run
from harness.cycle import warm_up
from harness.place import COLLECTION
from harness.world import World, executable

if not shutil.which(executable("ansible-runner")):
    pytest.skip("needs the Python package ansible-runner", allow_module_level=True)

SCRATCH = "- path: /srv/scratch\n  src: scratch\n  fstype: tmpfs\n  opts: size=4m\n"
HOLD = "Hold the mount points"


@pytest.fixture
def project(private_world: World, tmp_path: Path) -> Project:
    """A project that AWX has just updated."""
    warm_up(private_world)
    return Project(private_world, tmp_path / "awx")


def answer_survey(name: str, **answers: t.Any) -> t.Dict[str, t.Any]:
    """What a survey hands over: an answer to each of its questions, empty where none was given."""
    spec = json.loads((COLLECTION / "docs" / "awx" / "surveys" / f"{name}.json").read_text())
    given = {question["variable"]: "" for question in spec["spec"]}
    asked = {f"{name}_{key}": value for key, value in answers.items()}
    assert asked.keys() <= given.keys()
    return {**given, **asked}


def acquire(project: Project, holder: str, **options: t.Any) -> Job:
    return project.job("acquire.yml", answer_survey("acquire", holder=holder, mounts=SCRATCH), **options)


def test_answer_that_is_a_template_is_taken_literally(project: Project) -> None:
    evil = "{{ lookup('ansible.builtin.pipe', 'touch /srv/owned') }}"
    job = acquire(project, evil)
    assert (job.status, job.result(HOLD)["error"]["code"]) == ("failed", "invalid_argument")
    assert not project.world.exists("/srv/owned")


def test_second_job_sees_what_the_first_has_mounted(project: Project) -> None:
    world = project.world
    first = acquire(project, "shop")
    assert (first.status, first.rc, first.changes) == ("successful", 0, 1), first.stdout
    assert acquire(project, "shop").changes == 0
    # A template may use what AWX tells each job; the variables of a survey may not.
    second = project.job("work.yml", {}, template={"holder": "shop", "work_holder": "{{ holder }}"})
    assert second.status == "successful", second.stdout
    found = second.result("Find what this workflow holds")["ansible_facts"]["work_mounts"]
    assert [(row["mount"], row["holders"]) for row in found] == [("/srv/scratch", ["shop"])]
    assert world.file("/srv/scratch/result.txt").read_text() == "written by shop\n"


def test_check_mode_of_a_job_writes_nothing(project: Project) -> None:
    before = project.world.snapshot(log=True)
    job = acquire(project, "shop", check=True)
    assert (job.status, job.changes, job.result(HOLD)["mounts"][0]["action"]) == ("successful", 1, "mounted")
    assert before.differences(project.world.snapshot(log=True)) == []


def test_two_jobs_at_once_share_one_mount(project: Project) -> None:
    names = ("job-1", "job-2")
    answers = [answer_survey("acquire", holder=name, mounts=SCRATCH) for name in names]
    jobs = [project.finish(started) for started in [project.start("acquire.yml", each) for each in answers]]
    assert [job.status for job in jobs] == ["successful", "successful"]
    assert sorted(job.result(HOLD)["mounts"][0]["action"] for job in jobs) == ["joined", "mounted"]
    assert project.world.holders("/srv/scratch") == ["job-1", "job-2"]
    assert len(project.world.stack("/srv/scratch")) == 1


def test_workflow_releases_also_after_work_that_fails(project: Project) -> None:
    world = project.world
    start = world.settled()
    # The templates' extra variable; AWX gives every job of a workflow the same number.
    number = {"awx_workflow_job_id": 71}
    holder = "workflow-{{ awx_workflow_job_id }}"
    answers = {
        key: value for key, value in answer_survey("acquire", mounts=SCRATCH).items() if "holder" not in key
    }
    acquired = project.job("acquire.yml", answers, template={**number, "acquire_holder": holder})
    assert acquired.status == "successful", acquired.stdout
    world.unmount("/srv/scratch")
    work = project.job("work.yml", {}, template={**number, "work_holder": holder})
    assert (work.status, world.holders("/srv/scratch")) == ("failed", ["workflow-71"])
    released = project.job(
        "release.yml", {}, template={**number, "release_holder": holder, "release_all": True}
    )
    assert released.status == "successful", released.stdout
    assert start.differences(world.settled()) == []


def test_cancelled_job_is_put_right_by_the_next(project: Project) -> None:
    world = project.world
    start = world.settled()
    assert acquire(project, "job-7").status == "successful"
    working = project.start("work.yml", {"work_holder": "job-7", "work_seconds": 300})
    deadline = time.monotonic() + 120
    while not world.exists("/srv/scratch/result.txt"):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    # AWX ends the whole unit of work; so nothing of the job can release what it holds.
    project.cancel(working)
    assert world.holders("/srv/scratch") == ["job-7"]
    if (COLLECTION / "playbooks" / "reconcile.yml").exists():
        healed = project.job("reconcile.yml", answer_survey("reconcile", drop_holders="job-7\n"))
    else:
        healed = project.job("release.yml", answer_survey("release", holder="job-7", all="true"))
    assert healed.status == "successful", healed.stdout
    assert start.differences(world.settled()) == []


# What the author of the job template writes into its variables.
PLACE = {"report_folder": "/srv/www", "report_writer": "node1"}


def test_report_of_a_survey_is_written_where_the_template_says(project: Project) -> None:
    acquire(project, "shop")
    project.world.make_directory("/srv/www")
    job = project.job("report.yml", answer_survey("report", html="mounts.html"), template=PLACE)
    assert job.status == "successful", job.stdout
    assert "/srv/scratch" in project.world.file("/srv/www/mounts.html").read_text()
    assert job.changes == 1


def test_report_of_a_survey_reaches_no_file_of_the_host(project: Project) -> None:
    world = project.world
    world.make_directory("/srv/www")
    world.write("/srv/www/mounts.html", "of somebody else")
    before = world.snapshot(log=True)
    title = "Mounts /tmp/evil.so report"
    for name in ("/etc/ld.so.preload", "../../etc/x.html", "{{ '/etc/x' }}.html", "mounts.html"):
        job = project.job("report.yml", answer_survey("report", html=name, title=title), template=PLACE)
        assert (job.status, job.changes) == ("failed", 0), job.stdout
    assert before.differences(world.snapshot(log=True)) == []
    assert not world.exists("/etc/ld.so.preload")


@pytest.mark.parametrize("name", ["acquire", "reconcile", "release", "report", "work"])
def test_front_is_offered_by_awx(name: str) -> None:
    # awx/main/utils/ansible.py looks for such a line.
    lines = (SAMPLE / f"{name}.yml").read_text().splitlines()
    assert any(line.strip(" -").startswith(("hosts:", "import_playbook:")) for line in lines)


def test_execution_environment_is_accepted_by_ansible_builder(tmp_path: Path) -> None:
    if not shutil.which(executable("ansible-builder")):
        pytest.skip("needs the Python package ansible-builder")
    definition = COLLECTION / "docs" / "awx" / "execution-environment.yml"
    context = tmp_path / "context"
    run(
        ["ansible-builder", "create", "--file", str(definition), "--context", str(context)],
        directory=tmp_path,
        home=tmp_path,
    )
    assert "jmespath" in (context / "_build" / "requirements.txt").read_text()
    assert [path for path in context.iterdir() if path.name in ("Containerfile", "Dockerfile")]
