# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Look up what is mounted on a host and who holds it."""

from __future__ import annotations

DOCUMENTATION = r"""
name: current_mounts
short_description: Look up what is mounted and who holds it
version_added: 1.0.0
description:
  - Returns the mounts of a managed host as a list of dictionaries, each with its holders and its state.
  - A lookup runs on the controller. It reports the facts of the managed host, as they were when they were
    gathered, and never connects to the host itself. Gather them with M(holdfast.mounts.safe_mount_facts), and
    gather again after a change.
  - Facts come from the host, which may have been broken into. What no host in order answers is an error, for
    example that something is held at V(/etc).
  - Where that module has not run, the ledger among the local facts is joined with the mounts that
    M(ansible.builtin.setup) or M(ansible.builtin.mount_facts) has gathered. No facts at all is an error.
  - Call it by C(query), which always gives a list. By C(lookup) several mounts become one string.
options:
  _terms:
    description:
      - Shell patterns (C(*), C(?), C([a-z])) of mount points. A C(*) matches slashes too.
      - None selects all mount points, also those that nobody holds.
    type: list
    elements: str
  host:
    description:
      - The host of the inventory whose facts are reported.
      - The default is the host that the task runs for.
    type: str
  holder:
    description: Select only what this holder holds.
    type: str
  query:
    description:
      - A JMESPath expression that is applied to the selected list. It needs the Python package C(jmespath)
        on the controller.
      - A result that is not a list is returned as a list of one, a result of null as an empty list.
    type: str
  source:
    description:
      - V(facts) reports a managed host.
      - V(controller) reads the mount table and the ledger of the controller itself, without any facts.
        In an execution environment that is the container.
    type: str
    choices: [facts, controller]
    default: facts
author:
  - holdfast.mounts contributors (@holdfast-mounts)
requirements:
  - jmespath (Python package on the controller, only with O(query))
notes:
  - Joined from other facts, RV(_raw[].root) is empty, RV(_raw[].stacked) is false, and RV(_raw[].state) is
    V(ok), V(missing), V(orphaned) or V(deferred). It is V(unknown) for types that M(ansible.builtin.setup)
    leaves out, such as tmpfs.
seealso:
  - module: holdfast.mounts.safe_mount_facts
  - module: holdfast.mounts.safe_mount
  - name: JMESPath
    description: The query language and its functions.
    link: https://jmespath.org/
"""

EXAMPLES = r"""
- name: Gather the mounts
  holdfast.mounts.safe_mount_facts:

- name: Show who holds what below /srv
  ansible.builtin.debug:
    msg: "{{ item.mount }} is held by {{ item.holders | join(', ') }}"
  loop: "{{ query('holdfast.mounts.current_mounts', '/srv/*') }}"
  loop_control:
    label: "{{ item.mount }}"

- name: Show the mount points that the web server holds on another host
  ansible.builtin.debug:
    msg: "{{ query('holdfast.mounts.current_mounts', host='db1', holder='web', query='[].mount') }}"

- name: Fail when a managed mount is not as it should be
  ansible.builtin.assert:
    that: query('holdfast.mounts.current_mounts', query='[?managed && state!=`ok`].mount') | length == 0

- name: Show what is mounted on the controller
  ansible.builtin.debug:
    msg: "{{ query('holdfast.mounts.current_mounts', source='controller', query='[].[mount, device]') }}"
"""

RETURN = r"""
_raw:
  description:
    - One dictionary for each mount point, sorted by mount point, or what O(query) makes of that list.
  type: list
  elements: dict
  contains:
    mount:
      description: The mount point.
      type: str
      sample: /srv/images
    device:
      description: The source.
      type: str
      sample: /dev/vdb1
    fstype:
      description: The type of the filesystem.
      type: str
      sample: ext4
    options:
      description: The options, separated by commas.
      type: str
      sample: rw,nosuid,nodev,relatime
    root:
      description: The directory of the filesystem that is mounted.
      type: str
      sample: /
    managed:
      description: Whether the ledger has a reference on the mount point.
      type: bool
      sample: true
    owned:
      description: Whether M(holdfast.mounts.safe_mount) made the mount and so may unmount it.
      type: bool
      sample: true
    holders:
      description: Who holds the mount point, sorted.
      type: list
      elements: str
      sample: [backup, web]
    holder_count:
      description: How many hold the mount point.
      type: int
      sample: 2
    stacked:
      description: Whether several mounts are stacked at the mount point.
      type: bool
      sample: false
    state:
      description: V(ok), or the kind of drift that M(holdfast.mounts.safe_mount_facts) describes.
      type: str
      sample: ok
"""

import typing as t

from ansible.errors import AnsibleError
from ansible.plugins.lookup import LookupBase
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast import errors
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.grammar import naming
from ansible_collections.holdfast.mounts.plugins.plugin_utils._mounts import (
    FactsError,
    Row,
    find_mounts,
    plain,
    select_rows,
)

try:
    import jmespath
    from jmespath.exceptions import JMESPathError

    HAS_JMESPATH = True
except ImportError:
    HAS_JMESPATH = False


class LookupModule(LookupBase):
    """The adapter between Ansible's lookups and the facts."""

    def run(
        self, terms: t.List[t.Any], variables: t.Optional[t.Mapping[str, t.Any]] = None, **kwargs: t.Any
    ) -> t.List[t.Any]:
        """Return the selected mounts, or what the query makes of them."""
        # Ansible's own methods are not typed.
        plugin: t.Any = self
        plugin.set_options(var_options=variables, direct=kwargs)
        holder = self._option("holder")
        try:
            if holder is not None:
                naming.check_holder(holder, "holder")
            patterns = plain(list(terms))
            if not all(isinstance(pattern, str) for pattern in patterns):
                raise FactsError("a term is not text; give shell patterns of mount points, or none")
            rows = select_rows(self._rows(variables or {}), patterns, holder)
        except (FactsError, errors.MountError) as error:
            raise AnsibleError(f"current_mounts: {error}") from error
        expression = self._option("query")
        return rows if expression is None else _search(expression, rows)

    def _option(self, name: str) -> t.Optional[str]:
        plugin: t.Any = self
        value = plain(plugin.get_option(name))
        return None if value is None else str(value)

    def _rows(self, variables: t.Mapping[str, t.Any]) -> t.List[Row]:
        host = self._option("host")
        if self._option("source") == "controller":
            if host is not None:
                raise FactsError('"host" names a managed host; leave it out, or take "source" away')
            return _rows_of_controller()
        if host is None:
            return find_mounts(variables, str(variables.get("inventory_hostname", "localhost")))
        hostvars = variables.get("hostvars", {})
        if host not in hostvars:
            raise FactsError(f'there is no host "{host}" in the inventory; check the spelling of "host"')
        return find_mounts(hostvars[host], host)


def _rows_of_controller() -> t.List[Row]:
    # Imported here, because a controller that is not Linux can still report facts.
    from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast import overview

    return t.cast("t.List[Row]", overview.observe_facts()["mounts"])


def _search(expression: str, rows: t.List[Row]) -> t.List[t.Any]:
    if not HAS_JMESPATH:
        raise AnsibleError(
            'current_mounts: "query" needs the Python package "jmespath" on the controller; install it for'
            " the Python that runs Ansible, or into the execution environment"
        )
    search: t.Callable[[str, t.Any], t.Any] = jmespath.search
    try:
        found = search(expression, rows)
    except JMESPathError as error:
        raise AnsibleError(
            f'current_mounts: "{expression}" in "query" is not a JMESPath expression that works here: {error}'
        ) from error
    if found is None:
        return []
    return found if isinstance(found, list) else [found]
