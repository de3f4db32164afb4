# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A host that enforces Debian's SELinux policy: labels, contexts, and nothing of ours in the audit log."""

from __future__ import annotations

import os
import typing as t
from pathlib import Path

import pytest
from guest import LEDGER, NFS, PASSWORD, SMB, Arguments, Guest

if os.environ.get("VM_VARIANT") != "selinux":
    pytest.skip("needs a virtual machine that enforces: nox -s selinux", allow_module_level=True)

# Where the policy's label is not that of the parent, and where it is.
POINTS = {
    "tmpfs": "/srv/www/tmpfs",
    "ext4": "/srv/ftp",
    "bind": "/srv/deep/bind",
    "overlay": "/srv/www/overlay",
    "image": "/srv/deep/image",
    "nfs": "/mnt/nfs",
    "smb": "/srv/www/smb",
}
IMAGE = "/srv/disk.img"
# Where mount_t may read: in root's home it may not.
CREDENTIALS = "/etc/smb.credentials"
MOUNTS: t.Tuple[Arguments, ...] = (
    {"path": POINTS["tmpfs"], "src": "scratch", "fstype": "tmpfs"},
    {"path": POINTS["ext4"], "src": "/dev/vdb", "fstype": "ext4"},
    {"path": POINTS["bind"], "src": "/srv/source", "fstype": "bind"},
    {
        "path": POINTS["overlay"],
        "src": "layers",
        "fstype": "overlay",
        "opts": ["lowerdir=/srv/source", "upperdir=/srv/upper", "workdir=/srv/work"],
    },
    {"path": POINTS["image"], "src": IMAGE, "fstype": "ext4"},
    {"path": POINTS["nfs"], **NFS},
    {"path": POINTS["smb"], **{name: value for name, value in SMB.items() if name != "credentials_file"}},
)
CONTEXT = "system_u:object_r:removable_t:s0"
# Without it, mount.cifs may not drop its capabilities, and mounts nothing, whatever service calls it.
ALLOWED = "(allow mount_t self (process (setcap)))"
DENIALS = (
    "grep -a 'avc: *denied' /var/log/audit/audit.log | grep -aE 'holdfast|python|comm=\"u?mount' || true"
)


@pytest.fixture(scope="module")
def guest(tmp_path_factory: pytest.TempPathFactory) -> Guest:
    """The machine, enforcing, with two disks, layers, an image and a password; nothing is denied to us."""
    found = Guest(Path(os.environ["VM_FOLDER"]), tmp_path_factory.mktemp("guest"))
    assert found.shell("getenforce") == "Enforcing\n"
    # The servers are confined too.
    found.shell("setsebool samba_export_all_rw on")
    found.shell("smbpasswd -s -a shopper", text=f"{PASSWORD}\n{PASSWORD}\n")
    found.shell(f"umask 077; cat >{CREDENTIALS}", text=f"username=shopper\npassword={PASSWORD}\n")
    found.shell("mkfs.ext4 -q /dev/vdb; mkfs.ext4 -q /dev/vdc; mkdir /srv/source /srv/upper /srv/work")
    found.shell(f"truncate --size 16M {IMAGE}; mkfs.ext4 -q {IMAGE}; restorecon -R /srv")
    return found


@pytest.fixture(autouse=True)
def denials(guest: Guest) -> t.Iterator[None]:
    """Have the audit log say nothing of us, but where a test takes that back."""
    before = guest.shell(DENIALS)
    yield
    assert guest.shell(DENIALS) == before


def labels(guest: Guest, paths: t.Iterable[str]) -> t.Tuple[t.List[str], t.List[str]]:
    """Return the labels of what is at these paths, and those that the policy gives to them."""
    words = " ".join(paths)
    found = guest.shell(f"stat --format=%C {words}").split()
    wanted = guest.shell(f"matchpathcon -n {words}").split()
    return found, wanted


def types(guest: Guest, *paths: str) -> t.List[str]:
    """Return the types of what is at these paths."""
    return [label.split(":")[2] for label in labels(guest, paths)[0]]


def test_hold_and_release_of_every_kind(guest: Guest) -> None:
    """Made directories have the policy's labels: they are seen once the mounts have gone without us."""
    held = guest.call(
        mounts=list(MOUNTS),
        holder="app",
        timeout=300,
        credentials_file=CREDENTIALS,
        allowed_roots=["/srv", "/mnt"],
    )
    assert [one["action"] for one in held["mounts"]] == ["mounted"] * len(MOUNTS), held
    assert "warnings" not in held
    made = [*POINTS.values(), "/srv/www", "/srv/deep"]
    guest.shell(f"umount {' '.join(POINTS.values())}")
    found, wanted = labels(guest, made)
    assert found == wanted
    # The control: what mkdir(1) makes there has its parent's.
    guest.shell("mkdir /srv/deep/www")
    assert types(guest, "/srv/deep/www") == ["var_t"]
    guest.shell("rmdir /srv/deep/www")
    again = guest.call(
        mounts=list(MOUNTS),
        holder="app",
        timeout=300,
        credentials_file=CREDENTIALS,
        allowed_roots=["/srv", "/mnt"],
    )
    assert [one["action"] for one in again["mounts"]] == ["mounted"] * len(MOUNTS), again
    left = guest.call(mounts=[], purge=True, holder="app", timeout=300)
    assert {one["action"] for one in left["mounts"]} == {"unmounted"}, left
    assert guest.shell("ls -d /srv/www /srv/ftp /srv/deep /mnt/* 2>/dev/null || true") == ""


