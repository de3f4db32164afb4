# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A filesystem that a helper mounts, and that needs no server."""

from __future__ import annotations

import os
import sys
import typing as t
from pathlib import Path

from harness.world import World

MS_BIND = 1 << 12
SSHFS = "/usr/bin/sshfs"
FUSE = Path(__file__).resolve().parent / "fuse.py"
CAN_HELP = os.path.exists(SSHFS) and os.path.exists("/dev/fuse")


def helped(path: str) -> t.Dict[str, t.Any]:
    """Return the arguments that have the helper mount something."""
    return {
        "path": path,
        "src": "server:/data",
        "fstype": "fuse.sshfs",
        "allow_fstypes": ["fuse.sshfs"],
        "holder": "a",
    }


def make_helper(world: World) -> None:
    """Put a helper that needs no server in the place of sshfs; fuse.py tells what it does."""
    if SSHFS not in [mount.point for mount in world.table]:
        program = world.scratch / "sshfs"
        program.write_text(f"#!{sys.executable} -ISE\n{FUSE.read_text(encoding='utf-8')}", encoding="utf-8")
        program.chmod(0o755)
        world.mount(str(program), SSHFS, "", flags=MS_BIND)
