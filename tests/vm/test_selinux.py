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
FOR_ALL: Arguments = {"credentials_file": CREDENTIALS, "allowed_roots": ["/srv", "/mnt"]}
CONTEXT = "system_u:object_r:removable_t:s0"
# Whose labels are of the superblock: a bind shows those of another mount.
OWN = tuple(mount for mount in MOUNTS if mount["fstype"] != "bind")
COMMAND, UNIT, METRICS = "/usr/local/sbin/holdfast", "holdfast-reconcile.service", "/var/lib/metrics"
KEEPER = (
    COMMAND,
    "/usr/local/share/man/man8/holdfast.8",
    "/usr/local/share/bash-completion/completions/holdfast",
    f"/etc/systemd/system/{UNIT}",
    "/etc/systemd/system/holdfast-reconcile.timer",
)
RUN = ("/run/holdfast", "/run/holdfast/operations", "/run/holdfast/stage")
OURS = ("/etc/fstab", os.path.dirname(LEDGER), LEDGER)
# Without it, mount.cifs may not drop its capabilities, and mounts nothing, whatever service calls it.
ALLOWED = "(allow mount_t self (process (setcap)))"
DENIALS = (
    "ausearch --input-logs --message avc,user_avc,selinux_err --raw 2>/dev/null"
    " | grep -aE 'holdfast|python|comm=\"(u?mount|fusermount|losetup|systemctl)' || true"
)


@pytest.fixture(scope="module")
def guest(tmp_path_factory: pytest.TempPathFactory) -> Guest:
    """The machine, enforcing, with two disks, layers, an image and a password; nothing is denied to us."""
    found = Guest(Path(os.environ["VM_FOLDER"]), tmp_path_factory.mktemp("guest"))
    assert found.shell("getenforce") == "Enforcing\n"
    # All of this is done by a host without the package python3-selinux.
    assert found.shell("/usr/bin/python3 -c 'import selinux' 2>&1 || true").endswith("'selinux'\n")
    # The control of what is not found below: a denial of a Python is.
    found.shell("runcon system_u:system_r:mount_t:s0 /usr/bin/python3 -c pass 2>/dev/null || true; sync")
    assert found.shell(DENIALS).count("denied") == 1
    # The servers are confined too.
    found.shell("setsebool -P samba_export_all_rw on")
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


def hold(guest: Guest, mounts: t.Iterable[Arguments]) -> None:
    """Hold these mounts, which are all mounted by that, with no warning."""
    held = guest.call(mounts=list(mounts), holder="app", timeout=300, **FOR_ALL)
    assert {one["action"] for one in held["mounts"]} == {"mounted"}, held
    assert "warnings" not in held


def release(guest: Guest) -> None:
    """Release all that app holds; none of it stays mounted."""
    left = guest.call(mounts=[], purge=True, holder="app", timeout=300)
    assert {one["action"] for one in left["mounts"]} == {"unmounted"}, left


def types(guest: Guest, *paths: str) -> t.List[str]:
    """Return the types of what is at these paths."""
    return [label.split(":")[2] for label in labels(guest, paths)[0]]


def test_hold_and_release_of_every_kind(guest: Guest) -> None:
    """Made directories have the policy's labels: they are seen once the mounts have gone without us."""
    hold(guest, MOUNTS)
    made = [*POINTS.values(), "/srv/www", "/srv/deep"]
    guest.shell(f"umount {' '.join(POINTS.values())}")
    found, wanted = labels(guest, made)
    assert found == wanted
    # The control: what mkdir(1) makes there has its parent's.
    guest.shell("mkdir /srv/deep/www")
    assert types(guest, "/srv/deep/www") == ["var_t"]
    guest.shell("rmdir /srv/deep/www")
    hold(guest, MOUNTS)
    release(guest)
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


@pytest.mark.parametrize("name", ["ext4", "nfs", "smb"])
def test_context_without_a_range_is_refused(guest: Guest, name: str) -> None:
    """Debian's policy has levels, so a context has one, whatever the type of the filesystem."""
    (mount,) = (mount for mount in MOUNTS if mount["path"] == POINTS[name])
    context = CONTEXT.rpartition(":")[0]
    result = guest.call(mounts=[mount], holder="app", selinux_context=context, **FOR_ALL)
    assert (result["error"]["code"], context in result["msg"]) == ("option_not_allowed", True), result
    assert guest.mounts(mount["path"]) == []


