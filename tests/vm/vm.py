# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The virtual machine of the tests, from the command line.

vm.py image                      build the image unless it is there, and print its folder
vm.py up FOLDER                  start a machine, unless it runs
vm.py down FOLDER                end it
vm.py ssh FOLDER COMMAND...      run a command in it
vm.py reboot FOLDER              shut it down and boot it again
vm.py run FOLDER -- COMMAND...   start one, run a command here with VM_FOLDER set, end it whatever happens

VM_VARIANT=selinux builds and starts the one whose kernel enforces Debian's SELinux policy,
VM_VARIANT=kernel-6.12 the one with Linux 6.12, to which folders are shared by 9p and virtiofs,
VM_VARIANT=arm64 one for another processor, without systemd.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
import typing as t
from pathlib import Path

from image import Unavailable, provide_image
from machine import Machine

VARIANT = os.environ.get("VM_VARIANT", "")


def say(text: str) -> None:
    """Tell the person who waits."""
    sys.stderr.write(f"vm: {text}\n")


def up(machine: Machine) -> None:
    """Start a machine unless it runs."""
    if machine.find_process() is not None:
        return
    image = provide_image(say, VARIANT)
    started = time.monotonic()
    machine.start(image)
    say(f"booted in {time.monotonic() - started:.0f} s, console in {machine.console}")


def run(machine: Machine, argv: t.Sequence[str]) -> int:
    """Run a command while a machine runs, and return its status."""
    up(machine)
    try:
        status = subprocess.run(
            argv, check=False, env=dict(os.environ, VM_FOLDER=str(machine.folder))
        ).returncode
    finally:
        machine.end()
    if status != 0:
        say(f"the end of the console:\n{machine.tail()}")
    return status


def main(words: t.Sequence[str]) -> int:
    """Do what the words say and return an exit status."""
    if list(words) == ["image"]:
        sys.stdout.write(f"{provide_image(say, VARIANT).folder}\n")
        return 0
    if len(words) < 2:
        sys.stderr.write(__doc__ or "")
        return 2
    machine = Machine(Path(words[1]))
    if words[0] == "run" and words[2:3] == ["--"]:
        return run(machine, words[3:])
    if words[0] == "ssh":
        return subprocess.run([*machine.ssh_words(), *words[2:]], check=False).returncode
    {"up": up, "down": Machine.end, "reboot": Machine.reboot}[words[0]](machine)
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except Unavailable as obstacle:
        say(str(obstacle))
        sys.exit(1)
