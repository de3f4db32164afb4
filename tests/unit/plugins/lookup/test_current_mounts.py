# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The lookup: where its facts come from, what it selects, and what it says when it cannot answer."""

from __future__ import annotations

import sys
import typing as t

import pytest
import yaml
from ansible.errors import AnsibleError
from ansible.parsing.dataloader import DataLoader
from ansible.plugins.loader import lookup_loader
from ansible.template import Templar
from ansible_collections.holdfast.mounts.plugins.lookup.current_mounts import EXAMPLES
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.errors import MountError
from hypothesis import given
from hypothesis import strategies as st

try:
    # ansible-core 2.19 and newer: strings carry tags.
    from ansible.template import trust_as_template as mark
except ImportError:
    # ansible-core 2.18: strings are marked as unsafe.
    from ansible.utils.unsafe_proxy import wrap_var as mark

NAME = "holdfast.mounts.current_mounts"
Variables = t.Dict[str, t.Any]


def row(path: str, **changes: t.Any) -> Variables:
    return {
        "mount": path,
        "device": "/dev/vdb1",
        "fstype": "ext4",
        "options": "rw,relatime",
        "root": "/",
        "managed": False,
        "owned": False,
        "holders": [],
        "holder_count": 0,
        "stacked": False,
        "state": "ok",
        **changes,
    }


ROWS = [
    row("/"),
    row("/srv/a", managed=True, owned=True, holders=["7", "web"], holder_count=2),
    row("/srv/b", managed=True, owned=True, holders=["web"], holder_count=1, state="missing"),
]
FACTS: Variables = {"mounts": ROWS, "references": {}, "drift": [], "protection": "full", "boot_id": "x"}
GATHERED: Variables = {"inventory_hostname": "web1", "ansible_facts": {"holdfast_mounts": FACTS}}


def reference(fstype: str, *holders: str, **changes: t.Any) -> Variables:
    claims = {name: {"since": "2026-03-01T10:00:00Z", "expires": None} for name in holders}
    base = {"src": "scratch", "fstype": fstype, "opts": ["nodev", "nosuid"], "owned": True, "holders": claims}
    return {**base, "deferred": False, **changes}


LEDGER: Variables = {
    "version": 1,
    "references": {
        "/srv/disk": reference("ext4", "web"),
        "/srv/gone": reference("ext4", "web"),
        "/srv/late": reference("ext4", deferred=True),
        "/srv/lost": reference("ext4"),
        "/srv/ram": reference("tmpfs", "web", "7"),
    },
}


def gathered_row(path: str) -> Variables:
    return {"mount": path, "device": "/dev/vdb1", "fstype": "ext4", "options": "rw,relatime", "size_total": 5}


SETUP = [gathered_row(path) for path in ("/", "/srv/disk", "/srv/late", "/srv/lost")]
LOCAL: Variables = {"ansible_local": {"holdfast_mounts": LEDGER}, "ansible_mounts": SETUP}


def run(*terms: str, variables: t.Optional[Variables] = None, **options: t.Any) -> t.List[t.Any]:
    result = lookup_loader.get(NAME).run(list(terms), GATHERED if variables is None else variables, **options)
    assert isinstance(result, list)
    return result


def paths(*terms: str, variables: t.Optional[Variables] = None, **options: t.Any) -> t.List[str]:
    return [item["mount"] for item in run(*terms, variables=variables, **options)]


def refused(*terms: str, variables: t.Optional[Variables] = None, **options: t.Any) -> str:
    with pytest.raises(AnsibleError) as caught:
        run(*terms, variables=variables, **options)
    return str(caught.value)


def module_of_lookup() -> t.Any:
    return sys.modules[type(lookup_loader.get(NAME)).__module__]


# --- Refusals ---


@pytest.mark.parametrize(
    "variables",
    [
        pytest.param({"inventory_hostname": "web1"}, id="nothing gathered"),
        pytest.param({"inventory_hostname": "web1", "ansible_mounts": SETUP}, id="no local facts"),
        pytest.param({"inventory_hostname": "web1", "ansible_local": {}}, id="no mounts"),
    ],
)
def test_lookup_without_facts_names_the_task_to_add(variables: Variables) -> None:
    message = refused(variables=variables)
    assert '"web1"' in message
    assert "holdfast.mounts.safe_mount_facts:" in message


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(
            "error loading facts as JSON or ini - please check content: /etc/a.fact", id="words of Ansible"
        ),
        pytest.param(["/srv/a"], id="list"),
        pytest.param({"version": 1}, id="no references"),
        pytest.param({"references": {"/srv/a": "web"}}, id="reference in words"),
        pytest.param(
            {"references": {"/srv/a": {**reference("ext4"), "holders": ["web"]}}}, id="holders list"
        ),
    ],
)
def test_lookup_broken_local_fact_is_told(value: t.Any) -> None:
    message = refused(variables={"ansible_local": {"holdfast_mounts": value}, "ansible_mounts": SETUP})
    assert 'the local fact "holdfast_mounts"' in message


