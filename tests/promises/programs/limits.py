# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Ask for what is at and beyond every limit, and read the ledger after each call: limits.py WAY CALLS SEED.

WAY: ours, or naive, which writes as ours does but for the limits. The kernel is the real one; the limit of
the whole ledger is lower than elsewhere, so that it is met. Prints what was counted as JSON.
"""

from __future__ import annotations

import collections
import json
import os
import random
import sys
import typing as t

from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.arguments.spec import ARGUMENT_SPEC
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.call import run_call
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.errors import MountError
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.grammar import paths
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.ledger import codec, store
from harness.namespace import make_world
from harness.place import LEDGER, RUN
from in_process import call, code_of, defaults

KEPT_FREE = 1 << 20
SMALL = KEPT_FREE + 120_000
TMPFS = {"src": "tmpfs", "fstype": "tmpfs", "opts": ["mode=0755"]}
LETTERS = 'aZ0 -.\u00e9\u6f22\U0001f4be"\\'
LAYERS = 500
Arguments = t.Dict[str, t.Any]


class Asking:
    """Requests at and beyond the limits, and what is held by those that were acknowledged."""

    def __init__(self, seed: str) -> None:
        self.dice = random.Random(seed)
        self.held: t.Dict[str, t.Set[str]] = {}
        self.layers = [f"/media/{'l' * 240}/{number}" for number in range(LAYERS)]
        for layer in self.layers:
            os.makedirs(layer)

    def near(self, limit: int) -> int:
        """Return a number at or below a limit, and now and then beyond it."""
        is_beyond = self.dice.random() < 0.05
        numbers = (limit + 1, 4 * limit) if is_beyond else (1, limit // 2, limit - 1, limit)
        return max(1, self.dice.choice(numbers))

    def name(self, size: int) -> str:
        """Return a component of so many bytes, of any characters, and a digit at its end."""
        letter = self.dice.choice(LETTERS)
        return "x" + letter * ((size - 2) // len(letter.encode())) + str(self.dice.randrange(10))

    def path(self) -> str:
        """Return a mount point: long, deep, or both, in bytes and components."""
        deep = self.near(paths.PATH_COMPONENTS - 1)
        longest = (self.near(paths.PATH_BYTES) - len("/srv") - deep) // deep
        size = max(2, min(self.near(paths.COMPONENT_BYTES), longest))
        return "/srv/" + "/".join(self.name(size) for _component in range(min(deep, 2100)))

    def definition(self) -> Arguments:
        """Return what is to be mounted: mostly small, sometimes an overlay of many layers."""
        if self.dice.random() < 0.8:
            return {**TMPFS, "src": "s" * self.near(64)}
        some = self.dice.sample(self.layers, min(LAYERS, self.near(LAYERS - 1) + 1))
        return {"src": "overlay", "fstype": "overlay", "opts": ["lowerdir=" + ":".join(some)]}

    def holder(self) -> str:
        """Return a name, now and then a long one."""
        return str(self.dice.randrange(10)) + "h" * (self.near(128) - 1)

    def next(self) -> Arguments:
        """Return the arguments of a call."""
        if self.held and self.dice.random() < 0.2:
            path = self.dice.choice(sorted(self.held))
            return {"path": path, "holder": self.dice.choice(sorted(self.held[path])), "state": "released"}
        wish = {"holder": self.holder(), "ttl": self.dice.choice((None, None, 1000, 10 * 365 * 86400))}
        if self.held and self.dice.random() < 0.3:
            return {**wish, "path": self.dice.choice(sorted(self.held)), **TMPFS, "src": "s"}
        if self.dice.random() < 0.2:
            some = [self.path() for _entry in range(self.dice.randrange(1, 9))]
            unique = {path: {"path": path, **self.definition()} for path in some}
            return {**wish, "mounts": list(unique.values())}
        return {**wish, "path": self.path(), **self.definition()}

    def hear(self, arguments: Arguments, result: t.Dict[str, t.Any]) -> None:
        """Note what was acknowledged."""
        for mount in result.get("mounts") or ([result["mount"]] if "mount" in result else []):
            if mount.get("error") or not mount.get("path"):
                continue
            if mount["holders"]:
                self.held[mount["path"]] = set(mount["holders"])
            else:
                self.held.pop(mount["path"], None)


def predict(arguments: Arguments) -> t.Dict[str, t.Any]:
    """Run safe_mount in check mode."""
    params = {**defaults(ARGUMENT_SPEC), **arguments}
    return run_call(params, check_mode=True, diff_mode=False)


def read_anew() -> t.Dict[str, t.Set[str]]:
    """Return the holders in the ledger's file, which reads back as it was written. Raises MountError."""
    ledger = store.LedgerFile().read()
    if os.path.exists(LEDGER):
        with open(LEDGER, encoding="ascii") as file:
            assert codec.ledger_to_json(ledger) == file.read()
    return {path: set(reference.holders) for path, reference in ledger.references.items()}


def write_without_limits() -> None:
    """The control: whatever is asked for is written."""

    def spend(budget: t.Any, _plan: t.Any, _old: t.Any) -> None:
        budget.spent += 1 << 16

    limited: t.Any = codec.Budget
    limited.spend = spend
    real = codec.ledger_to_json

    def to_json(ledger: t.Any, lines: t.Any = None) -> str:
        limit, codec.MAX_LEDGER = codec.MAX_LEDGER, 1 << 40
        try:
            return real(ledger, lines)
        finally:
            codec.MAX_LEDGER = limit

    vars(codec)["ledger_to_json"] = to_json


def run(way: str, calls: int, seed: str) -> t.Dict[str, t.Any]:
    """Call, read, compare; return what was counted."""
    asking, codes = Asking(seed), collections.Counter[str]()
    wrong: t.List[str] = []
    unread = largest = 0
    for number in range(calls):
        arguments = asking.next()
        told = code_of(predict(arguments)) if "mounts" not in arguments else ""
        result = call(**arguments)
        word = code_of(result)
        codes[word] += 1
        asking.hear(arguments, result)
        try:
            found = read_anew()
            largest = max(largest, os.path.getsize(LEDGER) if os.path.exists(LEDGER) else 0)
        except MountError as error:
            unread += 1
            wrong.append(f"{number}: {error.code} after {word}")
            break  # nothing can be called any longer
        if found != asking.held:
            wrong.append(f"{number}: {word}, and the ledger has other holders than were told")
        if told and told != word:
            wrong.append(f"{number}: {told} predicted, {word} came")
        wrong += [f"{number}: a note is left: {name}" for name in os.listdir(f"{RUN}/operations")]
    kept = len(asking.held)
    if not unread:
        for path in sorted(asking.held, key=lambda path: -path.count("/")):
            words = {
                code_of(call(path=path, holder=holder, state="released")) for holder in asking.held[path]
            }
            wrong += [f"{word} at a release" for word in words - {"released", "unmounted"}]
        wrong += [f"left: {name}" for name in [*read_anew(), *os.listdir("/srv")]]
    return {
        "calls": sum(codes.values()),
        "codes": dict(codes),
        "kept": kept,
        "largest": largest,
        "unread": unread,
        "wrong": wrong[:10],
    }


def main(way: str, calls: int, seed: str) -> None:
    """Ask, count, print."""
    make_world("private", private_dev=False)
    call(path="/srv/first", state="released")
    codec.MAX_LEDGER = SMALL
    if way == "naive":
        codec.MAX_LEDGER -= KEPT_FREE  # it keeps nothing free, and what it may fill is as much
        write_without_limits()
    sys.stdout.write(json.dumps(run(way, calls, seed)) + "\n")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3])
