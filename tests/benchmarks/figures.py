# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Samples by case and round; their medians, ratios and spread. Pure."""

from __future__ import annotations

import statistics
import typing as t
from dataclasses import dataclass

Samples = t.Dict[str, t.List[float]]


class Spread(t.NamedTuple):
    """The median and the quartiles."""

    low: float
    median: float
    high: float


def spread_of(values: t.Sequence[float]) -> Spread:
    """Return median and quartiles of one value or more."""
    if len(values) < 2:
        return Spread(values[0], values[0], values[0])
    low, median, high = statistics.quantiles(values, n=4, method="inclusive")
    return Spread(low, median, high)


def ratios(samples: Samples, above: str, below: str, *, less: t.Optional[str] = None) -> t.List[float]:
    """Return above divided by below, round by round; less is taken from both before."""
    rounds = zip(samples[above], samples[below], samples[less] if less else [0.0] * len(samples[above]))
    return [(first - floor) / (second - floor) for first, second, floor in rounds]


@dataclass(frozen=True)
class Bound:
    """What a ratio of two cases shall be.

    less: a case that is taken from both. scale: what the ratio is multiplied with.
    at_most and at_least: one of them is set.
    """

    words: str
    above: str
    below: str
    at_most: t.Optional[float] = None
    at_least: t.Optional[float] = None
    less: t.Optional[str] = None
    scale: float = 1.0

    @property
    def limit(self) -> str:
        """The bound in words."""
        return f"at most {self.at_most:g}" if self.at_most is not None else f"at least {self.at_least:g}"

    def measure(self, samples: Samples) -> t.Optional[Spread]:
        """Return the ratio, None where a case was not run."""
        if self.above not in samples or self.below not in samples:
            return None
        found = ratios(samples, self.above, self.below, less=self.less)
        return spread_of([value * self.scale for value in found])

    def holds(self, found: Spread) -> bool:
        """Whether the median is within the bound."""
        if self.at_most is not None:
            return found.median <= self.at_most
        return self.at_least is not None and found.median >= self.at_least
