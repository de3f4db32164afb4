# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The specification of the arguments, as users know it from the contract."""

from __future__ import annotations

import typing as t

import pytest
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.arguments.spec import (
    ARGUMENT_SPEC,
    given,
)


def _validate(parameters: t.Dict[str, t.Any]) -> t.Any:
    return ArgumentSpecValidator(ARGUMENT_SPEC).validate(parameters)


def test_spec_without_path_of_a_mount_is_refused() -> None:
    assert _validate({"mounts": [{"src": "tmpfs"}]}).error_messages


def test_spec_of_paths_never_uses_the_type_that_expands_variables() -> None:
    assert [name for name, option in ARGUMENT_SPEC.items() if option["type"] == "path"] == []


def test_spec_splits_a_plain_text_of_options_on_commas() -> None:
    assert _validate({"opts": "ro,size=1g"}).validated_parameters["opts"] == ["ro", "size=1g"]


def test_spec_takes_name_for_path() -> None:
    assert _validate({"name": "/mnt/~$HOME"}).validated_parameters["path"] == "/mnt/~$HOME"


def test_spec_takes_a_number_for_a_holder() -> None:
    assert _validate({"holder": 7}).validated_parameters["holder"] == "7"


DEFAULTS: t.Dict[str, t.Any] = {
    "allow_dev": False,
    "allow_fstypes": [],
    "allow_nonempty": False,
    "allow_suid": False,
    "allow_unsafe_parents": False,
    "allowed_roots": ["/mnt", "/media", "/srv"],
    "adopt": False,
    "credentials_file": None,
    "disclose": "minimal",
    "holder": "ansible",
    "lock_timeout": 90,
    "mounts": None,
    "on_busy": "fail",
    "opts": [],
    "purge": False,
    "selinux_context": None,
    "source_roots": None,
    "state": "mounted",
    "timeout": 60,
}


@pytest.mark.parametrize(("name", "default"), DEFAULTS.items(), ids=DEFAULTS.keys())
def test_spec_has_the_default_of_the_contract(name: str, default: t.Any) -> None:
    assert _validate({}).validated_parameters[name] == default


@pytest.mark.parametrize("name", ["allow_suid", "allow_dev", "mode", "owner", "group", "selinux_context"])
def test_spec_of_a_mount_leaves_open_what_it_inherits(name: str) -> None:
    mounts = _validate({"mounts": [{"path": "/mnt/a"}]}).validated_parameters["mounts"]
    assert mounts[0][name] is None


def test_given_has_what_was_written_of_each_entry() -> None:
    entry = {"path": "/srv/a", "opts": None, "allow_suid": False, "ttl": None}
    params = {"path": None, "holder": "a", "mounts": [entry]}
    assert given(params) == {
        "path": None,
        "holder": "a",
        "mounts": [{"path": "/srv/a", "allow_suid": False}],
    }
    assert given({"path": "/srv/a", "mounts": None}) == {"path": "/srv/a", "mounts": None}
