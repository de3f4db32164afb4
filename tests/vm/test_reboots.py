# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Mounts of NFS, disks and images, with and without boot, through real reboots; the last of nox -s vm."""

from __future__ import annotations

import os
import typing as t
from pathlib import Path

import pytest
from guest import NFS, Arguments, Guest, Result

if "VM_FOLDER" not in os.environ:
    pytest.skip("needs a virtual machine: nox -s vm", allow_module_level=True)

UUID = "1f0f7a52-6a3e-4d3c-9c0b-3f2b8f6f7a11"
BOOT: t.Tuple[Arguments, ...] = (
    {"path": "/mnt/boot/disk", "src": f"UUID={UUID}", "fstype": "ext4", "boot": True},
    {"path": "/mnt/boot/nfs", **NFS, "boot": True},
    {"path": "/mnt/boot/image", "src": "/srv/boot.img", "fstype": "ext4", "boot": True},
    {"path": "/mnt/boot/iso", "src": "/srv/boot.iso", "fstype": "iso9660", "opts": ["ro"], "boot": True},
)
PLAIN: t.Tuple[Arguments, ...] = (
    {"path": "/mnt/plain/disk", "src": "/dev/vdc", "fstype": "ext4"},
    {"path": "/mnt/plain/nfs", **NFS},
    {"path": "/mnt/plain/image", "src": "/srv/plain.img", "fstype": "ext4"},
)
OVERLAY: Arguments = {
    "path": "/mnt/boot/overlay",
    "src": "overlay",
    "fstype": "overlay",
    "opts": [f"{name}dir=/mnt/boot/disk/{name}" for name in ("lower", "upper", "work")],
    "boot": True,
}
IMAGES = ["/srv/boot.img", "/srv/boot.iso", "/srv/plain.img"]
HOLDERS = ["app1", "app2"]
# What people write: a tab, an empty line, and an end without a newline.
BY_HAND = "# by hand\n\n/dev/vdz\t/nowhere  ext4 noauto,x-systemd.automount 0 2\n#\tthe end"
# Client and server are one machine here. When that shuts down, the server must outlive the client, or the
# client waits for it. The package of the server sees to it for lines of fstab only.
ORDER = "[Unit]\nBefore=remote-fs-pre.target\nWants=remote-fs-pre.target\n"
DROP_IN = "/etc/systemd/system/nfs-server.service.d/order.conf"
READ = "base64 /etc/fstab; stat --format='%a %u %g' /etc/fstab"


@pytest.fixture
def guest(tmp_path: Path) -> t.Iterator[Guest]:
    """The machine, with two disks, and lines in fstab that are none of ours."""
    found = Guest(Path(os.environ["VM_FOLDER"]), tmp_path)
    found.shell(f"mkfs.ext4 -q -U {UUID} /dev/vdb && mkfs.ext4 -q /dev/vdc && udevadm settle")
    found.shell("cd /srv && for name in boot plain; do mkfs.ext4 -q -F $name.img 8m; done")
    found.shell("genisoimage -quiet -o /srv/boot.iso /etc/hostname")
    found.shell("cp --archive /etc/fstab /etc/fstab.old && cat >>/etc/fstab", text=BY_HAND)
    found.shell(f"mkdir {os.path.dirname(DROP_IN)} && cat >{DROP_IN} && systemctl daemon-reload", text=ORDER)
    yield found
    found.shell(f"mv /etc/fstab.old /etc/fstab; rm -r {os.path.dirname(DROP_IN)}; systemctl daemon-reload")
    found.shell(f"rm {' '.join(IMAGES)}")


def loops(guest: Guest) -> t.List[str]:
    """Return the files that loop devices have, one for each device."""
    return sorted(guest.shell("losetup --list --noheadings --output BACK-FILE").split())


def reconcile(guest: Guest) -> Result:
    """Call safe_mount_reconcile and return its result."""
    return guest.finish(guest.start({"on_busy": "fail"}, module="safe_mount_reconcile"))


