# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Make one report of what many hosts answered."""

from __future__ import annotations

DOCUMENTATION = r"""
name: fleet_report
short_description: Make one report of the mounts of many hosts
version_added: 1.0.0
description:
  - Takes what the task of M(holdfast.mounts.safe_mount_facts) returned on each host, and returns who holds
    what where, and which source is used by whom.
  - Distrusts all that hosts tell. Characters that a terminal or a browser would obey or hide are shown as
    C(\xNN) or C(\uNNNN), values of a wrong type as C(?).
  - The role P(holdfast.mounts.report#role) is made of it.
options:
  _input:
    description: The registered results by name of the host. An empty dictionary is a host that was not asked.
    type: dict
    required: true
  now:
    description: The time that ages are counted to, in UTC. The default is the time of the call.
    type: str
  unmanaged:
    description: Report mounts that nobody holds, too.
    type: bool
    default: false
author:
  - holdfast.mounts contributors (@holdfast-mounts)
seealso:
  - plugin: holdfast.mounts.fleet_page
    plugin_type: filter
"""

EXAMPLES = r"""
- name: Show the summary of what was gathered on this host
  ansible.builtin.debug:
    msg: "{{ ({inventory_hostname: gathered} | holdfast.mounts.fleet_report).summary }}"
"""

RETURN = r"""
_value:
  description: The report.
  type: dict
  contains:
    version:
      description: The version of this shape.
      type: int
      sample: 1
    generated:
      description: When it was made, in UTC.
      type: str
      sample: "2026-03-01T10:00:00Z"
    summary:
      description:
        - How many there are of everything. RV(_value.summary.conditions) counts hosts by V(ok), V(drift),
          V(failed), V(unreachable) and V(no_facts), RV(_value.summary.drift) mount points by kind of drift.
      type: dict
      sample: {hosts: 2, mounts: 3, holders: 2, claims: 4, sources: 2, leases: 1, leases_ended: 0}
      contains:
        conditions:
          description: Hosts by condition.
          type: dict
          sample: {ok: 1, drift: 1}
        drift:
          description: Kinds of drift, counted.
          type: dict
          sample: {missing: 1}
    hosts:
      description:
        - Each host with RV(_value.hosts[].name), C(status), C(condition), C(message), C(protection), and
          C(mounts), of which each has C(mount), C(source), C(fstype), C(options), C(managed), C(owned),
          C(state), C(drift), C(holders), and in seconds C(age) and C(left), what is left of the lease that
          ends first.
      type: list
      elements: dict
      contains:
        name:
          description: The name of the host in the inventory.
          type: str
          sample: web1
    sources:
      description:
        - Each source with C(source), C(fstype), C(shared), C(host_count), C(holder_count) and C(uses), a list
          of C(host), C(mount), C(holders) and C(state).
        - What is C(shared) is the same thing on all of its hosts, as an export of NFS is. Whatever else has
          the same name on two hosts is two things.
      type: list
      elements: dict
"""

import datetime
import typing as t

from ansible.errors import AnsibleFilterError
from ansible.module_utils.parsing.convert_bool import boolean
from ansible_collections.holdfast.mounts.plugins.plugin_utils._fleet import parse_time
from ansible_collections.holdfast.mounts.plugins.plugin_utils._mounts import plain
from ansible_collections.holdfast.mounts.plugins.plugin_utils._tally import build_report
from ansible_collections.holdfast.mounts.plugins.plugin_utils._untrusted import untrusted


def fleet_report(outcomes: t.Any, now: t.Optional[str] = None, unmanaged: t.Any = False) -> t.Any:
    """Return the report of what the hosts answered."""
    hosts = plain(outcomes)
    if not isinstance(hosts, dict):
        raise AnsibleFilterError("fleet_report: the input is no dictionary; give registered results by host")
    time = datetime.datetime.now(datetime.timezone.utc) if now is None else parse_time(plain(now))
    if time is None:
        raise AnsibleFilterError(f'fleet_report: now: "{now}" is no time; write it like 2026-03-01T10:00:00Z')
    return untrusted(build_report(hosts, time, unmanaged=bool(boolean(unmanaged))))


class FilterModule:
    """The filters of this file."""

    def filters(self) -> t.Dict[str, t.Callable[..., t.Any]]:
        """Return them by name."""
        return {"fleet_report": fleet_report}
