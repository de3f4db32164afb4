# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A host on which names come to name something else while it is used, for torture.py.

Its administrator exchanges directories, images and the devices that a label leads to, makes directories anew,
covers what carries the sources, and unmounts, covers and remounts by hand. Whether what is seen is what is
named is told by files in it. Of each kind one mount point is held by a consumer that never lets go: what it
saw first is what may be mounted there.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import random
import shutil
import time
import typing as t

from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast import overview
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.decide import identity
from harness.namespace import MS_BIND, mount
from harness.table import find_unique_id, read_table
from hosts import EXPECTED_CODES, Held, read_references
from identities import (
    IMAGE,
    LINK,
    NOTHING,
    ONE,
    OTHER,
    STORE,
    TWO,
    WISHES,
    Sight,
    exchange,
    fill,
    make_image,
    run,
    sight,
)
from in_process import call, code_of, unmount
from sequences import MNT_DETACH, NOEXEC, REMOUNT, SAFE, boot
from traces import list_intents

STEADY = "steady"  # the consumer that never lets go
STEADY_WISHES = {f"/media/{name[5:]}": wish for name, wish in WISHES.items() if name != "/mnt/inner"}
ALL_WISHES = {**WISHES, **STEADY_WISHES}
PATHS = tuple(ALL_WISHES)
SPARES = tuple(f"{STORE}/spare-{number}" for number in range(3))
COVER, STAGE, IMAGES, LOOPS = "cover", "/run/stage", "/run/images", 64
BOOTS = 0.1  # of all rounds
# Beside those of any torture: somebody else mounts there, and what a source names comes and goes.
# What carries the sources may be unmounted between two looks at it.
CODES = EXPECTED_CODES | {"not_owned", "unsafe_path"}
MS_MOVE = 1 << 13
PATIENCE = 30  # seconds for the kernel to detach what is used no longer
PAUSE = 0.03  # seconds between two doings of the administrator, at most

Say = t.Callable[[t.List[str]], None]
DISKS = {"store": 64, "disk-0": 4, "disk-1": 4}


def wish_for(path: str) -> t.Dict[str, t.Any]:
    """Return what is mounted at a path."""
    return {"path": path, **ALL_WISHES[path]}


def compare_names_alone() -> None:
    """Be the control: take whatever a name leads to for what it led to."""
    vars(identity)["shows_another_source"] = lambda *_arguments: ""
    vars(identity)["is_same_identity"] = lambda *_arguments, **_options: True


class Row(t.NamedTuple):
    """One mount at a path."""

    name: str
    is_cover: bool


def rows_at(path: str) -> t.List[Row]:
    """Return every mount at a path, from below; a bind of what covers another path is none that covers."""
    own = f"{COVER}-{path}-"
    names = [row.source for row in read_table(os.getpid()) if row.point == path]
    return [Row(name, name.startswith(own)) for name in names]


