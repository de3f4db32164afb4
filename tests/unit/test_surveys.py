# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The surveys of docs/awx: what the API of AWX takes, and variables that the roles have.

The rules are those of JobTemplateSurveySpec in awx/api/views (24.6.1). Whoever may start the job chooses what
a survey asks for, so each of these variables is listed here.
"""

from __future__ import annotations

import json
import typing as t
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
SURVEYS = sorted((ROOT / "docs" / "awx" / "surveys").glob("*.json"))
TYPES: t.Dict[str, type] = {
    "text": str,
    "textarea": str,
    "password": str,
    "multiplechoice": str,
    "multiselect": str,
    "integer": int,
    "float": float,
}
Survey = t.Dict[str, t.Any]
# What may be chosen: who holds what, on which hosts of the inventory, and how long it may take.
CHOSEN = {
    "acquire": {"holder", "mounts", "hosts", "purge", "on_busy", "lock_timeout", "timeout"},
    "reconcile": {"drop_holders", "hosts", "on_busy", "lock_timeout", "timeout"},
    "release": {"holder", "mounts", "all", "hosts", "on_busy", "lock_timeout", "timeout"},
    # Plain names of files, which the role checks; what is shown in them.
    "report": {"html", "json", "title", "paths", "unmanaged", "hosts"},
}
# Parts of names that say where or as whom something is written, or what may be.
AUTHORS = (
    "allow adopt become boot credentials dest dir folder group mode owner path_ policy roots selinux writer"
)
# A person types no more than that.
LONGEST = {"text": 1024, "textarea": 16384}


def find_faults(survey: Survey) -> t.List[str]:
    """Return why AWX would refuse a survey."""
    faults = [
        f"{field} is not a {kind.__name__}"
        for field, kind in (("name", str), ("description", str), ("spec", list))
        if not isinstance(survey.get(field), kind)
    ]
    if faults or not survey["spec"]:
        return faults or ["no questions"]
    for question in survey["spec"]:
        faults.extend(f"{question.get('variable')}: {fault}" for fault in find_faults_of(question))
    names = [question.get("variable") for question in survey["spec"]]
    return faults + [f"{name}: asked twice" for name in set(names) if names.count(name) > 1]


def find_faults_of(question: Survey) -> t.Iterator[str]:
    """Yield why AWX would refuse a question, or a person could not answer it."""
    for field, kind in (("type", str), ("question_name", str), ("variable", str), ("required", bool)):
        if not isinstance(question.get(field), kind):
            yield f"{field} is not a {kind.__name__}"
    if question.get("type") not in TYPES:
        yield "no such type"
        return
    default = question.get("default", "")
    if default != "" and not isinstance(default, TYPES[question["type"]]):
        yield "the default is of another type"
    for limit in ("min", "max"):
        if not isinstance(question.get(limit), (int, type(None))):
            yield f"{limit} is not an integer"
    if question["type"] in ("multiplechoice", "multiselect"):
        choices = str(question.get("choices", "")).splitlines()
        if not choices:
            yield "no choices"
        if [word for word in str(default).splitlines() if word not in choices]:
            yield "the default is not a choice"
    if not str(question["variable"]).isidentifier():
        yield "the variable is not a plain name"


GOOD: Survey = {"type": "text", "question_name": "Q", "variable": "v", "required": True, "default": ""}


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"type": "list"}, "no such type"),
        ({"required": "true"}, "required is not a bool"),
        ({"default": 7}, "the default is of another type"),
        ({"type": "integer", "default": "7"}, "the default is of another type"),
        ({"min": "1"}, "min is not an integer"),
        ({"type": "multiplechoice"}, "no choices"),
        ({"type": "multiplechoice", "choices": "a\nb", "default": "c"}, "the default is not a choice"),
        ({"variable": "a.b"}, "the variable is not a plain name"),
    ],
    ids=str,
)
def test_rules_find_a_fault(changes: Survey, fault: str) -> None:
    assert list(find_faults_of(GOOD)) == []
    assert fault in list(find_faults_of({**GOOD, **changes}))


def test_rules_find_a_question_that_is_asked_twice() -> None:
    assert find_faults({"name": "n", "description": "", "spec": [GOOD, GOOD]}) == ["v: asked twice"]


@pytest.mark.parametrize("path", SURVEYS, ids=lambda path: path.stem)
def test_survey_is_what_awx_takes(path: Path) -> None:
    assert find_faults(json.loads(path.read_text(encoding="utf-8"))) == []


@pytest.mark.parametrize("path", SURVEYS, ids=lambda path: path.stem)
def test_survey_asks_for_variables_of_the_role(path: Path) -> None:
    role = path.stem
    specs = ROOT / "roles" / role / "meta" / "argument_specs.yml"
    if not specs.exists():
        pytest.skip(f"this version has no role {role}")
    options = yaml.safe_load(specs.read_text(encoding="utf-8"))["argument_specs"]["main"]["options"]
    asked = [question["variable"] for question in json.loads(path.read_text(encoding="utf-8"))["spec"]]
    assert set(asked) <= {*options, f"{role}_hosts"}
    needed = {name for name, option in options.items() if option.get("required")}
    assert {name.partition("_")[2] for name in asked} == CHOSEN[role]
    assert needed <= set(asked)


def find_given_away(survey: Survey) -> t.List[str]:
    """Return what a survey lets choose that only the author of the template may."""
    given = []
    for question in survey["spec"]:
        name = question["variable"].partition("_")[2]
        given += [f"{name}: {word}" for word in AUTHORS.split() if word in f"{name}_"]
        if question["type"] in LONGEST and not 0 < (question["max"] or 0) <= LONGEST[question["type"]]:
            given.append(f"{name}: endless")
    return given


@pytest.mark.parametrize("path", SURVEYS, ids=lambda path: path.stem)
def test_survey_gives_away_no_choice_of_the_author(path: Path) -> None:
    assert find_given_away(json.loads(path.read_text(encoding="utf-8"))) == []


@pytest.mark.parametrize(
    "name", ["report_folder", "report_writer", "report_mode", "acquire_allowed_roots", "acquire_allow_suid"]
)
def test_choice_of_the_author_is_found(name: str) -> None:
    assert find_given_away({"spec": [{**GOOD, "variable": name, "max": 9}]}) != []


def test_answer_without_an_end_is_found() -> None:
    assert find_given_away({"spec": [{**GOOD, "variable": "report_title", "max": None}]}) == [
        "title: endless"
    ]
