# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The promises of docs/safety.md, each beside a naive way that breaks it; figures are printed at the end."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import typing as t
from pathlib import Path

import pytest

HERE = Path(__file__).parent
INTEGRATION = HERE.parent / "integration"
sys.path[:0] = [str(HERE / "support"), str(INTEGRATION)]
# Beside ansible_collections: Hypothesis' caches do not belong into the tree. The programs inherit this.
os.environ["HYPOTHESIS_STORAGE_DIRECTORY"] = str(HERE.parents[4] / "hypothesis")

HEADINGS = ("property", "ours", "control")
FIGURES = "figures"

Outcome = t.Dict[str, t.Any]
Program = t.Callable[..., Outcome]
Show = t.Callable[[str, str, str], None]


@pytest.fixture
def show_figures(request: pytest.FixtureRequest) -> Show:
    """Put a line into the table at the end: the property, our figure, the control's."""

    def add(promise: str, ours: str, control: str) -> None:
        # A property of the test travels from a worker of xdist to the process that prints.
        request.node.user_properties.append((FIGURES, [promise, ours, control]))

    return add


@pytest.fixture(scope="session")
def run_program() -> Program:
    """Run one of the programs in its own mount namespace and return what it counted."""
    from harness.place import find_collections_path
    from harness.world import FOREVER

    def run(name: str, *arguments: t.Union[str, int, float]) -> Outcome:
        argv = [sys.executable, str(HERE / "programs" / f"{name}.py"), *map(str, arguments)]
        environment = {**os.environ, "PYTHONPATH": f"{INTEGRATION}:{find_collections_path()}"}
        done = subprocess.run(
            argv, check=False, capture_output=True, text=True, env=environment, timeout=max(900, FOREVER)
        )
        assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
        return t.cast("Outcome", json.loads(done.stdout.splitlines()[-1]))

    return run


def pytest_collection_modifyitems(items: t.List[pytest.Item]) -> None:
    """Skip everything below this folder where it cannot run."""
    from harness.obstacle import find_obstacle

    obstacle = find_obstacle()
    for item in items:
        if obstacle and HERE in item.path.parents:
            item.add_marker(pytest.mark.skip(reason=obstacle))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print our figures beside those of the controls."""
    reports = [*terminalreporter.getreports("passed"), *terminalreporter.getreports("failed")]
    found = [row for report in reports for name, row in report.user_properties if name == FIGURES]
    if not found:
        return
    rows = [HEADINGS, *sorted(map(tuple, found))]
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    terminalreporter.section("promises: our figures beside the control's")
    for row in rows:
        terminalreporter.write_line("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip())
