# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the module returns, of the host that the tests run on."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.ledger import store
from ansible_collections.holdfast.mounts.plugins.modules.safe_mount_facts import build_result


@pytest.fixture(name="ledger", autouse=True)
def place_ledger(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Return where the ledger is looked for: in a directory that others could replace, so not trusted."""
    path = tmp_path / "facts.d" / "holdfast_mounts.fact"
    tmp_path.chmod(0o777)
    monkeypatch.setattr(store, "LEDGER_PATH", str(path))
    return path


def test_result_untrusted_ledger_is_a_coded_error(ledger: Path) -> None:
    ledger.parent.mkdir()
    ledger.write_text("{}")
    error = build_result([])["error"]
    assert set(error) == {"code", "step", "path", "errno", "log_ref"}
    assert (error["code"], error["step"]) == ("ledger_untrusted", "ledger")


def test_result_has_the_fact_of_the_contract(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "LEDGER_PATH", "/proc/no-such-directory/holdfast_mounts.fact")
    result = build_result(["/"])
    facts = result["ansible_facts"]["holdfast_mounts"]
    assert result["changed"] is False
    assert [row["mount"] for row in facts["mounts"]] == ["/"]


def test_result_writes_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    build_result([])
    assert list(tmp_path.iterdir()) == []
