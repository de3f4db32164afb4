# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The facts that users see, built from values."""

from __future__ import annotations

import json
import typing as t

import pytest
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.claims import (
    Holder,
    Ledger,
    Moment,
    Reference,
)
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.facts import (
    Scene,
    build_facts,
    options_text,
)
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.kernel.mountinfo import Visible
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.ledger.codec import ledger_to_json
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.model import Host, KernelMount

HOST = Host(boot_id="this-boot", mount_namespace=1, protection="full")
SCENE = Scene(HOST, {"/srv/a": 40, "/srv/gone": None}, Moment(HOST.boot_id, "2026-03-02T10:00:00Z", 0), {})
SINCE = "2026-03-01T10:00:00Z"
REFERENCE = Reference(
    src="scratch",
    fstype="tmpfs",
    opts=("nodev", "nosuid"),
    owned=True,
    holders={"web": Holder(SINCE), "backup": Holder(SINCE)},
    boot_id="this-boot",
    mount_namespace=1,
    mount_id=2147483699,
    device="0:55",
    operation="3f2a",
)
LEDGER = Ledger("this-boot", {"/srv/gone": REFERENCE, "/srv/a": REFERENCE})
FLAGS = ("rw", "nosuid", "nodev", "relatime")
OURS = KernelMount(40, 1, "0:55", "/", "/srv/a", "tmpfs", "scratch", FLAGS, ("rw", "size=4k"))
FOREIGN = KernelMount(2, 1, "8:1", "/sub", "/mnt", "ext4", "/dev/sda1", ("rw", "relatime"), ("rw",))
VISIBLE = (Visible(FOREIGN), Visible(OURS))


def facts(**changes: t.Any) -> t.Dict[str, t.Any]:
    scene = changes.pop("scene", SCENE)
    ledger = changes.pop("ledger", LEDGER)
    visible = changes.pop("visible", VISIBLE)
    return build_facts(scene, ledger, visible, **changes)


def row(path: str, **changes: t.Any) -> t.Dict[str, t.Any]:
    (found,) = [row for row in facts(**changes)["mounts"] if row["mount"] == path]
    return t.cast("t.Dict[str, t.Any]", found)


def test_facts_have_the_keys_of_the_contract() -> None:
    assert set(facts()) == {"mounts", "references", "drift", "protection", "boot_id"}


def test_facts_managed_mount_has_every_key() -> None:
    assert row("/srv/a") == {
        "mount": "/srv/a",
        "device": "scratch",
        "fstype": "tmpfs",
        "options": "rw,nosuid,nodev,relatime,size=4k",
        "root": "/",
        "managed": True,
        "owned": True,
        "holders": ["backup", "web"],
        "holder_count": 2,
        "stacked": False,
        "state": "ok",
    }


def test_facts_foreign_mount_is_not_managed() -> None:
    assert row("/mnt") == {
        "mount": "/mnt",
        "device": "/dev/sda1",
        "fstype": "ext4",
        "options": "rw,relatime",
        "root": "/sub",
        "managed": False,
        "owned": False,
        "holders": [],
        "holder_count": 0,
        "stacked": False,
        "state": "ok",
    }


def test_facts_missing_mount_is_listed_as_asked() -> None:
    assert row("/srv/gone") == {
        "mount": "/srv/gone",
        "device": "scratch",
        "fstype": "tmpfs",
        "options": "nodev,nosuid",
        "root": "",
        "managed": True,
        "owned": True,
        "holders": ["backup", "web"],
        "holder_count": 2,
        "stacked": False,
        "state": "missing",
    }


def test_facts_replaced_mount_is_not_owned() -> None:
    found = row("/srv/a", visible=(Visible(OURS._replace(mount_id=41)),))
    assert (found["managed"], found["owned"], found["state"]) == (True, False, "replaced")


