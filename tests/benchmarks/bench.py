# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Compare this collection with its peers, side by side: all cases in every round, in another order each time.

Writes result.json, result.md and cost.svg to the output folder. No case is a test: what is slow is told.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import sys
import time
import typing as t
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(TESTS / "integration"))

from figures import Samples  # noqa: E402
from report import describe_machine, write_markdown  # noqa: E402
from runs import Case, Runner, all_cases  # noqa: E402
from worlds import Hosts, inside  # noqa: E402

# Programs in a world: its name, what they measure, how many.
INSIDE = (
    ("plain", "one", ()),
    ("plain", "raw", (1000,)),
    ("plain", "bare", (1000,)),
    ("plain", "bulk", (1000,)),
    ("plain", "bulk", (10000,)),
    ("plain", "command", (100,)),
)
INSIDE_AT = (
    ("others-10000", "one", "one@others-10000"),
    ("references", "one", "one@references"),
    ("points-10000", "one", "one@points-10000"),
    ("others-1000", "facts", "facts-1000"),
    ("others-2000", "facts", "facts-2000"),
    ("others-10000", "facts", "facts-10000"),
)


def keep(samples: Samples, found: t.Mapping[str, float], prefix: str = "") -> None:
    """Add what was measured."""
    for name, seconds in found.items():
        samples.setdefault(prefix + name, []).append(seconds)


def run_case(case: Case, hosts: Hosts, runner: Runner, samples: Samples) -> None:
    """Run the plays of a case and undo what they did."""
    world = hosts.get(case.world)
    for name, task in case.tasks.items():
        keep(samples, runner.run(world, name, task, case))
    if case.undo is not None:
        case.undo(world)


def is_chosen(case: Case, only: t.Sequence[str]) -> bool:
    """Whether a case is to be run: all are, where none is named."""
    return not only or any(name in only for name in case.tasks)


def run_round(
    hosts: Hosts,
    runner: Runner,
    samples: Samples,
    cases: t.List[Case],
    programs: t.Sequence[t.Tuple[str, str, t.Tuple[int, ...]]],
    programs_at: t.Sequence[t.Tuple[str, str, str]],
) -> None:
    """Measure everything once."""
    for case in random.sample(cases, len(cases)):
        run_case(case, hosts, runner, samples)
    for name, what, words in random.sample(programs, len(programs)):
        keep(samples, inside(hosts.get(name), what, *words), "inside.")
    for name, what, figure in random.sample(programs_at, len(programs_at)):
        keep(samples, {figure: inside(hosts.get(name), what)[what]}, "inside.")


def say(text: str) -> None:
    """Tell the person who waits."""
    sys.stderr.write(f"bench: {text}\n")


def measure(options: argparse.Namespace, scratch: Path) -> Samples:
    """Return the samples of all rounds."""
    hosts, runner, samples = Hosts(scratch), Runner(options.peers, scratch), t.cast("Samples", {})
    cases = [case for case in all_cases() if not case.is_long and is_chosen(case, options.only)]
    insides = ((), ()) if options.only else (INSIDE, INSIDE_AT)
    try:
        say("worlds")
        for name in [case.world for case in cases] + [name for name, _what, _figure in insides[1]]:
            hosts.get(name)
        for number in range(options.rounds):
            started = time.monotonic()
            run_round(hosts, runner, samples, cases, *insides)
            say(f"round {number + 1} of {options.rounds}, {time.monotonic() - started:.0f} s")
        for case in (case for case in all_cases() if case.is_long and options.long):
            say("a long loop, once")
            run_case(case, hosts, runner, samples)
    finally:
        hosts.close()
    return samples


def main() -> None:
    """Measure, and write the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--peers", required=True, help="the folder with ansible.posix")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--long", action="store_true", help="also a loop of 1,000 with the peer, once")
    parser.add_argument("--only", action="append", default=[], help="a case, such as ping; may be repeated")
    parser.add_argument("--redraw", action="store_true", help="write the pages from result.json again")
    options = parser.parse_args()
    options.output.mkdir(parents=True, exist_ok=True)
    result = options.output / "result.json"
    if not options.redraw:
        scratch = options.output / "worlds"
        shutil.rmtree(scratch, ignore_errors=True)
        samples = measure(options, scratch)
        result.write_text(json.dumps({"machine": describe_machine(), "samples": samples}, indent=1))
        shutil.rmtree(scratch, ignore_errors=True)
    found = json.loads(result.read_text(encoding="utf-8"))
    sys.stdout.write(write_markdown(found, options.output / "result.md"))
    say(f"{result}, and result.md beside it")
    if not options.only:
        from plot import draw

        draw(found["samples"], options.output / "cost.svg")


if __name__ == "__main__":
    if os.geteuid() != 0:
        sys.exit("bench: it mounts filesystems: run it as root")
    main()
