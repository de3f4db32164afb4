# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The cost of a run against the number of mounts, as SVG."""

from __future__ import annotations

import typing as t
from pathlib import Path

import matplotlib
from figures import Samples, spread_of

matplotlib.use("svg")
from matplotlib import pyplot

LINES: t.Tuple[t.Tuple[str, str, str], ...] = (
    ("a loop of ansible.posix.mount", "loop-{}.run", "o-"),
    ("one task of safe_mount", "bulk-{}.run", "s-"),
    ("the same again", "bulk-again-{}.run", "^--"),
    ("released", "bulk-release-{}.run", "v--"),
)
COUNTS = (10, 100, 1000)


def draw(samples: Samples, path: Path) -> None:
    """Write the plot; the same samples give the same bytes."""
    matplotlib.rcParams["svg.hashsalt"] = "holdfast.mounts"
    figure, axes = pyplot.subplots(figsize=(7, 4.5))
    for words, name, style in LINES:
        counts = [count for count in COUNTS if name.format(count) in samples]
        found = [spread_of(samples[name.format(count)]) for count in counts]
        errors = [[one.median - one.low for one in found], [one.high - one.median for one in found]]
        middles = [one.median for one in found]
        axes.errorbar(counts, middles, yerr=errors, fmt=style, label=words, capsize=3)
    axes.axhline(spread_of(samples["ping.run"]).median, color="grey", linestyle=":", label="a run of ping")
    axes.set(xscale="log", yscale="log", xlabel="mounts", ylabel="seconds of the whole run")
    axes.grid(visible=True, which="major", alpha=0.3)
    axes.legend(frameon=False)
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None, "Creator": None})
