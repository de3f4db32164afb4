# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Release what is held while a user takes each free block of the ledger's filesystem: crowd.py WAY MOUNTS.

WAY: ours, or naive, which writes a new file and renames it, and has nothing else. Prints what was counted.
"""

from __future__ import annotations

import collections
import contextlib
import json
import os
import sys
import time
import typing as t

from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.kernel import files
from attackers import Attacker
from harness.namespace import make_world, mount
from in_process import call, code_of, is_below, read_points

OPEN = "/etc/ansible/open"
TMPFS = {"src": "tmpfs", "fstype": "tmpfs", "opts": ["mode=0755"]}


def fill(attacker: Attacker) -> None:
    """Take every block that there is, and each that becomes free."""
    with open(f"{OPEN}/{attacker.read('laps')}", "ab", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(b"x" * 512)
    time.sleep(0.0002)


def write_no_reserve(_file: t.Any, _content: bytes, _finish: t.Any) -> None:
    """The control: there is nothing that could be written into."""
    raise OSError(28, "No space left on device")


def main(way: str, mounts: int) -> None:
    """Hold, let the disk be filled, release, count, print."""
    make_world("private", private_dev=False)
    os.makedirs("/etc/ansible", exist_ok=True)
    mount("small", "/etc/ansible", "tmpfs", 0, "size=256k,nr_inodes=200,mode=755")
    os.mkdir(OPEN)
    os.chmod(OPEN, 0o777)
    if way == "naive":
        vars_of: t.Any = files.Replaceable
        vars_of._write_into_reserve = write_no_reserve
    paths = [f"/srv/app/{number}/data" for number in range(mounts)]
    for path in paths:
        for holder in "ab":
            call(path=path, holder=holder, **TMPFS)
    attacker = Attacker(fill)
    while attacker.read("laps") < 3:
        time.sleep(0.01)
    codes = collections.Counter(code_of(call(path="/srv/more", holder="a", **TMPFS)) for _try in range(3))
    for holder in "ab":
        codes.update(code_of(call(path=path, holder=holder, state="released")) for path in paths)
    attacker.stop()
    left = [point for _number, point in read_points() if is_below(point, ("/srv",))]
    sys.stdout.write(json.dumps({"codes": dict(codes), "left": left}) + "\n")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
