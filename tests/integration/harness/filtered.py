# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A process whose system calls are filtered, as those of a container are (seccomp(2)).

As a program it runs a module: filtered.py NUMBERS ERRNO NAME ARGUMENTS, the calls' numbers joined by commas.
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

# The numbers of new calls are the same everywhere; that of statx(2) is x86_64's.
CALLS = {"listmount": 458, "statmount": 457, "statx": 332}
PR_SET_SECCOMP, SECCOMP_MODE_FILTER = 22, 2
LOAD, JUMP_IF_EQUAL, RETURN = 0x20, 0x15, 0x06
REFUSE, ALLOW = 0x00050000, 0x7FFF0000


def call_filtered(
    world: World, calls: t.Sequence[str], number: int, *, module: str = "safe_mount", **arguments: t.Any
) -> Result:
    """Run a module in a process that gets this error from each of these system calls."""
    if "statx" in calls and platform.machine() != "x86_64":
        pytest.skip("the number of statx(2) is known for x86_64 alone")
    numbers = ",".join(str(CALLS[name]) for name in calls)
    program = [sys.executable, str(Path(__file__)), numbers, str(number), module, json.dumps(arguments)]
    path = f"{find_collections_path()}:{Path(__file__).resolve().parents[1]}"
    environment = {"PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1", "PATH": "/usr/sbin:/usr/bin"}
    return read_result(world.run(*program, environment=environment))


def forbid(numbers: t.Iterable[int], number: int) -> None:
    """Have each of these system calls answered by an error from now on, here and in every child."""
    steps = [struct.pack("=HBBI", LOAD, 0, 0, 0)]
    for call in numbers:
        steps.append(struct.pack("=HBBI", JUMP_IF_EQUAL, 0, 1, call))
        steps.append(struct.pack("=HBBI", RETURN, 0, 0, REFUSE | number))
    steps.append(struct.pack("=HBBI", RETURN, 0, 0, ALLOW))
    code = ctypes.create_string_buffer(b"".join(steps))
    program = struct.pack("@HP", len(steps), ctypes.addressof(code))
    if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, program, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), f"no filter: {errno.errorcode[ctypes.get_errno()]}")


def main() -> int:
    """Run a module behind a filter."""
    from harness.zygote import run_module

    numbers, number, name, arguments = sys.argv[1:]
    forbid(map(int, numbers.split(",")), int(number))
    return run_module(name, json.loads(arguments), "root")


if __name__ == "__main__":
    sys.exit(main())
