# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""SIGKILL for consumers at random moments, round after round; then everything must agree.

Five consumers share mount points and their parents, and beside ours the host is reconciled all the time. When
all of a round are dead, each mount point is asked for once, and hosts.py and expectation.py compare ledger,
kernel and what was acknowledged. In the world C(identities) an administrator is beside them, see
administered.py; the naive way there compares names alone.
"""

from __future__ import annotations

import argparse
import collections
import json
import os
import random
import signal
import subprocess
import sys
import time
import typing as t

import administered
from administered import CODES, AdministeredHost, compare_names_alone
from consumers import Naive, Ours
from expectation import Expectation
from harness.namespace import make_world
from hosts import EXPECTED_CODES, NaiveHost, OurHost
from in_process import reconcile
from mortals import Consumer, Run, bury, start, start_consumer

LIFE = (0.02, 0.12)  # seconds from the start of a round to its first kill
LIFE_WITH_DISKS = (0.05, 0.4)
GAP = 0.02  # seconds between two kills, at most
WORLDS = ("private", "shared", "identities")  # the first two by their mounts

Counted = t.Dict[str, t.Any]
Host = t.Union[OurHost, NaiveHost, AdministeredHost]


def reconcile_again(_dice: random.Random, _log: int) -> None:
    """Reconcile the host until killed."""
    while True:
        reconcile()


class Torture:
    """Round after round; what was found wrong."""

    def __init__(self, consumer: Consumer, host: Host, seed: int, consumers: int) -> None:
        self.consumer, self.host, self.seed = consumer, host, seed
        self.life, self.codes = LIFE, EXPECTED_CODES
        self.beside: t.Dict[str, Run] = {}
        if isinstance(consumer, Ours):
            self.beside["reconcile"] = reconcile_again
        if isinstance(host, AdministeredHost):
            self.life, self.codes = LIFE_WITH_DISKS, CODES
            self.beside["administrator"] = host.administrator.work
        self.dice = random.Random(seed)
        self.expectations = {f"w{number}": Expectation(consumer.paths) for number in range(consumers)}
        self.rounds = self.kills = self.violated_rounds = 0
        self.violations: t.List[str] = []

    def run_round(self) -> None:
        """Start all, kill all one after another, compare."""
        seed = f"{self.seed}-{self.rounds}"
        running = [
            (holder, *start_consumer(self.consumer, holder, f"{seed}-{holder}"))
            for holder in self.expectations
        ]
        running += [(name, *start(run, f"{seed}-{name}")) for name, run in self.beside.items()]
        time.sleep(self.dice.uniform(*self.life))
        for _name, pid, _reader in self.dice.sample(running, len(running)):
            os.kill(pid, signal.SIGKILL)
            time.sleep(self.dice.uniform(0, GAP))
        wrong = []
        for name, pid, reader in running:
            text, was_alive = bury(pid, reader)
            if name in self.expectations:
                self.expectations[name].hear(text)
            elif isinstance(self.host, AdministeredHost):
                self.host.hear(text)
            self.kills += was_alive
            if not was_alive:
                wrong.append(f"{name} ended by itself")
        self.compare(wrong)
        self.rounds += 1
        if isinstance(self.host, AdministeredHost):
            self.host.go_on(self.dice)

    def compare(self, wrong: t.List[str]) -> None:
        """Look at the host, and at what was acknowledged."""
        held, found = self.host.check()
        wrong += found
        for holder, expectation in self.expectations.items():
            wrong += expectation.compare(holder, [path for path in held if holder in held[path]])
        if wrong:
            self.violated_rounds += 1
            self.violations += [f"round {self.rounds}: {text}" for text in wrong]
            self.host.start_anew()
            if isinstance(self.host, NaiveHost):
                for holder, expectation in self.expectations.items():
                    expectation.compare(holder, [])

    def report(self) -> Counted:
        """Return the figures."""
        codes: t.Counter[str] = collections.Counter()
        for expectation in self.expectations.values():
            codes.update(expectation.codes)
        self.violations += [f"unexpected: {code}" for code in codes if code not in self.codes]
        return {
            "rounds": self.rounds,
            "kills": self.kills,
            "acknowledged": sum(one.acknowledged for one in self.expectations.values()),
            "violations": len(self.violations),
            "violated_rounds": self.violated_rounds,
            "seed": self.seed,
            "refusals": dict(codes),
            "first": self.violations[:10],
        }


def make_torture(options: argparse.Namespace) -> Torture:
    """Make a world and what is tortured in it."""
    is_ours, seed = options.way == "ours", (options.seed, options.consumers)
    if options.world == "identities":
        make_world("private", private_dev=True)
        if not is_ours:
            compare_names_alone()
        return Torture(Ours(administered.PATHS, administered.wish_for), AdministeredHost(), *seed)
    make_world(options.world, private_dev=False)
    if is_ours:
        return Torture(Ours(), OurHost(options.world), *seed)
    return Torture(Naive(), NaiveHost(options.world), *seed)


def torture(options: argparse.Namespace) -> Counted:
    """Run one world to its end."""
    rounds = make_torture(options)
    started = time.monotonic()
    while rounds.kills < options.kills or time.monotonic() - started < 60 * options.minutes:
        rounds.run_round()
    if isinstance(rounds.host, AdministeredHost):
        rounds.violations += rounds.host.close()
    return {**rounds.report(), "seconds": round(time.monotonic() - started)}


def run_all(arguments: t.Sequence[str], minutes: float) -> t.Iterator[Counted]:
    """Run every world, the same time each, in processes of their own."""
    for world in WORLDS:
        more = ["--world", world, "--minutes", str(minutes / len(WORLDS))]
        argv = [sys.executable, __file__, *arguments, *more]
        done = subprocess.run(argv, check=True, stdout=subprocess.PIPE)
        yield {"world": world, **json.loads(done.stdout)}


def main(arguments: t.Sequence[str]) -> int:
    """Print the figures as JSON, one line for each world; return 1 when anything was wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--way", choices=("ours", "naive"), default="ours")
    parser.add_argument("--world", choices=(*WORLDS, "all"), default="all")
    parser.add_argument("--kills", type=int, default=0, help="go on until so many were killed")
    parser.add_argument("--minutes", type=float, default=0.0, help="go on for so long")
    parser.add_argument("--consumers", type=int, default=5)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    options = parser.parse_args(arguments)
    if options.world != "all":
        sys.stdout.write(json.dumps(torture(options)) + "\n")
        return 0
    seed = ["--seed", str(options.seed)]
    violations = 0
    for counted in run_all([*arguments, *seed], options.minutes):
        sys.stdout.write(json.dumps(counted) + "\n")
        sys.stdout.flush()
        violations += counted["violations"]
    return int(violations > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
