# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Mount and unmount while nobody keeps swapping names: attack.py LAYOUT WAY ROUNDS PROPAGATION.

LAYOUT: see scenes.py. WAY: ours; careful, which is ours without allow_unsafe_parents; naive or handle, see
ways.py. Ends when so many acquires and releases were reported as done (careful: were tried; a control: and
the attack has succeeded once), and prints what was counted as JSON.
"""

from __future__ import annotations

import collections
import json
import os
import sys
import time
import typing as t

from harness.namespace import make_world
from harness.place import LEDGER
from in_process import call, is_below, mount_tmpfs, read_points, unmount
from scenes import OPEN, VICTIM, Scene, lay_out
from ways import make_way

LONGEST = 600.0  # seconds, for a machine on which the attacker always wins
MNT_DETACH = 2

# astray: reported as mounted, and elsewhere in the root. missing: reported as mounted, and nowhere.
# left: reported as unmounted, and still there.
COUNTS = ("outside", "foreign_unmounted", "stacked", "astray", "missing", "left")

Counted = t.Dict[str, t.Any]


class Watch:
    """What must not change, looked at in the kernel's table after every call; it is put right again."""

    def __init__(self, scene: Scene, propagation: str) -> None:
        self.scene = scene
        self.copies = 2 if propagation == "shared" else 1
        self.before = self.look()[0]
        self.inside = 0
        self.counts = dict.fromkeys(COUNTS, 0)

    def look(self) -> t.Tuple[t.Dict[int, str], t.List[str]]:
        """Return the mounts outside by number, and those in the attacker's directory."""
        rows = read_points()
        outside = {number: point for number, point in rows if is_below(point, self.scene.outside)}
        return outside, [point for _number, point in rows if is_below(point, (OPEN,))]

    @property
    def has_seen_harm(self) -> bool:
        """Return whether the attack has succeeded: a control goes on until it has, once."""
        return self.counts["outside"] > 0 and (self.scene.pins or self.counts["foreign_unmounted"] > 0)

    def count(self, *, was_acquired: bool, was_released: bool) -> None:
        """Count what came, went, or did not come about."""
        now, within = self.look()
        self.inside = len(within) // self.copies
        strange = [point for number, point in now.items() if number not in self.before]
        if strange:
            self.counts["outside"] += 1
            for point in reversed(strange):
                unmount(point, MNT_DETACH)
        elif was_acquired and self.inside == 0:
            self.counts["missing"] += 1
        if self.before.keys() - now.keys():
            self.counts["foreign_unmounted"] += 1
            mount_tmpfs("victim", VICTIM)
            self.before = self.look()[0]
        if self.inside > 1:
            self.counts["stacked"] += 1
        is_astray = was_acquired and self.scene.pins and self.scene.path not in within
        self.counts["astray"] += bool(is_astray and self.inside)
        self.counts["left"] += bool(was_released and self.inside)
        if is_astray or was_released:
            for point in reversed(within):
                unmount(point, MNT_DETACH)
            self.inside = 0


def attack(scene: Scene, way: str, rounds: int, propagation: str) -> Counted:
    """Acquire until it is done, release until it is done, over and over; return what was counted."""
    actor, watch, attacker = make_way(way, scene), Watch(scene, propagation), scene.start()
    seen: t.Counter[str] = collections.Counter()
    is_held, end = False, time.monotonic() + LONGEST
    while time.monotonic() < end:
        word = actor.release() if is_held else actor.acquire()
        seen[word] += 1
        was_acquired, was_released = word == "mounted", word in ("unmounted", "released")
        watch.count(was_acquired=was_acquired, was_released=was_released)
        is_held = (was_acquired or (is_held and not was_released)) and watch.inside > 0
        tried = sum(seen.values()) if way == "careful" else min(seen["mounted"], seen["unmounted"])
        if tried >= rounds and (way in ("ours", "careful") or watch.has_seen_harm):
            break
    counters = {name: attacker.read(name) for name in attacker.COUNTERS}
    attacker.stop()
    return {**watch.counts, **counters, "seen": dict(seen)}


def heal(scene: Scene, way: str) -> t.List[str]:
    """Call once for the mount point and once for its holder; return what is wrong after either."""
    scene.replay()
    if way not in ("ours", "careful"):
        return []
    wrong: t.List[str] = []
    common = {"path": scene.path, "allowed_roots": [scene.root], "state": "released"}
    for holder in ("z", "a"):
        result = call(holder=holder, **common)
        if result.get("failed"):
            wrong.append(f"{holder}: {result}")
        points = {point for _number, point in read_points() if is_below(point, ("/srv",))}
        held = read_references()
        if points != held:
            wrong.append(f"{holder}: mounted {sorted(points)}, in the ledger {sorted(held)}")
    if read_references():
        wrong.append("a reference is left")
    wrong.extend(f"a note is left: {name}" for name in os.listdir("/run/holdfast/operations"))
    ours = [name for name in os.listdir(OPEN) if name.startswith(".holdfast")]
    return wrong + [f"a directory is left: {name}" for name in ours]


def read_references() -> t.Set[str]:
    """Return the mount points that the ledger names."""
    if not os.path.exists(LEDGER):
        return set()
    with open(LEDGER, encoding="utf-8") as stream:
        return set(json.load(stream)["references"])


def main(layout: str, way: str, rounds: int, propagation: str) -> None:
    """Attack, count, print."""
    make_world(propagation, private_dev=False)
    scene = lay_out(layout)
    started = time.monotonic()
    counted = attack(scene, way, rounds, propagation)
    counted["wrong"] = heal(scene, way)
    counted["seconds"] = round(time.monotonic() - started, 1)
    sys.stdout.write(json.dumps(counted) + "\n")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4])
