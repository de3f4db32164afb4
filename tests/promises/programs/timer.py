# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Sixteen jobs and the timer of the host at once, leases that end, and somebody who unmounts by hand.

timer.py WAY PROPAGATION SECONDS. WAY: ours, the command of the host once a second, every other run of which
is killed; systemd, in the host itself, where its timer starts the unit, and every other run is killed too; or
naive, which mounts what the ledger has and the table has not, and the other way round.
"""

from __future__ import annotations

import collections
import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import time
import typing as t

from consumers import PATHS, Operation, Ours, Outcomes, entry
from expectation import Expectation
from harness.namespace import AREAS, make_world
from hosts import EXPECTED_CODES, FOREIGN, OurHost, read_references
from in_process import call, is_below, mount_tmpfs, read_points, unmount
from mortals import bury, start, start_consumer
from traces import list_intents

COMMAND, INSTALLED = "/run/command", "/usr/local/sbin/holdfast"
TIMER, SERVICE = "holdfast-reconcile.timer", "holdfast-reconcile.service"
JOBS, INTERVAL = 16, 1.0
# As long as a run of the unit may take under emulation, beside sixteen jobs.
PATIENCE, REST = 120.0, 4.0
NESTED = PATHS[-1]
Run = t.Callable[[random.Random, int], bool]


class Paced(Ours):
    """A job that leaves time for the others, of which an emulated machine has little."""

    def do(self, holder: str, operation: Operation) -> Outcomes:
        """Carry out one operation, and rest."""
        outcomes = super().do(holder, operation)
        time.sleep(random.uniform(0, REST))
        return outcomes


def run_command(dice: random.Random, number: int) -> bool:
    """Run the command as the timer does; return whether it was killed."""
    process = subprocess.Popen([COMMAND, "reconcile", "--unattended"], stdout=2)
    if number % 2 == 0:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(dice.uniform(0.05, 0.6))
        process.send_signal(signal.SIGKILL)
    return process.wait() == -signal.SIGKILL


def tell_service(name: str) -> str:
    """Return a property of the unit."""
    argv = ["systemctl", "show", "--value", "--property", name, SERVICE]
    return subprocess.run(argv, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()


def watch_unit(dice: random.Random, number: int) -> bool:
    """Wait for the timer to start the next run; return whether that was killed."""
    before, deadline = tell_service("InvocationID"), time.monotonic() + PATIENCE
    while tell_service("InvocationID") == before:
        if time.monotonic() > deadline:
            raise RuntimeError("the timer starts nothing")
        time.sleep(0.1)
    if number % 2 == 0:
        time.sleep(dice.uniform(0.1, 5))
        subprocess.run(["systemctl", "kill", "--signal", "KILL", SERVICE], check=False, capture_output=True)
    while tell_service("ActiveState") == "activating":
        time.sleep(0.1)
    return tell_service("Result") == "signal"


def run_naive(_dice: random.Random, _number: int) -> bool:
    """Make the table what the ledger says, without a lock."""
    references, points = read_references(), {point for _number, point in read_points()}
    for path in PATHS:
        if path in references and path not in points and os.path.isdir(path):
            mount_tmpfs("tmpfs", path)
        elif path in points and path not in references:
            unmount(path)
    return False


def hold_leases(dice: random.Random, _log: int) -> None:
    """Hold for a second, again and again; the timer ends what nobody renews."""
    while True:
        call(holder="lease", ttl=1, **entry(dice.choice(PATHS)))
        time.sleep(dice.uniform(0, 0.5))


def unmount_by_hand(dice: random.Random, _log: int) -> None:
    """Take mounts away behind everybody's back; none that another one lies on.

    What is held below that meanwhile lies in its way when it is to come back (C(shadows)).
    """
    while True:
        unmount(dice.choice([path for path in PATHS if not is_below(NESTED, (path,))]))
        time.sleep(dice.uniform(0, 0.3))


def end_all(host: OurHost, command: str) -> t.List[str]:
    """Let leases end, reconcile once more, and return what is wrong then."""
    time.sleep(3)
    done = subprocess.run([command, "reconcile"], capture_output=True, text=True, check=False)
    held, wrong = host.check()
    wrong += done.stderr.splitlines()
    return wrong + [f"{path}: a lease has not ended" for path, holders in held.items() if "lease" in holders]


def prepare(way: str, propagation: str) -> str:
    """Make the world, unless the host itself is it, and return the command."""
    if way == "systemd":
        for area in AREAS:
            mount_tmpfs("world", area)
        return INSTALLED
    from ansible_collections.holdfast.mounts.plugins.plugin_utils import _zipapp

    make_world(propagation, private_dev=False)
    with open(COMMAND, "wb") as file:
        file.write(_zipapp.build_command("1.2.3", sys.executable))
    os.chmod(COMMAND, 0o755)
    return COMMAND


RUNS: t.Mapping[str, t.Tuple[Run, float]] = {
    "ours": (run_command, INTERVAL),
    "systemd": (watch_unit, 0.0),
    "naive": (run_naive, 0.01),
}


def leave() -> None:
    """Leave the host as it was: nothing is held, and what was laid over it is gone. Raises RuntimeError."""
    deadline = time.monotonic() + PATIENCE
    while read_references() or list_intents():
        if time.monotonic() > deadline:
            raise RuntimeError(f"left: {read_references()}, {list_intents()}")
        # What was interrupted is finished first, or it would come back later; then the innermost goes first.
        subprocess.run([INSTALLED, "reconcile"], capture_output=True, check=False)
        for path, reference in sorted(read_references().items(), key=lambda item: -item[0].count("/")):
            for holder in reference["holders"]:
                call(path=path, state="released", holder=holder)
    unmount(FOREIGN)
    for area in AREAS:
        unmount(area)


def main(way: str, propagation: str, seconds: float) -> None:
    """Run all of them, end the jobs, compare, print."""
    command = prepare(way, propagation)
    # A mount that everybody sees is in the table once, but where make_world() has bound it to itself.
    host, dice = OurHost("private" if way == "systemd" else propagation), random.Random(1)
    expectations = {f"job-{number}": Expectation(PATHS) for number in range(JOBS)}
    job = Paced() if way == "systemd" else Ours()
    jobs = [(holder, *start_consumer(job, holder, holder)) for holder in expectations]
    others = [start(hold_leases, "lease"), start(unmount_by_hand, "hand")]
    run, interval = RUNS[way]
    runs: t.List[bool] = []
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        began = time.monotonic()
        runs.append(run(dice, len(runs)))
        time.sleep(max(0.0, interval - (time.monotonic() - began)))
    if way == "systemd":
        subprocess.run(["systemctl", "stop", TIMER, SERVICE], check=True)
    for pid in [pid for _holder, pid, _reader in jobs] + [pid for pid, _reader in others]:
        os.kill(pid, signal.SIGKILL)
    wrong = []
    for holder, pid, reader in [*jobs, *(("", *other) for other in others)]:
        text, was_alive = bury(pid, reader)
        wrong += [] if was_alive else [f"{holder or 'another'} ended by itself"]
        if holder:
            expectations[holder].hear(text)
    wrong += end_all(host, command)
    references = read_references()
    codes: t.Counter[str] = collections.Counter()
    for holder, one in expectations.items():
        wrong += one.compare(holder, [path for path in references if holder in references[path]["holders"]])
        codes.update(one.codes)
    # Emulated, one may wait for a mount point until its lock_timeout.
    expected = EXPECTED_CODES | {"locked"} if way == "systemd" else EXPECTED_CODES
    wrong += [f"unexpected: {code}" for code in codes if code not in expected]
    found = [point for _number, point in read_points() if is_below(point, AREAS) and point != FOREIGN]
    told = {
        "runs": len(runs),
        "killed": sum(runs),
        "acknowledged": sum(one.acknowledged for one in expectations.values()),
        "mounted": len(found),
        "violations": len(wrong),
        "first": wrong[:10],
        "refusals": dict(codes),
    }
    sys.stdout.write(json.dumps(told) + "\n")
    if way == "systemd":
        leave()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], float(sys.argv[3]))
