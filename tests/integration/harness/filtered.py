# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Calls whose system calls are filtered, see seccomp.py."""

from __future__ import annotations

import platform
import typing as t

import pytest
from harness.results import Result
from harness.world import World

# The numbers of new calls are the same everywhere; those of older ones each processor has its own.
CALLS = {
    "fsconfig-exclusive": "431:1:8",
    "fsconfig-set-fd": "431:1:5",
    "fsopen": "430",
    "fspick": "433",
    "listmount": "458",
    "mount_setattr": "442",
    "open_tree": "428",
    "openat2": "437",
    "pidfd_getfd": "438",
    "pidfd_open": "434",
    "statmount": "457",
}
OLD_CALLS = {
    "aarch64": {"loop-configure": "29:1:19466", "rename-exchange": "276:4:2", "statx": "291"},
    "x86_64": {"loop-configure": "16:1:19466", "rename-exchange": "316:4:2", "statx": "332"},
}


def call_filtered(
    world: World, calls: t.Sequence[str], number: int, *, module: str = "safe_mount", **arguments: t.Any
) -> Result:
    """Run a module in a process that gets this error from each of these system calls."""
    known = {**CALLS, **OLD_CALLS.get(platform.machine(), {})}
    if not known.keys() >= set(calls):
        pytest.skip("the numbers of older calls are known for x86_64 and aarch64 alone")
    forbidden = ([known[name] for name in calls], number)
    return world.collect(world.start(module=module, forbidden=forbidden, arguments=arguments))
