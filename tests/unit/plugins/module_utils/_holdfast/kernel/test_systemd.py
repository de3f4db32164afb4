# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""systemd is told where it runs, and nobody else is hung up."""

from __future__ import annotations

import os
import signal
import typing as t
from pathlib import Path

import pytest
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.kernel import system


@pytest.fixture(name="sent")
def record_signals(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> t.List[t.Tuple[int, int]]:
    """Return the signals that are sent, on a host that runs systemd."""
    sent: t.List[t.Tuple[int, int]] = []
    (tmp_path / "system").mkdir()
    (tmp_path / "comm").write_text("systemd\n", encoding="ascii")
    monkeypatch.setattr(system, "_RUNS", str(tmp_path / "system"))
    monkeypatch.setattr(system, "_NAME_OF_INIT", str(tmp_path / "comm"))
    monkeypatch.setattr(os, "kill", lambda pid, number: sent.append((pid, number)))
    return sent


def test_reload_without_systemd_does_nothing(sent: t.List[t.Tuple[int, int]], tmp_path: Path) -> None:
    (tmp_path / "system").rmdir()
    assert system.reload_units() is False
    assert sent == []


@pytest.mark.parametrize("name", ["sh\n", "init\n", ""])
def test_reload_where_another_is_first_hangs_up_nobody(
    sent: t.List[t.Tuple[int, int]], tmp_path: Path, name: str
) -> None:
    (tmp_path / "comm").write_text(name, encoding="ascii")
    assert system.reload_units() is False
    assert sent == []


def test_reload_tells_systemd(sent: t.List[t.Tuple[int, int]]) -> None:
    assert system.reload_units() is True
    assert sent == [(1, signal.SIGHUP)]


def test_reload_that_is_forbidden_is_no_failure(
    sent: t.List[t.Tuple[int, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def forbid(_pid: int, _number: int) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "kill", forbid)
    assert system.reload_units() is False
    assert sent == []
