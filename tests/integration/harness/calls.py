# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Exact numbers of mounts and unmounts, as the kernel tells them."""

from __future__ import annotations

import typing as t

from harness.table import Counter
from harness.world import World


class Calls:
    """Counts what is mounted and unmounted in a world since it was last asked.

    Below a shared mount the kernel makes one more of each for the peer; such copies do not count.
    """

    def __init__(self, world: World) -> None:
        self.copies = 2 if world.propagation == "shared" else 1
        self.counter = Counter(world.pid)

    def take(self) -> t.Tuple[int, int]:
        """Return the numbers of mounts and of unmounts and begin again."""
        counts = self.counter.take()
        mounts, odd_mounts = divmod(counts.attached, self.copies)
        unmounts, odd_unmounts = divmod(counts.detached, self.copies)
        assert (odd_mounts, odd_unmounts) == (0, 0), counts
        return mounts, unmounts

    def close(self) -> None:
        """Stop counting."""
        self.counter.close()
