# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A helper of mount(8) whose filesystem answers nothing once it is mounted.

A source that begins with C(reads) takes what is asked and keeps it, another does not even take it: the kernel
waits in two ways. Ends with its connection, as a daemon does. One of C(never) mounts nothing while its
helper waits for it.
"""

from __future__ import annotations

import ctypes
import os
import select
import signal
import struct
import sys

INITIAL = struct.pack("=IiQ4I2H2I2H8I", 80, 0, 0, 7, 31, 0, 0, 1, 1, 65536, 1, 0, 0, *[0] * 8)


def main() -> None:
    """Mount, then serve nothing in a session of its own."""
    source, target = (word.encode() for word in sys.argv[1:3])
    if source.startswith(b"never"):
        if os.fork() == 0:
            os.setsid()
            os.close(1)
            os.close(2)
        signal.pause()
    fd = os.open("/dev/fuse", os.O_RDWR)
    data = b"fd=%d,rootmode=40000,user_id=0,group_id=0" % fd
    if ctypes.CDLL(None).mount(source, target, b"fuse.sshfs", ctypes.c_ulong(0), data) != 0:
        sys.exit(1)
    if os.fork() != 0:
        os._exit(0)
    os.setsid()
    null = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(null, standard)
    unique = os.read(fd, 1 << 18)[8:16]
    os.write(fd, INITIAL[:8] + unique + INITIAL[16:])
    poll = select.poll()
    poll.register(fd, select.POLLIN if source.startswith(b"reads") else 0)
    while not poll.poll()[0][1] & select.POLLERR:
        os.read(fd, 1 << 18)


main()
