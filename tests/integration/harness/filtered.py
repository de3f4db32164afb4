# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A process whose system calls are filtered, as those of a container are (seccomp(2)).

As a program it runs a module: filtered.py CALLS ERRNO NAME ARGUMENTS. The calls are joined by commas, each a
number, or number:place:argument, with which of its arguments, from 0 on, must be what.
"""

from __future__ import annotations

import ctypes
import errno
import json
import platform
import struct
import sys
import typing as t
from pathlib import Path

import pytest
from harness.place import find_collections_path
from harness.results import Result, read_result
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
PR_SET_SECCOMP, SECCOMP_MODE_FILTER = 22, 2
LOAD, JUMP_IF_EQUAL, RETURN = 0x20, 0x15, 0x06
REFUSE, ALLOW = 0x00050000, 0x7FFF0000


def call_filtered(
    world: World, calls: t.Sequence[str], number: int, *, module: str = "safe_mount", **arguments: t.Any
) -> Result:
    """Run a module in a process that gets this error from each of these system calls."""
    known = {**CALLS, **OLD_CALLS.get(platform.machine(), {})}
    if not known.keys() >= set(calls):
        pytest.skip("the numbers of older calls are known for x86_64 and aarch64 alone")
    forbidden = ",".join(known[name] for name in calls)
    program = [sys.executable, str(Path(__file__)), forbidden, str(number), module, json.dumps(arguments)]
    path = f"{find_collections_path()}:{Path(__file__).resolve().parents[1]}"
    environment = {"PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1", "PATH": "/usr/sbin:/usr/bin"}
    return read_result(world.run(*program, environment=environment))


def forbid(calls: t.Iterable[str], number: int) -> None:
    """Have each of these system calls answered by an error from now on, here and in every child."""
    steps = []
    for call in calls:
        name, *place = call.split(":")
        refuse = struct.pack("=HBBI", RETURN, 0, 0, REFUSE | number)
        if place:
            # struct seccomp_data: the arguments, the lower half of which comes first on little-endian hosts
            look = struct.pack("=HBBI", LOAD, 0, 0, 16 + 8 * int(place[0]))
            refuse = look + struct.pack("=HBBI", JUMP_IF_EQUAL, 0, 1, int(place[1])) + refuse
        steps.append(struct.pack("=HBBI", LOAD, 0, 0, 0))
        steps.append(struct.pack("=HBBI", JUMP_IF_EQUAL, 0, len(refuse) // 8, int(name)) + refuse)
    steps.append(struct.pack("=HBBI", RETURN, 0, 0, ALLOW))
    code = ctypes.create_string_buffer(b"".join(steps))
    program = struct.pack("@HP", len(code) // 8, ctypes.addressof(code))
    if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, program, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), f"no filter: {errno.errorcode[ctypes.get_errno()]}")


def main() -> int:
    """Run a module behind a filter."""
    from harness.zygote import run_module

    calls, number, name, arguments = sys.argv[1:]
    forbid(calls.split(","), int(number))
    return run_module(name, json.loads(arguments), "root")


if __name__ == "__main__":
    sys.exit(main())
