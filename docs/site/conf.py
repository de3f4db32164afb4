# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The documentation as a site: what nox -s docs gives to Sphinx.

No inventory of another site is fetched, so that it builds without a network. References to Ansible's own
pages become links to where those are.
"""

from __future__ import annotations

import re
import typing as t

from docutils import nodes

project = "holdfast.mounts"
copyright = "holdfast.mounts contributors"
title = "holdfast.mounts"
html_title = "holdfast.mounts"
html_short_title = "holdfast.mounts"
extensions = ["myst_parser", "sphinx_antsibull_ext"]
source_suffix = {".md": "markdown", ".rst": "restructuredtext"}
pygments_style = "ansible"
highlight_language = "YAML+Jinja"
html_theme = "sphinx_ansible_theme"
html_show_sphinx = False
html_use_index = False
html_copy_source = False
display_version = False
default_role = "any"
nitpicky = True
myst_heading_anchors = 3

OTHERS = re.compile(r"ansible_collections\.ansible\.(builtin|posix)\.(\w+)_(module|lookup|filter)$")
CORE = "https://docs.ansible.com/ansible/latest/"
PAGES = {
    "ansible_configuration_settings": "reference_appendices/config.html",
    "common_return_values": "reference_appendices/common_return_values.html",
}


def find_address(label: str) -> t.Optional[str]:
    """Return where the page of a label of Ansible's own documentation is, None for any other label."""
    found = OTHERS.match(label)
    if found:
        return f"{CORE}collections/ansible/{found.group(1)}/{found.group(2)}_{found.group(3)}.html"
    return CORE + PAGES[label] if label in PAGES else None


def resolve(_app: t.Any, _env: t.Any, node: t.Any, content: t.Any) -> t.Any:
    """Return a link for a reference that this site cannot resolve, None when it is an error."""
    address = find_address(str(node.get("reftarget", "")))
    if address is None:
        return None
    link = nodes.reference("", "", internal=False, refuri=address)
    link.append(content)
    return link


def setup(app: t.Any) -> None:
    """Have Sphinx ask for unresolved references."""
    app.connect("missing-reference", resolve)
