# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The report of a fleet: what it refuses, what it makes of hostile answers, and how it counts."""

from __future__ import annotations

import time
import typing as t

import pytest
import yaml
from ansible.errors import AnsibleFilterError
from ansible_collections.holdfast.mounts.plugins.filter.fleet_page import fleet_page
from ansible_collections.holdfast.mounts.plugins.filter.fleet_report import fleet_report
from ansible_collections.holdfast.mounts.plugins.modules import safe_mount_reconcile
from ansible_collections.holdfast.mounts.plugins.plugin_utils._fleet import (
    DRIFT_LIMIT,
    GRAVITY,
    HOLDER_LIMIT,
    MOUNT_LIMIT,
    SIZE_LIMIT,
    TEXT_LIMIT,
    WORD_LIMIT,
    Status,
)
from hypothesis import given
from hypothesis import strategies as st

NOW = "2026-03-01T12:00:00Z"
EXPORT = "nfs1:/export"
Data = t.Dict[str, t.Any]


def reference(src: str, fstype: str, **holders: t.Any) -> Data:
    claims = {
        name: {"since": since, "expires": expires} for name, (since, expires) in sorted(holders.items())
    }
    return {"src": src, "fstype": fstype, "opts": [], "owned": True, "holders": claims}


def answer(references: Data, *drift: t.Tuple[str, str], more: t.Sequence[t.Any] = ()) -> Data:
    """What the task of safe_mount_facts returns."""
    rows = [
        {
            "mount": path,
            "device": "/dev/vda1",
            "fstype": "ext4",
            "options": "rw",
            "managed": True,
            "owned": True,
            "holders": sorted(value["holders"]),
            "state": dict(drift).get(path, "ok"),
        }
        for path, value in references.items()
    ]
    told = [{"path": path, "kind": kind, "message": "So it is."} for path, kind in drift]
    facts = {"mounts": [*rows, *more], "references": references, "drift": told, "protection": "full"}
    return {"changed": False, "ansible_facts": {"holdfast_mounts": facts}}


def report(outcomes: t.Any, **options: t.Any) -> Data:
    return t.cast("Data", fleet_report(outcomes, now=NOW, **options))


@pytest.mark.parametrize("value", [None, [], "web1", 7], ids=repr)
def test_input_that_is_no_dictionary_is_refused(value: t.Any) -> None:
    with pytest.raises(AnsibleFilterError, match="by host"):
        report(value)


@pytest.mark.parametrize("now", ["", "yesterday", "2026-13-01T00:00:00Z", "2026-03-01T10:00:00+02:00"])
def test_time_that_is_none_is_refused(now: str) -> None:
    with pytest.raises(AnsibleFilterError, match="now"):
        fleet_report({}, now=now)


WRONG: Data = {"mount": {}, "holders": 7, "managed": True}
HOSTILE: t.List[t.Any] = [
    None,
    7,
    "text",
    [],
    {"ansible_facts": 7},
    {"ansible_facts": {"holdfast_mounts": []}},
    {"ansible_facts": {"holdfast_mounts": {"mounts": {}}}},
    {"ansible_facts": {"holdfast_mounts": {"mounts": [None, 7, {}, WRONG]}}},
    {"ansible_facts": {"holdfast_mounts": {"mounts": [], "drift": [7, {}], "references": 7}}},
    {"unreachable": "yes", "msg": ["list"]},
    answer({"/mnt/a": {**reference("a", "tmpfs"), "holders": {"x": 7, "y": {"since": 1}}}}),
    answer({"/mnt/a": {**reference("a", "tmpfs"), "holders": {"y": {"expires": "soon"}}}}),
    answer({"/mnt/a": {**reference("a", "tmpfs"), "src": {}, "fstype": None}}),
]