@pytest.mark.parametrize(
    "value",
    [pytest.param(["/srv/a"], id="list"), pytest.param({"mounts": [{"mount": "/"}]}, id="other keys")],
)
def test_lookup_strange_variable_is_told(value: t.Any) -> None:
    assert "give your own variable another name" in refused(variables={"holdfast_mounts": value})


# What each kind of facts may be asked to be, by a host that does not say the truth.
LIES: t.Dict[str, t.Any] = {
    "nothing": None,
    "number": 7,
    "text": "/srv/a",
    "list": [[]],
    "path is a number": row(t.cast("str", 7)),
    "path is a list": row(t.cast("str", ["/srv/a"])),
    "path is relative": row("srv/a"),
    "type is a dictionary": row("/srv/a", fstype={}),
    "options are a list": row("/srv/a", options=["rw"]),
    "holders are a number": row("/srv/a", managed=True, holders=7),
    "holders are a text": row("/srv/a", managed=True, holders="web"),
    "holder is a list": row("/srv/a", managed=True, holders=[["web"]]),
    "holder is a command": row("/srv/a", managed=True, holders=["; rm -rf /"]),
    "state is a number": row("/srv/a", state=7),
    "managed is a text": row("/srv/a", managed="yes"),
    "number of holders is a truth": row("/srv/a", holder_count=True),
    "held at /etc": row("/etc", managed=True),
    "held below /usr": row("/usr/lib/x", holders=["web"]),
    "owned at /": row("/", owned=True),
    "held elsewhere by two dots": row("/srv/../etc", managed=True),
}


@pytest.mark.parametrize("lie", LIES.values(), ids=LIES.keys())
def test_lookup_lie_about_a_mount_is_told(lie: t.Any) -> None:
    facts = {**FACTS, "mounts": [*ROWS, lie]}
    assert '"holdfast_mounts" of the host "web1"' in refused(
        variables={**GATHERED, "ansible_facts": {"holdfast_mounts": facts}}
    )


def test_lookup_mount_of_the_system_that_nobody_claims_is_reported() -> None:
    rows = [row("/etc/hosts"), row("/usr")]
    found = paths(variables={"ansible_facts": {"holdfast_mounts": {**FACTS, "mounts": rows}}})
    assert found == ["/etc/hosts", "/usr"]


@pytest.mark.parametrize(
    ("path", "value"),
    [
        pytest.param("/etc", reference("ext4", "web"), id="held at /etc"),
        pytest.param("srv/a", reference("ext4", "web"), id="relative"),
        pytest.param("/srv/..", reference("ext4", "web"), id="two dots"),
        pytest.param("/srv/a", reference("ext4", "; rm -rf /"), id="holder is a command"),
        pytest.param("/srv/a", reference("ext4", opts=7), id="options are a number"),
        pytest.param("/srv/a", reference("ext4", opts=[7]), id="option is a number"),
        pytest.param("/srv/a", reference("ext4", src={}), id="source is a dictionary"),
        pytest.param("/srv/a", reference("ext4", owned="yes"), id="owned is a text"),
        pytest.param("/srv/a", reference(t.cast("str", [])), id="type is a list"),
    ],
)
def test_lookup_ledger_that_none_is_is_told(path: str, value: Variables) -> None:
    local = {"holdfast_mounts": {"references": {path: value}}}
    told = refused(variables={"ansible_local": local, "ansible_mounts": SETUP})
    assert 'the local fact "holdfast_mounts"' in told


@pytest.mark.parametrize(
    "lie",
    [None, 7, "/", [], {"mount": 7}, {"mount": {}, "device": ""}, {"mount": "/", "options": ["rw"]}],
    ids=repr,
)
@pytest.mark.parametrize("kind", ["ansible_mounts", "mount_points"])
def test_lookup_gathered_mounts_that_are_none_are_told(kind: str, lie: t.Any) -> None:
    gathered = [lie] if kind == "ansible_mounts" else {"/": lie}
    assert "the gathered mounts of the host" in refused(variables={"ansible_local": {}, kind: gathered})


