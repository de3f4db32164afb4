# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The role keeper under a real systemd: what the host does while nobody calls it, also through a reboot."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import typing as t
from pathlib import Path

import pytest
from guest import NFS, Guest, Result

if "VM_FOLDER" not in os.environ:
    pytest.skip("needs a virtual machine: nox -s vm", allow_module_level=True)

LEASE, BUSY, KEPT, SHARE = (f"/mnt/keeper/{name}" for name in ("lease", "busy", "kept", "nfs"))
TMPFS = {"src": "scratch", "fstype": "tmpfs", "opts": ["mode=0755"]}
FILES = (
    "/usr/local/sbin/holdfast",
    "/usr/local/share/man/man8/holdfast.8",
    "/usr/local/share/bash-completion/completions/holdfast",
    "/etc/systemd/system/holdfast-reconcile.service",
    "/etc/systemd/system/holdfast-reconcile.timer",
)
METRICS = "/var/lib/metrics"
VARIABLES = {"keeper_interval": "15s", "keeper_metrics_directory": METRICS}
# The timer adds up to ten seconds, and under emulation a run takes twenty.
PATIENCE = 500
# How long sixteen jobs work beside the timer: make test-timer MINUTES=5 has it for longer.
SECONDS = float(os.environ.get("TIMER_SECONDS", "40"))
TREE, JOBS = Path(__file__).resolve().parents[2], "/opt/jobs"
PARTS = ("plugins/module_utils", "tests/promises/programs", "tests/integration/harness")
EACH_SECOND = {
    "timer": "[Timer]\nOnUnitInactiveSec=\nOnUnitInactiveSec=1s\nRandomizedDelaySec=0\n",
    "service": "[Unit]\nStartLimitIntervalSec=0\n",
}
JOURNAL = "journalctl --unit holdfast-reconcile --output cat --no-pager"
# Client and server are one machine here: the server has to outlive the client at shutdown.
ORDER = "[Unit]\nBefore=remote-fs-pre.target\nWants=remote-fs-pre.target\n"
DROP_IN = "/etc/systemd/system/nfs-server.service.d/order.conf"


@pytest.fixture(scope="module")
def guest(tmp_path_factory: pytest.TempPathFactory) -> t.Iterator[Guest]:
    """The machine, with the timer at work every few seconds; all of it is taken away in the end."""
    found = Guest(Path(os.environ["VM_FOLDER"]), tmp_path_factory.mktemp("guest"))
    found.shell(f"mkdir --parents {METRICS} {os.path.dirname(DROP_IN)}; cat >{DROP_IN}", text=ORDER)
    found.play("keeper", **VARIABLES)
    yield found
    assert found.play("keeper", keeper_state="absent", keeper_metrics_directory=METRICS)["changed"] > 0
    left = "ls /usr/local/sbin/holdfast /etc/systemd/system/holdfast* /usr/local/share/man/man8/holdfast.8"
    assert (
        found.shell(f"{left} {METRICS}/* 2>/dev/null; systemctl list-timers --all --no-legend 'holdfast*'")
        == ""
    )
    found.shell(f"rm -r {METRICS} {os.path.dirname(DROP_IN)}; systemctl daemon-reload")


def wait_for(guest: Guest, condition: str) -> None:
    """Wait within the machine until a shell command succeeds; nothing of ours is called meanwhile."""
    loop = f"until {condition}; do sleep 1; done"
    waiting = (
        f"timeout {PATIENCE} sh -c {shlex.quote(loop)} || journalctl --unit holdfast-reconcile --no-pager"
    )
    assert guest.shell(waiting) == ""


def wait_until(guest: Guest, path: str, *, is_mounted: bool) -> None:
    """Wait until the kernel's table says so."""
    wait_for(guest, f"{'' if is_mounted else '! '}grep -q ' {path} ' /proc/self/mountinfo")


def wait_for_line(guest: Guest, line: str) -> None:
    """Wait until the journal has this line of a run; it comes after what it tells."""
    wait_for(guest, f"{JOURNAL} | grep -qxF {shlex.quote(line)}")


def journal(guest: Guest, path: str) -> t.List[str]:
    """Return what the runs of this boot have said of a mount point."""
    return [
        line
        for line in guest.shell(JOURNAL).splitlines()
        if line.startswith(f"{path}: ") or f"'{path}'" in line
    ]


def wait_for_metric(guest: Guest, pattern: str) -> None:
    """Wait until a run has written a line like this."""
    wait_for(guest, f"grep -q {shlex.quote(pattern)} {METRICS}/holdfast.prom")


def status(guest: Guest, path: str) -> Result:
    """Return what the command tells of a mount point."""
    (row,) = json.loads(guest.shell(f"holdfast status --json {path}"))["mounts"]
    return t.cast("Result", row)


def test_power_cut_right_after_the_play_leaves_all_of_it(guest: Guest) -> None:
    """Files that are empty would be a command that does nothing, and units that count as masked."""
    guest.play("keeper", keeper_state="absent")
    assert guest.play("keeper", **VARIABLES)["changed"] > 0
    kept = f"{' '.join(FILES)} /etc/systemd/system/timers.target.wants/holdfast-reconcile.timer"
    before = guest.shell(f"sha256sum {kept}; cp {FILES[0]} {FILES[0]}-control")
    guest.machine.cut_power()
    assert guest.shell(f"sha256sum {kept}") == before
    assert guest.shell(f"test -s {FILES[0]}-control || echo lost") == "lost\n", "it was no power cut"
    guest.shell(f"rm --force {FILES[0]}-control")
    assert guest.shell("systemctl is-active holdfast-reconcile.timer") == "active\n"


