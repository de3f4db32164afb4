# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One course of calls on a kernel that lacks something: features.py SWITCH, or features.py without CALL.

The same course whatever is missing: hold, join, change, bind, overlay, device, crash, heal, leave.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import typing as t

from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.kernel import syscalls
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.overview import observe_facts
from harness.namespace import make_world
from harness.zygote import Fuse
from in_process import call, code_of
from switches import SWITCHES, lack_call
from traces import Traces, compare, disagreements, look

TMPFS = {"src": "tmpfs", "fstype": "tmpfs", "opts": ["mode=0755", "size=1m"]}
LARGER = {**TMPFS, "opts": ["mode=0755", "size=2m", "noexec"]}
OVERLAY = {"src": "overlay", "fstype": "overlay", "opts": ["lowerdir=/media/one:/media/two"]}
STRIDE = 17
Steps = t.List[t.Tuple[str, str]]


def hold() -> Steps:
    """Every way to hold and to leave."""
    bulk: t.List[t.Dict[str, t.Any]] = [
        {"path": "/srv/bulk", **TMPFS},
        {"path": "/srv/bulk/in/it", **TMPFS},
        {"path": "/srv/bound", "src": "/srv/bulk", "fstype": "bind"},
        {"path": "/srv/layers", **OVERLAY},
    ]
    paths = [{"path": entry["path"]} for entry in bulk]
    return [
        ("mounted", code_of(call(path="/srv/a/b", holder="x", **TMPFS))),
        ("none", code_of(call(path="/srv/a/b", holder="x", **TMPFS))),
        ("remounted", code_of(call(path="/srv/a/b", holder="x", **LARGER))),
        ("joined", code_of(call(path="/srv/a/b", holder="y", **LARGER))),
        ("conflict", code_of(call(path="/srv/a/b", holder="y", **TMPFS))),
        ("in_use", code_of(call(path="/srv/a/b", holder="y", state="unmounted"))),
        ("bulk", code_of(call(mounts=bulk, holder="x"))),
        ("busy", code_of(release_in_use())),
        ("agree", told_of_facts()),
        ("bulk", code_of(call(mounts=paths, holder="x", state="released"))),
        ("released", code_of(call(path="/srv/a/b", holder="x", state="released"))),
        ("unmounted", code_of(call(path="/srv/a/b", holder="y", state="released"))),
    ]


def release_in_use() -> t.Dict[str, t.Any]:
    """Release what somebody uses, and find it still held."""
    handle = os.open("/srv/a/b", os.O_RDONLY)
    call(path="/srv/a/b", holder="y", state="released")
    try:
        return call(path="/srv/a/b", holder="x", state="released")
    finally:
        os.close(handle)
        call(path="/srv/a/b", holder="y", **LARGER)


def told_of_facts() -> str:
    """Return whether the facts find ledger and kernel equal."""
    facts = t.cast("t.Any", observe_facts())
    return "agree" if not facts["drift"] and not disagreements() else f"{facts['drift']} {disagreements()}"


def crash() -> Steps:
    """Kill an acquire and a release at many points; the same call again does what it would have done."""
    steps: Steps = []
    acquire, release = {"path": "/srv/c/d", **TMPFS}, {"path": "/srv/c/d", "state": "released"}
    for point in range(5, 200, STRIDE):
        for arguments in (acquire, release):
            kill_at(point, arguments)
            steps.append(("False", str(call(**arguments).get("failed", False))))
            steps.append(("agree", "; ".join(disagreements()) or "agree"))
    return steps


def kill_at(point: int, arguments: t.Mapping[str, t.Any]) -> None:
    """Run a call in a child that dies after so many system calls."""
    pid = os.fork()
    if pid == 0:
        sys.setprofile(Fuse(point))  # made here: it ends the process that has made it
        call(**arguments)
        os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(pid, 0)


def use_device() -> Steps:
    """Mount one device twice, and a third time with other options of its superblock."""
    if not (shutil.which("mkfs.ext4") and shutil.which("losetup")):
        return []
    image = "/run/disk"
    with open(image, "wb") as file:
        file.truncate(8 << 20)
    subprocess.run(["mkfs.ext4", "-q", "-F", image], check=True)
    attach = ["losetup", "--find", "--show", image]
    found = subprocess.run(attach, check=False, capture_output=True, text=True)
    if found.returncode != 0:
        return []
    disk = {"src": found.stdout.strip(), "fstype": "ext4"}
    try:
        return [
            ("mounted", code_of(call(path="/srv/disk", **disk))),
            ("mounted", code_of(call(path="/srv/again", **disk))),
            ("conflict", code_of(call(path="/srv/other", opts=["errors=remount-ro"], **disk))),
            ("unmounted", code_of(call(path="/srv/again", state="released"))),
            ("unmounted", code_of(call(path="/srv/disk", state="released"))),
        ]
    finally:
        subprocess.run(["losetup", "--detach", disk["src"]], check=True)


def run_course() -> t.Dict[str, t.Any]:
    """Return what was expected and what came, at which level of protection, and what is left."""
    for layer in ("/media/one", "/media/two"):
        os.mkdir(layer)
    protection = call(path="/srv/first", **TMPFS)["mount"]["protection"]
    call(path="/srv/first", state="released")
    before = look()
    steps = hold() + use_device() + crash()
    numbered = [(number, *step) for number, step in enumerate(steps)]
    wrong = [f"{number}: {wanted} != {found}" for number, wanted, found in numbered if wanted != found]
    return {"protection": protection, "steps": len(steps), "wrong": wrong, "left": compare(before, look())}


def run_without(name: str) -> t.Dict[str, t.Any]:
    """Return what comes of every kind of mount without a system call, and what is left."""
    call(path="/srv/first", **TMPFS)
    call(path="/srv/first", state="released")
    before = look()
    lack_call(name)
    codes = [code_of(call(path="/srv/a/b", **TMPFS))]
    bulk = call(mounts=[{"path": f"/srv/a/{name}", **TMPFS} for name in "xy"], holder="x")
    # What every walk needs refuses the call as a whole.
    codes += [entry["error"]["code"] for entry in bulk.get("mounts", [bulk])]
    return {"codes": codes, "left": compare(before, look()), "naive": mount_naively(before)}


def mount_naively(before: Traces) -> t.List[str]:
    """The control: make the directory, then ask the kernel; return what is left of the failure."""
    os.makedirs("/srv/naive/dir")
    try:
        context = syscalls.fsopen("tmpfs")
        syscalls.fsconfig(context, syscalls.FSCONFIG_CMD_CREATE)
        syscalls.move_mount(syscalls.fsmount(context, 0), os.open("/srv/naive/dir", os.O_PATH))
    except OSError:
        return [what for what in compare(before, look()) if what.startswith("new in files")]
    return []


def main(words: t.Sequence[str]) -> None:
    """Run the course, or try without a call."""
    make_world("private", private_dev=False)
    if words[0] == "without":
        outcome = run_without(words[1])
    else:
        SWITCHES[words[0]]()
        outcome = run_course()
    sys.stdout.write(json.dumps(outcome) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