class Administrator:
    """What is done by hand; each doing is one call of the kernel, and what covers is announced."""

    def __init__(self, devices: t.Sequence[str], first: t.Collection[str]) -> None:
        self.devices, self.first = devices, first
        self.numbers = itertools.count()

    def work(self, dice: random.Random, log: int) -> None:
        """Do one thing after another until killed."""

        def say(words: t.List[str]) -> None:
            os.write(log, (json.dumps(words) + "\n").encode())

        here = [self.exchange, self.exchange_spare, self.renew, self.exchange_images, self.move_label]
        at_paths = [self.take_off, self.take_off, self.cover, self.uncover, self.uncover, self.remount]
        while True:
            if dice.random() < 0.5:
                dice.choice([*here, self.bring_back, self.cover_store, self.uncover_store])(dice)
            else:
                dice.choice(at_paths)(dice.choice(PATHS), say)
            time.sleep(dice.uniform(0, PAUSE))

    def exchange(self, _dice: random.Random) -> None:
        exchange(ONE, TWO)

    def exchange_spare(self, dice: random.Random) -> None:
        exchange(dice.choice((ONE, TWO)), dice.choice(SPARES))

    def renew(self, dice: random.Random) -> None:
        """Make another directory of a name, and delete the old one, which may be mounted somewhere."""
        spare = dice.choice(SPARES)
        if sight(spare)[0] not in self.first:
            name = f"{os.getpid()}-{next(self.numbers)}"
            exchange(fill(f"{STORE}/{name}", name), spare)
            shutil.rmtree(f"{STORE}/{name}", ignore_errors=True)

    def bring_back(self, _dice: random.Random) -> None:
        """Give the two directories that were there first their names again."""
        for wanted, name in zip(self.first, (ONE, TWO)):
            for place in (ONE, TWO, *SPARES):
                if place != name and sight(place)[0] == wanted:
                    exchange(place, name)

    def exchange_images(self, _dice: random.Random) -> None:
        exchange(IMAGE, OTHER)

    def move_label(self, _dice: random.Random) -> None:
        point_label(next(device for device in self.devices if device != os.readlink(LINK)))

    def cover_store(self, _dice: random.Random) -> None:
        """Lay another filesystem with directories of these names over what carries the sources."""
        if len(rows_at(STORE)) > 1:
            return
        os.makedirs(STAGE, exist_ok=True)
        mount(COVER, STAGE, "tmpfs", 0, "mode=755")
        for path in (ONE, TWO, *SPARES):
            fill(STAGE + path[len(STORE) :], f"{os.getpid()}-{next(self.numbers)}")
        mount(STAGE, STORE, "", MS_MOVE)

    def uncover_store(self, _dice: random.Random) -> None:
        if len(rows_at(STORE)) > 1:
            unmount(STORE, MNT_DETACH)

    def take_off(self, path: str, _say: Say) -> None:
        """Unmount what a consumer sees there."""
        if not self.is_covered(path):
            unmount(path)

    def cover(self, path: str, say: Say) -> None:
        if rows_at(path) and not self.is_covered(path):
            name = f"{COVER}-{path}-{os.getpid()}-{next(self.numbers)}"
            with contextlib.suppress(FileNotFoundError):  # it has been unmounted and removed meanwhile
                mount(name, path, "tmpfs", SAFE, "mode=755")
                say(["covered", name])

    def uncover(self, path: str, say: Say) -> None:
        """Take off what lies on it, and say so before, as it may be the last word."""
        if self.is_covered(path):
            say(["uncovers", rows_at(path)[-1].name])
            unmount(path)

    def remount(self, path: str, _say: Say) -> None:
        with contextlib.suppress(OSError):
            mount("none", path, "", MS_BIND | REMOUNT | SAFE | NOEXEC)

    def is_covered(self, path: str) -> bool:
        return any(row.is_cover for row in rows_at(path)[-1:])


