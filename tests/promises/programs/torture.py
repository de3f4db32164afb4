# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""SIGKILL for consumers at random moments, round after round; then everything must agree.

Five consumers share mount points and their parents, and beside ours the host is reconciled all the time. When
all of a round are dead, each mount point is asked for once, and hosts.py and expectation.py compare ledger,
kernel and what was acknowledged.
"""

from __future__ import annotations

import argparse
import collections
import fcntl
import json
import os
import random
import signal
import subprocess
import sys
import time
import traceback
import typing as t

from consumers import Naive, Ours, work
from expectation import Expectation
from harness.namespace import make_world
from hosts import EXPECTED_CODES, NaiveHost, OurHost
from in_process import reconcile

LIFE = (0.02, 0.12)  # seconds from the start of a round to its first kill
GAP = 0.02  # seconds between two kills, at most
F_SETPIPE_SZ = 1031  # Linux; a name in fcntl since Python 3.10
PIPE = 1 << 20

Counted = t.Dict[str, t.Any]
Consumer = t.Union[Ours, Naive]
Host = t.Union[OurHost, NaiveHost]


def start(run: t.Callable[[random.Random, int], None], seed: str) -> t.Tuple[int, int]:
    """Return the number of a process that works until it is killed, and the end of its pipe."""
    reader, writer = os.pipe()
    fcntl.fcntl(writer, F_SETPIPE_SZ, PIPE)
    pid = os.fork()
    if pid == 0:
        try:
            os.close(reader)
            random.seed(seed)
            run(random.Random(seed), writer)
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(70)
    os.close(writer)
    return pid, reader


def start_consumer(consumer: Consumer, holder: str, seed: str) -> t.Tuple[int, int]:
    """Return the number of the process of a consumer, and the end of its pipe."""
    return start(lambda dice, log: work(consumer, holder, dice, log), seed)


def reconcile_again(_dice: random.Random, _log: int) -> None:
    """Reconcile the host until killed."""
    while True:
        reconcile()


def bury(pid: int, reader: int) -> t.Tuple[str, bool]:
    """Return what a killed consumer has said, and whether it was alive until then."""
    status = os.waitpid(pid, 0)[1]
    with os.fdopen(reader, "rb") as stream:
        return stream.read().decode(), os.WIFSIGNALED(status)


class Torture:
    """Round after round; what was found wrong."""

    def __init__(self, consumer: Consumer, host: Host, seed: int, consumers: int) -> None:
        self.consumer, self.host, self.seed = consumer, host, seed
        self.dice = random.Random(seed)
        self.expectations = {f"w{number}": Expectation(consumer.paths) for number in range(consumers)}
        self.rounds = self.kills = self.violated_rounds = 0
        self.violations: t.List[str] = []

    def run_round(self) -> None:
        """Start all, kill all one after another, compare."""
        running = [
            (holder, *start_consumer(self.consumer, holder, f"{self.seed}-{self.rounds}-{holder}"))
            for holder in self.expectations
        ]
        if isinstance(self.consumer, Ours):
            running.append(("", *start(reconcile_again, "")))
        time.sleep(self.dice.uniform(*LIFE))
        for _holder, pid, _reader in self.dice.sample(running, len(running)):
            os.kill(pid, signal.SIGKILL)
            time.sleep(self.dice.uniform(0, GAP))
        wrong = []
        for holder, pid, reader in running:
            text, was_alive = bury(pid, reader)
            if holder:
                self.expectations[holder].hear(text)
            self.kills += was_alive
            if not was_alive:
                wrong.append(f"{holder or 'reconcile'} ended by itself")
        self.compare(wrong)
        self.rounds += 1

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
        self.violations += [f"unexpected: {code}" for code in codes if code not in EXPECTED_CODES]
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


def torture(options: argparse.Namespace) -> Counted:
    """Run one world to its end."""
    make_world(options.propagation, private_dev=False)
    is_ours = options.way == "ours"
    host: Host = OurHost(options.propagation) if is_ours else NaiveHost(options.propagation)
    rounds = Torture(Ours() if is_ours else Naive(), host, options.seed, options.consumers)
    started = time.monotonic()
    while rounds.kills < options.kills or time.monotonic() - started < 60 * options.minutes:
        rounds.run_round()
    return {**rounds.report(), "seconds": round(time.monotonic() - started)}


def run_both(arguments: t.Sequence[str], minutes: float) -> t.Iterator[Counted]:
    """Run private and shared mounts, half of the time each, in processes of their own."""
    for propagation in ("private", "shared"):
        more = ["--propagation", propagation, "--minutes", str(minutes / 2)]
        argv = [sys.executable, __file__, *arguments, *more]
        done = subprocess.run(argv, check=True, stdout=subprocess.PIPE)
        yield {"propagation": propagation, **json.loads(done.stdout)}


def main(arguments: t.Sequence[str]) -> int:
    """Print the figures as JSON, one line for each world; return 1 when anything was wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--way", choices=("ours", "naive"), default="ours")
    parser.add_argument("--propagation", choices=("private", "shared", "both"), default="both")
    parser.add_argument("--kills", type=int, default=0, help="go on until so many were killed")
    parser.add_argument("--minutes", type=float, default=0.0, help="go on for so long")
    parser.add_argument("--consumers", type=int, default=5)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    options = parser.parse_args(arguments)
    if options.propagation != "both":
        sys.stdout.write(json.dumps(torture(options)) + "\n")
        return 0
    seed = ["--seed", str(options.seed)]
    violations = 0
    for counted in run_both([*arguments, *seed], options.minutes):
        sys.stdout.write(json.dumps(counted) + "\n")
        sys.stdout.flush()
        violations += counted["violations"]
    return int(violations > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
