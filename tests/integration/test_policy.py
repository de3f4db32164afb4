# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The host's own policy: no task and no extra variable widens it, and it strands nobody."""

from __future__ import annotations

import json
import os
import subprocess
import typing as t
from pathlib import Path

import pytest
import yaml
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.arguments.spec import ARGUMENT_SPEC
from harness.cycle import apply, leave, refuse, succeed, tmpfs
from harness.images import make_image
from harness.results import Played, Result, play
from harness.world import World

COLLECTION = Path(__file__).resolve().parents[2]
POLICY = "/etc/ansible/holdfast_mounts_policy.json"
NARROW = {"allowed_roots": ["/srv/apps"], "fstypes": ["tmpfs", "bind"], "holders": ["a", "b", "shop"]}
INSIDE = "/srv/apps/data"
MOUNT = {"path": "/srv/data", "src": "scratch", "fstype": "tmpfs"}


def install(world: World, policy: t.Any = None, mode: int = 0o644) -> None:
    """Write the policy as an administrator would."""
    world.make_directory("/etc/ansible")
    world.write(POLICY, json.dumps(NARROW if policy is None else policy), mode)


def reconcile(world: World, *, check: bool = False, **arguments: t.Any) -> Result:
    """Run safe_mount_reconcile."""
    return world.collect(world.start(module="safe_mount_reconcile", check=check, arguments=arguments))


def play_acquire(world: World, *mounts: t.Any, **variables: t.Any) -> Played:
    """Start the playbook acquire with extra variables, as a job may."""
    given = {"acquire_hosts": "localhost", "acquire_holder": "shop", "acquire_mounts": list(mounts)}
    imported = {"name": "Run", "import_playbook": "holdfast.mounts.acquire"}
    return world.playbook([imported], "--extra-vars", json.dumps({**given, **variables}))


def play_policy(world: World, *options: str, **variables: t.Any) -> Played:
    """Have the role install the policy."""
    role = play(name="Policy", roles=["holdfast.mounts.policy"])
    given = {f"policy_{name}": value for name, value in variables.items()}
    return world.playbook(role, "--extra-vars", json.dumps(given), *options)


WIDER: t.Dict[str, t.Tuple[str, t.Dict[str, t.Any]]] = {
    "outside": ("allowed_roots", tmpfs("/srv/data", "a")),
    "root-named-by-the-task": ("allowed_roots", tmpfs("/srv/data", "a", allowed_roots=["/srv"])),
    "look-alike": ("allowed_roots", tmpfs("/srv/apps2/data", "a")),
    "suid": ("options", tmpfs(INSIDE, "a", allow_suid=True)),
    "type": ("fstypes", {"path": INSIDE, "src": "x", "fstype": "virtiofs", "holder": "a"}),
    "source": ("source_roots", {"path": INSIDE, "src": "/srv/other", "fstype": "bind", "holder": "a"}),
    "holder": ("holders", tmpfs(INSIDE)),
    "in-a-list": ("allowed_roots", {"mounts": [{**MOUNT, "path": INSIDE}, MOUNT], "holder": "a"}),
}


@pytest.mark.parametrize("name", sorted(WIDER))
def test_policy_refuses_what_is_wider(private_world: World, name: str) -> None:
    key, arguments = WIDER[name]
    private_world.make_directory("/srv/other")
    install(private_world)
    told = refuse(private_world, "not_permitted", locks=False, **arguments)
    assert f"'{key}'" in told["msg"]
    control = private_world.predict(**arguments)
    private_world.file(POLICY).unlink()
    assert control.code != private_world.predict(**arguments).code, "it is the policy that refuses"


@pytest.mark.parametrize("root", ["/", "/srv", "/mnt"])
def test_policy_is_not_widened_by_extra_variables(private_world: World, root: str) -> None:
    install(private_world)
    before = private_world.snapshot()
    roots = {"acquire_allowed_roots": [root], "acquire_source_roots": [root], "acquire_allow_suid": True}
    played = play_acquire(private_world, {**MOUNT, "path": "/mnt/x" if root == "/mnt" else "/srv/x"}, **roots)
    assert played.finished.rc == 2
    # A root of / is not a root anywhere, with a policy or without.
    expected = "invalid_argument" if root == "/" else "not_permitted"
    assert played.results[-1].code == expected, played.results[-1]
    assert before.differences(private_world.snapshot()) == []


def test_policy_absence_lets_the_same_job_through(private_world: World) -> None:
    played = play_acquire(private_world, MOUNT, acquire_allowed_roots=["/srv"])
    assert played.finished.rc == 0, played.finished


def test_policy_allows_what_is_narrow_enough(world: World) -> None:
    install(world)
    apply(world, "mounted", **tmpfs(INSIDE, "a"))
    apply(world, "unmounted", **leave(INSIDE, "a"))


