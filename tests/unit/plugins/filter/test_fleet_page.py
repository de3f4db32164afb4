# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The page: data stays data for an HTML parser and for Jinja, and the policy names exactly what runs."""

from __future__ import annotations

import base64
import hashlib
import html.parser
import json
import re
import typing as t

import jinja2
import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.holdfast.mounts.plugins.filter.fleet_page import FILES, fleet_page
from ansible_collections.holdfast.mounts.plugins.filter.fleet_report import fleet_report
from ansible_collections.holdfast.mounts.plugins.plugin_utils._fleet import GRAVITY
from ansible_collections.holdfast.mounts.plugins.plugin_utils._page import embed
from hypothesis import given
from hypothesis import strategies as st

NOW = "2026-03-01T12:00:00Z"
BREAKERS = [
    "</script><script>alert(1)</script>",
    "<!--<script>",
    "]]>",
    "\"'`&amp;\\",
    "\u2028\u2029",
    "{{ lookup('ansible.builtin.pipe', 'id') }}",
    "{% raw %}{# a comment #}{{{",
]
texts = st.text() | st.sampled_from(BREAKERS)


class Elements(html.parser.HTMLParser):
    """Every element of a page with its attributes, and the text of scripts."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: t.List[t.Tuple[str, t.Dict[str, t.Optional[str]]]] = []
        self.texts: t.List[str] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: t.List[t.Tuple[str, t.Optional[str]]]) -> None:
        self.found.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        if self.lasttag in ("script", "style", "title"):
            self.texts.append(data)

    def named(self, tag: str) -> t.List[t.Dict[str, t.Optional[str]]]:
        return [attributes for name, attributes in self.found if name == tag]


def page_of(path: str, **options: t.Any) -> str:
    row = {"mount": path, "managed": True, "holders": [path], "device": path, "fstype": path, "state": path}
    facts = {"mounts": [row], "references": {}, "drift": [{"path": path, "kind": path, "message": path}]}
    outcomes = {path: {"ansible_facts": {"holdfast_mounts": facts}}, f"{path}2": {"msg": path}}
    return t.cast("str", fleet_page(fleet_report(outcomes, now=NOW), **options))


@pytest.mark.parametrize("value", [None, [], {}, {"hosts": []}, "text"], ids=repr)
def test_input_that_is_no_report_is_refused(value: t.Any) -> None:
    with pytest.raises(AnsibleFilterError, match="not a report"):
        fleet_page(value)


@pytest.mark.parametrize("text", BREAKERS)
def test_hostile_text_adds_no_element_and_no_template(text: str) -> None:
    harmless, hostile = Elements(page_of("/srv/a")), Elements(page_of(text, title=text))
    assert hostile.found == harmless.found
    page = page_of(text, title=text)
    assert jinja2.Environment(keep_trailing_newline=True).from_string(page).render() == page


def test_plain_json_would_have_added_elements() -> None:
    naive = page_of("/srv/a").replace("/srv/a", BREAKERS[0])
    assert Elements(naive).found != Elements(page_of("/srv/a")).found


@given(st.recursive(texts, lambda inner: st.lists(inner) | st.dictionaries(texts, inner)))
def test_embedded_json_is_the_same_and_closes_nothing(value: t.Any) -> None:
    embedded = embed(value)
    assert json.loads(embedded) == value
    assert not re.search(r"[<>&'\u2028\u2029]|\{[{%#]", embedded)


def test_policy_names_the_hashes_of_what_the_page_holds() -> None:
    page = page_of("/srv/a")
    elements = Elements(page)
    policy = next(m["content"] for m in elements.named("meta") if m.get("http-equiv"))
    assert policy is not None
    for tag, directive in (("script", "script-src"), ("style", "style-src")):
        content = re.findall(f"<{tag}>(.*?)</{tag}>", page, re.DOTALL)
        assert len(content) == 1
        digest = base64.b64encode(hashlib.sha256(content[0].encode()).digest()).decode()
        assert f"{directive} 'sha256-{digest}'" in policy
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy


def test_page_needs_nothing_from_elsewhere() -> None:
    elements = Elements(page_of("/srv/a"))
    names = [(name, value) for _tag, each in elements.found for name, value in each.items()]
    assert [value for name, value in names if name in ("src", "href")] == ["#panels", "#glance"]
    assert [name for name, _value in names if name == "style" or name.startswith("on")] == []


@pytest.mark.parametrize(
    ("name", "refused"),
    [
        ("report.css", "{{ {% {# </ <!--"),
        ("report.js", "{{ {% {# </ <!--"),
        ("report.html", "{{ {% {# <script"),
    ],
)
def test_file_of_the_page_is_no_template_and_ends_no_element(name: str, refused: str) -> None:
    text = (FILES / name).read_text(encoding="utf-8")
    assert [word for word in refused.split() if word in text] == []


def test_page_says_what_to_do_about_each_state_that_needs_attention() -> None:
    script = (FILES / "report.js").read_text(encoding="utf-8")
    advice = script.partition("const ADVICE = new Map([")[2].partition("]);")[0]
    assert tuple(re.findall(r"^ *\['(\w+)', '.+'\],$", advice, re.MULTILINE)) == GRAVITY


@pytest.mark.parametrize(
    "word", ["innerHTML", "outerHTML", "insertAdjacent", "document.write", "eval", "Function("]
)
def test_script_parses_no_markup(word: str) -> None:
    assert word not in (FILES / "report.js").read_text(encoding="utf-8")
