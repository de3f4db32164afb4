# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A policy allows what it names and nothing else, and each option has a place in it."""

from __future__ import annotations

import json
import typing as t
from pathlib import Path

import pytest
import yaml
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.arguments.build import (
    RECONCILE_SPEC,
    build_repair,
    build_request,
)
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.arguments.spec import ARGUMENT_SPEC
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.decide.permissions import (
    OPTIONS,
    build_policy,
    refuse_dropping,
    refuse_forbidden,
)
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.model import Policy, Request
from ansible_collections.holdfast.mounts.tests.unit.plugins.module_utils import policy_places as places
from ansible_collections.holdfast.mounts.tests.unit.plugins.module_utils.builders import refused

ROOT = Path(__file__).resolve().parents[6]
ASKS = places.list_asks()
EACH_ASK = pytest.mark.parametrize(
    "ask", [ask for _option, ask in ASKS], ids=[option for option, _ask in ASKS]
)
WIDE = build_policy(places.EVERYTHING)


def build(ask: places.Ask) -> Request:
    """Return the request of a call."""
    spec = ARGUMENT_SPEC if ask.module == "safe_mount" else RECONCILE_SPEC
    validated = ArgumentSpecValidator(spec).validate(ask.params)
    assert validated.error_messages == []
    given = validated.validated_parameters
    return build_request(given) if ask.module == "safe_mount" else build_repair(given)[1]


def request_of(**params: t.Any) -> Request:
    """Return the request of a call of safe_mount."""
    return build(places.Ask("", params))


# --- Each option has its place ---


def options_of_role(role: str) -> t.Set[str]:
    specs = ROOT / "roles" / role / "meta" / "argument_specs.yml"
    return set(yaml.safe_load(specs.read_text(encoding="utf-8"))["argument_specs"]["main"]["options"])


def find_unplaced(role: str, options: t.Iterable[str]) -> t.List[str]:
    """Return the variables of a role that have no place in a policy."""
    if role in places.UNGOVERNED_ROLES:
        return []
    known = {**places.SAFE_MOUNT, **places.RECONCILE}
    return [name for name in options if places.ROLES.get(name, name.partition("_")[2]) not in known]


def test_each_option_of_the_modules_has_a_place() -> None:
    assert set(places.SAFE_MOUNT) == set(ARGUMENT_SPEC)
    assert set(places.ENTRY) == set(ARGUMENT_SPEC["mounts"]["options"])
    assert set(places.RECONCILE) == set(RECONCILE_SPEC)


@pytest.mark.parametrize("role", sorted(path.name for path in (ROOT / "roles").iterdir() if path.is_dir()))
def test_each_variable_of_a_role_has_a_place(role: str) -> None:
    assert find_unplaced(role, options_of_role(role)) == []


@pytest.mark.parametrize(
    "path", sorted((ROOT / "docs/awx/surveys").glob("*.json")), ids=lambda path: path.stem
)
def test_each_answer_of_a_survey_has_a_place(path: Path) -> None:
    asked = {question["variable"] for question in json.loads(path.read_text(encoding="utf-8"))["spec"]}
    assert find_unplaced(path.stem, asked - places.SURVEYS.keys()) == []


def test_new_option_without_a_place_is_found() -> None:
    assert find_unplaced("acquire", ["acquire_holder", "acquire_new"]) == ["acquire_new"]


def test_each_reason_is_given_and_each_option_of_a_policy_is_asked_for() -> None:
    reasons = [
        place for place in {**places.SAFE_MOUNT, **places.RECONCILE}.values() if isinstance(place, str)
    ]
    assert all(reason.startswith("not governed, because ") for reason in reasons)
    assert {ask.name for _option, ask in ASKS} - {""} == set(OPTIONS)
    assert {ask.key for _option, ask in ASKS} == set(places.EVERYTHING) == set(Policy._fields)


# --- And is refused without it ---


@EACH_ASK
def test_policy_without_its_key_refuses(ask: places.Ask) -> None:
    error = refused(refuse_forbidden, build(ask), build_policy(places.without(ask)))
    assert (error.code, error.step) == ("not_permitted", "policy")
    assert f"'{ask.key}'" in error.message
    assert not ask.name or f'"{ask.name}"' in error.message


@EACH_ASK
def test_policy_of_everything_allows(ask: places.Ask) -> None:
    refuse_forbidden(build(ask), WIDE)


@EACH_ASK
def test_policy_of_nothing_refuses(ask: places.Ask) -> None:
    assert refused(refuse_forbidden, build(ask), Policy()).code == "not_permitted"


def narrow(**changes: t.Any) -> Policy:
    return WIDE._replace(**changes)


