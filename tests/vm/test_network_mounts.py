# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Mounts of real NFS and SMB servers by a real remote host: errors, holders, dead servers, secrets."""

from __future__ import annotations

import json
import os
import subprocess
import typing as t
from pathlib import Path

import pytest
from guest import CREDENTIALS, NFS, PASSWORD, SMB, Arguments, Guest, Result

if "VM_FOLDER" not in os.environ:
    pytest.skip("needs a virtual machine: nox -s vm", allow_module_level=True)

PATH = "/mnt/data/share"
BOTH = [pytest.param(NFS, id="nfs-4.2"), pytest.param(SMB, id="smb-3.1.1")]
DROP = "INPUT --destination 127.0.0.2 --protocol tcp --dport 2049 --jump DROP"


@pytest.fixture(scope="module")
def guest(tmp_path_factory: pytest.TempPathFactory) -> Guest:
    """The machine, with a password and files of credentials; one call has made what stays."""
    found = Guest(Path(os.environ["VM_FOLDER"]), tmp_path_factory.mktemp("guest"))
    found.shell("smbpasswd -s -a shopper", text=f"{PASSWORD}\n{PASSWORD}\n")
    for path, password in ((CREDENTIALS, PASSWORD), ("/root/wrong.credentials", "wrong")):
        found.shell(f"umask 077; cat >{path}", text=f"username=shopper\npassword={password}\n")
    for state in ("mounted", "released"):
        found.call(path="/mnt/first", src="first", fstype="tmpfs", holder="first", state=state)
    return found


@pytest.fixture
def dropped(guest: Guest) -> t.Iterator[t.Callable[[], None]]:
    """A function that has what goes to the NFS server dropped until the test ends."""
    added: t.List[None] = []

    def drop() -> None:
        guest.shell(f"iptables --append {DROP}")
        added.append(None)

    yield drop
    for _one in added:
        guest.shell(f"iptables --delete {DROP}")


@pytest.fixture
def stopped(guest: Guest) -> t.Iterator[t.Callable[[str], None]]:
    """A function that stops a service until the test ends."""
    services: t.List[str] = []

    def stop(service: str) -> None:
        services.append(service)
        guest.shell(f"systemctl stop {service}")

    yield stop
    for service in services:
        guest.shell(f"systemctl start {service}")


def note(name: str, message: str) -> None:
    """Keep the words of an error beside the machine, where the documentation takes them from."""
    with (Path(os.environ["VM_FOLDER"]) / "errors.txt").open("a", encoding="utf-8") as stream:
        stream.write(f"{name}: {message}\n")


def refuse(guest: Guest, name: str, code: str, words: str, **arguments: t.Any) -> None:
    """Have a mount refused with a code and words, and see that nothing is left of it."""
    before = guest.left()
    result = guest.call(path=PATH, holder="app", **arguments)
    assert "error" in result, result
    note(name, result["msg"])
    assert (result["error"]["code"], words in result["msg"]) == (code, True), result["msg"]
    assert guest.left() == before


def outcomes(results: t.Iterable[Result]) -> t.List[str]:
    """Return each action, or the message of a failure, sorted."""
    return sorted(str(result.get("action") or result["msg"]) for result in results)


@pytest.mark.parametrize("definition", BOTH)
def test_network_mount_of_three_holders_at_once(guest: Guest, definition: Arguments) -> None:
    before = guest.left()
    holders = ("app1", "app2", "app3")
    request = {"path": PATH, "timeout": 300, "lock_timeout": 600, **definition}
    results = guest.call_all({**request, "holder": holder} for holder in holders)
    assert outcomes(results) == ["joined", "joined", "mounted"]
    assert len(guest.mounts(PATH)) == 1
    leaving = {"path": PATH, "state": "released", "timeout": 300, "lock_timeout": 600}
    results = guest.call_all({**leaving, "holder": holder} for holder in holders)
    assert outcomes(results) == ["released", "released", "unmounted"]
    assert guest.left() == before


def test_network_server_stopped_in_the_middle(guest: Guest, dropped: t.Callable[[], None]) -> None:
    """A hard mount whose server is gone, with a process that hangs in it, delays nobody else."""
    before = guest.left()
    guest.shell("head -c 4000000 /dev/urandom >/export/nfs/big")
    assert guest.call(path=PATH, holder="app", **NFS)["action"] == "mounted"
    guest.shell("systemctl stop nfs-server")
    dropped()
    guest.shell(f"setsid dd if={PATH}/big of=/dev/null >/dev/null 2>&1 </dev/null & echo $! >/run/reader")
    states = {mount["mount"]: mount["state"] for mount in guest.facts()["mounts"] if mount["managed"]}
    assert states == {PATH: "ok"}
    other = {"path": "/mnt/other", "src": "other", "fstype": "tmpfs", "holder": "app"}
    assert guest.call(**other)["action"] == "mounted"
    assert guest.call(**other, state="released")["action"] == "unmounted"
    busy = guest.call(path=PATH, holder="app", state="released", timeout=15)
    note("nfs-4.2 busy and dead", busy["msg"])
    assert busy["error"]["code"] == "busy", busy
    assert guest.call(path=PATH, holder="app", state="released", on_busy="lazy")["action"] == "unmounted"
    assert guest.mounts(PATH) == []
    guest.shell(f"iptables --delete {DROP}; systemctl start nfs-server; iptables --append {DROP}")
    guest.shell("kill -9 $(cat /run/reader) || true; rm /export/nfs/big")
    assert guest.left() == before


