# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Make tasks of lines of fstab."""

from __future__ import annotations

DOCUMENTATION = r"""
name: fstab_tasks
short_description: Make tasks of the lines of fstab
version_added: 1.0.0
description:
  - Takes what stands in C(/etc/fstab) of a host, and returns for each entry the tasks that take its place, or
    why it has to stay.
  - Each entry is asked for as M(holdfast.mounts.safe_mount) would be asked, and what its refusals advise is
    done. So whatever is returned is a request that the module takes.
  - What would be a guess is not made. A device with a name that the next boot may give to another one, a type
    that nobody has named, and passwords stay where they are, with the refusal as the reason.
  - The playbook C(holdfast.mounts.migrate) is made of it.
options:
  _input:
    description: The text of the table.
    type: str
    required: true
  mounts:
    description:
      - What is mounted, as RV(holdfast.mounts.safe_mount_facts#module:ansible_facts.holdfast_mounts.mounts).
      - A mount that is there is adopted, with the flags that it has.
    type: list
    elements: dict
    default: []
  holder:
    description: Who is to hold the mounts.
    type: str
    required: true
author:
  - holdfast.mounts contributors (@holdfast-mounts)
seealso:
  - module: holdfast.mounts.safe_mount
  - module: holdfast.mounts.safe_mount_facts
"""

EXAMPLES = r"""
- name: Show what takes the place of the controller's own fstab
  ansible.builtin.debug:
    msg: "{{ lookup('ansible.builtin.file', '/etc/fstab') | holdfast.mounts.fstab_tasks(holder='shop') }}"
"""

RETURN = r"""
_value:
  description: One dictionary for each entry, in the order of the table.
  type: list
  elements: dict
  contains:
    line:
      description: The first four fields of the entry, without what looks like a secret.
      type: str
      sample: LABEL=releases /srv/releases ext4 noatime,nofail
    path:
      description: Its mount point.
      type: str
      sample: /srv/releases
    tasks:
      description:
        - The tasks, in a block. They hold the mount, take the line out of C(/etc/fstab), and have the mount
          come back at boot.
        - Empty where the entry stays.
      type: list
      elements: dict
      sample: [{"name": "Hold /srv/releases in place of its line in fstab", "block": []}]
    notes:
      description: What the module says of each word that is written otherwise, or left out.
      type: list
      elements: str
      sample: ['"nofail": leave it out; boot: true writes the entry of fstab, with nofail']
    reason:
      description: Why the entry stays, empty where it does not.
      type: str
      sample: ""
"""

import typing as t

from ansible.errors import AnsibleFilterError
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast import errors
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.grammar import naming
from ansible_collections.holdfast.mounts.plugins.plugin_utils._migration import migrate, read_lines
from ansible_collections.holdfast.mounts.plugins.plugin_utils._mounts import plain
from ansible_collections.holdfast.mounts.plugins.plugin_utils._untrusted import untrusted


def fstab_tasks(table: t.Any, mounts: t.Any = (), holder: t.Any = None) -> t.Any:
    """Return what takes the place of each line of a table."""
    text, rows = plain(table), plain(mounts)
    if not isinstance(text, str):
        raise AnsibleFilterError("fstab_tasks: the input is not text; give the content of /etc/fstab")
    if not isinstance(rows, list):
        raise AnsibleFilterError("fstab_tasks: mounts: not a list; give what safe_mount_facts returns")
    known = [row for row in rows if isinstance(row, dict)]
    try:
        name = naming.check_holder(str(plain(holder or "")), "holder")
    except errors.MountError as error:
        raise AnsibleFilterError(f"fstab_tasks: {error.message}") from error
    return untrusted([migrate(line, known, name) for line in read_lines(text)])


class FilterModule:
    """The filters of this file."""

    def filters(self) -> t.Dict[str, t.Callable[..., t.Any]]:
        """Return them by name."""
        return {"fstab_tasks": fstab_tasks}
