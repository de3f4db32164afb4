# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A policy narrows: it refuses, and never allows what was refused before."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.holdfast.mounts.plugins.module_utils._plan.policy import refuse_forbidden
from ansible_collections.holdfast.mounts.plugins.module_utils._values.policy import Policy
from ansible_collections.holdfast.mounts.plugins.module_utils._values.request import (
    Definition,
    Entry,
    definition_from_opts,
)
from ansible_collections.holdfast.mounts.tests.unit.plugins.module_utils.builders import (
    PATH,
    make_definition,
    make_request,
    refused,
)

BIND = make_definition(fstype="bind", src="/mnt/source")
OVERLAY = make_definition("lowerdir=/srv/lower:/mnt/lower", fstype="overlay", src="site")


def ask(definition: Definition, path: str = PATH) -> t.Any:
    return make_request(entries=(Entry("/srv/first", make_definition()), Entry(path, definition)))


@pytest.mark.parametrize(
    ("policy", "definition", "code"),
    [
        (Policy(allowed_roots=("/srv/a",)), make_definition(), "path_not_allowed"),
        (Policy(fstypes=("ext4",)), make_definition(), "fstype_not_allowed"),
        (Policy(fstypes=()), make_definition(), "fstype_not_allowed"),
        (Policy(source_roots=("/srv",)), BIND, "source_not_allowed"),
        (Policy(source_roots=("/srv",)), OVERLAY, "source_not_allowed"),
        (Policy(allow_suid=False), definition_from_opts("tmpfs", "x", ["nodev"]), "option_not_allowed"),
        (Policy(allow_dev=False), definition_from_opts("tmpfs", "x", ["nosuid"]), "option_not_allowed"),
    ],
    ids=["root itself", "type", "no type at all", "bind", "layer", "suid", "dev"],
)
def test_policy_refuses_what_is_wider(policy: Policy, definition: Definition, code: str) -> None:
    narrowed = make_request(entries=(Entry(PATH, definition),))
    error = refused(refuse_forbidden, narrowed, policy)
    assert (error.code, error.path, error.step) == (code, PATH, "policy")


def test_policy_refuses_when_any_entry_is_wider() -> None:
    error = refused(refuse_forbidden, ask(make_definition(), "/mnt/x"), Policy(allowed_roots=("/srv",)))
    assert error.path == "/mnt/x"


def test_policy_message_tells_only_what_the_caller_said() -> None:
    error = refused(refuse_forbidden, ask(make_definition(), "/mnt/x"), Policy(allowed_roots=("/srv",)))
    assert "/srv" not in error.message
    assert "/srv" in error.detail


@pytest.mark.parametrize("definition", [make_definition(), BIND, OVERLAY], ids=["tmpfs", "bind", "overlay"])
def test_policy_that_narrows_nothing_allows_everything(definition: Definition) -> None:
    refuse_forbidden(ask(definition), Policy())


def test_policy_does_not_look_at_what_is_released() -> None:
    leaving = make_request(state="released", entries=(Entry("/home/elsewhere"),))
    refuse_forbidden(leaving, Policy(allowed_roots=("/srv",), fstypes=()))