@pytest.mark.parametrize("outcome", HOSTILE, ids=[str(number) for number in range(len(HOSTILE))])
def test_hostile_answer_hurts_no_other_host(outcome: t.Any) -> None:
    told = report({"evil": outcome, "web1": answer({"/srv/a": reference(EXPORT, "nfs", web=(NOW, None))})})
    assert [host["name"] for host in told["hosts"]] == ["evil", "web1"]
    assert [mount["mount"] for mount in told["hosts"][1]["mounts"]] == ["/srv/a"]


WORDS = [
    "mounts",
    "references",
    "drift",
    "mount",
    "managed",
    "holders",
    "path",
    "kind",
    "src",
    "since",
    "/srv/a",
]
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9) | st.sampled_from(WORDS),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(WORDS) | st.text(max_size=3), inner, max_size=5)
    ),
    max_leaves=30,
)
FACTS = st.fixed_dictionaries(
    {"mounts": ANYTHING | st.lists(ANYTHING, max_size=4), "references": ANYTHING, "drift": ANYTHING}
)


@given(ANYTHING | FACTS.map(lambda facts: {"ansible_facts": {"holdfast_mounts": facts}}))
def test_any_answer_hurts_no_other_host(outcome: t.Any) -> None:
    good = answer({"/srv/a": reference(EXPORT, "nfs", web=(NOW, None))})
    told = report({"evil": outcome, "web1": good})
    assert told["hosts"][1] == report({"web1": good})["hosts"][0]
    assert fleet_page(told).startswith("<!doctype html>")


def nested(levels: int) -> t.Any:
    value: t.Any = {}
    for _level in range(levels):
        value = {"mounts": [value]}
    return value


@pytest.mark.parametrize("levels", [20, 5000])
def test_answer_without_a_bottom_hurts_no_other_host(levels: int) -> None:
    facts = {"mounts": [nested(levels)], "references": nested(levels), "drift": [nested(levels)]}
    told = report({"evil": {"ansible_facts": {"holdfast_mounts": facts}}, "web1": answer({})})
    assert [host["condition"] for host in told["hosts"]][1] == "ok"


@pytest.mark.parametrize(
    "path", ["/etc", "/etc/ld.so.preload", "/", "srv/a", "/srv/../etc", "/usr/lib", "/srv//a", "", "~"]
)
def test_claim_that_no_ledger_makes_is_told_and_not_counted(path: str) -> None:
    told = report({"evil": answer({path: reference("a", "tmpfs", web=(NOW, None))})})
    (host,) = told["hosts"]
    assert host["condition"] == "drift"
    assert [(mount["state"], mount["managed"], mount["owned"]) for mount in host["mounts"]] == [
        ("untrusted", False, False)
    ]
    assert told["summary"]["mounts"] == 0
    assert told["summary"]["holders"] == 0


def test_mount_of_the_system_that_nobody_claims_is_no_matter() -> None:
    outcome = answer(
        {}, more=[{"mount": "/etc/hosts", "device": "/dev/vda1", "fstype": "ext4", "state": "ok"}]
    )
    (host,) = report({"web1": outcome}, unmanaged=True)["hosts"]
    assert (host["condition"], [mount["state"] for mount in host["mounts"]]) == ("ok", ["ok"])


def flood(number: int) -> Data:
    """An answer with so many disagreements at one path, each of a length of its own."""
    told = [("/srv/a", "missing" * (1 + each % 3)) for each in range(number)]
    return answer({"/srv/a": reference("a", "tmpfs", web=(NOW, None))}, *told)


def test_work_grows_as_the_answer_does() -> None:
    def work(number: int) -> float:
        outcome = {"evil": flood(number)}
        times = []
        for _round in range(5):
            start = time.process_time()
            report(outcome)
            times.append(time.process_time() - start)
        return min(times)

    # Four times as much: a tuple that is copied for each makes sixteen times the work.
    assert work(12000) < 8 * work(3000)