@pytest.mark.parametrize("categories", ["", ":c1,c3"], ids=["level", "categories"])
def test_context_with_a_range_is_that_of_every_file(guest: Guest, categories: str) -> None:
    context = CONTEXT + categories
    hold(guest, [{**mount, "selinux_context": context} for mount in OWN])
    files = [f"{mount['path']}/made" for mount in OWN]
    guest.shell(f"touch {' '.join(files)}")
    assert labels(guest, [*files, *(mount["path"] for mount in OWN)])[0] == [context] * 2 * len(OWN)
    # It is of the superblock, so nobody joins with another one.
    others = [{**mount, "selinux_context": f"{CONTEXT}:c7"} for mount in OWN]
    joined = guest.call("--check", mounts=others, holder="other", **FOR_ALL)
    assert [one["error"]["code"] for one in joined["mounts"]] == ["conflict"] * len(OWN), joined
    guest.shell(f"rm {' '.join(files)}")
    release(guest)


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


def boot_entry(guest: Guest) -> Arguments:
    """Return a mount with a line in fstab and a context, at a place where mount_t may mount: not /srv/ftp."""
    uuid = guest.shell("blkid -s UUID -o value /dev/vdc").strip()
    context = f"{CONTEXT}:c1,c2"
    return {
        "path": "/srv/boot",
        "src": f"UUID={uuid}",
        "fstype": "ext4",
        "boot": True,
        "selinux_context": context,
    }


def test_entry_with_categories_is_mounted_by_systemd(guest: Guest) -> None:
    guest.shell("chcon -t etc_runtime_t /etc/fstab")
    hold(guest, [boot_entry(guest)])
    assert types(guest, "/etc/fstab") == ["etc_runtime_t"]
    guest.shell(
        "restorecon /etc/fstab; umount /srv/boot; systemctl daemon-reload; systemctl start srv-boot.mount"
    )
    assert guest.shell("stat --format=%C /srv/boot") == f"{CONTEXT}:c1,c2\n"
    assert guest.call(path="/srv/boot", holder="app", state="released")["changed"]
    found, wanted = labels(guest, ["/etc/fstab"])
    assert found == wanted
    guest.shell("umount /srv/boot 2>/dev/null || true")


def wait_for_run(guest: Guest) -> None:
    """Wait until a run of the timer has found all of it in order."""
    guest.shell(
        f'timeout 400 sh -c \'until grep -qx "holdfast_last_reconcile_success 1" {METRICS}/holdfast.prom;'
        f" do sleep 1; done' || {{ journalctl --unit {UNIT} --no-pager >&2; false; }}"
    )


def test_timer_mounts_after_a_reboot_and_from_nothing(guest: Guest) -> None:
    """From a unit, mount(8) changes into a domain of its own, which may mount on few labels."""
    guest.shell("cat >/root/setcap.cil; semodule -i /root/setcap.cil", text=ALLOWED)
    guest.shell(f"mkdir {METRICS}")
    assert guest.play("keeper", keeper_interval="15s", keeper_metrics_directory=METRICS)["changed"] > 0
    hold(guest, [*(mount for mount in MOUNTS if mount["path"] != POINTS["ext4"]), boot_entry(guest)])
    found, wanted = labels(guest, [*KEEPER, *OURS])
    assert found == wanted
    # The server would go before its client, which is this machine too.
    guest.shell(f"umount {POINTS['nfs']}; rm {METRICS}/holdfast.prom")
    guest.machine.reboot()
    assert guest.shell("getenforce") == "Enforcing\n"
    wait_for_run(guest)
    paths = [*(path for path in POINTS.values() if path != POINTS["ext4"]), "/srv/boot"]
    assert [len(guest.mounts(path)) for path in paths] == [1] * len(paths)
    assert guest.shell("stat --format=%C /srv/boot") == f"{CONTEXT}:c1,c2\n"
    # All that is made anew, by the domain of the unit, as if a boot had found none of it.
    guest.shell(f"systemctl stop holdfast-reconcile.timer {UNIT}; umount {' '.join(paths)}")
    guest.shell(f"rm -r /srv/boot /srv/deep /srv/www /mnt/nfs {METRICS}/* /run/holdfast; mv /etc/fstab /root")
    guest.shell(f"systemctl start {UNIT}")
    assert [len(guest.mounts(path)) for path in paths] == [1] * len(paths)
    guest.shell(f"umount {' '.join(paths)}")
    found, wanted = labels(guest, [*paths, "/srv/www", "/srv/deep", f"{METRICS}/holdfast.prom", *OURS])
    assert found == wanted
    # The policy gives no label to these; they have that of what a service makes below /run.
    assert types(guest, *RUN) == ["initrc_runtime_t"] * len(RUN)
    guest.shell(f"systemctl start {UNIT}; mv --force /root/fstab /etc/fstab; restorecon -R /etc")
    release(guest)
    assert guest.play("keeper", keeper_state="absent", keeper_metrics_directory=METRICS)["changed"] > 0
