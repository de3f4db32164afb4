# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The report of a fleet: what it refuses, what it makes of hostile answers, and how it counts."""

from __future__ import annotations

import typing as t

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.holdfast.mounts.plugins.filter.fleet_report import fleet_report
from ansible_collections.holdfast.mounts.plugins.plugin_utils._fleet import MOUNT_LIMIT, TEXT_LIMIT

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
    return t.cast(Data, fleet_report(outcomes, now=NOW, **options))


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
