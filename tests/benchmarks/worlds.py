# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Hosts to measure on: each a mount namespace with its own mounts and its own ledger, on the disk."""

from __future__ import annotations

import json
import sys
import typing as t
from pathlib import Path

from harness.place import find_collections_path
from harness.world import World, Zygote

MS_BIND = 1 << 12
HERE = Path(__file__).resolve().parent


class Hosts:
    """The worlds by name, made when they are first asked for."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.zygote = Zygote()
        self.worlds: t.Dict[str, World] = {}

    def get(self, name: str) -> World:
        """Return the world of that name: plain, others-N, references or mount-points."""
        if name not in self.worlds:
            self.worlds[name] = self._make(name)
        return self.worlds[name]

    def _make(self, name: str) -> World:
        scratch = self.folder / name
        disk = scratch / "etc"
        disk.mkdir(parents=True)
        world = World(self.zygote, scratch, "private")
        # The ledger is to be flushed to a real disk, as on a real host.
        world.make_directory("/etc/ansible")
        world.mount(str(disk), "/etc/ansible", "", flags=MS_BIND)
        kind, _dash, count = name.partition("-")
        if kind == "others":
            inside(world, "others", int(count))
        elif kind == "references":
            for number in range(10):
                hold(world, 1000, f"holder-{number}")
        elif kind == "points":
            hold(world, int(count), "holder")
        return world

    def close(self) -> None:
        """End all worlds, and their mounts with them."""
        for world in self.worlds.values():
            world.close()
        self.zygote.close()


def entries(count: int) -> t.List[t.Dict[str, str]]:
    """Return the entries of a bulk."""
    return [{"path": f"/srv/bulk/{number}", "src": "bench", "fstype": "tmpfs"} for number in range(count)]


def hold(world: World, count: int, holder: str) -> None:
    """Have the module mount many for a holder, and see that it did."""
    result = world.call(mounts=entries(count), holder=holder)
    assert not result.failed, result


def inside(world: World, what: str, *words: t.Any) -> t.Any:
    """Run the program that measures in a world; return what it says."""
    argv = [sys.executable, str(HERE / "inside.py"), what, *map(str, words)]
    finished = world.run(*argv, environment={"PYTHONPATH": find_collections_path(), "PATH": "/usr/bin:/bin"})
    assert finished.rc == 0, finished
    return json.loads(finished.stdout)
