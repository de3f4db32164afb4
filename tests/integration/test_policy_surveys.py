# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The guide's policy for each survey: its job does what it is for, and whoever starts it gets nothing else.

Whoever starts a job overrides every answer of its survey and every other variable of its role. The control is
the same host without a policy.
"""

from __future__ import annotations

import json
import re
import typing as t
from pathlib import Path

import pytest
import yaml
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.arguments.spec import ARGUMENT_SPEC
from harness.cycle import succeed, tmpfs
from harness.results import Played, play
from harness.world import World

ROOT = Path(__file__).resolve().parents[2]
POLICY = "/etc/ansible/holdfast_mounts_policy.json"
GUIDE = (ROOT / "docs/guides/host_policy.md").read_text(encoding="utf-8")
SHOWN = {
    name: json.loads(block)
    for name, block in re.findall(
        r"^### (\w+)\.json\n.*?^```json\n(.*?)^```$", GUIDE, re.MULTILINE | re.DOTALL
    )
}
SURVEYS = sorted(path.stem for path in (ROOT / "docs/awx/surveys").glob("*.json"))
Variables = t.Dict[str, t.Any]

PERMITTED: Variables = {"path": "/srv/apps/data", "src": "scratch", "fstype": "tmpfs"}
CIFS: Variables = {**PERMITTED, "src": "//evil/share", "fstype": "cifs"}
OUTSIDE: Variables = {**PERMITTED, "path": "/srv/other"}
BILLING = tmpfs("/srv/apps/billing", "billing")


def entry(**changes: t.Any) -> Variables:
    """Return a list of one mount point that is permitted but for these values."""
    return {"mounts": [{**PERMITTED, **changes}]}


ACQUIRE: t.List[Variables] = [
    # What an entry of the survey's list may hold.
    entry(path="/srv/other"),
    entry(path="/srv/apps2"),
    entry(path="/mnt/data"),
    entry(src="nas2.example.org:/export/shop/a", fstype="nfs4"),
    entry(src="nas1.example.org:/export/other", fstype="nfs4"),
    entry(src="nas1.example.org:/export/shop/a", fstype="nfs"),
    entry(src="LABEL=data", fstype="ext4"),
    entry(src="/dev/sda", fstype="ext4"),
    entry(src="/srv/other", fstype="bind"),
    entry(fstype="overlay", opts=["lowerdir=/srv/a:/srv/b"]),
    entry(fstype="9p"),
    entry(allow_suid=True),
    entry(allow_dev=True),
    entry(boot=True),
    entry(src="LABEL=data", fstype="ext4", boot=True, network=True),
    entry(mode="0777", opts=["mode=0777"]),
    entry(mode="u=rwx,go=rwxs", opts=["mode=0777"]),
    entry(owner="12345", opts=["uid=12345"]),
    entry(group="12345", opts=["gid=12345"]),
    entry(selinux_context="system_u:object_r:etc_t:s0"),
    entry(path="/srv/other", ttl=1),
    {"mounts": [PERMITTED, OUTSIDE]},
    {"mounts": yaml.safe_dump([{**PERMITTED, "boot": "yes"}])},
    # Its other answers.
    {"holder": "billing", "mounts": [PERMITTED]},
    {"holder": "ansible", "mounts": [PERMITTED]},
    {"holder": "billing", "mounts": [], "purge": True},
    {"mounts": [OUTSIDE], "hosts": "all", "timeout": 1, "lock_timeout": 1},
    {"mounts": [PERMITTED], "purge": True, "on_busy": "lazy"},
    # What it does not ask for.
    {"mounts": [OUTSIDE], "allowed_roots": ["/srv", "/mnt"]},
    {"mounts": entry(src="/srv/other", fstype="bind")["mounts"], "source_roots": ["/srv"]},
    {"mounts": [PERMITTED], "adopt": True},
    {"mounts": [PERMITTED], "allow_dev": True},
    {"mounts": [PERMITTED], "allow_suid": True},
    {"mounts": [PERMITTED], "allow_nonempty": True},
    {"mounts": [PERMITTED], "allow_unsafe_parents": True},
    {"mounts": [PERMITTED], "boot": True},
    {"mounts": entry(src="LABEL=data", fstype="ext4", boot=True)["mounts"], "network": True},
    {"mounts": [PERMITTED], "selinux_context": "system_u:object_r:etc_t:s0"},
    {"mounts": entry(src="a:/b", fstype="fuse.sshfs")["mounts"], "allow_fstypes": ["fuse.sshfs"]},
    {"mounts": [CIFS], "credentials_file": "/etc/other-team"},
    {"mounts": [OUTSIDE], "disclose": "full", "ttl": 1},
]
RELEASE: t.List[Variables] = [
    {"holder": "billing", "mounts": [BILLING["path"]]},
    {"holder": "billing", "all": True},
    {"holder": "ansible", "mounts": [BILLING["path"]]},
    {"holder": "billing", "mounts": [BILLING], "on_busy": "lazy", "timeout": 1, "lock_timeout": 1},
    {"holder": "billing", "mounts": BILLING["path"], "disclose": "full", "hosts": "all"},
]
RECONCILE: t.List[Variables] = [
    {"drop_holders": ["billing"]},
    {"drop_holders": "shop-1\nbilling"},
    {"live_holders": ["shop-1"]},
    {"nobody_lives": True},
    {"live_holders": "shop-1", "disclose": "full", "timeout": 1, "lock_timeout": 1, "hosts": "all"},
    {"allow_nonempty": True},
    {"allow_unsafe_parents": True},
    {"on_busy": "lazy"},
    {"repair": ["replaced"]},
    {"repair": "missing\nreplaced"},
]
ATTEMPTS = {"acquire": ACQUIRE, "release": RELEASE, "reconcile": RECONCILE}


def options_of(role: str) -> t.Set[str]:
    """Return the variables of a role and of its survey."""
    specs = yaml.safe_load(
        (ROOT / "roles" / role / "meta" / "argument_specs.yml").read_text(encoding="utf-8")
    )
    survey = json.loads((ROOT / "docs/awx/surveys" / f"{role}.json").read_text(encoding="utf-8"))
    asked = {question["variable"] for question in survey["spec"]}
    return {*specs["argument_specs"]["main"]["options"], *asked}


def attempt(number: int, role: str, variables: Variables) -> t.Dict[str, t.Any]:
    """Return tasks that run a role and tell what came of it."""
    given = {"holder": "shop-1", **variables} if role != "reconcile" else variables
    include = {"name": f"holdfast.mounts.{role}"}
    named = {f"{role}_{name}": value for name, value in given.items()}
    code = "{{ ansible_failed_result['error']['code'] | default('none') }}"
    return {
        "name": f"Attempt {number}",
        "block": [
            {"name": "Run", "ansible.builtin.include_role": include, "vars": named},
            {"name": "Tell", "ansible.builtin.debug": {"msg": f"attempt {number} done"}},
        ],
        "rescue": [{"name": "Tell", "ansible.builtin.debug": {"msg": f"attempt {number} {code}"}}],
    }


def outcomes(played: Played) -> t.List[str]:
    """Return what came of each attempt: C(done), or the code of its refusal."""
    words = [str(result.get("msg", "")).split() for result in played.results]
    return [found[2] for found in words if len(found) == 3 and found[0] == "attempt"]


def run_all(world: World, role: str, *options: str, each: int = 1) -> t.List[str]:
    """Run all attempts at a role, or each second, third, … one, in one play."""
    tasks = [attempt(number, role, variables) for number, variables in enumerate(ATTEMPTS[role])][::each]
    return outcomes(world.playbook(play(*tasks), *options))


def install(world: World, role: str) -> None:
    """Put the guide's policy on the host."""
    world.make_directory("/etc/ansible")
    world.write(POLICY, json.dumps(SHOWN[role]))