def test_policy_strands_nobody(world: World) -> None:
    for holder in ("a", "b"):
        succeed(world, **tmpfs("/srv/old/data", holder))
    install(world)
    refuse(world, "not_permitted", locks=False, **tmpfs("/srv/old/data", "a"))
    apply(world, "released", **leave("/srv/old/data", "a"))
    succeed(world, mounts=[], purge=True, holder="b")
    assert world.references == {}


def break_mode(world: World) -> None:
    """Let everybody write it."""
    install(world, mode=0o666)


def break_owner(world: World) -> None:
    """Give it to somebody else."""
    install(world)
    os.chown(world.file(POLICY), 65534, 65534)


def break_link(world: World) -> None:
    """Put a link in its place."""
    world.make_directory("/etc/ansible")
    world.write("/etc/ansible/real.json", json.dumps(NARROW))
    world.file(POLICY).symlink_to("real.json")


def break_content(world: World) -> None:
    """Cut it short."""
    install(world)
    world.file(POLICY).write_text('{"allowed_roots": ["/srv"]', encoding="utf-8")


def break_key(world: World) -> None:
    """Misspell a key."""
    install(world, {"allowed_root": ["/srv"]})


BREAKS = [break_mode, break_owner, break_link, break_content, break_key]


@pytest.mark.parametrize("act", BREAKS, ids=[act.__name__ for act in BREAKS])
def test_policy_untrusted_refuses_whatever_it_governs(world: World, act: t.Callable[[World], None]) -> None:
    succeed(world, **tmpfs(INSIDE, "a"))
    act(world)
    refuse(world, "policy_untrusted", locks=False, **tmpfs(INSIDE, "a"))
    refuse(world, "policy_untrusted", locks=False, mounts=[{**MOUNT, "path": INSIDE}], holder="a")
    # Whose the reference is, and who may act as them, is what the policy would say.
    refuse(world, "policy_untrusted", locks=False, **leave(INSIDE, "a"))
    for check in (True, False):
        assert reconcile(world, check=check).code == "policy_untrusted"
    world.file(POLICY).unlink()
    apply(world, "unmounted", **leave(INSIDE, "a"))


BROKEN: t.Dict[str, t.Dict[str, t.Any]] = {
    "root-of-all": {"allowed_roots": ["/srv/apps", "/"]},
    "root-with-a-slash": {"allowed_roots": "/srv/apps/"},
    "type": {"fstypes": ["auto"]},
    "option": {"options": ["allow_suid"]},
    "holder": {"holders": ["web-[0-9]"]},
    "sources-of-no-type": {"sources": {"ext5": ["*"]}},
    "sources-of-a-bind": {"sources": {"bind": ["/srv/*"]}},
    "sources-as-words": {"sources": "nfs=nas1:/export"},
    "sources-in-sources": {"sources": {"nfs": {"nas1": "/export"}}},
    "relative-credentials": {"credentials_files": "secret"},
    "dictionary-for-a-list": {"holders": [{"name": "web"}]},
}


@pytest.mark.parametrize("name", sorted(BROKEN))
def test_policy_role_refuses_what_the_module_would_not_read(private_world: World, name: str) -> None:
    before = private_world.snapshot()
    given = {"allowed_roots": ["/srv/apps"], **BROKEN[name]}
    for options in (["--check"], []):
        played = play_policy(private_world, *options, **given)
        assert played.finished.rc == 2, played.finished
        assert before.differences(private_world.snapshot()) == []


def test_policy_role_keeps_the_one_that_is_there_when_the_new_one_is_refused(private_world: World) -> None:
    install(private_world)
    before = private_world.snapshot()
    assert play_policy(private_world, holders=["web-?"]).finished.rc == 2
    assert before.differences(private_world.snapshot()) == []


TEXTS = {
    "allowed_roots": "/srv/apps",
    "fstypes": "tmpfs,bind",
    "holders": 7,
    "sources": '{"nfs": "nas1:/export/*"}',
}


@pytest.mark.parametrize("as_json", [True, False], ids=["json", "words"])
def test_policy_role_takes_texts_for_lists(private_world: World, as_json: bool) -> None:
    """As -e policy_allowed_roots=/srv gives them: argument_specs checks a converted copy."""
    role = play(name="Policy", roles=["holdfast.mounts.policy"])
    given = {f"policy_{name}": value for name, value in TEXTS.items()}
    words = json.dumps(given) if as_json else " ".join(f"{name}='{value}'" for name, value in given.items())
    played = private_world.playbook(role, "--extra-vars", words)
    assert played.finished.rc == 0, played.finished
    assert json.loads(private_world.file(POLICY).read_text()) == {
        "allowed_roots": ["/srv/apps"],
        "credentials_files": [],
        "fstypes": ["tmpfs", "bind"],
        "holders": ["7"],
        "options": [],
        "source_roots": [],
        "sources": {"nfs": ["nas1:/export/*"]},
    }
    succeed(private_world, **tmpfs(INSIDE, "7"))
    refuse(private_world, "not_permitted", locks=False, **tmpfs(INSIDE, "8"))


