# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The ledger as text: what the loader refuses, and that everything written is read back."""

from __future__ import annotations

import json
import typing as t

import pytest
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.claims import (
    Holder,
    Lease,
    Ledger,
    Reference,
)
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.errors import MountError
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.ledger import codec
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.ledger.codec import (
    Budget,
    ledger_from_json,
    ledger_to_json,
)
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.model import Identity
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.steps import Plan, View
from hypothesis import given
from hypothesis import strategies as st

REFERENCE = Reference(
    src="scratch",
    fstype="tmpfs",
    opts=("nodev", "nosuid", "size=1048576"),
    owned=True,
    holders={
        "web": Holder("2026-03-01T10:00:00Z"),
        "7": Holder("2026-03-01T10:00:00Z", Lease(60, "a-boot", 100, "2026-03-02T10:00:00Z"), True),
    },
    boot_id="0b8a5d0a-6f4b-4b7c-9d0e-6b1f0f3c2a11",
    mount_namespace=4026531841,
    mount_id=2147483699,
    device="0:55",
    operation="3f2a",
)
LEDGER = Ledger(
    boot_id=REFERENCE.boot_id,
    references={"/srv/b": REFERENCE, "/srv/a ü": REFERENCE},
    directories={"/srv/b": Identity("254:0", 17, 1700000000123456789)},
)
PATH = "/srv/b"

Edit = t.Callable[[t.Dict[str, t.Any]], t.Any]


def outcome(text: str) -> str:
    """Return the code of the refusal; any other exception is a failure of the test."""
    try:
        ledger_from_json(text)
    except MountError as error:
        return error.code
    return "loaded"


def written() -> t.Dict[str, t.Any]:
    return t.cast("t.Dict[str, t.Any]", json.loads(ledger_to_json(LEDGER)))


def refused(text: str) -> MountError:
    with pytest.raises(MountError) as caught:
        ledger_from_json(text)
    return caught.value


# --- Refusals ---


@pytest.mark.parametrize(
    ("text", "told"),
    [
        pytest.param("", "not valid JSON", id="empty"),
        pytest.param("\ufeff{}", "not valid JSON", id="byte order mark"),
        pytest.param(ledger_to_json(LEDGER)[:-20], "not valid JSON", id="cut short"),
        pytest.param(ledger_to_json(LEDGER) + "{}", "not valid JSON", id="two documents"),
        pytest.param("[]", "no JSON object", id="a list"),
        pytest.param("null", "no JSON object", id="null"),
        pytest.param('{"version": 1, "version": 1}', "same key twice", id="double key"),
        pytest.param('{"version": NaN}', "not a whole one", id="NaN"),
        pytest.param('{"version": Infinity}', "not a whole one", id="infinity"),
        pytest.param('{"version": 1.0}', "not a whole one", id="fraction"),
        pytest.param('{"version": 1e9}', "not a whole one", id="exponent"),
        pytest.param('{"version": ' + "9" * 10000 + "}", "too long", id="huge number"),
        pytest.param("[" * 100000, "nested too deeply", id="deep lists"),
        pytest.param('{"a":' * 100000, "nested too deeply", id="deep objects"),
        pytest.param('{"version": 4, "pledges": {}}', "newer version", id="newer version"),
        pytest.param('{"version": 3}', "missing: boot_id, directories, references", id="keys missing"),
        pytest.param("error loading facts as JSON or ini", "not valid JSON", id="words of Ansible"),
    ],
)
def test_load_text_of_another_shape_is_corrupt(text: str, told: str) -> None:
    error = refused(text)
    assert (error.code, error.step) == ("ledger_corrupt", "ledger")
    assert told in error.message