def test_facts_foreign_stack_is_no_drift() -> None:
    found = row("/mnt", visible=(Visible(FOREIGN, True, (FOREIGN,)),))
    assert (found["stacked"], found["state"]) == (True, "ok")


def test_facts_drift_names_path_kind_and_message() -> None:
    assert facts()["drift"] == [{"path": "/srv/gone", "kind": "missing", "message": "Not mounted any more."}]


def test_facts_interrupted_comes_first() -> None:
    assert row("/srv/gone", interrupted=["/srv/gone"])["state"] == "interrupted"
    kinds = [drift["kind"] for drift in facts(interrupted=["/srv/gone"])["drift"]]
    assert kinds == ["interrupted", "missing"]


def test_facts_interrupted_before_anything_is_mounted_is_drift_without_a_mount() -> None:
    found = facts(interrupted=["/srv/new"])
    assert [drift["path"] for drift in found["drift"]] == ["/srv/gone", "/srv/new"]
    assert "/srv/new" not in [item["mount"] for item in found["mounts"]]


def test_facts_references_are_those_of_the_ledger() -> None:
    assert facts()["references"] == json.loads(ledger_to_json(LEDGER))["references"]


def test_facts_mounts_are_sorted() -> None:
    assert [item["mount"] for item in facts()["mounts"]] == ["/mnt", "/srv/a", "/srv/gone"]


@pytest.mark.parametrize(
    ("patterns", "paths"),
    [
        pytest.param(["/var/*"], [], id="nothing"),
        pytest.param(["/SRV/*"], [], id="other case"),
        pytest.param([], ["/mnt", "/srv/a", "/srv/gone"], id="none selects all"),
        pytest.param(["/srv/?"], ["/srv/a"], id="one character"),
        pytest.param(["/s*e", "/mnt"], ["/mnt", "/srv/gone"], id="two, across slashes"),
    ],
)
def test_facts_patterns_select(patterns: t.List[str], paths: t.List[str]) -> None:
    assert [item["mount"] for item in facts(patterns=patterns)["mounts"]] == paths


def test_facts_patterns_select_references_and_drift_too() -> None:
    found = facts(patterns=["/srv/a"])
    assert (list(found["references"]), found["drift"]) == (["/srv/a"], [])


def test_facts_bytes_that_are_no_text_are_shown() -> None:
    odd = FOREIGN._replace(mount_point="/mnt/\udcff", source="ä\udc80")
    found = facts(visible=(Visible(odd),))["mounts"][0]
    assert (found["mount"], found["device"]) == (r"/mnt/\xff", r"ä\x80")


def test_facts_are_plain_json() -> None:
    found = facts(interrupted=["/srv/gone"])
    assert json.loads(json.dumps(found)) == found


def shown_mount(flags: str, options: str = "rw", fstype: str = "tmpfs") -> KernelMount:
    words = (tuple(flags.split(",")), tuple(options.split(",")))
    return KernelMount(40, 1, "0:55", "/", "/srv/a", fstype, "src", *words)


@pytest.mark.parametrize(
    ("flags", "options", "text"),
    [
        pytest.param("rw,nosuid,relatime", "rw,size=4k", "rw,nosuid,relatime,size=4k", id="both"),
        pytest.param("ro,relatime", "rw", "ro,relatime", id="mount read-only"),
        pytest.param("rw,relatime", "ro", "ro,relatime", id="filesystem read-only"),
    ],
)
def test_options_text_is_as_in_proc_mounts(flags: str, options: str, text: str) -> None:
    assert options_text(shown_mount(flags, options)) == text


def test_options_text_escapes_what_would_be_ambiguous() -> None:
    shown = KernelMount(
        40, 1, "0:55", "/", "/srv/a", "overlay", "x", ("rw",), ("rw", "lowerdir=/a,b", r"upperdir=/\x")
    )
    assert options_text(shown) == r"rw,lowerdir=/a\054b,upperdir=/\134x"
