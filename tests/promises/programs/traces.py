# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a call may leave behind, as anybody can see it: files, mounts, references, notes, descriptors."""

from __future__ import annotations

import json
import os
import typing as t

from harness.place import LEDGER
from harness.table import read_table

OPERATIONS = "/run/holdfast/operations"
AREAS = ("/media", "/srv")
Traces = t.Dict[str, t.List[str]]


def look() -> Traces:
    """Return what is there now."""
    return {
        "files": [found for area in AREAS for found in list_files(area)],
        "handles": sorted(os.listdir("/proc/self/fd")),
        "mounts": mounted(),
        "notes": list_intents(),
        "references": sorted(f"{path} {sorted(held)}" for path, held in read_references().items()),
    }


def mounted() -> t.List[str]:
    """Return the mount points below the areas, each as often as something is mounted there.

    Below a shared mount the table has everything twice, as it has the area itself: that counts once.
    """
    points = [row.point for row in read_table(os.getpid())]
    copies = max(1, points.count(AREAS[-1]))
    below = [point for point in points if point.startswith(tuple(f"{area}/" for area in AREAS))]
    return sorted(point for point in set(below) for _mount in range(-(-below.count(point) // copies)))


def list_files(area: str) -> t.List[str]:
    """Return every path below an area."""
    return sorted(
        os.path.join(folder, name) for folder, folders, files in os.walk(area) for name in (*folders, *files)
    )


def list_intents() -> t.List[str]:
    """Return the notes of operations that were not brought to an end."""
    try:
        names = os.listdir(OPERATIONS)
    except FileNotFoundError:
        return []
    return sorted(name for name in names if os.path.getsize(f"{OPERATIONS}/{name}"))


def read_references() -> t.Dict[str, t.Dict[str, t.Any]]:
    """Return the holders of every mount point in the ledger."""
    try:
        with open(LEDGER, encoding="utf-8") as file:
            references = json.load(file)["references"]
    except FileNotFoundError:
        return {}
    return {path: reference["holders"] for path, reference in references.items()}


def compare(before: Traces, after: Traces) -> t.List[str]:
    """Return what is new and what is gone, in words."""
    words = []
    for kind in before:
        words += [f"new in {kind}: {value}" for value in after[kind] if value not in before[kind]]
        words += [f"gone from {kind}: {value}" for value in before[kind] if value not in after[kind]]
        if sorted(before[kind]) != sorted(after[kind]) and not words:
            words.append(f"{kind}: {before[kind]} -> {after[kind]}")
    return words


def disagreements() -> t.List[str]:
    """Return where ledger and kernel differ, what is stacked, and what was not brought to an end."""
    points, held = mounted(), sorted(path for path, holders in read_references().items() if holders)
    words = [] if points == held else [f"mounted {points}, held {held}"]
    return words + [f"a note is left: {note}" for note in list_intents()]
