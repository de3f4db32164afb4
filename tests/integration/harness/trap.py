# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""An automounter: trap.py direct|indirect POINT, as systemd's automount units and automount(8) have them.

Who looks below the trap has a tmpfs with the directory C(dir) mounted on it, of an indirect one in a
directory of it, and waits meanwhile. Where the file FAULT says C(fail), that fails; where it says anything
else nobody is answered. Says C(ready) when it is mounted.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import select
import struct
import sys

LIBC = ctypes.CDLL(None, use_errno=True)
FAULT = "/run/trap.fault"
# include/uapi/linux/auto_fs.h: struct autofs_v5_packet
PACKET = struct.Struct("=2iIIQ4II256s4x")
READY, FAIL = 0x9360, 0x9361


def mount(source: str, target: str, fstype: str, data: str) -> None:
    """Call mount(2)."""
    done = LIBC.mount(source.encode(), target.encode(), fstype.encode(), ctypes.c_ulong(6), data.encode())
    if done != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def answer(root: int, point: str, name: str, token: int) -> None:
    """Mount what is waited for, and let go who waits."""
    if os.path.exists(FAULT):
        with open(FAULT, encoding="ascii") as file:
            fault = file.read()
        if fault == "fail":
            fcntl.ioctl(root, FAIL, token)
        return
    target = f"{point}/{name}" if name else point
    os.makedirs(target, exist_ok=True)
    if not os.path.ismount(target) or not name:
        mount("automounted", target, "tmpfs", "mode=0755,size=1m")
        os.mkdir(f"{target}/dir", 0o755)
    fcntl.ioctl(root, READY, token)


def serve(reader: int, point: str, kind: str, world: int) -> None:
    """Answer until the trap is unmounted, or the process of the world has ended."""
    root = os.open(point, os.O_RDONLY | os.O_DIRECTORY)
    while True:
        if not select.select([reader], [], [], 0.5)[0]:
            if not os.path.exists(f"/proc/{world}"):
                return
            continue
        packet = os.read(reader, PACKET.size)
        if len(packet) < PACKET.size:
            return
        fields = PACKET.unpack(packet)
        name = fields[-1][: fields[-2]].decode() if kind == "indirect" else ""
        answer(root, point, name, fields[2])


def main() -> None:
    """Mount, say so, serve."""
    kind, point, world = sys.argv[1], sys.argv[2], os.getppid()
    ready, told = os.pipe()
    if os.fork() == 0:
        os.setsid()
        reader, writer = os.pipe()
        mount("trap", point, "autofs", f"fd={writer},pgrp={os.getpgrp()},minproto=5,maxproto=5,{kind}")
        os.close(writer)
        os.write(told, b"x")
        os.close(told)
        null = os.open(os.devnull, os.O_RDWR)
        for standard in (0, 1, 2):
            os.dup2(null, standard)
        serve(reader, point, kind, world)
        os._exit(0)
    os.close(told)
    sys.stdout.write("ready\n" if os.read(ready, 1) else "")


if __name__ == "__main__":
    main()