def paths(definitions: t.Iterable[Arguments]) -> t.List[str]:
    """Return the mount points of some definitions."""
    return [definition["path"] for definition in definitions]


def test_reboot_keeps_mounts_and_references(guest: Guest) -> None:
    fstab, everything = guest.shell(READ), [*BOOT, *PLAIN]
    for holder, action in zip(HOLDERS, ("mounted", "joined")):
        held = guest.call(mounts=everything, holder=holder, timeout=300)
        assert [one["action"] for one in held["mounts"]] == [action] * len(everything), held
    assert guest.shell(READ) != fstab
    assert loops(guest) == IMAGES
    guest.shell("for disk in boot plain; do echo $disk >/mnt/$disk/disk/word; done")
    guest.machine.reboot()
    guest.shell("systemctl is-system-running --wait || true; systemctl is-active nfs-server")
    # The control: without reconcile, only what has a line in fstab is back.
    assert [len(guest.mounts(path)) for path in paths(BOOT)] == [1] * len(BOOT)
    assert [guest.mounts(path) for path in paths(PLAIN)] == [[]] * len(PLAIN)
    drift = {one["path"]: one["kind"] for one in guest.facts()["drift"]}
    assert drift == dict.fromkeys(paths(everything), "missing")
    repaired = reconcile(guest)
    assert (repaired["changed"], repaired["remaining"]) == (True, []), repaired
    assert sorted(one["path"] for one in repaired["repaired"]) == sorted(paths(everything)), repaired
    again = reconcile(guest)
    assert (again["changed"], again["repaired"], again["remaining"]) == (False, [], []), again
    found = {one["mount"]: one for one in guest.facts()["mounts"] if one["managed"]}
    assert sorted(found) == sorted(paths(everything))
    for path, one in found.items():
        assert (one["state"], one["owned"], one["holders"]) == ("ok", True, HOLDERS), one
        assert len(guest.mounts(path)) == 1
    assert loops(guest) == IMAGES
    assert guest.shell("cat /mnt/boot/disk/word /mnt/plain/disk/word") == "boot\nplain\n"
    for holder in HOLDERS:
        left = guest.call(mounts=[], purge=True, holder=holder)
    assert guest.shell(READ) == fstab, left
    assert loops(guest) == []
    assert guest.shell("find /mnt -mindepth 1; grep ' /mnt' /proc/self/mountinfo || true") == ""


def test_reboot_with_disks_exchanged_mounts_no_other_in_their_place(guest: Guest) -> None:
    disk, plain = BOOT[0], PLAIN[0]
    first = guest.call(mounts=[disk, plain], holder="app1", timeout=300)
    assert "error" not in first, first
    guest.shell("cd /mnt/boot/disk && mkdir lower upper work && echo lower >lower/word")
    guest.shell("echo plain >/mnt/plain/disk/word")
    second = guest.call(mounts=[OVERLAY], holder="app1", timeout=300)
    assert "error" not in second, second
    guest.machine.exchange_spares()
    guest.shell("systemctl is-system-running --wait || true")
    # The disk is found by its UUID, and the overlay on it comes after it.
    assert guest.shell("cat /mnt/boot/overlay/word") == "lower\n"
    # The control: the name of the other disk leads to the first one now.
    assert guest.shell("blkid -s UUID -o value /dev/vdc") == f"{UUID}\n"
    left = reconcile(guest)
    assert [(one["path"], one["kind"]) for one in left["remaining"]] == [(plain["path"], "replaced")], left
    assert guest.mounts(plain["path"]) == []
    joined = guest.call(**plain, holder="app2")
    assert joined["error"]["code"] == "conflict", joined
    found = {one["mount"]: one["state"] for one in guest.facts()["mounts"] if one["managed"]}
    assert (found[disk["path"]], found[OVERLAY["path"]]) == ("ok", "ok"), found
    gone = guest.call(mounts=[], purge=True, holder="app1")
    assert "error" not in gone, gone
    assert guest.shell("find /mnt -mindepth 1; grep ' /mnt' /proc/self/mountinfo || true") == ""
