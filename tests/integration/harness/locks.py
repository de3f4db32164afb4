# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Take a mount point's lock as another process of the collection does.

Which file it is, is not known here: it is the one below /run/holdfast that is made when that mount point is
used, and not when another one is (inotify(7) tells, also of files that are gone again).
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import struct
import typing as t
from contextlib import ExitStack, contextmanager

from harness.cycle import leave, succeed, tmpfs, warm_up
from harness.world import RUN, World

IN_CREATE = 0x100
LIBC = ctypes.CDLL(None, use_errno=True)


class Watch:
    """Tells which files are made in the folders below a place."""

    def __init__(self, top: str) -> None:
        self.handle = LIBC.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        self.folders: t.Dict[int, str] = {}
        for folder, _folders, _files in os.walk(top):
            number = LIBC.inotify_add_watch(self.handle, folder.encode(), IN_CREATE)
            self.folders[number] = folder

    def finish(self) -> t.Set[str]:
        """Return the paths of what was made, and stop watching."""
        found = set()
        with ExitStack() as stack:
            stack.callback(os.close, self.handle)
            try:
                data = os.read(self.handle, 1 << 20)
            except BlockingIOError:
                return set()
        offset = 0
        while offset < len(data):
            number, _mask, _cookie, length = struct.unpack_from("=iIII", data, offset)
            name = data[offset + 16 : offset + 16 + length].rstrip(b"\0").decode()
            found.add(os.path.join(self.folders[number], name))
            offset += 16 + length
        return found


def watch_use(world: World, path: str) -> t.Set[str]:
    """Return the files below /run/holdfast that are made when a mount point is used."""
    watch = Watch(world.root + RUN)
    succeed(world, **tmpfs(path, "probe"))
    succeed(world, **leave(path, "probe"))
    return watch.finish()


def find_lock(world: World, path: str) -> str:
    """Return the file that is a mount point's lock."""
    warm_up(world)
    found = watch_use(world, path) - watch_use(world, "/srv/another")
    assert len(found) == 1, f"no lock of its own for a mount point: {found}"
    return found.pop()


@contextmanager
def hold(path: str) -> t.Iterator[None]:
    """Hold a lock (flock(2))."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
