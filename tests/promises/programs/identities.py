# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Sequences in which names come to name something else: identities.py SEQUENCES [FIRST_SEED].

Directories and images are exchanged and made anew, a label moves to another device, what carries the sources
is covered, mounts are taken off, covered and remounted by hand, the host boots. After every step whatever a
holder sees is compared, by what lies in it, with what the source names now, and what was held first: where
they differ, the facts have to say so, and nowhere else. The same sequences are run with the control.
"""

from __future__ import annotations

import contextlib
import ctypes
import itertools
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import typing as t

from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast import overview
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.arguments import build
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.ledger import store
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.repair import run_reconcile
from harness.namespace import LIBC, MS_BIND, make_world, mount
from harness.place import LEDGER
from in_process import code_of, defaults, read_points, unmount
from named import Named, stack_at
from sequences import MNT_DETACH, NOEXEC, REMOUNT, SAFE, boot, call
from traces import read_references

STORE, LINK = "/srv/store", "/dev/disk/by-label/data"
ONE, TWO, IMAGE, OTHER = (f"{STORE}/{name}" for name in ("one", "two", "image", "other"))
WISHES: t.Dict[str, t.Dict[str, t.Any]] = {
    "/mnt/bind": {"src": ONE, "fstype": "bind"},
    "/mnt/disk": {"src": "LABEL=data", "fstype": "ext4"},
    "/mnt/image": {"src": IMAGE, "fstype": "ext4"},
    "/mnt/inner": {"src": "/mnt/disk", "fstype": "bind"},
    "/mnt/over": {"src": "o", "fstype": "overlay", "opts": [f"lowerdir={ONE}:{TWO}"]},
}
STEPS = 25
# What is seen in a directory: the token on top, and those of all layers.
Sight = t.Tuple[str, t.FrozenSet[str]]
NOTHING: Sight = ("", frozenset())
tokens = itertools.count()


def fill(directory: str, token: str = "") -> str:
    """Make a directory that can be told from every other one, and return it."""
    os.makedirs(directory, exist_ok=True)
    token = token or str(next(tokens))
    for name in ("token", f"t-{token}"):
        with open(f"{directory}/{name}", "w", encoding="ascii") as file:
            file.write(token)
    return directory


def sight(directory: str) -> Sight:
    """Return what is seen in a directory."""
    try:
        with open(f"{directory}/token", encoding="ascii") as file:
            return file.read(), frozenset(name for name in os.listdir(directory) if name.startswith("t-"))
    except OSError:
        return NOTHING


def exchange(one: str, other: str) -> bool:
    """Have two names change places; not where one is a mount point through a bind of it."""
    at, flags = ctypes.c_int(-100), ctypes.c_uint(2)  # AT_FDCWD, RENAME_EXCHANGE
    return bool(LIBC.renameat2(at, one.encode(), at, other.encode(), flags) == 0)


def run(*argv: str) -> str:
    """Run a program and return what it says."""
    return subprocess.run(argv, check=True, capture_output=True, text=True).stdout.strip()


def make_image(path: str, token: str, size: int = 4) -> str:
    """Make an image with a token in it."""
    with tempfile.TemporaryDirectory() as folder, open(path, "wb") as file:
        file.truncate(size << 20)
        run("mkfs.ext4", "-q", "-F", "-d", fill(folder, token), path)
    os.chmod(path, 0o600)
    return path


class Ours:
    """The collection."""

    def acquire(self, path: str, holder: str) -> bool:
        return "failed" not in call(path=path, holder=holder, **WISHES[path])

    def release(self, path: str, holder: str) -> None:
        code_of(call(path=path, holder=holder, state="released"))

    def reconcile(self) -> None:
        run_reconcile(defaults(build.RECONCILE_SPEC), check_mode=False, diff_mode=False)

    def holders(self) -> t.Dict[str, t.Set[str]]:
        return {path: set(holders) for path, holders in read_references().items()}

    def reported(self) -> t.Set[str]:
        """Return the mount points of which something is said."""
        return {row["path"] for row in t.cast("t.Any", overview.observe_facts())["drift"]}

    def forget(self) -> None:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(LEDGER)
        shutil.rmtree("/run/holdfast", ignore_errors=True)


class Broken(Exception):
    """The property does not hold."""


class Host:
    """One host with a manager of its mounts on it, and what an administrator does there."""

    def __init__(
        self, manager: t.Union[Ours, Named], devices: t.Sequence[str], images: t.Sequence[str]
    ) -> None:
        self.manager = manager
        self.devices = {device: str(number) for number, device in enumerate(devices)}
        self.held: t.Dict[str, Sight] = {}
        self.lasting: t.Set[str] = set()
        self.files = dict(zip((IMAGE, OTHER), "AB"))
        boot()
        for name in os.listdir(STORE):
            if name != "lost+found":
                (shutil.rmtree if os.path.isdir(f"{STORE}/{name}") else os.unlink)(f"{STORE}/{name}")
        for directory in (ONE, TWO):
            fill(directory)
        for image, path in zip(images, (IMAGE, OTHER)):
            shutil.copy(image, path)
        self.point_label(devices[0])

    def point_label(self, device: str) -> None:
        os.makedirs(os.path.dirname(LINK), exist_ok=True)
        with contextlib.suppress(FileNotFoundError):
            os.unlink(LINK)
        os.symlink(device, LINK)

    def named(self, path: str) -> Sight:
        """Return what would be seen if a wish were mounted now."""
        wish = WISHES[path]
        if path == "/mnt/disk":
            token = self.devices[os.readlink(LINK)]
            return token, frozenset((f"t-{token}",))
        if path == "/mnt/image":
            token = self.files[IMAGE] if os.path.exists(IMAGE) else ""
            return (token, frozenset((f"t-{token}",))) if token else NOTHING
        if path == "/mnt/over":
            return sight(ONE)[0], sight(ONE)[1] | sight(TWO)[1]
        return sight(wish["src"])

    def is_lasting(self, path: str) -> bool:
        """Whether a directory that is made anew is another one once the mount is gone: not on a tmpfs."""
        source = {"/mnt/bind": ONE, "/mnt/inner": "/mnt/disk", "/mnt/over": ONE}.get(path, "")
        return not source or os.major(os.stat(source).st_dev) != 0

    def is_covered(self) -> bool:
        return stack_at(STORE) > 1

    def uncover(self) -> None:
        while self.is_covered():
            unmount(STORE, MNT_DETACH)

    # What happens

    def exchange_directories(self) -> None:
        exchange(ONE, TWO)

    def make_directory_anew(self) -> None:
        new = fill(f"{STORE}/new-{next(tokens)}")
        exchange(ONE, new)

    def exchange_images(self) -> None:
        if exchange(IMAGE, OTHER):
            self.files = {IMAGE: self.files[OTHER], OTHER: self.files[IMAGE]}

    def move_label(self) -> None:
        self.point_label(next(device for device in self.devices if device != os.readlink(LINK)))

    def cover_store(self) -> None:
        if self.is_covered():
            self.uncover()
        else:
            mount("cover", STORE, "tmpfs", 0, "mode=755")
            fill(ONE)
            fill(TWO)

    def detach(self, path: str) -> None:
        unmount(path)

    def cover(self, path: str) -> None:
        if stack_at(path):
            mount("cover", path, "tmpfs", SAFE, "mode=755")
            fill(path)

    def remount(self, path: str) -> None:
        if stack_at(path):
            mount("none", path, "", MS_BIND | REMOUNT | SAFE | NOEXEC)

    def reboot(self) -> None:
        self.take_all_off()
        self.uncover()
        shutil.rmtree("/run/holdfast", ignore_errors=True)
        boot()

    def acquire(self, path: str, holder: str) -> None:
        is_new = holder not in self.manager.holders().get(path, ())
        named = self.named(path)
        if self.manager.acquire(path, holder) and is_new and sight(path) != named:
            raise Broken(f"{holder} holds {sight(path)} at {path}, and {named} is named")

    def release(self, path: str, holder: str) -> None:
        self.manager.release(path, holder)

    def reconcile(self) -> None:
        self.manager.reconcile()

    # What is to hold after each step

    def check(self) -> None:
        """Compare what is held with what is said. Raises Broken."""
        reported = self.manager.reported()
        held = self.manager.holders()
        for path in set(self.held) - set(held):
            del self.held[path]
        for path in held:
            seen, is_there = sight(path), stack_at(path) > 0
            if is_there and path not in self.held:
                self.held[path] = seen
                (self.lasting.add if self.is_lasting(path) else self.lasting.discard)(path)
            if not is_there and path not in self.lasting:
                self.held.pop(path, None)
            # A bind begins with the flags of what it shows, beside those that are asked for.
            reference = store.LedgerFile().read().references.get(path)
            is_inherited = reference is not None and "noexec" in reference.inherited
            is_altered = is_there and not is_inherited and bool(os.statvfs(path).f_flag & os.ST_NOEXEC)
            is_right = is_there and seen == self.named(path) == self.held.get(path) and not is_altered
            if is_right == (path in reported):
                said = "something" if path in reported else "nothing"
                wrong = f"{path}: {seen}, named {self.named(path)}, held {self.held.get(path)}, {is_altered}"
                raise Broken(f"{wrong}; {said} is said")

    def take_all_off(self) -> None:
        for _number, point in reversed(read_points()):
            if point in WISHES:
                unmount(point, MNT_DETACH)

    def close(self) -> None:
        """Leave nothing."""
        self.take_all_off()
        self.uncover()
        self.manager.forget()


def choose(rng: random.Random) -> t.Tuple[str, t.Tuple[str, ...]]:
    """Return what happens next, and its arguments."""
    path, holder = rng.choice(sorted(WISHES)), rng.choice("ab")
    name = rng.choice(
        ["acquire"] * 8
        + ["release"] * 3
        + ["reconcile", "detach"] * 2
        + ["exchange_directories", "make_directory_anew", "exchange_images", "move_label", "cover_store"]
        + ["cover", "remount", "reboot"]
    )
    if name in ("acquire", "release"):
        return name, (path, holder)
    return name, (path,) if name in ("cover", "remount", "detach") else ()


def play(host: Host, seed: int) -> t.Tuple[int, str]:
    """Run one sequence; return how many steps were right, and what was wrong then."""
    rng, done = random.Random(seed), []
    try:
        for _number in range(STEPS):
            name, arguments = choose(rng)
            done.append(" ".join((name, *arguments)))
            getattr(host, name)(*arguments)
            host.check()
    except Broken as broken:
        return len(done) - 1, f"seed {seed}: {'; '.join(done)}: {broken}"
    finally:
        host.close()
    return len(done), ""


def main(sequences: int, first: int = 0) -> None:
    """Run the sequences with the collection, and with the control."""
    make_world("private", private_dev=True)
    for number in range(64):
        os.mknod(f"/dev/loop{number}", 0o060660, os.makedev(7, number))
    os.mkdir("/run/images")
    images = [make_image(f"/run/images/{token}", token) for token in ("0", "1", "A", "B", "store")]
    devices = [run("losetup", "--find", "--show", image) for image in images[:2]]
    make_image(images[4], "store", 64)
    store = run("losetup", "--find", "--show", images[4])
    outcome: t.Dict[str, t.Any] = {"sequences": sequences, "steps": 0, "control": 0}
    try:
        os.mkdir(STORE)
        mount(store, STORE, "ext4")
        for seed in range(first, first + sequences):
            right, wrong = play(Host(Ours(), devices, images[2:4]), seed)
            if wrong:
                raise SystemExit(wrong)
            outcome["steps"] += right
            outcome["control"] += bool(play(Host(Named(WISHES, LINK), devices, images[2:4]), seed)[1])
    finally:
        unmount(STORE, MNT_DETACH)
        for device in (*devices, store):
            run("losetup", "--detach", device)
    sys.stdout.write(json.dumps(outcome) + "\n")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