def test_network_mount_of_a_missing_export(guest: Guest) -> None:
    refuse(guest, "nfs-4.2 missing", "mount_failed", "no such export", **{**NFS, "src": "127.0.0.2:/nothing"})


def test_network_mount_with_a_wrong_password(guest: Guest) -> None:
    wrong = {**SMB, "credentials_file": "/root/wrong.credentials"}
    refuse(guest, "smb wrong password", "mount_failed", "the password", **wrong)


def test_network_mount_of_a_stopped_server(guest: Guest, stopped: t.Callable[[str], None]) -> None:
    stopped("smbd")
    refuse(guest, "smb stopped", "mount_failed", "refused the connection", **SMB)


def test_network_mount_of_a_dropped_server_ends_in_time(guest: Guest, dropped: t.Callable[[], None]) -> None:
    dropped()
    refuse(guest, "nfs-4.2 dropped", "timeout", "did not answer", timeout=15, **NFS)


SAMPLER = """
import json, os, sys
words = [word.encode() for word in json.loads(sys.stdin.readline())]
found, seen = set(), set()
print("ready", flush=True)
while not os.path.exists("/run/sampled"):
    # Those that are older than this one are no helper of the mount, and looking at them takes long.
    for pid in (name for name in os.listdir("/proc") if name.isdigit() and int(name) > os.getpid()):
        try:
            name = open(f"/proc/{pid}/comm").read().strip()
            texts = [open(f"/proc/{pid}/{file}", "rb").read() for file in ("cmdline", "environ")]
        except OSError:
            continue
        seen.add(name)
        found.update((name, word.decode()) for word in words for text in texts if word in text)
os.unlink("/run/sampled")
print(json.dumps([sorted(found), sorted(seen)]))
"""
SEARCH = (
    "(journalctl --boot --output=export; dmesg; cat /proc/mounts;"
    " find /etc/ansible /run/holdfast /run/systemd /tmp /var/log -type f -exec cat {} +) 2>/dev/null"
)


def test_network_password_is_in_no_list_of_processes_and_no_log(guest: Guest) -> None:
    """The password is a word of its own here: a search for it finds nothing else."""
    secret, decoy = "se,cret 'wo\"rd-of-one-mount", "decoy-for-the-sampler"
    guest.shell("smbpasswd -s shopper", text=f"{secret}\n{secret}\n")
    guest.shell(f"umask 077; cat >{CREDENTIALS}", text=f"username=shopper\npassword={secret}\n")
    guest.shell("cat >/run/sampler.py", text=SAMPLER)
    argv = [*guest.machine.ssh_words(), "python3 /run/sampler.py"]
    pipe = subprocess.PIPE
    sampler = subprocess.Popen(argv, stdin=pipe, stdout=pipe, text=True)
    assert sampler.stdin
    assert sampler.stdout
    sampler.stdin.write(json.dumps([secret, decoy]) + "\n")
    sampler.stdin.flush()
    assert sampler.stdout.readline() == "ready\n"
    guest.shell(f"logger -t {decoy} said; sh -c 'sleep 5; true' {decoy}")
    results = [guest.call("-vvv", path=PATH, holder="app", **SMB)]
    results.append(guest.call(path=PATH, holder="app", state="released"))
    guest.shell("touch /run/sampled")
    found, seen = json.loads(sampler.communicate(timeout=300)[0])
    guest.shell("smbpasswd -s shopper", text=f"{PASSWORD}\n{PASSWORD}\n")
    guest.shell(f"umask 077; cat >{CREDENTIALS}", text=f"username=shopper\npassword={PASSWORD}\n")
    assert [result["action"] for result in results] == ["mounted", "unmounted"]
    # The control: what is there to be seen is seen, among it the helper itself.
    assert {word for _name, word in found} == {decoy}, found
    assert "mount.cifs" in seen
    assert not any(secret in result["printed"] for result in results)
    everything = guest.shell(SEARCH)
    assert decoy in everything
    assert secret not in everything
