# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The playbooks acquire and release, and so their roles, as someone starts them with extra variables."""

from __future__ import annotations

import json
import typing as t

import pytest
from harness.cycle import tmpfs, warm_up
from harness.results import Played, play
from harness.world import World

SHARED = {"path": "/mnt/team/shared", "src": "shared", "fstype": "tmpfs", "opts": ["size=4m"]}
LIBRARY = {"path": "/mnt/team/library", "src": "/srv/library", "fstype": "bind", "opts": ["ro"]}
HOLD = "holdfast.mounts.acquire : Hold the mount points"
RELEASE = "holdfast.mounts.release : Release the mount points"
EMPTY = {"disclose": "", "lock_timeout": "", "on_busy": "", "timeout": ""}


def run_playbook(world: World, name: str, *options: str, **variables: t.Any) -> Played:
    """Run one of the playbooks on localhost."""
    given = {f"{name}_hosts": "localhost", **{f"{name}_{key}": value for key, value in variables.items()}}
    imported = {"name": "Run", "import_playbook": f"holdfast.mounts.{name}"}
    return world.playbook([imported], "--extra-vars", json.dumps(given), *options)


def find_changes(played: Played) -> int:
    """Return how many tasks say that they changed something."""
    return sum(result.changed for result in played.results)


def find_outcome(played: Played, name: str) -> t.List[t.Dict[str, t.Any]]:
    """Return the fact that a role leaves."""
    assert played.finished.rc == 0, played.finished
    facts = [result["ansible_facts"] for result in played.results if "ansible_facts" in result]
    return t.cast("t.List[t.Dict[str, t.Any]]", facts[-1][f"{name}_result"])


def last_words(played: Played) -> t.Dict[str, t.Any]:
    """Return what the last task of a role shows."""
    assert played.finished.rc == 0, played.finished
    return t.cast("t.Dict[str, t.Any]", played.results[-1]["msg"])


def find_paths(played: Played, name: str) -> t.List[str]:
    """Return the mount points of the fact that a role leaves."""
    return [mount["mount"] for mount in find_outcome(played, name)]


def test_acquire_mount_without_its_words_is_refused(private_world: World) -> None:
    played = run_playbook(private_world, "acquire", holder="shop", mounts=[{"path": "/mnt/team"}])
    assert played.finished.rc == 2
    assert played.results[-1].code == "invalid_argument", played


def test_acquire_empty_holder_is_refused(private_world: World) -> None:
    played = run_playbook(private_world, "acquire", holder="", mounts=[SHARED])
    assert played.finished.rc == 2
    assert played.results[-1].code == "invalid_argument", played


def test_release_all_and_some_is_refused(private_world: World) -> None:
    played = run_playbook(private_world, "release", holder="shop", all=True, mounts=["/mnt/team"])
    assert played.finished.rc == 2
    assert "not both" in played.results[-1]["msg"]


def test_playbooks_check_apply_again_undo_leave_all_as_before(private_world: World) -> None:
    world = private_world
    warm_up(world)
    world.make_directory("/srv/library")
    start = world.settled()
    for name, mounts in (("acquire", [SHARED, LIBRARY]), ("release", [SHARED["path"], LIBRARY])):
        variables = {"holder": "shop", "mounts": mounts}
        before = world.snapshot(log=True)
        predicted = run_playbook(world, name, "--check", **variables)
        assert before.differences(world.snapshot(log=True)) == []
        assert predicted.finished.rc == 0, predicted.finished
        assert (find_changes(predicted), find_changes(run_playbook(world, name, **variables))) == (1, 1)
        again = run_playbook(world, name, **variables)
        assert find_changes(again) == 0
        expected = [LIBRARY["path"], SHARED["path"]] if name == "acquire" else []
        assert sorted(find_paths(again, name)) == expected
        assert last_words(predicted)["done"] == "predicted, mount points: 2 " + (
            "mounted" if name == "acquire" else "unmounted"
        )
    assert start.differences(world.settled()) == []


def test_acquire_answers_of_a_survey_are_understood(private_world: World) -> None:
    text = "- path: /mnt/team/shared\n  src: shared\n  fstype: tmpfs\n  opts: size=4096k\n"
    answers = {**EMPTY, "adopt": "false", "allowed_roots": "", "purge": "", "source_roots": ""}
    assert not private_world.call(**tmpfs("/mnt/team/shared", "shop", src="shared", opts=["size=4m"])).failed
    played = run_playbook(private_world, "acquire", holder=7, mounts=text, **answers)
    assert [mount["holders"] for mount in find_outcome(played, "acquire")] == [["7", "shop"]]