def point_label(device: str) -> None:
    """Have the label lead to a device, from one moment to the next."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(f"{LINK}.new")
    os.symlink(device, f"{LINK}.new")
    os.rename(f"{LINK}.new", LINK)


class AdministeredHost:
    """The host, what the administrator has said, and what the steady consumer saw first."""

    def __init__(self) -> None:
        for number in range(LOOPS):
            os.mknod(f"/dev/loop{number}", 0o060660, os.makedev(7, number))
        for place in (IMAGES, STORE, os.path.dirname(LINK)):
            os.makedirs(place)
        store, *disks = (make_image(f"{IMAGES}/{name}", name, size) for name, size in DISKS.items())
        self.devices = {run("losetup", "--find", "--show", disk): os.path.basename(disk) for disk in disks}
        self.store = run("losetup", "--find", "--show", store)
        mount(self.store, STORE, "ext4")
        for token, place in enumerate((ONE, TWO, *SPARES)):
            fill(place, f"first-{token}")
        self.files = {os.stat(make_image(path, path[-1])).st_ino: path[-1] for path in (IMAGE, OTHER)}
        point_label(next(iter(self.devices)))
        boot()
        held = [code_of(call(holder=STEADY, **wish_for(path))) for path in STEADY_WISHES]
        if set(held) != {"mounted"}:
            raise RuntimeError(f"the first consumer could not begin: {held}")
        self.first = {path: sight(path) for path in STEADY_WISHES}
        self.administrator = Administrator(tuple(self.devices), (sight(ONE)[0], sight(TWO)[0]))
        self.covers: t.Set[str] = set()

    def hear(self, text: str) -> None:
        """Take in what the administrator has said; the last line may be cut."""
        for line in text.split("\n")[:-1]:
            word, name = json.loads(line)
            (self.covers.add if word == "covered" else self.covers.discard)(name)

    def named(self, path: str) -> Sight:
        """Return what would be seen if a wish were mounted now."""
        source = ALL_WISHES[path]["src"]
        if source == "LABEL=data":
            return whole(self.devices[os.readlink(LINK)])
        if source == IMAGE:
            return whole(self.files[os.stat(IMAGE).st_ino]) if os.path.exists(IMAGE) else NOTHING
        if ALL_WISHES[path]["fstype"] == "overlay":
            return sight(ONE)[0], sight(ONE)[1] | sight(TWO)[1]
        return look(source)

    def check(self) -> t.Tuple[Held, t.List[str]]:
        """Ask for each mount point once; return who holds what, and everything that is wrong."""
        wrong = []
        for path in PATHS:
            result = call(path=path, state="released", holder="nobody-at-all", disclose="full")
            if result.get("failed"):
                wrong.append(f"{path} is not healed: {result['msg']}")
        wrong += [f"{note} is left" for note in list_intents()]
        references = read_references()
        drift = t.cast("t.Any", overview.observe_facts())["drift"]
        reported = {row["path"]: f"{row['kind']}: {row['message']}" for row in drift}
        for path in PATHS:
            wrong += [f"{path}: {text}" for text in self.compare(path, references.get(path), reported)]
        there = {row.name for path in PATHS for row in rows_at(path) if row.is_cover}
        wrong += [f"{name} is gone, and nobody took it off" for name in self.covers - there]
        self.covers = there
        return {path: sorted(reference["holders"]) for path, reference in references.items()}, wrong

    def compare(
        self, path: str, reference: t.Optional[t.Dict[str, t.Any]], reported: t.Mapping[str, str]
    ) -> t.Iterator[str]:
        """Yield what is wrong at a mount point."""
        rows = rows_at(path)
        ours = [row for row in rows if not row.is_cover]
        if len(ours) > 1:
            yield f"is mounted {len(ours)} times"
        if reference is None:
            if ours:
                yield "is mounted and not in the ledger"
            return
        if path in STEADY_WISHES and STEADY not in reference["holders"]:
            yield f"is lost by {STEADY}"
        seen, named, first = look(path), self.named(path), self.first.get(path)
        is_altered = bool(rows) and is_altered_at(path, reference)
        is_right = len(rows) == 1 and seen == named and first in (None, seen) and not is_altered
        if is_right == (path in reported):
            said = reported.get(path, "nothing")
            yield f"{seen} of {rows}, named {named}, first {first}, altered {is_altered}; {said} is said"
        if first is not None and len(rows) == 1 and ours and seen != first:
            yield f"{seen} was mounted in the place of {first}"
        if len(rows) == 1 and ours and reference["mount_id"] != find_unique_id(path):
            yield "is another mount than the ledger's"

    def go_on(self, dice: random.Random) -> None:
        """Boot, now and then, before the next round."""
        if dice.random() < BOOTS:
            self.take_all_off()
            shutil.rmtree("/run/holdfast", ignore_errors=True)
            boot()

    def take_all_off(self) -> None:
        """Leave no mount of anybody's but what carries the sources."""
        for row in reversed(read_table(os.getpid())):
            if row.point in PATHS:
                unmount(row.point, MNT_DETACH)
        while len(rows_at(STORE)) > 1:
            unmount(STORE, MNT_DETACH)
        unmount(STAGE, MNT_DETACH)
        self.covers.clear()

    def start_anew(self) -> None:
        """Nothing: what is wrong stays for all rounds to see."""

    def close(self) -> t.List[str]:
        """Take everything off, and return what is left on the machine: loop devices of this world's files."""
        places = {os.stat(place).st_dev for place in (IMAGES, STORE)}
        own = {f"{os.major(number)}:{os.minor(number)}" for number in places}
        self.take_all_off()
        unmount(STORE, MNT_DETACH)
        for device in (*self.devices, self.store):
            run("losetup", "--detach", device)
        deadline = time.monotonic() + PATIENCE
        while True:
            rows = run("losetup", "--list", "--noheadings", "--output", "BACK-MAJ:MIN,BACK-FILE").splitlines()
            left = [row for row in rows if row.split()[0] in own]
            if not left or time.monotonic() > deadline:
                return [f"{row} is still attached" for row in left]
            time.sleep(0.1)


def is_altered_at(path: str, reference: t.Mapping[str, t.Any]) -> bool:
    """Whether what is seen at a path has other options than were asked for.

    A bind begins with the flags of what it shows. An overlay is made of open directories, and the kernel
    shows the names that they had at that moment.
    """
    row = [row for row in read_table(os.getpid()) if row.point == path][-1]
    return not has_named_layers(path) or "noexec" in {*row.flags}.difference(reference.get("inherited", ()))


def has_named_layers(path: str) -> bool:
    """Whether what the kernel shows of an overlay is what it was asked for, in this order."""
    with open("/proc/self/mountinfo", encoding="ascii") as stream:
        line = [line for line in stream if line.split(" ", 5)[4] == path][-1]
    options = line.rpartition(" - ")[2].split(" ")[2].strip().split(",")
    layers = [option.partition("=")[2] for option in options if option.startswith("lowerdir")]
    return ":".join(layers) in ("", f"{ONE}:{TWO}")


def look(directory: str) -> Sight:
    """Return what is seen in a directory, or which one it is where nothing is in it."""
    seen = sight(directory)
    if seen == NOTHING and os.path.isdir(directory):
        found = os.stat(directory)
        return f"{found.st_dev} {found.st_ino}", frozenset()
    return seen


def whole(token: str) -> Sight:
    """Return what is seen in a filesystem that was made with a token."""
    return token, frozenset((f"t-{token}",))