NARROW: t.Dict[str, t.Tuple[Policy, places.Params]] = {
    "outside of the roots": (narrow(allowed_roots=("/mnt",)), places.TMPFS),
    "look-alike of a root": (narrow(allowed_roots=("/srv/app",)), places.TMPFS),
    "layer outside": (
        narrow(source_roots=("/srv/a",)),
        {**places.TMPFS, "fstype": "overlay", "opts": ["lowerdir=/srv/a:/srv/b"]},
    ),
    "upper layer outside": (
        narrow(source_roots=("/srv/a",)),
        {
            **places.TMPFS,
            "fstype": "overlay",
            "opts": ["lowerdir=/srv/a/l", "upperdir=/srv/b/u", "workdir=/srv/a/w"],
        },
    ),
    "bind outside": (
        narrow(source_roots=("/srv/a",)),
        {**places.TMPFS, "src": "/srv/ab", "fstype": "bind"},
    ),
    "patterns of another type": (narrow(sources={"nfs": ("*",)}), places.NFS),
    "device by another name": (narrow(sources={"ext4": ("LABEL=data-*",)}), places.EXT4),
    "label by its link": (
        narrow(sources={"ext4": ("LABEL=data-*",)}),
        {**places.EXT4, "src": "/dev/disk/by-label/data-1"},
    ),
    "server of one's own": (
        narrow(sources={"cifs": ("//nas1/*",)}),
        {**places.CIFS, "opts": ["guest"], "src": "//evil/a"},
    ),
    "tickets of another user": (WIDE, {**places.CIFS, "opts": ["sec=krb5", "cruid=12345"]}),
    "another Ceph user": (WIDE, {**places.CEPH, "opts": ["name=admin"]}),
    "another Ceph filesystem": (WIDE, {**places.CEPH, "opts": ["fs=other"]}),
    "another credentials file": (
        narrow(credentials_files=("/etc/other",)),
        {**places.CIFS, "credentials_file": places.SECRET},
    ),
    "credentials below one": (
        narrow(credentials_files=("/etc",)),
        {**places.CIFS, "credentials_file": places.SECRET},
    ),
    "holder of nobody": (narrow(holders=("web-*",)), {**places.TMPFS, "holder": "ansible"}),
    "default holder": (
        narrow(holders=("web-*",)),
        {name: value for name, value in places.TMPFS.items() if name != "holder"},
    ),
    "second entry": (
        narrow(allowed_roots=("/srv/apps",)),
        {"holder": "web", "mounts": [places.TMPFS, {**places.TMPFS, "path": "/srv/x"}]},
    ),
    "own value of an entry": (
        narrow(options=()),
        {"holder": "web", "mounts": [{**places.TMPFS, "allow_suid": True}]},
    ),
    "value that entries inherit": (
        narrow(options=()),
        {"holder": "web", "mounts": [places.TMPFS], "boot": True},
    ),
}


@pytest.mark.parametrize("name", NARROW)
def test_policy_refuses_what_is_wider(name: str) -> None:
    policy, params = NARROW[name]
    if "mounts" in params:
        params = {
            **params,
            "mounts": [{k: v for k, v in e.items() if k != "holder"} for e in params["mounts"]],
        }
    assert refused(refuse_forbidden, request_of(**params), policy).code == "not_permitted"


def test_policy_message_tells_only_the_key_and_what_the_caller_said() -> None:
    policy = narrow(allowed_roots=("/mnt/hidden",), sources={"nfs4": ("hidden:/x",)})
    for params in (places.TMPFS, {**places.NFS, "path": "/mnt/hidden/a"}):
        error = refused(refuse_forbidden, request_of(**params), policy)
        assert "hidden" not in error.message.replace(str(params["path"]), "")
        assert "nas1" not in error.message
        assert "hidden" in error.detail


@pytest.mark.parametrize("path", ["/srv/apps", "/srv/apps/data"])
def test_policy_root_itself_and_below_are_allowed(path: str) -> None:
    refuse_forbidden(request_of(**{**places.TMPFS, "path": path}), narrow(allowed_roots=("/srv/apps",)))


def test_policy_default_values_ask_for_nothing() -> None:
    asked = {**places.TMPFS, "mode": "0755", "owner": "0", "group": "0", "on_busy": "defer", "ttl": 60}
    asked["opts"] = ["mode=0755", "uid=0", "gid=0"]
    refuse_forbidden(request_of(**asked), narrow(options=(), sources={}, source_roots=()))


@pytest.mark.parametrize("state", ["released", "unmounted"])
def test_policy_lets_a_holder_leave_wherever_it_is(state: str) -> None:
    leaving = request_of(path="/opt/elsewhere/x", holder="web", state=state, adopt=True, allow_nonempty=True)
    refuse_forbidden(leaving, Policy(holders=("web",)))
    assert refused(refuse_forbidden, leaving, Policy(holders=("db",))).code == "not_permitted"


def test_policy_drops_no_holder_that_it_does_not_name() -> None:
    refuse_dropping("/srv/a", ["web-1"], Policy(holders=("web-*",)))
    refuse_dropping("/srv/a", ["db"], None)
    error = refused(refuse_dropping, "/srv/a", ["db", "web-1"], Policy(holders=("web-*",)))
    assert (error.code, error.path) == ("not_permitted", "/srv/a")
    assert "db" not in error.message
    assert "db" in error.detail
