# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The result as Markdown: bounds first, then every case."""

from __future__ import annotations

import os
import platform
import typing as t
from pathlib import Path

from ansible.release import __version__
from bounds import BOUNDS
from figures import Samples, Spread, spread_of


def describe_machine() -> t.Dict[str, str]:
    """Return what figures depend on."""
    cpu = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    return {
        "kernel": platform.release(),
        "processor": f"{os.cpu_count()} x {cpu[0].partition(':')[2].strip() if cpu else platform.machine()}",
        "python": platform.python_version(),
        "ansible-core": __version__,
    }


def _seconds(found: Spread) -> str:
    return f"{found.median:.3f} ({found.low:.3f} to {found.high:.3f})"


def _ratio(found: Spread) -> str:
    return f"{found.median:.3g} ({found.low:.3g} to {found.high:.3g})"


def _table(head: t.Sequence[str], rows: t.Iterable[t.Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def write_markdown(result: t.Mapping[str, t.Any], path: Path) -> str:
    """Write the page and return it."""
    samples: Samples = result["samples"]
    bounds = []
    for bound in BOUNDS:
        found = bound.measure(samples)
        if found is not None:
            verdict = "holds" if bound.holds(found) else "MISSED"
            bounds.append([bound.words, bound.limit, _ratio(found), verdict])
    rows = [[name, str(len(values)), _seconds(spread_of(values))] for name, values in sorted(samples.items())]
    machine = ", ".join(f"{name} {value}" for name, value in result["machine"].items())
    page = (
        f"{machine}. Medians, with quartiles in brackets; a ratio is taken within each round.\n\n"
        + _table(["ratio", "bound", "measured", ""], bounds)
        + "\n"
        + _table(["case", "rounds", "seconds"], rows)
    )
    path.write_text(page, encoding="utf-8")
    return page
