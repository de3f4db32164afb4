# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Take in what is sent to the sockets of syslog and of the journal: listener.py FILE SOCKET..."""

from __future__ import annotations

import os
import select
import socket
import sys


def main(target: str, paths: list[str]) -> None:
    """Write every message into the file, on a line, until killed."""
    channels = []
    for path in paths:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        channel = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        channel.bind(path)
        os.chmod(path, 0o666)
        channels.append(channel)
    with open(target, "ab", buffering=0) as file:
        while True:
            for ready in select.select(channels, [], [])[0]:
                line = ready.recv(1 << 20).replace(b"\n", b" ")
                file.write(ready.getsockname().encode() + b": " + line + b"\n")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