def test_policy_role_checks_installs_again_removes(private_world: World) -> None:
    world, given = private_world, {**NARROW, "options": ["lazy"]}
    before = world.snapshot()
    predicted = play_policy(world, "--check", **given)
    assert predicted.finished.rc == 0, predicted.finished
    assert before.differences(world.snapshot()) == []
    done = play_policy(world, **given)
    assert done.finished.rc == 0, done.finished
    assert any(result.changed for result in predicted.results)
    assert any(result.changed for result in done.results)
    found = world.file(POLICY).stat()
    assert (found.st_mode & 0o7777, found.st_uid, found.st_nlink) == (0o644, 0, 1)
    nothing: t.Dict[str, t.Any] = {"credentials_files": [], "source_roots": [], "sources": {}}
    assert json.loads(world.file(POLICY).read_text()) == {**given, **nothing}
    assert not any(result.changed for result in play_policy(world, **given).results)
    refuse(world, "not_permitted", locks=False, **tmpfs("/srv/data", "a"))
    assert play_policy(world, state="absent").finished.rc == 0
    assert not world.exists(POLICY)
    assert not any(result.changed for result in play_policy(world, state="absent").results)


@pytest.mark.parametrize("fstype", ["ext4", "xfs"])
def test_policy_role_has_returned_when_no_power_cut_undoes_it(
    private_world: World, loop_device: t.Callable[..., str], tmp_path: Path, fstype: str
) -> None:
    """What the device has at that moment is what the host has after a power cut."""
    world, image = private_world, make_image(tmp_path, fstype)
    world.make_directory("/etc/ansible")
    # As late as a filesystem may be: nothing reaches the device unless it is synced.
    world.mount(
        loop_device(image),
        "/etc/ansible",
        fstype,
        data="commit=300,noauto_da_alloc" if fstype == "ext4" else "",
    )

    def after_a_cut(number: int) -> t.Any:
        copy = tmp_path / f"cut-{number}"
        subprocess.run(["cp", "--sparse=always", str(image), str(copy)], check=True)
        world.mount(loop_device(copy), "/media", fstype, data="nouuid" if fstype == "xfs" else "")
        policy = Path(world.file("/media"), os.path.basename(POLICY))
        try:
            return json.loads(policy.read_text(encoding="utf-8")) if policy.exists() else None
        finally:
            world.unmount("/media")

    for number, holders in enumerate((["a"], ["b"])):
        assert play_policy(world, **{**NARROW, "holders": holders}).finished.rc == 0
        assert after_a_cut(number)["holders"] == holders
    assert play_policy(world, state="absent").finished.rc == 0
    assert after_a_cut(2) is None


def test_policy_role_fails_where_the_file_would_not_be_trusted(private_world: World) -> None:
    assert play_policy(private_world, **NARROW).finished.rc == 0
    # The content is right, so nothing is written.
    os.link(private_world.file(POLICY), private_world.file("/etc/ansible/second-name"))
    played = play_policy(private_world, **NARROW)
    assert played.finished.rc == 2
    assert played.results[-1].code == "policy_untrusted"


def test_policy_role_tells_what_tasks_would_meet(private_world: World) -> None:
    inside, outside = tmpfs(INSIDE, "a"), tmpfs("/srv/data", "a")
    before = private_world.references
    played = play_policy(private_world, **NARROW, check=[inside, outside, tmpfs(INSIDE, "a", opts=["nope"])])
    assert played.finished.rc == 0, played.finished
    told = played.results[-2]["results"][-1]["ansible_facts"]["policy_result"]
    assert played.results[-1]["msg"]["refused"] == [told[1]["msg"]]
    assert [(one["permitted"], one["code"]) for one in told] == [
        (True, ""),
        (False, "not_permitted"),
        (True, "option_not_allowed"),
    ]
    assert told[1]["task"]["path"] == "/srv/data"
    assert "'allowed_roots'" in told[1]["msg"]
    assert private_world.references == before


def test_policy_role_hands_on_every_option_of_the_module() -> None:
    tasks = yaml.safe_load((COLLECTION / "roles/policy/tasks/main.yml").read_text(encoding="utf-8"))
    asked = next(task for task in tasks if task["name"] == "Ask what the given tasks would meet")
    assert set(asked["holdfast.mounts.safe_mount"]) == set(ARGUMENT_SPEC)
