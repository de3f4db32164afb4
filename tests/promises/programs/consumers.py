# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Consumers that are killed while they work, ours and naive ones; each tells what it begins and has done."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import random
import time
import typing as t

from in_process import call, code_of, mount_tmpfs, unmount

KEPT, SOURCE = "/srv/kept", "/srv/kept/source"
BOUND = "/mnt/p/bound"
PATHS = (
    "/mnt/p/a/x",
    "/mnt/p/a/y",
    "/mnt/p/b",
    "/mnt/p/c/d/e",
    "/srv/q",
    BOUND,
    "/mnt/p/nest",
    "/mnt/p/nest/in/ner",
)
NAIVE_PATHS = PATHS[:5]
NAIVE_LEDGER, NAIVE_LOCK = "/etc/ansible/naive.json", "/run/naive.lock"

Arguments = t.Dict[str, t.Any]
Outcomes = t.Dict[str, str]
Operation = t.Tuple[str, t.List[str]]
ALL = "*"  # an outcome of the whole call


def entry(path: str) -> Arguments:
    """Return what is mounted at a path."""
    if path == BOUND:
        return {"path": path, "src": SOURCE, "fstype": "bind", "opts": ["ro"]}
    return {"path": path, "src": "tmpfs", "fstype": "tmpfs", "opts": ["size=1m", "mode=0755"]}


def choose(dice: random.Random, paths: t.Sequence[str]) -> Operation:
    """Return what to do next."""
    number = dice.random()
    if number < 0.45:
        return "hold", [dice.choice(paths)]
    if number < 0.85:
        return "release", [dice.choice(paths)]
    return ("bulk", dice.sample(paths, 4)) if number < 0.95 else ("purge", dice.sample(paths, 2))


class Ours:
    """Asks the module's own code."""

    def __init__(
        self, paths: t.Sequence[str] = PATHS, wish_for: t.Callable[[str], Arguments] = entry
    ) -> None:
        self.paths, self.wish_for = paths, wish_for

    def do(self, holder: str, operation: Operation) -> Outcomes:
        """Carry out one operation; return the code or C(ok) of each path."""
        kind, paths = operation
        if kind == "hold":
            return self.single(holder, **self.wish_for(paths[0]))
        if kind == "release":
            return self.single(holder, path=paths[0], state="released")
        result = call(holder=holder, mounts=[self.wish_for(path) for path in paths], purge=kind == "purge")
        if "mounts" not in result:
            return {ALL: code_of(result)}
        return {told["path"]: (told.get("error") or {"code": "ok"})["code"] for told in result["mounts"]}

    def single(self, holder: str, **arguments: t.Any) -> Outcomes:
        """Carry out a call for one mount point."""
        result = call(holder=holder, **arguments)
        return {arguments["path"]: code_of(result) if result.get("failed") else "ok"}


class Naive:
    """Mounts, then rewrites the JSON; even under a lock, so that nothing but the crash is to blame."""

    paths = NAIVE_PATHS

    def do(self, holder: str, operation: Operation) -> Outcomes:
        """Carry out one operation on its first path."""
        kind, (path, *_rest) = operation
        with open(NAIVE_LOCK, "w", encoding="ascii") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            try:
                references = read_naive_ledger()
            except ValueError:
                time.sleep(0.01)  # in pieces: there is nothing that it could do
                return {ALL: "broken"}
            holders = set(references.get(path, []))
            if kind == "release":
                self.release(path, holders, holder)
            else:
                self.hold(path, holders, holder)
            references[path] = sorted(holders)
            with open(NAIVE_LEDGER, "w", encoding="ascii") as stream:
                json.dump({where: names for where, names in references.items() if names}, stream)
        return {path: "ok"}

    def hold(self, path: str, holders: t.Set[str], holder: str) -> None:
        """Mount unless somebody has."""
        os.makedirs(path, exist_ok=True)
        if not holders:
            mount_tmpfs("tmpfs", path)
        holders.add(holder)

    def release(self, path: str, holders: t.Set[str], holder: str) -> None:
        """Unmount when nobody is left."""
        if holders == {holder} and unmount(path):
            with contextlib.suppress(OSError):
                os.removedirs(path)
        holders.discard(holder)


def read_naive_ledger() -> t.Dict[str, t.List[str]]:
    """Return the naive references. Raises ValueError where the file is in pieces."""
    with open(NAIVE_LEDGER, encoding="ascii") as stream:
        return t.cast("t.Dict[str, t.List[str]]", json.load(stream))


def work(consumer: t.Union[Ours, Naive], holder: str, dice: random.Random, log: int) -> None:
    """Do one thing after another until killed; a line before each, and one after it with what came of it."""
    while True:
        operation = choose(dice, consumer.paths)
        if isinstance(consumer, Naive):
            kind, paths = operation
            operation = ("release" if kind == "release" else "hold", paths[:1])
        os.write(log, (json.dumps(["begin", *operation]) + "\n").encode())
        outcomes = consumer.do(holder, operation)
        os.write(log, (json.dumps(["done", outcomes]) + "\n").encode())