FLOODS: t.Dict[str, t.Tuple[Data, str]] = {
    "drift at one path": (flood(80000), f"{80000 - DRIFT_LIMIT:,} more disagreements are"),
    "drift at many paths": (
        answer({}, *((f"/srv/{each}", "missing") for each in range(80000))),
        f"{80000 - MOUNT_LIMIT:,} more mount points, {80000 - MOUNT_LIMIT:,} more disagreements are",
    ),
    "holders of one": (
        answer({"/srv/a": {**reference("a", "tmpfs"), "holders": dict.fromkeys(map(str, range(80000)))}}),
        f"{80000 - HOLDER_LIMIT:,} more holders are",
    ),
    "one mount point again and again": (
        answer({}, more=[{"mount": "/srv/a", "managed": True}] * 80000),
        f"{80000 - MOUNT_LIMIT:,} more mount points are",
    ),
    "long texts": (
        answer({}, more=[{"mount": "/srv/a", "managed": True, "device": "<" * 5000}] * 1000),
        f"{1000 - SIZE_LIMIT // (TEXT_LIMIT + 7)} more mount points are",
    ),
    "long words": (
        answer(
            {f"/srv/{each}": reference("a", "f" * 5000, **{"h" * 5000: (NOW, None)}) for each in range(9)},
            *((f"/srv/{each}", "k" * 5000) for each in range(9)),
        ),
        "",
    ),
}


@pytest.mark.parametrize(("outcome", "message"), FLOODS.values(), ids=FLOODS.keys())
def test_flood_is_cut_and_told(outcome: Data, message: str) -> None:
    told = report({"evil": outcome, "web1": answer({})})
    host = told["hosts"][0]
    assert host["message"].startswith(message)
    assert host["condition"] == ("incomplete" if message else "drift")
    assert len(host["mounts"]) <= MOUNT_LIMIT
    assert sum(len(mount["holders"]) for mount in host["mounts"]) <= HOLDER_LIMIT
    assert sum(len(mount["drift"]) for mount in host["mounts"]) <= DRIFT_LIMIT
    words = [mount[key] for mount in host["mounts"] for key in ("fstype", "state")]
    words += [holder["name"] for mount in host["mounts"] for holder in mount["holders"]]
    assert max(map(len, words)) <= WORD_LIMIT + 1
    # Each character may take six bytes, and some are told twice.
    assert len(fleet_page(told)) < 13 * SIZE_LIMIT


def test_characters_that_hide_or_command_are_shown() -> None:
    path = "/srv/\u202egnp\x1b[31m\n"
    told = report({"web1": answer({path: reference("a\u2028", "tmpfs", web=(NOW, None))})})
    mount = told["hosts"][0]["mounts"][0]
    assert mount["mount"] == "/srv/\\u202egnp\\x1b[31m\\x0a"
    assert mount["source"] == "a\\u2028"


def test_endless_text_and_list_are_cut() -> None:
    rows = [{"mount": f"/mnt/{number}", "managed": True} for number in range(MOUNT_LIMIT + 5)]
    told = report({"web1": answer({"/a": reference("x" * TEXT_LIMIT * 2, "tmpfs")}, more=rows)})
    host = told["hosts"][0]
    assert len(host["mounts"]) == MOUNT_LIMIT
    assert host["message"].startswith("6 more")
    assert len(host["mounts"][0]["source"]) == TEXT_LIMIT + 1


@pytest.mark.parametrize(
    ("outcome", "condition"),
    [
        ({"unreachable": True, "msg": "no route"}, "unreachable"),
        ({"failed": False, "failed_when_result": False, "msg": "the ledger is wrong"}, "failed"),
        ({}, "no_facts"),
        (answer({}), "ok"),
        (answer({"/mnt/a": reference("a", "tmpfs")}, ("/mnt/a", "missing")), "drift"),
        (answer({}, ("/mnt/gone", "interrupted")), "drift"),
    ],
    ids=["unreachable", "failed", "never asked", "nothing held", "drift", "only a note is left"],
)
def test_condition_of_host_is_told(outcome: Data, condition: str) -> None:
    told = report({"web1": outcome})
    assert told["hosts"][0]["condition"] == condition
    assert told["summary"]["conditions"] == {condition: 1}
    assert told["hosts"][0]["message"] == outcome.get("msg", "")


