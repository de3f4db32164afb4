# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A file system becomes visible complete: nobody ever sees it at the mount point without its flags."""

from __future__ import annotations

import threading
import typing as t

import pytest
from harness.cycle import leave, succeed, tmpfs
from harness.table import read_table
from harness.world import World

PATH = "/srv/data"
ROUNDS = 30
MS_NOEXEC, MS_REMOUNT, MS_BIND = 8, 32, 4096


class Watcher(threading.Thread):
    """Reads the mount table again and again and keeps every set of flags that it saw at the mount point."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self.pid = pid
        self.seen: t.Set[t.Tuple[str, str, t.FrozenSet[str], t.FrozenSet[str]]] = set()
        self.is_over = threading.Event()

    def run(self) -> None:
        while not self.is_over.is_set():
            for mount in read_table(self.pid):
                if mount.point == PATH:
                    self.seen.add((mount.fstype, mount.source, mount.flags, mount.options))


REQUESTS: t.List[t.Tuple[str, t.Dict[str, t.Any]]] = [
    ("tmpfs", tmpfs(PATH, "a", opts=["size=1m", "noexec"])),
    ("bind", {"path": PATH, "src": "/srv/source", "fstype": "bind", "holder": "a", "opts": ["ro", "noexec"]}),
]


@pytest.mark.parametrize("request_", [case[1] for case in REQUESTS], ids=[case[0] for case in REQUESTS])
def test_mount_is_never_seen_without_its_flags(world: World, request_: t.Dict[str, t.Any]) -> None:
    world.make_directory("/srv/source")
    succeed(world, **request_)
    complete = world.top(PATH)
    succeed(world, **leave(PATH, "a"))
    watcher = Watcher(world.pid)
    watcher.start()
    for _round in range(ROUNDS):
        succeed(world, **request_)
        succeed(world, **leave(PATH, "a"))
    watcher.is_over.set()
    watcher.join()
    assert watcher.seen == {(complete.fstype, complete.source, complete.flags, complete.options)}


def test_control_that_mounts_and_then_sets_flags_is_seen_without_them(world: World) -> None:
    world.make_directory(PATH)
    watcher = Watcher(world.pid)
    watcher.start()
    for _round in range(50 * ROUNDS):
        world.mount("tmpfs", PATH, "tmpfs", data="mode=755")
        world.mount("tmpfs", PATH, "tmpfs", flags=MS_REMOUNT | MS_BIND | MS_NOEXEC)
        world.unmount(PATH)
        if any("noexec" not in flags for _fstype, _source, flags, _options in watcher.seen):
            break
    watcher.is_over.set()
    watcher.join()
    assert any("noexec" not in flags for _fstype, _source, flags, _options in watcher.seen)
