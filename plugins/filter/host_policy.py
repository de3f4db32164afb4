# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Check a policy of hosts before it is written anywhere."""

from __future__ import annotations

DOCUMENTATION = r"""
name: host_policy
short_description: Check the policy of a host
version_added: 1.0.0
description:
  - Takes what shall stand in C(/etc/ansible/holdfast_mounts_policy.json), and returns it with all its keys,
    or fails where M(holdfast.mounts.safe_mount) would not read it.
  - A text in place of a list is split on commas, as Ansible does for options of modules, and what is empty is
    an empty list. So values of C(--extra-vars) are fine.
  - The role P(holdfast.mounts.policy#role) is made of it.
options:
  _input:
    description: The keys of the policy. Those that are left out allow nothing.
    type: dict
    required: true
author:
  - holdfast.mounts contributors (@holdfast-mounts)
seealso:
  - module: holdfast.mounts.safe_mount
"""

EXAMPLES = r"""
- name: Show the policy of a host that may mount scratch spaces for batch jobs
  ansible.builtin.debug:
    msg: "{{ rules | holdfast.mounts.host_policy }}"
  vars:
    rules: {allowed_roots: /srv/scratch, fstypes: tmpfs, holders: "batch-*"}
"""

RETURN = r"""
_value:
  description: The policy.
  type: dict
  sample:
    allowed_roots: [/srv/scratch]
    credentials_files: []
    fstypes: [tmpfs]
    holders: ["batch-*"]
    options: []
    source_roots: []
    sources: {}
"""

import json
import typing as t

from ansible.errors import AnsibleFilterError
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast import errors
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.decide import permissions
from ansible_collections.holdfast.mounts.plugins.plugin_utils._mounts import plain


def host_policy(rules: t.Any) -> t.Dict[str, t.Any]:
    """Return the policy that these rules come to. Raises AnsibleFilterError for what is none."""
    given = plain(rules)
    if not isinstance(given, dict):
        raise AnsibleFilterError("host_policy: the input is not a dictionary; give the keys of a policy")
    policy = {name: _as_list(value) for name, value in given.items()}
    policy["sources"] = _as_sources(given.get("sources"))
    try:
        permissions.build_policy(policy)
    except errors.MountError as error:
        raise AnsibleFilterError(f"host_policy: no policy is written: {error.message}") from error
    return {**{name: [] for name in permissions.KEYS}, **policy}


def _as_sources(value: t.Any) -> t.Any:
    if isinstance(value, str) and value.strip():
        try:
            value = json.loads(value)
        except ValueError:
            return value  # refused as what it is
    if isinstance(value, dict):
        return {name: _as_list(patterns) for name, patterns in value.items()}
    return value or {}


def _as_list(value: t.Any) -> t.Any:
    """Return what Ansible makes of a value for an option that is a list of texts."""
    if value is None or value == "":
        return []
    if isinstance(value, str):
        return [part.strip() for part in value.split(",")]
    if isinstance(value, int) and not isinstance(value, bool):
        return [str(value)]
    if not isinstance(value, list):
        return value
    return [str(part) if isinstance(part, int) and not isinstance(part, bool) else part for part in value]


class FilterModule:
    """The filters of this file."""

    def filters(self) -> t.Dict[str, t.Callable[..., t.Any]]:
        """Return them by name."""
        return {"host_policy": host_policy}
