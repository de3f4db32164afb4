# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Make one HTML page of a report."""

from __future__ import annotations

DOCUMENTATION = r"""
name: fleet_page
short_description: Make one HTML page of the mounts of many hosts
version_added: 1.0.0
description:
  - Takes what P(holdfast.mounts.fleet_report#filter) returns, and returns a page that needs no other file and
    no server.
  - Data never becomes markup, whatever the hosts answered, and the page tells the browser to run nothing but
    its own script.
  - The role P(holdfast.mounts.report#role) is made of it.
options:
  _input:
    description: The report.
    type: dict
    required: true
  title:
    description: The title of the page.
    type: str
    default: Mounts and their holders
author:
  - holdfast.mounts contributors (@holdfast-mounts)
seealso:
  - plugin: holdfast.mounts.fleet_report
    plugin_type: filter
"""

EXAMPLES = r"""
- name: Write a page about this host
  ansible.builtin.copy:
    dest: /srv/www/mounts.html
    content: >-
      {{ {inventory_hostname: gathered} | holdfast.mounts.fleet_report | holdfast.mounts.fleet_page }}
    mode: "0640"
"""

RETURN = r"""
_value:
  description: The page.
  type: str
  sample: <!doctype html>
"""

import typing as t
from pathlib import Path

from ansible.errors import AnsibleFilterError
from ansible_collections.holdfast.mounts.plugins.plugin_utils._fleet import text
from ansible_collections.holdfast.mounts.plugins.plugin_utils._mounts import plain
from ansible_collections.holdfast.mounts.plugins.plugin_utils._page import build_page
from ansible_collections.holdfast.mounts.plugins.plugin_utils._untrusted import untrusted

FILES = Path(__file__).resolve().parents[2] / "roles" / "report" / "files"


def fleet_page(report: t.Any, title: t.Any = "Mounts and their holders") -> t.Any:
    """Return the page of a report."""
    data = plain(report)
    if not isinstance(data, dict) or not {"hosts", "sources", "summary", "generated"} <= data.keys():
        raise AnsibleFilterError("fleet_page: the input is not a report; give what fleet_report returns")
    style, script, body = (
        (FILES / name).read_text(encoding="utf-8") for name in ("report.css", "report.js", "report.html")
    )
    return untrusted(build_page(data, title=text(plain(title)), style=style, script=script, body=body))


class FilterModule:
    """The filters of this file."""

    def filters(self) -> t.Dict[str, t.Callable[..., t.Any]]:
        """Return them by name."""
        return {"fleet_page": fleet_page}
