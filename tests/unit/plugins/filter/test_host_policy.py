# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A policy is checked before it is written: what is one, as which shape, and what is none."""

from __future__ import annotations

import json
import typing as t

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.holdfast.mounts.plugins.filter.host_policy import host_policy
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.policy import policy_from_json


@pytest.mark.parametrize(
    "rules",
    [
        "allowed_roots",
        None,
        {"allowed_root": ["/srv"]},
        {"allowed_roots": {"/srv": True}},
        {"allowed_roots": True},
        {"allowed_roots": [None]},
        {"holders": [["web"]]},
        {"holders": 7.5},
        {"sources": "nas1:/x"},
        {"sources": ["nas1:/x"]},
        {"sources": {"nfs": {"nas1": "/x"}}},
    ],
    ids=str,
)
def test_host_policy_refuses_what_is_none(rules: t.Any) -> None:
    with pytest.raises(AnsibleFilterError, match="host_policy: "):
        host_policy(rules)


@pytest.mark.parametrize(
    ("rules", "key", "value"),
    [
        ({}, "holders", []),
        ({"allowed_roots": None}, "allowed_roots", []),
        ({"allowed_roots": ""}, "allowed_roots", []),
        ({"allowed_roots": "/srv, /mnt"}, "allowed_roots", ["/srv", "/mnt"]),
        ({"fstypes": "tmpfs"}, "fstypes", ["tmpfs"]),
        ({"holders": [7, "web"]}, "holders", ["7", "web"]),
        ({"holders": 7}, "holders", ["7"]),
        ({"sources": None}, "sources", {}),
        ({"sources": ""}, "sources", {}),
        ({"sources": '{"nfs": "a:/b,c:/d"}'}, "sources", {"nfs": ["a:/b", "c:/d"]}),
    ],
    ids=str,
)
def test_host_policy_shapes_values_as_ansible_does(rules: t.Any, key: str, value: t.Any) -> None:
    made = host_policy(rules)
    assert made[key] == value
    policy_from_json(json.dumps(made).encode())