def test_load_too_large_text_is_corrupt(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(codec, "MAX_LEDGER", 10)
    assert "more than 10 bytes" in refused(" " * 11).message


def test_load_corrupt_text_says_what_to_do() -> None:
    assert "restore it from a backup, or move it away" in refused("").message


def test_load_newer_version_says_what_to_do() -> None:
    message = refused('{"version": 4}').message
    assert "update this one" in message
    assert "move it away" not in message


def edit_reference(**members: t.Any) -> Edit:
    return lambda data: data["references"][PATH].update(members)


def rename_reference(path: str) -> Edit:
    return lambda data: data["references"].update({path: data["references"].pop(PATH)})


def edit_holder(name: str, claim: t.Any) -> Edit:
    return lambda data: data["references"][PATH]["holders"].update({name: claim})


def edit_rows(*rows: t.Any) -> Edit:
    return lambda data: data.update(directories=list(rows))


CLAIM = {"since": "2026-03-01T10:00:00Z", "expires": None}
LEASE = {"ttl": 60, "boot_id": "a-boot", "ends": 100}
LEASED = {"since": "2026-03-01T10:00:00Z", "expires": "2026-03-02T10:00:00Z", "lease": LEASE}


@pytest.mark.parametrize(
    "edit",
    [
        pytest.param(lambda data: data.update(version=True), id="version true"),
        pytest.param(lambda data: data.update(version=0), id="version 0"),
        pytest.param(lambda data: data.update(version="1"), id="version text"),
        pytest.param(lambda data: data.update(boot_id=None), id="boot_id null"),
        pytest.param(lambda data: data.update(boot_id="a\nb"), id="boot_id with a newline"),
        pytest.param(lambda data: data.update(boot_id="a\n"), id="boot_id with a newline at the end"),
        pytest.param(lambda data: data.update(references=[]), id="references list"),
        pytest.param(lambda data: data.update(directories=None), id="directories null"),
        pytest.param(lambda data: data.update(more=1), id="unknown key"),
        pytest.param(lambda data: data["references"].update({PATH: []}), id="reference list"),
        pytest.param(lambda data: data["references"][PATH].pop("src"), id="src missing"),
        pytest.param(edit_reference(more=1), id="unknown key of a reference"),
        pytest.param(rename_reference("srv"), id="relative path"),
        pytest.param(rename_reference("/srv/../etc"), id="path with dots"),
        pytest.param(rename_reference("/srv/"), id="path with a slash at the end"),
        pytest.param(rename_reference("/srv/\u202eb"), id="path with a format character"),
        pytest.param(rename_reference("/srv/\udcff"), id="path that is not UTF-8"),
        pytest.param(rename_reference("/" + "a" * 256), id="path with a long name"),
        pytest.param(edit_reference(src=""), id="src empty"),
        pytest.param(edit_reference(src=5), id="src number"),
        pytest.param(edit_reference(src="a\x1bb"), id="src with a control character"),
        pytest.param(edit_reference(fstype="ext4 ro"), id="fstype with a space"),
        pytest.param(edit_reference(opts="ro"), id="opts text"),
        pytest.param(edit_reference(opts=[1]), id="opts numbers"),
        pytest.param(edit_reference(opts=["a\nb"]), id="opts with a newline"),
        pytest.param(edit_reference(owned=1), id="owned number"),
        pytest.param(edit_reference(owned="yes"), id="owned text"),
        pytest.param(edit_reference(deferred=None), id="deferred null"),
        pytest.param(edit_reference(mount_id=True), id="mount_id true"),
        pytest.param(edit_reference(mount_id=-1), id="mount_id negative"),
        pytest.param(edit_reference(mount_id=2**64), id="mount_id too large"),
        pytest.param(edit_reference(mount_namespace="1"), id="mount_namespace text"),
        pytest.param(edit_reference(device="254"), id="device without a minor number"),
        pytest.param(edit_reference(device="\u0662:\u0661"), id="device of other digits"),
        pytest.param(edit_reference(operation="../a"), id="operation with a slash"),
        pytest.param(edit_reference(holders=["web"]), id="holders list"),
        pytest.param(edit_holder("web 1", CLAIM), id="holder with a space"),
        pytest.param(edit_holder("-web", CLAIM), id="holder with a dash in front"),
        pytest.param(edit_holder("web", "2026-03-01T10:00:00Z"), id="claim text"),
        pytest.param(edit_holder("web", {"since": "2026-03-01T10:00:00Z"}), id="claim without expires"),
        pytest.param(edit_holder("web", {**CLAIM, "since": "yesterday"}), id="since in words"),
        pytest.param(edit_holder("web", {**CLAIM, "since": None}), id="since null"),
        pytest.param(
            edit_holder("web", {**LEASED, "expires": "2026-03-01 10:00:00"}), id="expires without a zone"
        ),
        pytest.param(edit_holder("web", {**LEASED, "expires": None}), id="lease without expires"),
        pytest.param(edit_holder("web", {**CLAIM, "expires": LEASED["expires"]}), id="expires without lease"),
        pytest.param(edit_holder("web", {**LEASED, "lease": None}), id="lease null"),
        pytest.param(edit_holder("web", {**LEASED, "lease": {**LEASE, "ttl": 0}}), id="ttl 0"),
        pytest.param(edit_holder("web", {**LEASED, "lease": {**LEASE, "ends": -1}}), id="ends negative"),
        pytest.param(edit_holder("web", {**LEASED, "lease": {**LEASE, "x": 1}}), id="unknown key of a lease"),
        pytest.param(edit_holder("web", {**CLAIM, "boot": 1}), id="boot number"),
        pytest.param(edit_holder("web", {**CLAIM, "more": 1}), id="unknown key of a claim"),
        pytest.param(edit_rows([1, "srv"], [2, "."]), id="directory with a dot"),
        pytest.param(edit_rows([1, "srv/b", "254:0", 17, 5]), id="directory with a slash"),
        pytest.param(edit_rows([1, ""]), id="directory without a name"),
        pytest.param(edit_rows([1, 7]), id="directory whose name is a number"),
        pytest.param(edit_rows([2, "b"]), id="directory below none"),
        pytest.param(edit_rows([0, "b"]), id="directory of depth 0"),
        pytest.param(edit_rows([True, "b"]), id="directory of depth true"),
        pytest.param(edit_rows([1, "srv"], [3, "b"]), id="directory below a missing one"),
        pytest.param(edit_rows([1, "srv"], [1, "srv"]), id="directory twice"),
        pytest.param(edit_rows(*([depth, "a"] for depth in range(1, 66))), id="directory too deep"),
        pytest.param(edit_rows([1, "srv", "254:0", 17]), id="directory without a birth"),
        pytest.param(edit_rows({"1": "srv"}), id="directory that is an object"),
        pytest.param(edit_rows([1, "b", "254:0", -1, 5]), id="inode negative"),
        pytest.param(edit_rows([1, "b", "254", 17, 5]), id="device of a directory"),
        pytest.param(edit_rows([1, "b", "254:0", 17, "1"]), id="birth text"),
        pytest.param(edit_rows([1, "b", "254:0", 17, 2**96]), id="birth too large"),
    ],
)
def test_load_edited_ledger_is_corrupt(edit: Edit) -> None:
    data = written()
    edit(data)
    assert refused(json.dumps(data)).code == "ledger_corrupt"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@given(st.text())
def test_load_any_text_raises_nothing_else(text: str) -> None:
    with pytest.raises(MountError):
        ledger_from_json(text)


@given(st.integers(0, len(ledger_to_json(LEDGER))), st.integers(0, 40), st.text(max_size=8))
def test_load_mutated_text_raises_nothing_else(start: int, length: int, inserted: str) -> None:
    text = ledger_to_json(LEDGER)
    assert outcome(text[:start] + inserted + text[start + length :]) in ("ledger_corrupt", "loaded")


@given(st.data())
def test_load_ledger_with_one_value_replaced_raises_nothing_else(data: st.DataObject) -> None:
    root = written()
    node: t.Any = root
    while True:
        key = data.draw(st.sampled_from(sorted(node) if isinstance(node, dict) else range(len(node))))
        if not isinstance(node[key], (dict, list)) or not node[key] or data.draw(st.booleans()):
            break
        node = node[key]
    node[key] = data.draw(JSON)
    assert outcome(json.dumps(root)) in ("ledger_corrupt", "loaded")


# --- The text ---


def test_write_ledger_is_sorted_lines() -> None:
    lines = ledger_to_json(LEDGER).split("\n")
    assert [line[:18] for line in lines] == [
        "{",
        ' "boot_id": "0b8a5',
        ' "directories": [',
        '  [1, "srv"],',
        '  [2, "b", "254:0"',
        " ],",
        ' "references": {',
        '  "/srv/a \\u00fc":',
        '  "/srv/b": {"birt',
        " },",
        ' "version": 3',
        "}",
        "",
    ]


def test_write_empty_ledger_is_short() -> None:
    text = '{\n "boot_id": "",\n "directories": [],\n "references": {},\n "version": 3\n}\n'
    assert ledger_to_json(Ledger()) == text


def test_write_reference_has_the_keys_of_the_contract() -> None:
    reference = written()["references"][PATH]
    assert reference["holders"]["web"] == CLAIM
    assert reference["holders"]["7"] == {**LEASED, "boot": True}
    assert {"src", "fstype", "opts", "owned", "holders"} <= set(reference)


def test_write_directories_names_each_component_once() -> None:
    made = Identity("254:0", 17, 5)
    deep = "".join(f"/{number}-{'x' * 60}" for number in range(62))
    ways = [deep[: 1 + deep.find("/", start)] for start in range(1, len(deep))]
    paths = {"/srv" + way.rstrip("/"): made for way in ways if way} | {f"/srv{deep}": made, "/srv/a-b": made}
    ledger = Ledger("a-boot", {}, dict(paths))
    text = ledger_to_json(ledger)
    assert ledger_from_json(text) == ledger
    assert text.count("x" * 60) == 62
    assert text.count('"srv"') == 1


# --- Limits ---


def plan_of(path: str, reference: t.Optional[Reference], step: t.Any = "mount") -> Plan:
    nothing = View(path, None, None, (), False, False, ())
    return Plan(path, "mounted", step, nothing, nothing, reference)


def test_budget_refuses_options_that_are_too_long() -> None:
    long = REFERENCE._replace(fstype="overlay", opts=("lowerdir=" + ":".join(["/srv/" + "x" * 250] * 520),))
    with pytest.raises(MountError) as caught:
        Budget(0).spend(plan_of(PATH, long), None)
    assert (caught.value.code, caught.value.path) == ("option_not_allowed", PATH)
    assert "opts: " in caught.value.message
    assert "fewer layers in lowerdir" in caught.value.message


def held_by(count: int) -> Reference:
    return REFERENCE._replace(holders={f"job-{number}": REFERENCE.holders["7"] for number in range(count)})


def test_budget_refuses_one_holder_too_many() -> None:
    budget = Budget(0)
    count = next(n for n in range(1, 3000) if len(codec._line(PATH, held_by(n))) > codec.MAX_REFERENCE)
    assert count > 500
    budget.spend(plan_of(PATH, held_by(count - 1), "none"), held_by(count - 2))
    with pytest.raises(MountError) as caught:
        budget.spend(plan_of(PATH, held_by(count), "none"), held_by(count - 1))
    assert caught.value.code == "in_use"
    assert f"{count - 1} holders" in caught.value.message
    assert "drop_holders" in caught.value.message


def test_budget_lets_go_of_what_is_too_long() -> None:
    budget = Budget(codec.MAX_LEDGER)
    budget.spend(plan_of(PATH, held_by(2999), "none"), held_by(3000))
    budget.spend(plan_of(PATH, None, "unmount"), held_by(3000))
    assert budget.spent == 0


def test_budget_of_a_full_ledger_refuses_to_grow() -> None:
    budget = Budget(codec.MAX_LEDGER - 1024 * 1024 - 2000)
    budget.spend(plan_of(PATH, REFERENCE, "none"), None)
    long = REFERENCE._replace(src="x" * 4000)
    with pytest.raises(MountError) as caught:
        budget.spend(plan_of(f"{PATH}2", long, "none"), None)
    assert caught.value.code == "mount_failed"
    assert "ledger of this host is full" in caught.value.message


def test_write_ledger_larger_than_is_read_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    size = len(ledger_to_json(LEDGER))
    monkeypatch.setattr(codec, "MAX_LEDGER", size)
    assert ledger_from_json(ledger_to_json(LEDGER)) == LEDGER
    monkeypatch.setattr(codec, "MAX_LEDGER", size - 1)
    with pytest.raises(MountError) as caught:
        ledger_to_json(LEDGER)
    assert caught.value.code == "mount_failed"
    assert refused(" " * size).code == "ledger_corrupt"


# --- Round trips ---

NAMES = st.text(
    st.characters(exclude_categories=["C", "Z"], exclude_characters="/"), min_size=1, max_size=8
).filter(lambda name: name not in (".", ".."))
PATHS = st.lists(NAMES, min_size=1, max_size=4).map(lambda names: "/" + "/".join(names))
WORDS = st.text(
    st.characters(exclude_categories=["Cc", "Cf", "Co", "Cs", "Zl", "Zp"]), min_size=1, max_size=20
)
HOLDERS = st.from_regex(r"\A[A-Za-z0-9][A-Za-z0-9._:@+-]{0,127}\Z")
MOMENTS = st.datetimes().map(lambda moment: moment.strftime("%Y-%m-%dT%H:%M:%SZ").zfill(20))
IDS = st.integers(0, 2**64 - 1)
LEASES = st.builds(Lease, st.integers(1, 2**32), st.uuids().map(str), IDS, MOMENTS)
REFERENCES = st.builds(
    Reference,
    src=WORDS,
    fstype=st.sampled_from(["tmpfs", "bind", "fuse.sshfs"]),
    opts=st.lists(WORDS).map(tuple),
    owned=st.booleans(),
    holders=st.dictionaries(
        HOLDERS, st.builds(Holder, MOMENTS, st.none() | LEASES, st.booleans(), st.booleans()), max_size=3
    ),
    boot_id=st.uuids().map(str),
    mount_namespace=IDS,
    mount_id=IDS,
    device=st.just("0:55"),
    operation=st.uuids().map(str),
    deferred=st.booleans(),
    inode=IDS,
    birth=st.integers(-(2**63), 2**63),
    identity=st.lists(WORDS).map(tuple),
    inherited=st.lists(WORDS).map(tuple),
)
IDENTITIES = st.builds(Identity, st.just("254:0"), IDS, st.integers(-(2**63), 2**63))
LEDGERS = st.builds(
    Ledger,
    st.uuids().map(str),
    st.dictionaries(PATHS, REFERENCES, max_size=3),
    st.dictionaries(PATHS, IDENTITIES, max_size=3),
)


def test_path_that_looks_like_a_secret_is_read_without_a_search_for_one() -> None:
    # The writer has refused it, and a search in each directory of each mount point takes seconds.
    ledger = Ledger(directories={"/srv/password=x": Identity("254:0", 1, 2)})
    assert ledger_from_json(ledger_to_json(ledger)) == ledger


@given(LEDGERS)
def test_write_then_load_gives_the_same_ledger(ledger: Ledger) -> None:
    assert ledger_from_json(ledger_to_json(ledger)) == ledger


def test_write_equal_ledgers_is_equal_text() -> None:
    backwards = Ledger(
        LEDGER.boot_id, dict(reversed(list(LEDGER.references.items()))), dict(LEDGER.directories)
    )
    assert ledger_to_json(backwards) == ledger_to_json(LEDGER)
