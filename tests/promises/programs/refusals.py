# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A real failing call for every code of the contract, on a kernel that fails where it hardly ever does."""

from __future__ import annotations

import errno
import os
import signal
import stat
import time
import typing as t

from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.kernel import syscalls
from harness.namespace import CLONE_NEWNS, LIBC, check
from hidden import (
    LEAVE,
    PATH,
    TMPFS,
    Scene,
    a_fifo_is_there,
    a_link_is_there,
    another_call_is_under_way,
    device_is_a_link_through_an_open_place,
    entries_are_there,
    fail,
    foreign_another,
    foreign_equal,
    foreign_to_unmount,
    hold,
    ledger_is_damaged,
    ledger_is_locked,
    ledger_is_no_json,
    ledger_is_others,
    locks_are_others,
    others_bind_it,
    others_hold_another,
    others_hold_below,
    others_hold_it,
    others_own_the_way,
    policy_is_others,
    somebody_stands_there,
    stall,
)


class Row(t.NamedTuple):
    """A way to fail. tells: whether C(disclose=full) has something to tell of the host."""

    code: str
    prepare: t.Callable[[], Scene]
    tells: bool = False

    @property
    def name(self) -> str:
        """The code and what is laid out."""
        return f"{self.code}: {self.prepare.__name__}"


def source_is_missing() -> Scene:
    os.makedirs("/srv/hidden-folder")
    return Scene({**TMPFS, "src": "/srv/nothing", "fstype": "bind"}, ["hidden"])


def kernel_refuses_the_layers() -> Scene:
    for path in ("/srv/lower", "/srv/upper", "/media/work"):
        os.mkdir(path)
    opts = ["lowerdir=/srv/lower", "upperdir=/srv/upper", "workdir=/media/work"]
    return Scene({**TMPFS, "fstype": "overlay", "src": "overlay", "opts": opts}, ["fsconfig"])


def kernel_refuses_to_create() -> Scene:
    fail("fsmount", errno.EIO)
    return Scene(TMPFS, ["hidden"])


def kernel_refuses_to_unmount() -> Scene:
    hold(**TMPFS)
    fail("umount2", errno.EIO)
    return Scene(LEAVE, ["hidden"])


def device_never_answers() -> Scene:
    os.mknod("/dev/hidden-disk", stat.S_IFBLK | 0o600, os.makedev(7, 0))
    os.symlink("hidden-disk", "/dev/disk1")
    stall("fsopen")
    return Scene({**TMPFS, "src": "/dev/disk1", "fstype": "ext4", "timeout": 1}, ["hidden"])


def flags_are_not_in_force() -> Scene:
    real = syscalls.fsmount
    vars(syscalls)["fsmount"] = lambda context, _flags: real(context, 0)
    return Scene(TMPFS)


def source_is_no_device() -> Scene:
    os.mkdir("/dev/hidden-folder")
    with open("/dev/hidden-folder/file", "w", encoding="ascii") as file:
        file.write("x")
    os.symlink("hidden-folder/file", "/dev/disk1")
    return Scene({**TMPFS, "src": "/dev/disk1", "fstype": "ext4"}, ["hidden"])


def source_is_outside() -> Scene:
    os.makedirs("/media/hidden-folder")
    return Scene({**TMPFS, "src": "/opt/source", "fstype": "bind", "source_roots": ["/media"]}, ["hidden"])


def one_of_many_is_foreign() -> Scene:
    hidden = foreign_another().hidden
    entries = [{"path": path, "src": "tmpfs", "fstype": "tmpfs"} for path in (PATH, "/srv/fine")]
    return Scene({"mounts": entries, "holder": "caller"}, hidden)


def policy_is_malformed() -> Scene:
    os.makedirs("/etc/ansible", exist_ok=True)
    with open("/etc/ansible/holdfast_mounts_policy.json", "w", encoding="utf-8") as file:
        file.write('{"allowed_roots": ["/srv/hidden-folder/"]}')
    return Scene(TMPFS, ["hidden"])


