# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The host's own policy: no task and no extra variable widens it, and it strands nobody."""

from __future__ import annotations

import json
import os
import typing as t

import pytest
from harness.cycle import apply, leave, refuse, succeed, tmpfs
from harness.results import Played, play
from harness.world import World

POLICY = "/etc/ansible/holdfast_mounts_policy.json"
NARROW = {
    "allowed_roots": ["/srv/apps"],
    "fstypes": ["tmpfs", "bind"],
    "allow_suid": False,
    "allow_dev": False,
}
INSIDE = "/srv/apps/data"
MOUNT = {"path": "/srv/data", "src": "scratch", "fstype": "tmpfs"}


def install(world: World, policy: t.Any = None, mode: int = 0o644) -> None:
    """Write the policy as an administrator would."""
    world.make_directory("/etc/ansible")
    world.write(POLICY, json.dumps(NARROW if policy is None else policy), mode)


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
    "outside": ("path_not_allowed", tmpfs("/srv/data")),
    "root-named-by-the-task": ("path_not_allowed", tmpfs("/srv/data", allowed_roots=["/srv"])),
    "root-itself": ("path_not_allowed", tmpfs("/srv/apps", allowed_roots=["/srv"])),
    "look-alike": ("path_not_allowed", tmpfs("/srv/apps2/data")),
    "suid": ("option_not_allowed", tmpfs(INSIDE, allow_suid=True)),
    "dev": ("option_not_allowed", tmpfs(INSIDE, allow_dev=True)),
    "type": ("fstype_not_allowed", {"path": INSIDE, "src": "x", "fstype": "virtiofs"}),
    "source": ("source_not_allowed", {"path": INSIDE, "src": "/srv/other", "fstype": "bind"}),
    "in-a-list": ("path_not_allowed", {"mounts": [{**MOUNT, "path": INSIDE}, MOUNT], "holder": "a"}),
}


@pytest.mark.parametrize("name", sorted(WIDER))
def test_policy_refuses_what_is_wider(private_world: World, name: str) -> None:
    code, arguments = WIDER[name]
    private_world.make_directory("/srv/other")
    install(private_world)
    refuse(private_world, code, locks=False, **arguments)
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
    # A root of / is no root anywhere, with a policy or without.
    expected = "invalid_argument" if root == "/" else "path_not_allowed"
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
    refuse(world, "path_not_allowed", locks=False, **tmpfs("/srv/old/data", "a"))
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
def test_policy_untrusted_refuses_to_mount_and_still_releases(
    world: World, act: t.Callable[[World], None]
) -> None:
    succeed(world, **tmpfs(INSIDE, "a"))
    act(world)
    refuse(world, "policy_untrusted", locks=False, **tmpfs(INSIDE, "a"))
    refuse(world, "policy_untrusted", locks=False, mounts=[{**MOUNT, "path": INSIDE}], holder="a")
    apply(world, "unmounted", **leave(INSIDE, "a"))


def test_policy_role_refuses_a_root_that_is_none(private_world: World) -> None:
    before = private_world.snapshot()
    played = play_policy(private_world, allowed_roots=["/srv/apps", "/"])
    assert played.finished.rc == 2
    assert before.differences(private_world.snapshot()) == []


def test_policy_role_refuses_a_type_that_is_none(private_world: World) -> None:
    played = play_policy(private_world, allowed_roots=["/srv/apps"], fstypes=["auto"])
    assert played.finished.rc == 2
    assert not private_world.exists(POLICY)


def test_policy_role_checks_installs_again_removes(private_world: World) -> None:
    world, given = private_world, {"allowed_roots": ["/srv/apps"], "fstypes": ["tmpfs", "bind"]}
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
    assert json.loads(world.file(POLICY).read_text()) == {**NARROW, "fstypes": ["bind", "tmpfs"]}
    assert not any(result.changed for result in play_policy(world, **given).results)
    refuse(world, "path_not_allowed", locks=False, **tmpfs("/srv/data"))
    assert play_policy(world, state="absent").finished.rc == 0
    assert not world.exists(POLICY)
    assert not any(result.changed for result in play_policy(world, state="absent").results)