def test_files_of_ours_have_the_labels_of_the_policy(guest: Guest) -> None:
    found, wanted = labels(guest, ["/etc/ansible", os.path.dirname(LEDGER), LEDGER])
    assert found == wanted
    refused = {"path": "/srv/refused", "src": "/dev/none", "fstype": "ext4"}
    assert "error" in guest.call(holder="app", **refused)
    found, wanted = labels(guest, ["/var/log/holdfast_mounts.log"])
    assert found == wanted
    # The policy gives no label to what is in there, so it has that of /run.
    assert types(guest, "/run/holdfast", "/run/holdfast/operations") == ["var_run_t"] * 2


@pytest.mark.parametrize(
    "context", ["system_u:object_r:none_such_t:s0", "system_u:object_r:removable_t"], ids=["type", "range"]
)
def test_context_that_the_policy_lacks_is_refused(guest: Guest, context: str) -> None:
    request = {"path": "/srv/context", "src": "x", "fstype": "tmpfs", "selinux_context": context}
    for options in ([], ["--check"]):
        result = guest.call(*options, holder="app", **request)
        assert (result["error"]["code"], context in result["msg"]) == ("option_not_allowed", True), result


def test_context_has_no_drift_however_it_is_spelled(guest: Guest) -> None:
    shown = {"plain": "", "two": ":c1,c3", "row": ":c1.c3"}
    given = {"plain": "", "two": ":c3,c1", "row": ":c1,c2,c3"}
    for holder, action, spelling in (("app", "mounted", given), ("other", "joined", shown)):
        mounts = [
            {"path": f"/srv/{name}", "src": "x", "fstype": "tmpfs", "selinux_context": CONTEXT + categories}
            for name, categories in spelling.items()
        ]
        held = guest.call(holder=holder, mounts=mounts)
        assert [(one["action"], one["drift"]) for one in held["mounts"]] == [(action, [])] * 3, held
    found = labels(guest, [f"/srv/{name}" for name in shown])[0]
    assert found == [CONTEXT + categories for categories in shown.values()]
    for holder in ("app", "other"):
        guest.call(mounts=[], purge=True, holder=holder)
    assert guest.shell("grep -c removable_t /proc/self/mountinfo || true") == "0\n"


def test_entry_with_categories_is_mounted_by_systemd(guest: Guest) -> None:
    guest.shell("chcon -t etc_runtime_t /etc/fstab")
    uuid = guest.shell("blkid -s UUID -o value /dev/vdc").strip()
    request = {"path": "/srv/boot", "src": f"UUID={uuid}", "fstype": "ext4", "boot": True}
    held = guest.call(holder="app", selinux_context=f"{CONTEXT}:c1,c2", **request)
    assert held["action"] == "mounted", held
    assert types(guest, "/etc/fstab") == ["etc_runtime_t"]
    guest.shell(
        "restorecon /etc/fstab; umount /srv/boot; systemctl daemon-reload; systemctl start srv-boot.mount"
    )
    assert guest.shell("stat --format=%C /srv/boot") == f"{CONTEXT}:c1,c2\n"
    assert guest.call(path="/srv/boot", holder="app", state="released")["changed"]
    guest.shell("umount /srv/boot 2>/dev/null || true")


def test_service_mounts_with_helpers(guest: Guest) -> None:
    """From a unit, mount(8) changes into a domain of its own, which may mount on few labels."""
    guest.shell("cat >/root/setcap.cil; semodule -i /root/setcap.cil", text=ALLOWED)
    network = MOUNTS[-2:]
    held = guest.call(mounts=list(network), holder="app", timeout=300, credentials_file=CREDENTIALS)
    assert {one["action"] for one in held["mounts"]} == {"mounted"}, held
    assert guest.play("keeper", keeper_interval="1d")["changed"] > 0
    guest.shell(f"systemctl stop holdfast-reconcile.timer; umount {POINTS['nfs']} {POINTS['smb']}")
    guest.shell("systemctl start holdfast-reconcile.service")
    assert [len(guest.mounts(POINTS[name])) for name in ("nfs", "smb")] == [1, 1]
    left = guest.call(mounts=[], purge=True, holder="app", timeout=300)
    assert {one["action"] for one in left["mounts"]} == {"unmounted"}, left
    assert guest.play("keeper", keeper_state="absent")["changed"] > 0