WORDS = [
    "mounts",
    "mount",
    "references",
    "holders",
    "managed",
    "ansible_context",
    "source",
    "/srv/a",
    "opts",
    "src",
]
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9) | st.sampled_from(WORDS),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(WORDS), inner, max_size=6),
    max_leaves=30,
)


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "holdfast_mounts": ANYTHING | st.fixed_dictionaries({"mounts": st.lists(ANYTHING, max_size=3)}),
            "ansible_local": ANYTHING | st.fixed_dictionaries({"holdfast_mounts": ANYTHING}),
            "ansible_mounts": ANYTHING | st.lists(ANYTHING, max_size=3),
            "mount_points": ANYTHING,
        },
    )
)
def test_lookup_any_facts_are_rows_or_a_refusal(facts: Variables) -> None:
    try:
        found = run(variables={"ansible_facts": facts, **facts})
    except AnsibleError as error:
        told = str(error)
    else:
        told = "current_mounts: rows"
        assert all(isinstance(item["mount"], str) for item in found)
    assert told.startswith("current_mounts: ")


def test_lookup_term_that_is_no_text_is_told() -> None:
    assert "a term is not text" in refused(t.cast("str", 7))


def test_lookup_unknown_host_is_told() -> None:
    assert 'no host "db2"' in refused(host="db2", variables={**GATHERED, "hostvars": {"db1": GATHERED}})


def test_lookup_host_without_facts_is_told() -> None:
    message = refused(host="db1", variables={**GATHERED, "hostvars": {"db1": {}}})
    assert 'the host "db1"' in message


def test_lookup_malformed_holder_is_told() -> None:
    assert '"web 1" is not a name of a holder' in refused(holder="web 1")


def test_lookup_unknown_source_is_told() -> None:
    assert "source" in refused(source="elsewhere")


def test_lookup_host_of_the_controller_is_told() -> None:
    assert '"host" names a managed host' in refused(host="db1", source="controller")


@pytest.mark.parametrize(
    "query",
    [
        pytest.param("[0", id="syntax"),
        pytest.param("", id="empty"),
        pytest.param("nothing(@)", id="unknown function"),
        pytest.param("abs([0].mount)", id="wrong type"),
    ],
)
def test_lookup_bad_query_is_told_with_the_expression(query: str) -> None:
    assert f'"{query}" in "query"' in refused(query=query)


def test_lookup_query_without_jmespath_names_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module_of_lookup(), "HAS_JMESPATH", False)
    assert 'Python package "jmespath"' in refused(query="[].mount")


def test_lookup_without_query_needs_no_jmespath(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module_of_lookup(), "HAS_JMESPATH", False)
    assert paths("/") == ["/"]


# --- Where the facts come from ---


@pytest.mark.parametrize(
    "variables",
    [
        pytest.param({"ansible_facts": {"holdfast_mounts": FACTS}}, id="facts"),
        pytest.param({"holdfast_mounts": FACTS}, id="injected"),
        pytest.param({"holdfast_mounts": FACTS, **LOCAL}, id="before local facts"),
    ],
)
def test_lookup_facts_of_the_module_come_first(variables: Variables) -> None:
    assert run(variables=variables) == ROWS


def test_lookup_other_host_is_reported() -> None:
    other = {"ansible_facts": {"holdfast_mounts": {**FACTS, "mounts": [row("/other")]}}}
    assert paths(host="db1", variables={**GATHERED, "hostvars": {"db1": other}}) == ["/other"]


@pytest.mark.parametrize(
    "variables",
    [
        pytest.param(LOCAL, id="injected"),
        pytest.param(
            {"ansible_facts": {"ansible_local": LOCAL["ansible_local"], "mounts": LOCAL["ansible_mounts"]}},
            id="facts",
        ),
    ],
)
def test_lookup_local_facts_are_joined_with_those_of_setup(variables: Variables) -> None:
    assert [(item["mount"], item["state"]) for item in run(variables=variables)] == [
        ("/", "ok"),
        ("/srv/disk", "ok"),
        ("/srv/gone", "missing"),
        ("/srv/late", "deferred"),
        ("/srv/lost", "orphaned"),
        ("/srv/ram", "unknown"),
    ]


def test_lookup_joined_rows_have_the_keys_of_the_module() -> None:
    assert {frozenset(item) for item in run(variables=LOCAL)} == {frozenset(row("/"))}


def test_lookup_joined_row_has_holders_and_what_is_mounted() -> None:
    (found,) = run("/srv/disk", variables=LOCAL)
    assert (found["device"], found["holders"], found["holder_count"], found["managed"]) == (
        "/dev/vdb1",
        ["web"],
        1,
        True,
    )


