# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The demo tells the truth, and it leaves nothing behind, however it ends."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import typing as t
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TOOLS = ROOT / "tests" / "tools"
SBIN = "/usr/sbin:/sbin"


def run_tool(name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run one of the scripts of tests/tools."""
    environment = {**os.environ, "PATH": f"{os.environ['PATH']}:{SBIN}"}
    return subprocess.run(
        [str(TOOLS / name), *arguments],
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


def list_traces() -> t.Dict[str, t.List[str]]:
    """Return what the demo could leave: mounts, files, loop devices, directories of scratch."""
    places = ("/etc/ansible", "/media", "/mnt", "/run/holdfast", "/srv", "/var/log/holdfast_mounts.log")
    loops = subprocess.run(
        ["losetup", "--list", "--noheadings", "--output", "BACK-FILE"],
        env={"PATH": f"{os.environ['PATH']}:{SBIN}"},
        capture_output=True,
        text=True,
        check=False,
    )
    return {
        "files": [str(path) for place in places for path in sorted([Path(place), *Path(place).glob("**/*")])],
        "loops": [line for line in loops.stdout.splitlines() if re.search(r"/demo\.|/trace\.img", line)],
        "mounts": Path("/proc/self/mountinfo").read_text().splitlines(),
    }


@pytest.fixture
def _leave_no_trace() -> t.Iterator[None]:
    before = list_traces()
    yield
    assert list_traces() == before


def find_tables(output: str) -> t.List[t.Dict[str, t.Tuple[str, str]]]:
    """Return the tables that the demo printed, as type and holders by mount point."""
    tables: t.List[t.Dict[str, t.Tuple[str, str]]] = []
    for line in output.splitlines():
        row = re.match(r"\s+(/mnt/demo/\S+)\s+(\S+)\s+(\S+)\s+(\S.*)$", line)
        if re.match(r"\s+(MOUNT POINT|\(nothing is mounted here\))", line):
            tables.append({})
        elif row and tables:
            tables[-1][row[1]] = (row[3], row[4])
    return tables


@pytest.mark.usefixtures("_leave_no_trace")
def test_demo_holders_come_and_leave_are_shown() -> None:
    finished = run_tool("demo.sh", sys.prefix)
    assert finished.returncode == 0, finished.stdout + finished.stderr
    disk, public, site = "/mnt/demo/disk", "/mnt/demo/public", "/mnt/demo/site"
    full = {
        disk: ("ext4", "billing, reports, shop"),
        public: ("ext4", "billing"),
        site: ("overlay", "reports"),
    }
    assert find_tables(finished.stdout) == [
        {disk: ("ext4", "shop")},
        {disk: ("ext4", "shop")},
        {disk: ("ext4", "billing, shop"), public: ("ext4", "billing")},
        full,
        full,
        {**full, disk: ("ext4", "billing, reports")},
        {disk: ("ext4", "billing"), public: ("ext4", "billing")},
        {},
    ]
    assert "Refused, conflict:" in finished.stdout
    assert without_chance(find_sample()) in without_chance(finished.stdout)


def find_sample() -> str:
    """Return what README.md shows of the demo's output."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    found = re.search(r"^`make demo` shows.*?^```text\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    assert found, "README.md shows the demo"
    return found[1]


def without_chance(text: str) -> str:
    """Return a text without its indentation, and without the random part of a directory's name."""
    return re.sub(r"(?<=/srv/demo\.)\w+", "…", "\n".join(line.strip() for line in text.splitlines()))


@pytest.mark.parametrize("ending", ["exit 3", "kill -TERM $$", "kill -KILL $$"])
@pytest.mark.usefixtures("_leave_no_trace")
def test_private_host_failing_command_leaves_nothing(ending: str) -> None:
    script = f"""
        truncate --size 8M "$TMPDIR/trace.img"
        mkfs.ext4 -q "$TMPDIR/trace.img"
        loop=$(losetup --find --show "$TMPDIR/trace.img")
        mkdir /mnt/trace
        mount "$loop" /mnt/trace
        touch /etc/ansible-was-here /var/log/holdfast_mounts.log
        {ending}
    """
    finished = run_tool("private_host.sh", "bash", "-euc", script)
    assert finished.returncode in {3, 137, 143}, finished.stderr
    assert not Path("/etc/ansible-was-here").exists()
