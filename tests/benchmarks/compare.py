# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Compare the module with itself at another commit: both in every round, in another order each time.

What is measured is the CPU time of one call in a process of its own, user and system, so that neighbours of
the machine count little. Each tree is asked through its own inside.py. Imports are not measured: they are a
part of what runs.py measures.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import sys
import tempfile
import typing as t
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(TESTS / "integration"))

from figures import Samples, ratios, spread_of  # noqa: E402
from harness.place import find_collections_path  # noqa: E402
from harness.world import World  # noqa: E402
from worlds import Hosts  # noqa: E402

BENCHMARKS = "ansible_collections/holdfast/mounts/tests/benchmarks"
# Runs beside a tree's own inside.py: its name for a measurement, or many that are held while facts are read.
PROGRAM = """\
import hashlib, importlib, json, pathlib, sys, time
import inside
from ansible_collections.holdfast.mounts.plugins import module_utils
folder = pathlib.Path(list(module_utils.__path__)[0])
for path in folder.rglob("[!_]*.py"):  # or who needs one first would pay for it
    name = path.relative_to(folder).with_suffix("").as_posix().replace("/", ".")
    importlib.import_module(module_utils.__name__ + "." + name)
time.perf_counter = time.process_time
what, count = sys.argv[1], int(sys.argv[2])
if what == "held":
    mounts = [{"path": f"/srv/held/{number}", "src": "x", "fstype": "tmpfs"} for number in range(count)]
    inside.call(mounts=mounts, holder="bench")
    found = {f"held-{count}-facts": inside.facts()["facts"]}
    inside.call(mounts=[{"path": mount["path"]} for mount in mounts], holder="bench", state="released")
elif what == "facts":
    found = {f"facts-{count}": inside.facts()["facts"]}
else:
    found = getattr(inside, what)(*([count] if count else []))
sys.stdout.write(json.dumps(found))
"""
# A world, what is measured in it, of how many.
CASES = (
    ("plain", "one", 0),
    ("plain", "bulk", 1000),
    ("plain", "held", 1000),
    ("others-2000", "facts", 2000),
)


def measure(world: World, tree: str, what: str, count: int) -> t.Dict[str, float]:
    """Return the seconds of one measurement of a tree."""
    folders = f"{tree}:{tree}/{BENCHMARKS}"
    argv = [sys.executable, "-c", PROGRAM, what, str(count)]
    finished = world.run(*argv, environment={"PYTHONPATH": folders, "PATH": "/usr/bin:/bin"})
    assert finished.rc == 0, finished
    return t.cast("t.Dict[str, float]", json.loads(finished.stdout))


def compare(old: str, rounds: int, scratch: Path) -> Samples:
    """Return the samples of both trees."""
    hosts, samples = Hosts(scratch), t.cast("Samples", {})
    trees = {"old": old, "new": find_collections_path()}
    try:
        for number in range(rounds):
            sys.stderr.write(f"compare: round {number + 1} of {rounds}\n")
            cases = [(name, *case) for name in trees for case in CASES]
            for name, world, what, count in random.sample(cases, len(cases)):
                # One has not to read the ledger that the other has written.
                own = hosts.get(f"plain-{name}" if world == "plain" else world)
                for figure, seconds in measure(own, trees[name], what, count).items():
                    samples.setdefault(f"{name}.{figure}", []).append(seconds)
    finally:
        hosts.close()
    return samples


def main() -> None:
    """Measure, and write a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--old", required=True, help="a folder with ansible_collections, of the other commit")
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    scratch = Path(tempfile.mkdtemp())
    try:
        samples = compare(os.path.abspath(options.old), options.rounds, scratch)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    sys.stdout.write("| CPU seconds in the module | old | new | ratio |\n| --- | --- | --- | --- |\n")
    for figure in sorted(name[len("new.") :] for name in samples if name.startswith("new.")):
        old, new = f"old.{figure}", f"new.{figure}"
        low, median, high = spread_of(ratios(samples, new, old))
        seconds = [f"{spread_of(samples[name]).median:.4f}" for name in (old, new)]
        sys.stdout.write(
            f"| {figure} | {seconds[0]} | {seconds[1]} | {median:.2f} ({low:.2f} to {high:.2f}) |\n"
        )


if __name__ == "__main__":
    if os.geteuid() != 0:
        sys.exit("compare: it mounts filesystems: run it as root")
    main()
