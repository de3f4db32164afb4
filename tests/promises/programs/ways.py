# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Two ways to mount and unmount: this collection's, and that of a script that looks before it acts."""

from __future__ import annotations

import contextlib
import os
import typing as t

from in_process import call, code_of, mount_tmpfs, unmount
from scenes import Scene

HELD, FREE = ("mounted", "joined", "none"), ("unmounted", "released", "none")
Act = t.Callable[[], str]


class Ours:
    """The module's own code."""

    def __init__(self, scene: Scene, *, is_careful: bool = False) -> None:
        self.more: t.Dict[str, t.Any] = {"path": scene.path, "allowed_roots": [scene.root], "holder": "a"}
        self.more["allow_unsafe_parents"] = not is_careful

    def acquire(self) -> str:
        """Return the action, or the error's code."""
        return code_of(call(src="tmpfs", fstype="tmpfs", opts=["mode=0755"], **self.more))

    def release(self) -> str:
        """Return the action, or the error's code."""
        return code_of(call(state="released", **self.more))


class Naive:
    """Look with realpath(3) where the path leads, then call mount(2) and umount2(2) with the path."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene

    def is_inside(self) -> bool:
        """Return whether the path led into the root a moment ago."""
        try:
            return os.path.realpath(self.scene.path).startswith(f"{self.scene.root}/")
        except OSError:
            return False  # swapped while it looked

    def acquire(self) -> str:
        """Return what it believes to have done."""
        with contextlib.suppress(OSError):
            os.makedirs(self.scene.path, exist_ok=True)
        try:
            if os.listdir(self.scene.path) or not self.is_inside():
                return "refused"
            mount_tmpfs("naive", self.scene.path)
        except OSError:
            return "failed"
        return "mounted"

    def release(self) -> str:
        """Return what it believes to have done."""
        if not self.is_inside():
            return "refused"
        return "unmounted" if unmount(self.scene.path) else "failed"


class Handle(Naive):
    """Open the directory without following links, then mount on the handle, and look no more."""

    def acquire(self) -> str:
        """Return what it believes to have done."""
        try:
            handle = os.open(self.scene.path, os.O_PATH | os.O_NOFOLLOW | os.O_DIRECTORY)
            try:
                mount_tmpfs("naive", f"/proc/self/fd/{handle}")
            finally:
                os.close(handle)
        except OSError:
            return "failed"
        return "mounted"


def make_way(name: str, scene: Scene) -> t.Union[Ours, Naive]:
    """Return a way by its name."""
    if name in ("ours", "careful"):
        return Ours(scene, is_careful=name == "careful")
    return Handle(scene) if name == "handle" else Naive(scene)
