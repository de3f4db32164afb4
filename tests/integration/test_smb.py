# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""SMB against the Samba of the virtual machine: holders, errors, and where the password is not."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
import typing as t
from pathlib import Path

import pytest
from harness.cycle import apply, leave, refuse, run_cycle, succeed, warm_up
from harness.network import (
    CREDENTIALS,
    PASSWORD,
    SHARE,
    SILENT,
    USER,
    cut_off,
    find_in_processes,
    require_smb,
    write_credentials,
)
from harness.world import LEDGER, LOG, RUN, World

PATH = "/srv/remote/smb"


@pytest.fixture(autouse=True)
def _server() -> None:
    require_smb()


def smb(path: str = PATH, holder: str = "a", **more: t.Any) -> t.Dict[str, t.Any]:
    """Return the arguments that mount the share for a holder."""
    definition = {"src": SHARE, "fstype": "cifs", "opts": ["vers=3.1.1"], "credentials_file": CREDENTIALS}
    return {"path": path, "holder": holder, **definition, **more}


def assert_nothing_staged(world: World) -> None:
    """Fail when anything of a staged mount is left."""
    assert [mount for mount in world.table if mount.point.startswith(RUN)] == []
    stages = world.file(f"{RUN}/stage")
    assert not stages.exists() or list(stages.iterdir()) == []


KINDS: t.Dict[str, t.Dict[str, t.Any]] = {
    "cifs": {},
    "smb3": {"fstype": "smb3", "opts": ["vers=3", "uid=1000", "file_mode=0640", "dir_mode=0750"]},
    "guest": {"src": "//127.0.0.1/public", "opts": ["guest", "ro"], "credentials_file": None},
    "folder": {"src": f"{SHARE}/sub folder"},
}


@pytest.mark.parametrize("more", KINDS.values(), ids=KINDS.keys())
def test_smb_whole_life(private_world: World, more: t.Dict[str, t.Any]) -> None:
    Path("/export/smb/sub folder").mkdir(exist_ok=True)
    write_credentials(private_world)
    arguments = {key: value for key, value in smb(**more).items() if value is not None}
    run_cycle(private_world, **arguments)
    assert_nothing_staged(private_world)


def test_smb_three_holders_share_one_mount(make_world: t.Callable[..., World]) -> None:
    world = make_world("shared")
    write_credentials(world)
    warm_up(world)
    before = world.settled()
    apply(world, "mounted", **smb(holder="a"))
    for holder in ("b", "c"):
        apply(world, "joined", **smb(holder=holder))
    assert len(world.stack(PATH)) == 1
    for holder in ("a", "c"):
        apply(world, "released", **leave(PATH, holder))
    apply(world, "unmounted", **leave(PATH, "b"))
    assert before.differences(world.settled()) == []


def test_smb_other_credentials_are_another_request(private_world: World) -> None:
    world = private_world
    write_credentials(world)
    world.write("/etc/holdfast/other", "username=x\npassword=y\n", 0o600)
    succeed(world, **smb(holder="a"))
    assert world.call(**smb(holder="b", credentials_file="/etc/holdfast/other")).code == "conflict"
    succeed(world, **leave(PATH, "a"))


WRONG = f"username={USER}\npassword=wrong\n"
FAILURES: t.Dict[str, t.Tuple[str, t.Dict[str, t.Any], str, str]] = {
    "wrong-password": (WRONG, {}, "mount_failed", "the user and the password in 'credentials_file'"),
    "wrong-user": ("username=x\npassword=y\n", {}, "mount_failed", "denied access"),
    "malformed": ("password\n", {}, "mount_failed", "the credentials file is malformed: line 1"),
    "no-such-share": ("", {"src": "//127.0.0.1/nothing"}, "mount_failed", "has no such export, share"),
    "no-such-folder": ("", {"src": f"{SHARE}/nothing"}, "mount_failed", "has no such export, share"),
    "refused": ("", {"opts": ["port=1"], "timeout": 30}, "mount_failed", "refused the connection"),
}


