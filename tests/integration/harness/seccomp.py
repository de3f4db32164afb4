# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Filter the system calls of this process and its children, as those of a container are (seccomp(2))."""

from __future__ import annotations

import ctypes
import errno
import struct
import typing as t

PR_SET_SECCOMP, SECCOMP_MODE_FILTER = 22, 2
LOAD, JUMP_IF_EQUAL, RETURN = 0x20, 0x15, 0x06
REFUSE, ALLOW = 0x00050000, 0x7FFF0000


def forbid(calls: t.Iterable[str], number: int) -> None:
    """Have each of these system calls answered by an error from now on, here and in every child.

    A call is a number, or number:place:argument, with which of its arguments, from 0 on, must be what.
    """
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
