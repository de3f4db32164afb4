# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What must be true after every round of kills, once each mount point has been asked for once."""

from __future__ import annotations

import collections
import json
import os
import typing as t

from consumers import BOUND, KEPT, NAIVE_LEDGER, NAIVE_PATHS, PATHS, SOURCE, read_naive_ledger
from harness.namespace import AREAS
from harness.place import LEDGER, RUN
from harness.table import find_unique_id
from in_process import call, is_below, mount_tmpfs, read_points, unmount

FOREIGN = "/mnt/foreign"
PRESENT = (KEPT, SOURCE, f"{SOURCE}/file", FOREIGN, f"{FOREIGN}/file", "/mnt/p", "/mnt/p/b", "/mnt/p/c")
MNT_DETACH = 2
# A neighbour may be under way, or may have died and left something that only its own path's call takes away.
EXPECTED_CODES = frozenset({"busy", "in_use", "not_empty", "shadows", "conflict", "mount_failed"})

Held = t.Dict[str, t.List[str]]


class OurHost:
    """The world of the consumers that use this collection."""

    def __init__(self, propagation: str) -> None:
        self.copies = 2 if propagation == "shared" else 1
        for path in ("/mnt/p/b", "/mnt/p/c", SOURCE, FOREIGN):
            os.makedirs(path)
        mount_tmpfs("foreign", FOREIGN)
        for folder in (SOURCE, FOREIGN):
            with open(f"{folder}/file", "w", encoding="ascii") as stream:
                stream.write("kept\n")
        self.present = self.look_at_present()
        self.foreign = {number for number, _point in read_points()}

    def look_at_present(self) -> t.Dict[str, t.Tuple[int, ...]]:
        """Return what was there before us: by number of inode and of mount."""
        found: t.Dict[str, t.Tuple[int, ...]] = {}
        for path in PRESENT:
            if os.path.lexists(path):
                found[path] = (os.lstat(path).st_ino, find_unique_id(path)) if path not in PATHS else ()
        return found

    def check(self) -> t.Tuple[Held, t.List[str]]:
        """Ask for each mount point once; return who holds what, and everything that is wrong."""
        wrong = []
        for path in PATHS:
            result = call(path=path, state="released", holder="nobody-at-all", disclose="full")
            if result.get("failed"):
                wrong.append(f"{path} is not healed: {result['msg']}")
        references = read_references()
        rows = [row for row in read_points() if row[0] not in self.foreign]
        points = [point for _number, point in rows if is_below(point, AREAS)]
        wrong += self.compare(references, points)
        wrong += [f"{path} was there before us and is not as it was" for path in self.changed()]
        wrong += [f"{RUN}/operations/{name} is left" for name in os.listdir(f"{RUN}/operations")]
        wrong += [f"{path} is left" for path in find_left(points)]
        return {path: sorted(told["holders"]) for path, told in references.items()}, wrong

    def compare(self, references: t.Dict[str, t.Any], points: t.List[str]) -> t.List[str]:
        """Compare the ledger with the kernel's table."""
        wrong = find_stacks(points, self.copies)
        wrong += [f"{path} is mounted and not in the ledger" for path in set(points) - references.keys()]
        wrong += [f"{path} is in the ledger and not mounted" for path in references.keys() - set(points)]
        for path in references.keys() & set(points):
            if references[path]["mount_id"] != find_unique_id(path):
                wrong.append(f"{path} is another mount than the ledger's")
            if not references[path]["holders"]:
                wrong.append(f"{path} is held by nobody")
        return wrong

    def changed(self) -> t.List[str]:
        """Return what was there before us and is gone or another."""
        now = self.look_at_present()
        return [path for path in PRESENT if now.get(path) != self.present[path]]

    def start_anew(self) -> None:
        """Nothing: what is wrong stays for all rounds to see."""


class NaiveHost:
    """The world of the naive consumers."""

    def __init__(self, propagation: str) -> None:
        self.copies = 2 if propagation == "shared" else 1
        os.makedirs(os.path.dirname(NAIVE_LEDGER), exist_ok=True)
        self.start_anew()

    def check(self) -> t.Tuple[Held, t.List[str]]:
        """Return who holds what, and what is wrong with mounts and references alone."""
        points = [point for _number, point in read_points() if point in NAIVE_PATHS]
        wrong = find_stacks(points, self.copies)
        try:
            held = read_naive_ledger()
        except ValueError:
            return {}, [*wrong, "the ledger is no JSON"]
        wrong += [f"{path} is mounted and not in the ledger" for path in set(points) - held.keys()]
        wrong += [f"{path} is in the ledger and not mounted" for path in held.keys() - set(points)]
        return held, wrong

    def start_anew(self) -> None:
        """Put everything right by hand, for the next round."""
        for _number, point in reversed(read_points()):
            if point in NAIVE_PATHS:
                unmount(point, MNT_DETACH)
        with open(NAIVE_LEDGER, "w", encoding="ascii") as stream:
            stream.write("{}")


def find_stacks(points: t.List[str], copies: int) -> t.List[str]:
    """Return what is mounted more, or less, often than propagation explains."""
    counts = collections.Counter(points)
    return [f"{point} is mounted {count} times" for point, count in counts.items() if count != copies]


def read_references() -> t.Dict[str, t.Any]:
    """Return the ledger's references; nobody but the ledger's own writer may have touched it."""
    if not os.path.exists(LEDGER):
        return {}
    with open(LEDGER, encoding="utf-8") as stream:
        return t.cast("t.Dict[str, t.Any]", json.load(stream)["references"])


def find_left(points: t.Collection[str]) -> t.List[str]:
    """Return what neither was there before nor leads to a mount point."""
    left = []
    for area in AREAS:
        for folder, folders, files in os.walk(area):
            if folder in (BOUND, FOREIGN):
                folders.clear()
                continue
            for path in (os.path.join(folder, name) for name in (*folders, *files)):
                if path not in PRESENT and not any(f"{point}/".startswith(f"{path}/") for point in points):
                    left.append(path)
    return left
