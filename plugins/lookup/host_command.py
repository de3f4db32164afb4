# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Make the command of the host on the controller."""

from __future__ import annotations

DOCUMENTATION = r"""
name: host_command
short_description: Make the command C(holdfast) for hosts
version_added: 1.0.0
description:
  - Makes the command C(holdfast) from the code of this collection, as one file, and returns the path of that
    file on the controller. It lies among the temporary files of this run, which Ansible removes at its end.
  - Beside it lie its manual page C(holdfast.8) and its completion for bash, C(holdfast.bash), made of the
    words that the command itself has.
  - The same version of the collection gives the same bytes.
  - The role P(holdfast.mounts.keeper#role) installs it.
options:
  _terms:
    description: The interpreter on the hosts, an absolute path.
    type: list
    elements: str
    required: true
author:
  - holdfast.mounts contributors (@holdfast-mounts)
seealso:
  - module: holdfast.mounts.safe_mount
"""

EXAMPLES = r"""
- name: Install the command
  ansible.builtin.copy:
    src: "{{ lookup('holdfast.mounts.host_command', '/usr/bin/python3') }}"
    dest: /usr/local/sbin/holdfast
    owner: root
    group: root
    mode: "0755"
"""

RETURN = r"""
_raw:
  description: The path of the file, one for each interpreter.
  type: list
  elements: path
  sample:
    - /home/ansible/.ansible/tmp/ansible-local-4711/holdfast-x1y2/holdfast
"""

import os
import re
import tempfile
import typing as t

from ansible import constants
from ansible.errors import AnsibleLookupError
from ansible.plugins.lookup import LookupBase
from ansible_collections.holdfast.mounts.plugins.plugin_utils import _zipapp

# The first line of the file: one word, which a kernel can run.
_INTERPRETER = re.compile(r"/[A-Za-z0-9._/+-]{1,100}")


class LookupModule(LookupBase):
    """Makes the file and returns its path."""

    def run(self, terms: t.List[t.Any], variables: t.Any = None, **kwargs: t.Any) -> t.List[str]:
        """Return one path for each interpreter."""
        return [_make(term) for term in terms]


def _make(interpreter: t.Any) -> str:
    if not isinstance(interpreter, str) or not _INTERPRETER.fullmatch(interpreter):
        raise AnsibleLookupError(
            f"'{interpreter}' is not the path of an interpreter; write one such as /usr/bin/python3"
        )
    folder = tempfile.mkdtemp(prefix="holdfast-", dir=vars(constants)["DEFAULT_LOCAL_TMP"])
    for name, content in _zipapp.build_files(_zipapp.collection_version(), interpreter).items():
        with open(os.path.join(folder, name), "wb") as file:
            file.write(content)
    return os.path.join(folder, "holdfast")
