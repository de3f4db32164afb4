# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Hosts with names, numbers and processes on them that the caller of a failing call has not said."""

from __future__ import annotations

import fcntl
import json
import os
import stat
import subprocess
import time
import typing as t
from dataclasses import dataclass, field

from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.kernel import syscalls
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.policy import POLICY_PATH
from harness.namespace import mount
from harness.place import LEDGER, RUN
from in_process import Result, call

PATH = "/srv/data"
NUMBER = 7654321
TMPFS = {"path": PATH, "src": "tmpfs", "fstype": "tmpfs", "holder": "caller"}
LEAVE = {"path": PATH, "state": "released", "holder": "caller"}
UNMOUNT = {"path": PATH, "state": "unmounted", "holder": "caller"}


@dataclass
class Scene:
    """A call that fails, what it must not tell, and processes to end afterwards."""

    arguments: Result
    hidden: t.List[str] = field(default_factory=list)
    started: t.List[int] = field(default_factory=list)


def hold(**arguments: t.Any) -> None:
    """Make a call that succeeds."""
    result = call(**arguments)
    if result.get("failed"):
        raise RuntimeError(str(result))


def somebody_stands_there() -> Scene:
    hold(**TMPFS)
    with subprocess.Popen(["sleep", "1000"], cwd=PATH) as process:
        process.returncode = 0  # it is ended, and waited for, by the end of this world
        return Scene(LEAVE, ["sleep", str(process.pid)], [process.pid])


def others_hold_another() -> Scene:
    hold(**{**TMPFS, "src": "hidden-source", "holder": "hidden-holder", "opts": [f"size={NUMBER}"]})
    return Scene(TMPFS, ["hidden-source", "hidden-holder", str(NUMBER)])


def foreign_another() -> Scene:
    os.mkdir(PATH)
    mount("hidden-source", PATH, "tmpfs", 0, "size=8m,nr_inodes=7654")
    return Scene(TMPFS, ["hidden-source", "8192k", "7654"])


def foreign_equal() -> Scene:
    os.mkdir(PATH)
    mount("tmpfs", PATH, "tmpfs", 2 | 4 | 8, "mode=755")
    return Scene(TMPFS, ["noexec"])


def foreign_to_unmount() -> Scene:
    return Scene(UNMOUNT, foreign_another().hidden)


def others_hold_it() -> Scene:
    hold(**{**TMPFS, "holder": "hidden-holder"})
    return Scene(UNMOUNT, ["hidden-holder"])


def others_bind_it() -> Scene:
    hold(**TMPFS, opts=["mode=0755"])
    os.mkdir(f"{PATH}/hidden-folder")
    hold(path="/srv/hidden-mount", src=f"{PATH}/hidden-folder", fstype="bind", holder="hidden-holder")
    return Scene(LEAVE, ["hidden"])


def others_hold_below() -> Scene:
    hold(**{**TMPFS, "path": f"{PATH}/hidden-folder", "holder": "hidden-holder"})
    return Scene({**TMPFS, "allow_nonempty": True}, ["hidden"])


def entries_are_there() -> Scene:
    os.makedirs(f"{PATH}/hidden-folder")
    return Scene(TMPFS, ["hidden"])


def a_link_is_there() -> Scene:
    os.mkdir("/srv/hidden-folder")
    os.symlink("hidden-folder", PATH)
    return Scene(TMPFS, ["hidden"])


def a_fifo_is_there() -> Scene:
    os.mkfifo(PATH)
    os.chown(PATH, NUMBER, NUMBER)
    return Scene(TMPFS, [str(NUMBER)])


def others_own_the_way() -> Scene:
    os.mkdir("/srv/open")
    os.chown("/srv/open", NUMBER, NUMBER)
    return Scene({**TMPFS, "path": "/srv/open/data"}, [str(NUMBER)])


def device_is_a_link_through_an_open_place() -> Scene:
    os.mkdir("/dev/hidden-folder")
    os.chmod("/dev/hidden-folder", 0o1777)
    os.mknod("/dev/hidden-folder/disk", stat.S_IFBLK | 0o600, os.makedev(7, 0))
    os.symlink("hidden-folder/disk", "/dev/disk1")
    return Scene({**TMPFS, "src": "/dev/disk1", "fstype": "ext4"}, ["hidden"])


def ledger_is_damaged() -> Scene:
    hold(**TMPFS)
    with open(LEDGER, encoding="utf-8") as file:
        content = json.load(file)
    content["references"][PATH]["holders"] = {"hidden\x1bholder": {}}
    with open(LEDGER, "w", encoding="utf-8") as file:
        json.dump(content, file)
    return Scene(TMPFS, ["hidden"])


def ledger_is_no_json() -> Scene:
    hold(**TMPFS)
    with open(LEDGER, "w", encoding="utf-8") as file:
        file.write("hidden-holder")
    return Scene(TMPFS, ["hidden"])


def ledger_is_others() -> Scene:
    hold(**TMPFS)
    os.chown(LEDGER, NUMBER, NUMBER)
    return Scene(TMPFS, [str(NUMBER)])


def locks_are_others() -> Scene:
    hold(**TMPFS)
    os.chown(RUN, NUMBER, NUMBER)
    return Scene(LEAVE, [str(NUMBER)])


def policy_is_others() -> Scene:
    hold(**TMPFS)
    with open(POLICY_PATH, "w", encoding="utf-8") as file:
        file.write('{"allowed_roots": ["/srv/hidden-root"]}')
    os.chown(POLICY_PATH, NUMBER, NUMBER)
    return Scene(TMPFS, [str(NUMBER), "hidden-root"])


def ledger_is_locked() -> Scene:
    hold(**TMPFS)
    keep = os.open(f"{RUN}/ledger.lock", os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(keep, fcntl.LOCK_EX)
    return Scene({**LEAVE, "lock_timeout": 1}, [str(os.getpid())])


def another_call_is_under_way() -> Scene:
    pid = os.fork()
    if pid == 0:
        stall("move_mount")
        call(**TMPFS)
    while not [name for name in list_folder(f"{RUN}/operations") if holds_something(name)]:
        time.sleep(0.01)
    return Scene({**TMPFS, "lock_timeout": 1}, [str(pid)], [pid])


def list_folder(path: str) -> t.List[str]:
    """Return the names in a directory, none where it is missing."""
    return os.listdir(path) if os.path.isdir(path) else []


def holds_something(name: str) -> bool:
    """Return whether the note of an operation has been written."""
    return os.path.getsize(f"{RUN}/operations/{name}") > 0


def stall(name: str) -> None:
    """Let a system call never return."""

    def wait(*_arguments: t.Any, **_more: t.Any) -> t.NoReturn:
        while True:
            time.sleep(1000)

    vars(syscalls)[name] = wait


def fail(name: str, number: int) -> None:
    """Let a system call fail, with words of the kernel's."""

    def refuse(*_arguments: t.Any, **_more: t.Any) -> t.NoReturn:
        raise OSError(number, "hidden words of the kernel")

    vars(syscalls)[name] = refuse
