# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which of the known words is nearest to one that is unknown.

Private to holdfast.mounts.
"""

from __future__ import annotations

import typing as t

LONGEST_NAME = 32
MOST_EDITS = 2


def find_alike(name: str, known: t.Iterable[str]) -> t.List[str]:
    """Return the known names that are nearest to the name, none when it is far from all of them."""
    if not 3 <= len(name) <= LONGEST_NAME:
        return []
    distances = {other: _count_edits(name, other) for other in known}
    nearest = min(distances.values(), default=MOST_EDITS + 1)
    if nearest > min(MOST_EDITS, len(name) // 3):
        return []
    return sorted(other for other, distance in distances.items() if distance == nearest)


def _count_edits(one: str, other: str) -> int:
    """Count letters to insert, delete or replace (Levenshtein's distance)."""
    row = list(range(len(other) + 1))
    for number, letter in enumerate(one, 1):
        previous, row = row, [number]
        for column, wanted in enumerate(other):
            replaced = previous[column] + (letter != wanted)
            row.append(min(previous[column + 1] + 1, row[column] + 1, replaced))
    return row[-1]