def test_acquire_purge_keeps_exactly_the_list(private_world: World) -> None:
    private_world.make_directory("/srv/library")
    run_playbook(private_world, "acquire", holder="shop", mounts=[SHARED, LIBRARY])
    played = run_playbook(private_world, "acquire", holder="shop", mounts=[LIBRARY], purge="true")
    assert find_paths(played, "acquire") == [LIBRARY["path"]]
    assert private_world.stack("/mnt/team/shared") == []


def test_release_nothing_named_releases_nothing(private_world: World) -> None:
    assert not private_world.call(**tmpfs("/mnt/team/shared", "shop")).failed
    played = run_playbook(private_world, "release", holder="shop", mounts="", all="", **EMPTY)
    assert (find_changes(played), find_paths(played, "release")) == (0, [])
    assert private_world.holders("/mnt/team/shared") == ["shop"]
    said = last_words(played)
    assert (said["still_held"], said["left"]) == (["/mnt/team/shared"], {})
    assert "release_all: true" in said["done"]


def test_release_text_of_paths_tells_what_is_left(private_world: World) -> None:
    for holder, path in (("shop", "/mnt/a"), ("shop", "/mnt/b"), ("billing", "/mnt/b")):
        assert not private_world.call(**tmpfs(path, holder)).failed
    played = run_playbook(private_world, "release", holder="shop", mounts="/mnt/a\n/mnt/b\n")
    left = find_outcome(played, "release")
    assert [(mount["mount"], mount["holders"]) for mount in left] == [("/mnt/b", ["billing"])]
    assert last_words(played) == {
        "done": "mount points: 1 released, 1 unmounted",
        "left": {"/mnt/b": ["billing"]},
        "still_held": [],
    }


def test_release_all_leaves_only_the_others(private_world: World) -> None:
    for holder, path in (("shop", "/mnt/a"), ("shop", "/mnt/b"), ("billing", "/mnt/b")):
        assert not private_world.call(**tmpfs(path, holder)).failed
    played = run_playbook(private_world, "release", holder="shop", all="true")
    assert find_paths(played, "release") == ["/mnt/b"]
    assert list(private_world.references) == ["/mnt/b"]


@pytest.mark.parametrize("given", [{"all": True}, {"mounts": ["/mnt/a"]}], ids=["all", "some"])
def test_release_of_a_misspelt_holder_is_warned_of(private_world: World, given: t.Dict[str, t.Any]) -> None:
    assert not private_world.call(**tmpfs("/mnt/a", "shop")).failed
    played = run_playbook(private_world, "release", holder="sohp", **given)
    warnings = str(played.named(RELEASE).get("warnings"))
    assert "'sohp' holds no" in warnings
    assert ("shop" in warnings) == ("mounts" in given)
    assert "warnings" not in run_playbook(private_world, "release", holder="shop", **given).named(RELEASE)


@pytest.mark.parametrize(
    ("given", "expected"), [({}, True), ({"purge": ""}, True), ({"purge": False}, False)], ids=str
)
def test_acquire_what_is_left_out_is_left_to_module_defaults(
    private_world: World, given: t.Dict[str, t.Any], expected: bool
) -> None:
    defaults = {"purge": True, "allowed_roots": ["/mnt/team"]}
    role = play(
        name="Acquire",
        roles=["holdfast.mounts.acquire"],
        module_defaults={
            "group/holdfast.mounts.mounts": defaults,
            "holdfast.mounts.safe_mount": {"lock_timeout": 7},
        },
        vars={f"acquire_{name}": value for name, value in {"mounts": [SHARED], **given}.items()},
    )
    played = private_world.playbook(role, "--extra-vars", "acquire_holder=shop")
    used = played.named(HOLD)["invocation"]["module_args"]
    assert {key: used[key] for key in defaults} == {**defaults, "purge": expected}
    assert used["lock_timeout"] == 7
    assert "unsafe" not in played.finished.stderr


def test_acquire_unsafe_answer_is_no_template(private_world: World) -> None:
    role = play(name="Acquire", roles=["holdfast.mounts.acquire"], vars={"acquire_mounts": [SHARED]})
    answers = private_world.scratch / "answers.yml"
    answers.write_text("acquire_holder: shop\nacquire_on_busy: !unsafe '{{ 1 + 1 }}'\n", encoding="utf-8")
    played = private_world.playbook(role, "--extra-vars", f"@{answers}")
    assert "{{ 1 + 1 }}" in str(played.named(HOLD)["msg"])