def policy_is_narrower() -> Scene:
    os.makedirs("/etc/ansible", exist_ok=True)
    with open("/etc/ansible/holdfast_mounts_policy.json", "w", encoding="utf-8") as file:
        file.write('{"allowed_roots": ["/srv/hidden-folder"], "fstypes": ["tmpfs"], "holders": ["*"]}')
    return Scene(TMPFS, ["hidden"])


def table_is_others() -> Scene:
    os.chown("/etc/fstab", 65534, 65534)
    return Scene({**TMPFS, "boot": True}, ["65534"])


def ledger_is_of_another_namespace() -> Scene:
    hold(**TMPFS)
    if os.fork() == 0:  # somebody lives there on: a namespace that is gone has no mounts
        syscalls.set_parent_death_signal(signal.SIGKILL)
        for fd in range(3):
            os.close(fd)
        time.sleep(60)
        os._exit(0)
    number = os.stat("/proc/self/ns/mnt").st_ino
    check(LIBC.unshare(CLONE_NEWNS), "unshare")
    return Scene(TMPFS, [str(number), str(os.stat("/proc/self/ns/mnt").st_ino)])


def kernel_lacks_the_filesystem() -> Scene:
    fail("fsopen", errno.ENODEV)
    return Scene(TMPFS, ["hidden"])


def said(code: str, **arguments: t.Any) -> Row:
    """Return a row that the grammar refuses: it has not looked at the host."""

    def by_the_grammar() -> Scene:
        os.makedirs("/srv/hidden-folder")
        return Scene({**TMPFS, **arguments}, ["hidden"])

    return Row(code, by_the_grammar)


ROWS = (
    Row("busy", somebody_stands_there, tells=True),
    Row("conflict", others_hold_another, tells=True),
    Row("conflict", foreign_another, tells=True),
    Row("conflict", one_of_many_is_foreign, tells=True),
    said("fstype_not_allowed", fstype="fuse"),
    Row("in_use", others_hold_it, tells=True),
    Row("in_use", others_bind_it, tells=True),
    said("invalid_argument", path="srv/data"),
    Row("ledger_corrupt", ledger_is_damaged, tells=True),
    Row("ledger_corrupt", ledger_is_no_json),
    Row("ledger_untrusted", ledger_is_others),
    Row("ledger_untrusted", locks_are_others),
    Row("locked", ledger_is_locked),
    Row("locked", another_call_is_under_way, tells=True),
    Row("mount_failed", source_is_missing),
    Row("mount_failed", kernel_refuses_the_layers, tells=True),
    Row("mount_failed", kernel_refuses_to_create, tells=True),
    Row("not_empty", entries_are_there),
    Row("not_owned", foreign_equal),
    Row("not_owned", foreign_to_unmount),
    said("option_not_allowed", opts=["size=many"]),
    said("path_not_allowed", path="/etc/data"),
    Row("not_permitted", policy_is_narrower, tells=True),
    Row("policy_untrusted", policy_is_malformed, tells=True),
    Row("policy_untrusted", policy_is_others),
    Row("unsafe_path", table_is_others),
    Row("shadows", others_hold_below, tells=True),
    Row("source_not_allowed", source_is_no_device),
    Row("source_not_allowed", source_is_outside),
    Row("timeout", device_never_answers),
    Row("unmount_failed", kernel_refuses_to_unmount, tells=True),
    Row("unsafe_path", a_link_is_there),
    Row("unsafe_path", a_fifo_is_there),
    Row("unsafe_path", others_own_the_way),
    Row("unsafe_path", device_is_a_link_through_an_open_place, tells=True),
    Row("unsupported", ledger_is_of_another_namespace, tells=True),
    Row("unsupported", kernel_lacks_the_filesystem),
    Row("verification_failed", flags_are_not_in_force),
)