def test_lookup_local_facts_are_joined_with_those_of_mount_facts() -> None:
    points = {path: gathered_row(path) for path in ("/", "/srv/disk")}
    points["/srv/gone"] = {**gathered_row("/srv/gone"), "ansible_context": {"source": "/etc/fstab"}}
    found = run(variables={"ansible_local": LOCAL["ansible_local"], "mount_points": points})
    states = {item["mount"]: item["state"] for item in found}
    assert (states["/srv/disk"], states["/srv/gone"], states["/srv/ram"]) == ("ok", "missing", "missing")


def test_lookup_host_that_never_held_anything_has_no_holders() -> None:
    found = run(variables={"ansible_local": {}, "ansible_mounts": SETUP})
    assert [item["managed"] for item in found] == [False] * 4


def test_lookup_controller_reads_its_own_table() -> None:
    assert "/" in paths(source="controller", variables={})


def test_lookup_controller_with_an_untrusted_ledger_tells_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> t.NoReturn:
        raise MountError("ledger_untrusted", "the ledger cannot be trusted", step="ledger")

    monkeypatch.setattr(module_of_lookup(), "_rows_of_controller", refuse)
    assert "the ledger cannot be trusted" in refused(source="controller")


# --- What is selected ---


@pytest.mark.parametrize(
    ("terms", "expected"),
    [
        pytest.param(["/var/*"], [], id="nothing matches"),
        pytest.param([], ["/", "/srv/a", "/srv/b"], id="none selects all"),
        pytest.param(["/srv/*"], ["/srv/a", "/srv/b"], id="pattern"),
        pytest.param(["/srv/[b-c]", "/"], ["/", "/srv/b"], id="two patterns, order of the table"),
    ],
)
def test_lookup_terms_select(terms: t.List[str], expected: t.List[str]) -> None:
    assert paths(*terms) == expected


@pytest.mark.parametrize(
    ("holder", "expected"),
    [
        pytest.param("nobody", [], id="nobody"),
        pytest.param("web", ["/srv/a", "/srv/b"], id="name"),
        pytest.param(7, ["/srv/a"], id="number"),
    ],
)
def test_lookup_holder_selects(holder: t.Union[int, str], expected: t.List[str]) -> None:
    assert paths(holder=holder) == expected


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        pytest.param("[?mount=='/x'] | [0]", [], id="null is empty"),
        pytest.param("[?state!=`ok`].mount", ["/srv/b"], id="list"),
        pytest.param("[1].mount", ["/srv/a"], id="text is one"),
        pytest.param("length(@)", [3], id="number is one"),
        pytest.param("[1].{m: mount}", [{"m": "/srv/a"}], id="dictionary is one"),
        pytest.param(
            "[?contains(holders, 'web') && starts_with(mount, '/srv/a')].holder_count", [2], id="functions"
        ),
    ],
)
def test_lookup_query_result_is_a_list(query: str, expected: t.List[t.Any]) -> None:
    assert run(query=query) == expected


def test_lookup_marked_strings_become_plain() -> None:
    found = run(
        "/srv/a",
        variables={"holdfast_mounts": {**FACTS, "mounts": [row(mark("/srv/a"), holders=[mark("web")])]}},
    )
    assert {type(found[0]["mount"]), type(found[0]["holders"][0])} == {str}


# --- As a template ---


def template(text: str, variables: Variables) -> t.Any:
    return Templar(loader=DataLoader(), variables=variables).template(mark_template(text))


def mark_template(text: str) -> str:
    """Return a template to render: core 2.19 wants it trusted, 2.18 renders none that is marked."""
    return mark(text) if mark.__name__ == "trust_as_template" else text


def expressions() -> t.Iterator[t.Any]:
    for task in yaml.safe_load(EXAMPLES):
        for arguments in (
            task,
            task.get("ansible.builtin.debug", {}),
            task.get("ansible.builtin.assert", {}),
        ):
            for key in ("loop", "msg", "that"):
                text = (arguments or {}).get(key, "")
                if "query(" in text:
                    yield pytest.param(text if "{{" in text else "{{ " + text + " }}", id=task["name"])


@pytest.mark.parametrize("expression", list(expressions()))
def test_lookup_example_of_the_documentation_works(expression: str) -> None:
    result = template(expression, {**GATHERED, "hostvars": {"db1": GATHERED}})
    assert isinstance(result, (bool, list))


def test_lookup_in_a_template_answers_from_lazy_facts() -> None:
    result = template(
        "{{ query('holdfast.mounts.current_mounts', '/srv/*', query='[].holders[]') }}", GATHERED
    )
    assert result == ["7", "web", "web"]