def test_guide_shows_a_policy_for_each_survey() -> None:
    assert sorted(SHOWN) == SURVEYS


@pytest.mark.parametrize("role", sorted(ATTEMPTS))
def test_attempts_set_every_variable(role: str) -> None:
    tried = {f"{role}_{name}" for variables in ATTEMPTS[role] for name in variables}
    assert options_of(role) - tried <= {f"{role}_holder"}


def test_attempts_set_every_option_of_an_entry() -> None:
    lists = [variables["mounts"] for variables in ACQUIRE if isinstance(variables["mounts"], list)]
    assert {name for mounts in lists for given in mounts for name in given} == set(
        ARGUMENT_SPEC["mounts"]["options"]
    )


@pytest.mark.parametrize("role", sorted(ATTEMPTS))
def test_whoever_starts_the_job_gets_nothing_else(private_world: World, role: str) -> None:
    world = private_world
    succeed(world, **BILLING)
    world.make_directory("/srv/other")
    without = run_all(world, role, "--check", each=len(ATTEMPTS[role]) // 5)
    assert without.count("done") > len(without) // 2, "the control: the same host without a policy"
    assert "not_permitted" not in without
    install(world, role)
    before = world.settled()
    with_policy = run_all(world, role)
    assert before.differences(world.settled()) == []
    assert with_policy == ["not_permitted"] * len(ATTEMPTS[role])


def job(world: World, role: str, **answers: t.Any) -> Played:
    """Run the playbook of a survey with answers, as AWX does."""
    given = {f"{role}_{name}": value for name, value in {"hosts": "localhost", **answers}.items()}
    imported = {"name": "Run", "import_playbook": f"holdfast.mounts.{role}"}
    played = world.playbook([imported], "--extra-vars", json.dumps(given))
    assert played.finished.rc == 0, played.finished
    return played


def test_acquire_does_what_it_is_for(private_world: World) -> None:
    install(private_world, "acquire")
    job(private_world, "acquire", holder="shop-1", mounts=yaml.safe_dump([PERMITTED]), purge="true")
    assert private_world.holders(PERMITTED["path"]) == ["shop-1"]


def test_release_does_what_it_is_for(private_world: World) -> None:
    for holder in ("shop-1", "billing"):
        succeed(private_world, **tmpfs("/srv/apps/data", holder))
    install(private_world, "release")
    job(private_world, "release", holder="shop-1", all="true", on_busy="lazy")
    assert private_world.holders("/srv/apps/data") == ["billing"]


def test_reconcile_does_what_it_is_for(private_world: World) -> None:
    for holder in ("shop-1", "billing"):
        succeed(private_world, **tmpfs("/srv/apps/data", holder))
    private_world.unmount("/srv/apps/data")
    install(private_world, "reconcile")
    job(private_world, "reconcile", drop_holders="shop-1")
    assert private_world.holders("/srv/apps/data") == ["billing"]
    assert len(private_world.stack("/srv/apps/data")) == 1


def test_report_does_what_it_is_for_and_touches_nothing(private_world: World) -> None:
    succeed(private_world, **BILLING)
    install(private_world, "report")
    before = private_world.table
    answers = {"title": "x", "paths": "/srv/*", "unmanaged": "true", "writer": "localhost"}
    job(private_world, "report", json="/mnt/report.json", **answers)
    assert private_world.table == before
    assert private_world.holders(BILLING["path"]) == ["billing"]


def test_live_holders_drop_only_whom_the_policy_names(private_world: World) -> None:
    """Who would be dropped is known from the ledger alone, so it is decided at each mount point."""
    world = private_world
    for path, holder in (("/srv/a", "shop-1"), ("/srv/b", "billing"), ("/srv/c", "shop-2")):
        succeed(world, **tmpfs(path, holder))
    succeed(world, **tmpfs("/srv/b", "shop-1"))
    install(world, "reconcile")
    given = {"live_holders": ["shop-2"]}
    for check in (True, False):
        result = world.collect(world.start(module="safe_mount_reconcile", check=check, arguments=given))
        assert result.code == "not_permitted"
        assert "billing" not in result["msg"]
    assert {path: world.holders(path) for path in world.references} == {
        "/srv/b": ["billing", "shop-1"],
        "/srv/c": ["shop-2"],
    }