@pytest.mark.parametrize(("text", "more", "code", "words"), FAILURES.values(), ids=FAILURES.keys())
def test_smb_failure_says_why_and_leaves_nothing(
    private_world: World, text: str, more: t.Dict[str, t.Any], code: str, words: str
) -> None:
    world = private_world
    write_credentials(world, *([text] if text else []))
    warm_up(world)
    before = world.settled()
    result = world.call(**smb(**more))
    assert (result.code, result.changed) == (code, False), result
    assert words in result["msg"], result["msg"]
    assert before.differences(world.settled()) == []
    assert_nothing_staged(world)


def test_smb_server_that_is_cut_off_is_an_error_in_time(private_world: World) -> None:
    world = private_world
    write_credentials(world)
    warm_up(world)
    before = world.settled()
    with cut_off(445):
        result = world.call(**smb(timeout=4))
    assert result.code == "timeout", result
    assert before.differences(world.settled()) == []
    assert_nothing_staged(world)


def test_smb_host_that_nobody_has_is_an_error(private_world: World) -> None:
    write_credentials(private_world)
    result = private_world.call(**smb(src=f"//{SILENT}/data", timeout=5))
    assert result.code in ("mount_failed", "timeout"), result
    assert_nothing_staged(private_world)


@pytest.mark.parametrize("mode", [0o644, 0o640], ids=["others", "group"])
def test_smb_credentials_that_others_read_are_refused(private_world: World, mode: int) -> None:
    write_credentials(private_world)
    private_world.file(CREDENTIALS).chmod(mode)
    assert "mode allows more than 0600" in refuse(private_world, "unsafe_path", **smb())["msg"]


def test_smb_password_is_found_by_the_search_where_it_is() -> None:
    """The control: a process with the password in its arguments, one with it in its environment."""
    wait = [sys.executable, "-c", "import time; time.sleep(60)"]
    for argv, environment in (([*wait, PASSWORD], {}), (wait, {"PASSWD": PASSWORD})):
        process = subprocess.Popen(argv, env={"PATH": "/usr/bin:/bin", **environment})
        try:
            deadline = time.monotonic() + 60
            while not any(found.startswith(f"{process.pid}/") for found in find_in_processes(PASSWORD)):
                assert time.monotonic() < deadline, "the search finds nothing"
        finally:
            process.kill()
            process.wait()


@pytest.mark.parametrize("text", [None, f"username={USER}\npassword={PASSWORD}x\n"], ids=["right", "wrong"])
def test_smb_password_is_nowhere(private_world: World, text: t.Optional[str]) -> None:
    world = private_world
    write_credentials(world, *([text] if text else []))
    since = time.strftime("%Y-%m-%d %H:%M:%S")
    pid = world.start(arguments=smb(disclose="full"), diff=True)
    seen: t.List[str] = []
    samples = 0
    while world.is_running(pid):
        seen += find_in_processes(PASSWORD)
        samples += 1
    finished = world.wait(pid)
    assert samples > 3
    assert seen == []
    assert PASSWORD not in finished.stdout + finished.stderr
    for place in (LEDGER, LOG):
        content = world.file(place).read_text(encoding="utf-8") if world.exists(place) else ""
        assert PASSWORD not in content
        assert PASSWORD.replace('"', '\\"') not in content
    for file in world.file(RUN).rglob("*"):
        assert not file.is_file() or PASSWORD.encode() not in file.read_bytes()
    if shutil.which("journalctl"):
        journal = subprocess.run(
            ["journalctl", "--since", since], check=False, capture_output=True, text=True
        )
        assert PASSWORD not in journal.stdout
    assert PASSWORD not in subprocess.run(["dmesg"], check=True, capture_output=True, text=True).stdout
    if world.stack(PATH):
        succeed(world, **leave(PATH, "a"))
