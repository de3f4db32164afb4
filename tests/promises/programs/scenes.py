# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Where the attacks happen: who owns what, which names are swapped, and what must not be touched.

In every layout /srv/open belongs to the attacker, and a mount of somebody else lies outside of it.
"""

from __future__ import annotations

import os
import typing as t
from dataclasses import dataclass

from attackers import NOBODY, Attacker, exchange, plant
from in_process import mount_tmpfs

OPEN, OUTSIDE, AWAY = "/srv/open", "/media/outside", "/srv/away"
VICTIM = f"{OUTSIDE}/leaf"


@dataclass(frozen=True)
class Scene:
    """A mount point, the root that it must stay in, where nothing may come or go, and the attacker.

    pins: the mount keeps the name from being swapped, as the name is the mount point (rename(2), EBUSY).
    """

    path: str
    root: str
    outside: t.Tuple[str, ...]
    start: t.Callable[[], Attacker]
    swapped: t.Tuple[str, str] = ("", "")
    pins: bool = True

    def replay(self) -> None:
        """Let the names lie as they were laid out, so that the path leads to what is left."""
        one, other = self.swapped
        if one and os.path.islink(one):
            os.rename(other, f"{other}.settling")
            os.rename(one, other)
            os.rename(f"{other}.settling", one)


def own_directory(path: str) -> None:
    """Make a directory that the attacker owns."""
    os.mkdir(path)
    os.chown(path, NOBODY, NOBODY)


def lay_out_leaf() -> Scene:
    """The mount point is exchanged with a link to the outside."""
    own_directory(f"{OPEN}/dir")
    os.symlink(VICTIM, f"{OPEN}/link")
    names = (f"{OPEN}/dir", f"{OPEN}/link")
    return Scene(f"{OPEN}/dir", "/srv", (OUTSIDE,), lambda: exchange(*names), names)


def lay_out_ancestor() -> Scene:
    """The directory above the mount point is exchanged with a link to the outside."""
    own_directory(f"{OPEN}/dir")
    own_directory(f"{OPEN}/dir/leaf")
    os.symlink(OUTSIDE, f"{OPEN}/link")
    names = (f"{OPEN}/dir", f"{OPEN}/link")
    return Scene(f"{OPEN}/dir/leaf", "/srv", (OUTSIDE,), lambda: exchange(*names), names, pins=False)


def lay_out_away() -> Scene:
    """The mount point is exchanged with a directory outside of the root."""
    own_directory(AWAY)
    own_directory(f"{AWAY}/dir")
    own_directory(f"{OPEN}/dir")
    names = (f"{OPEN}/dir", f"{AWAY}/dir")
    return Scene(names[0], OPEN, (OUTSIDE, AWAY), lambda: exchange(*names))


def lay_out_plant() -> Scene:
    """The mount point is missing, and things appear in its place: a full directory, a link, an empty one."""
    own_directory(f"{OPEN}/stash")
    own_directory(f"{OPEN}/stash/entry")
    path = f"{OPEN}/dir"
    return Scene(path, "/srv", (OUTSIDE,), lambda: plant(path, f"{OPEN}/stash", VICTIM))


LAYOUTS: t.Dict[str, t.Callable[[], Scene]] = {
    "ancestor": lay_out_ancestor,
    "away": lay_out_away,
    "leaf": lay_out_leaf,
    "plant": lay_out_plant,
}


def lay_out(layout: str) -> Scene:
    """Make the scene in the world that this process is in."""
    own_directory(OPEN)
    os.makedirs(VICTIM)
    mount_tmpfs("victim", VICTIM)
    return LAYOUTS[layout]()