def test_attention_is_counted_once_each_the_gravest_first() -> None:
    held = {f"/mnt/{name}": reference("a", "tmpfs") for name in "abc"}
    told = report(
        {
            "web1": answer(held, ("/mnt/a", "expired"), ("/mnt/a", "missing"), ("/mnt/b", "a new word")),
            "web2": answer(held, ("/mnt/c", "unhealthy"), ("/mnt/a", "missing")),
            "web3": {"unreachable": True},
            "web4": answer(held),
        }
    )
    assert told["summary"]["attention"] == [
        {"state": "unhealthy", "count": 1},
        {"state": "missing", "count": 2},
        {"state": "unreachable", "count": 1},
        {"state": "a new word", "count": 1},
    ]
    mount = told["hosts"][0]["mounts"][0]
    kinds = [drift["kind"] for drift in mount["drift"]]
    assert (mount["state"], kinds) == ("missing", ["missing", "expired"])
    assert told["summary"]["drift"] == {"missing": 2, "expired": 1, "unhealthy": 1, "a new word": 1}


def test_every_kind_of_drift_has_a_gravity() -> None:
    choices = yaml.safe_load(safe_mount_reconcile.DOCUMENTATION)["options"]["repair"]["choices"]
    assert set(choices) < set(GRAVITY)
    assert set(t.get_args(Status)) - {"ok"} < set(GRAVITY)


def test_age_is_of_the_oldest_and_lease_of_the_next_to_end() -> None:
    held = reference(
        "a",
        "tmpfs",
        old=("2026-03-01T10:00:00Z", None),
        next=("2026-03-01T11:00:00Z", "2026-03-01T12:30:00Z"),
        ended=("2026-03-01T11:30:00Z", "2026-03-01T11:59:00Z"),
        ahead=("2026-03-01T12:30:00Z", None),
    )
    mount = report({"web1": answer({"/mnt/a": held})})["hosts"][0]["mounts"][0]
    assert (mount["age"], mount["left"]) == (7200, -60)
    assert {holder["name"]: (holder["age"], holder["left"]) for holder in mount["holders"]} == {
        "ahead": (0, None),
        "ended": (1800, -60),
        "next": (3600, 1800),
        "old": (7200, None),
    }


def test_source_of_network_is_one_on_all_hosts_and_local_one_is_not() -> None:
    web = (NOW, None)
    scratch = reference("scratch", "tmpfs", job=web)
    told = report(
        {
            "a": answer({"/srv/x": reference(EXPORT, "nfs", web=web), "/mnt/s": scratch}),
            "b": answer({"/srv/y": reference(EXPORT, "nfs4", web=web, db=web)}),
            "c": answer({"/mnt/s": scratch}),
        }
    )
    export, local = told["sources"]
    assert (export["source"], export["fstype"], export["shared"]) == (EXPORT, "nfs", True)
    assert (export["host_count"], export["holder_count"]) == (2, 3)
    assert [(use["host"], use["mount"], use["holders"]) for use in export["uses"]] == [
        ("a", "/srv/x", ("web",)),
        ("b", "/srv/y", ("db", "web")),
    ]
    assert (local["source"], local["shared"], local["host_count"]) == ("scratch", False, 2)


def test_unmanaged_mounts_are_left_out_unless_asked_for() -> None:
    outcome = answer({}, more=[{"mount": "/", "device": "/dev/vda1", "fstype": "ext4", "state": "ok"}])
    assert report({"web1": outcome})["hosts"][0]["mounts"] == ()
    told = report({"web1": outcome}, unmanaged="yes")
    assert [mount["mount"] for mount in told["hosts"][0]["mounts"]] == ["/"]
    assert (told["summary"]["mounts"], told["summary"]["unmanaged"]) == (0, 1)