def test_lease_ends_and_is_unmounted_while_nobody_calls(guest: Guest) -> None:
    held = guest.call(path=LEASE, holder="job-7", ttl=60, **TMPFS)
    assert held["action"] == "mounted", held
    assert guest.mounts(LEASE)
    wait_until(guest, LEASE, is_mounted=False)
    wait_for_line(guest, f"{LEASE}: expired: unmounted, dropped job-7")
    assert len(journal(guest, LEASE)) == 1
    assert guest.shell(f"ls -d {LEASE} 2>&1 || true").endswith("No such file or directory\n")


def test_deferred_unmount_is_finished_when_the_last_process_has_gone(guest: Guest) -> None:
    guest.call(path=BUSY, holder="app", **TMPFS)
    guest.shell(f"systemd-run --quiet --unit sitter --working-directory {BUSY} sleep 10000")
    left = guest.call(path=BUSY, holder="app", state="released", on_busy="defer")
    assert left["action"] == "deferred", left
    guest.shell(f"rm {METRICS}/holdfast.prom")
    wait_for_metric(guest, 'holdfast_drift{kind="deferred"} 1')
    assert guest.mounts(BUSY), "somebody works there"
    guest.shell("systemctl stop sitter")
    wait_until(guest, BUSY, is_mounted=False)
    wait_for_line(guest, f"{BUSY}: deferred: unmounted")
    assert json.loads(guest.shell("holdfast status --json"))["mounts"] == []


def test_server_that_is_down_at_boot_comes_later_and_its_mount_appears(guest: Guest) -> None:
    for path, what in ((KEPT, TMPFS), (SHARE, NFS)):
        held = guest.call(path=path, holder="app", timeout=300, **what)
        assert held["action"] == "mounted", held
    guest.shell("systemctl daemon-reload; systemctl disable nfs-server")
    guest.machine.reboot()
    assert guest.shell("systemctl is-active nfs-server || true") != "active\n"
    wait_until(guest, KEPT, is_mounted=True)
    wait_for_metric(guest, "^holdfast_mount_failed_tries{")
    failed = status(guest, SHARE)
    assert failed["error"]["code"] in ("mount_failed", "timeout"), failed
    assert (failed["state"], failed["holders"].keys()) == ("missing", {"app"})
    assert journal(guest, KEPT) == [f"{KEPT}: missing: mounted"], "one line, and it waits for no server"
    numbers = guest.shell(f"cat {METRICS}/holdfast.prom")
    assert f'holdfast_mount_failed_tries{{path="{SHARE}",code="{failed["error"]["code"]}"}} ' in numbers
    assert "holdfast_last_reconcile_success 0\n" in numbers
    guest.shell("systemctl enable --now nfs-server")
    wait_until(guest, SHARE, is_mounted=True)
    wait_for_line(guest, f"{SHARE}: missing: mounted")
    wait_for_metric(guest, "^holdfast_last_reconcile_success 1")
    found = status(guest, SHARE)
    assert (found["state"], found["error"]) == ("ok", None)
    for path in (KEPT, SHARE):
        assert len(guest.mounts(path)) == 1
    left = guest.shell("holdfast release --holder app --all")
    assert left == f"{KEPT}: unmounted\n{SHARE}: unmounted\n"


def test_sixteen_jobs_and_the_timer_at_once_lose_and_stack_nothing(guest: Guest) -> None:
    """Every second, and every other run is killed; leases end, and somebody unmounts by hand."""
    folder = f"{JOBS}/ansible_collections/holdfast/mounts"
    guest.shell(f"mkdir --parents {folder}")
    with subprocess.Popen(["tar", "--create", *PARTS], cwd=TREE, stdout=subprocess.PIPE) as tar:
        argv = [*guest.machine.ssh_words(), f"tar --extract --directory {folder}"]
        subprocess.run(argv, stdin=tar.stdout, check=True)
    for unit, text in EACH_SECOND.items():
        place = f"/etc/systemd/system/holdfast-reconcile.{unit}.d"
        guest.shell(f"mkdir {place}; cat >{place}/second.conf", text=text)
    guest.shell("systemctl daemon-reload; systemctl restart holdfast-reconcile.timer")
    program = f"{folder}/tests/promises/programs/timer.py"
    path = f"PYTHONPATH={folder}/tests/integration ANSIBLE_COLLECTIONS_PATH={JOBS}"
    done = guest.machine.ssh(
        f"cd {folder} && env {path} python3 -B {program} systemd - {SECONDS}", seconds=SECONDS + 900
    )
    outcome = json.loads(done.stdout.splitlines()[-1])
    # What is left to read of a long run.
    Path(os.environ["VM_FOLDER"], "timer.json").write_text(json.dumps(outcome), encoding="utf-8")
    assert outcome["violations"] == 0, outcome
    assert outcome["runs"] > outcome["killed"] > 0, outcome
    assert outcome["acknowledged"] > 16, "the jobs hardly came to anything"
    guest.shell(f"rm -r {JOBS} /etc/systemd/system/holdfast-reconcile.*.d; systemctl daemon-reload")
    guest.shell("systemctl restart holdfast-reconcile.timer")


def test_second_run_of_the_role_changes_nothing(guest: Guest) -> None:
    assert guest.play("keeper", **VARIABLES)["changed"] == 0
