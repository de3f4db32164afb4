# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What ansible-doc says of results: every value has a sample, and every key that comes is told."""

from __future__ import annotations

import ast
import datetime
import typing as t
from pathlib import Path

import pytest
import yaml
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.decide.hold import plan_mounted
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.errors import MountError
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.ledger import store
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.repair import Point, repair_result
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.result import (
    Result,
    bulk_result,
    error_to_dict,
    single_result,
)
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.steps import Drift
from ansible_collections.holdfast.mounts.plugins.modules.safe_mount_facts import build_result
from ansible_collections.holdfast.mounts.plugins.plugin_utils._tally import build_report
from ansible_collections.holdfast.mounts.tests.unit.plugins.module_utils.builders import (
    PATH,
    make_wish,
    see_nothing,
)

PLUGINS = Path(__file__).resolve().parents[2] / "plugins"
PAGES = sorted(path for kind in ("filter", "lookup", "modules") for path in (PLUGINS / kind).glob("*.py"))
# The keys that every result may have, see Ansible's "Common return values".
COMMON = {"changed", "failed"}


def read_returns(path: Path) -> Result:
    """Return the documentation of results of a file, without importing it."""
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "RETURN":
            return t.cast("Result", yaml.safe_load(ast.literal_eval(node.value)))
    raise ValueError(f"no RETURN in {path}")


def find_bare(returns: t.Mapping[str, t.Any], above: str = "") -> t.List[str]:
    """Return the values that show neither a sample nor what they contain."""
    bare = []
    for name, value in returns.items():
        if "contains" in value:
            bare += find_bare(value["contains"], f"{above}{name}.")
        elif "sample" not in value:
            bare.append(above + name)
    return bare


def find_untold(shown: t.Any, returns: t.Mapping[str, t.Any], above: str = "") -> t.List[str]:
    """Return the keys of a result, and of what lies in it, that the documentation does not have."""
    untold = []
    for name, value in shown.items():
        if name not in returns:
            untold.append(above + name)
            continue
        items = value if isinstance(value, list) else [value]
        for item in items:
            if isinstance(item, dict) and "contains" in returns[name]:
                untold += find_untold(item, returns[name]["contains"], f"{above}{name}.")
    return untold


def without_common(result: Result) -> Result:
    return {key: value for key, value in result.items() if key not in COMMON}


ERROR = {**error_to_dict(MountError("busy", "it is busy", step="unmount", path=PATH), None), "msg": "busy"}
MOUNTED = plan_mounted(make_wish(), see_nothing())
REPAIRED = Point(PATH, (Drift(PATH, "missing", "Gone."),), (MOUNTED,))
LEFT = Point(PATH, (Drift(PATH, "stacked", "Covered."),), (), error=ERROR)
CLAIM = {"since": "2026-03-01T10:00:00Z", "expires": "2026-03-01T12:30:00Z"}
OUTCOMES = {
    "web1": {
        "ansible_facts": {
            "holdfast_mounts": {
                "mounts": [{"mount": PATH, "managed": True, "holders": ["web"]}],
                "references": {PATH: {"src": "scratch", "fstype": "tmpfs", "holders": {"web": CLAIM}}},
                "drift": [{"path": PATH, "kind": "missing", "message": "Gone."}],
            }
        }
    }
}
NOW = datetime.datetime(2026, 3, 1, 12, tzinfo=datetime.timezone.utc)
FACTS = PLUGINS / "modules" / "safe_mount_facts.py"
RECONCILE = PLUGINS / "modules" / "safe_mount_reconcile.py"
REPORT = PLUGINS / "filter" / "fleet_report.py"
SAFE_MOUNT = PLUGINS / "modules" / "safe_mount.py"
RESULTS = [
    pytest.param(SAFE_MOUNT, single_result((PATH, MOUNTED, None), "full", ""), id="one mount point"),
    pytest.param(SAFE_MOUNT, single_result((PATH, None, ERROR), "full", "busy"), id="one that failed"),
    pytest.param(
        SAFE_MOUNT,
        bulk_result([(PATH, MOUNTED, None), (PATH, None, ERROR)], "full", ["busy"]),
        id="two mount points",
    ),
    pytest.param(RECONCILE, repair_result([REPAIRED, LEFT], ("missing",), "this-boot"), id="reconcile"),
    pytest.param(REPORT, {"_value": build_report(OUTCOMES, NOW, unmanaged=False)}, id="report"),
]


@pytest.mark.parametrize("path", PAGES, ids=[path.stem for path in PAGES])
def test_results_have_a_sample_for_each_value(path: Path) -> None:
    assert find_bare(read_returns(path)) == []


def test_value_without_a_sample_is_found() -> None:
    returns = {"a": {"sample": None}, "b": {"contains": {"c": {"type": "str"}}}, "d": {}}
    assert find_bare(returns) == ["b.c", "d"]


@pytest.mark.parametrize(("path", "result"), RESULTS)
def test_results_have_no_key_that_is_not_told(path: Path, result: Result) -> None:
    assert find_untold(without_common(result), read_returns(path)) == []


def test_facts_have_no_key_that_is_not_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "LEDGER_PATH", "/proc/no-such-directory/holdfast_mounts.fact")
    result = build_result(["/"])
    rows = result["ansible_facts"]["holdfast_mounts"]["mounts"]
    assert find_untold(without_common(result), read_returns(FACTS)) == []
    lookup = read_returns(PLUGINS / "lookup" / "current_mounts.py")
    assert set(lookup["_raw"]["contains"]) == set(rows[0])


def test_key_that_is_not_told_is_found() -> None:
    returns: Result = {"a": {"contains": {"b": {}}}}
    assert find_untold({"a": [{"b": 1, "c": 2}], "d": 3}, returns) == ["a.c", "d"]
