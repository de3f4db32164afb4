# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A user serves a filesystem that says what the user likes of itself: served.py ours|naive.

naive believes it: its owners, its type and its source. Prints as JSON what each call answered, and whether
the user's mount was there afterwards.
"""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
import typing as t
from pathlib import Path
from unittest import mock

from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.grammar import filesystems
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.grammar.filesystems import LOCAL_TYPES
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.kernel import mountinfo, mounts
from attackers import NOBODY
from harness.helped import FUSE
from harness.namespace import MS_BIND, make_world
from harness.namespace import mount as mount_by_path
from harness.place import LEDGER
from in_process import call, code_of, read_points, unmount

POINT, BELOW = "/srv/theirs", "/srv/theirs/dir"
SSHFS: t.Dict[str, t.Any] = {"src": "server:/data", "fstype": "fuse.sshfs", "allow_fstypes": ["fuse.sshfs"]}
LINE = f"server:/data {POINT} fuse.sshfs nofail,_netdev,nodev,nosuid,x-holdfast.mounts 0 0\n"


def serve() -> None:
    """Have the user mount and serve what looks like an sshfs of root's."""
    os.mknod("/run/fuse", stat.S_IFCHR | 0o666, os.stat("/dev/fuse").st_rdev)
    os.chmod("/run/fuse", 0o666)
    mount_by_path("/run/fuse", "/dev/fuse", "", MS_BIND)
    Path("/etc/fuse.conf").write_text("user_allow_other\n", encoding="ascii")
    os.makedirs(POINT, exist_ok=True)
    os.chown(POINT, NOBODY, NOBODY)
    options = "allow_other,nosuid,nodev,fsname=server:/data,subtype=sshfs"
    argv = [sys.executable, str(FUSE), POINT, f"uid={NOBODY}", f"options={options}"]
    subprocess.run(argv, check=True, capture_output=True)


def remember_as_ours() -> None:
    """Have the ledger and fstab say that root mounts an sshfs there at boot."""
    Path("/etc/fstab").write_text("", encoding="ascii")
    call(path=POINT, holder="a", src="x", fstype="tmpfs", boot=True)
    unmount(POINT)
    ledger = json.loads(Path(LEDGER).read_text(encoding="utf-8"))
    change = {"src": "server:/data", "fstype": "fuse.sshfs", "opts": ["nodev", "nosuid"]}
    ledger["references"][POINT].update(change, boot_id="00000000-0000-4000-8000-000000000000")
    Path(LEDGER).write_text(json.dumps(ledger), encoding="utf-8")
    Path("/etc/fstab").write_text(LINE, encoding="ascii")


def believe() -> None:
    """Take what it says of itself for what it is."""
    mock.patch.object(filesystems, "LOCAL_TYPES", LOCAL_TYPES | {"fuse"}).start()
    mock.patch.object(mountinfo, "server_of", return_value=None).start()
    mock.patch.object(mounts, "_owner_of_connection", return_value=None).start()


def main(way: str) -> None:
    """Play it."""
    make_world("private", private_dev=False)
    if way == "naive":
        believe()
    remember_as_ours()
    serve()
    below = code_of(call(path=BELOW, holder="b", src="x", fstype="tmpfs"))
    call(path=BELOW, holder="b", state="released")
    released = code_of(call(path=POINT, holder="a", state="unmounted"))
    is_there = POINT in [point for _number, point in read_points()]
    adopted = code_of(call(path=POINT, holder="c", adopt=True, **SSHFS)) if is_there else "gone"
    sys.stdout.write(json.dumps([below, released, is_there, adopted]) + "\n")


if __name__ == "__main__":
    main(sys.argv[1])
