# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Measure in the module, without Ansible: a program that runs in a world and prints seconds as JSON.

inside.py others COUNT
inside.py bulk COUNT, inside.py raw COUNT, inside.py bare COUNT, inside.py command COUNT
inside.py one, inside.py facts
"""

from __future__ import annotations

import ctypes
import json
import os
import subprocess
import sys
import time
import typing as t

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.arguments.spec import ARGUMENT_SPEC
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.call import run_call
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.overview import observe_facts
from bare import mount_bare

LIBC = ctypes.CDLL(None, use_errno=True)
MS_NOSUID_NODEV = 6
MS_BIND = 1 << 12

Seconds = t.Dict[str, float]


def check(result: int) -> None:
    """Raise the C library's error."""
    if result != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def timed(act: t.Callable[[], t.Any]) -> float:
    """Return how long it takes, in a process of its own as a module has."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            started = time.perf_counter()
            act()
            os.write(writer, json.dumps(time.perf_counter() - started).encode())
            status = 0
        finally:
            os._exit(status)
    os.close(writer)
    with os.fdopen(reader, "rb") as stream:
        answer = stream.read()
    os.waitpid(pid, 0)
    return float(json.loads(answer))


def call(**arguments: t.Any) -> float:
    """Return how long a call takes, from its checked parameters to its result."""
    found = ArgumentSpecValidator(ARGUMENT_SPEC).validate(arguments)
    assert not found.error_messages, found.error_messages

    def act() -> None:
        result = run_call(found.validated_parameters, check_mode=False, diff_mode=False)
        assert not result.get("failed"), result["msg"]

    return timed(act)


def bulk(count: int) -> Seconds:
    """Many mounts in one call, the same again, and their release."""
    mounts = [{"path": f"/srv/many/{number}", "src": "x", "fstype": "tmpfs"} for number in range(count)]
    paths = [{"path": mount["path"]} for mount in mounts]
    return {
        f"bulk-{count}": call(mounts=mounts, holder="bench"),
        f"again-{count}": call(mounts=mounts, holder="bench"),
        f"release-{count}": call(mounts=paths, holder="bench", state="released"),
    }


def raw(count: int) -> Seconds:
    """As many mkdir(2) and mount(2), and umount2(2) and rmdir(2)."""
    os.makedirs("/srv/raw", exist_ok=True)
    points = [f"/srv/raw/{number}".encode() for number in range(count)]

    def mount() -> None:
        for point in points:
            os.mkdir(point)
            check(LIBC.mount(b"x", point, b"tmpfs", ctypes.c_ulong(MS_NOSUID_NODEV), b""))

    def unmount() -> None:
        for point in points:
            check(LIBC.umount2(point, 0))
            os.rmdir(point)

    return {f"raw-{count}": timed(mount), f"raw-unmount-{count}": timed(unmount)}


def bare(count: int) -> Seconds:
    """The system calls of as many mounts in a bulk, with nothing between them."""
    os.makedirs("/srv/bare", exist_ok=True)
    os.makedirs("/run/bare", exist_ok=True)
    directory = os.open("/srv/bare", os.O_PATH)
    points = [f"/srv/bare/{number}" for number in range(count)]

    def mount() -> None:
        for point in points:
            mount_bare(directory, point, f"/run/bare/{os.path.basename(point)}")

    seconds = timed(mount)
    for point in points:
        check(LIBC.umount2(point.encode(), 0))
        os.rmdir(point)
    os.close(directory)
    return {f"bare-{count}": seconds}


def command(count: int) -> Seconds:
    """As many commands: mkdir, mount(8)."""
    os.makedirs("/srv/command", exist_ok=True)
    points = [f"/srv/command/{number}" for number in range(count)]

    def mount() -> None:
        for point in points:
            os.mkdir(point)
            subprocess.run(["mount", "-t", "tmpfs", "-o", "nosuid,nodev", "x", point], check=True)

    seconds = timed(mount)
    for point in points:
        check(LIBC.umount2(point.encode(), 0))
        os.rmdir(point)
    return {f"command-{count}": seconds}


def one() -> Seconds:
    """One mount and its release."""
    return {
        "one": call(path="/srv/one", src="x", fstype="tmpfs", holder="bench"),
        "one-release": call(path="/srv/one", holder="bench", state="released"),
    }


def facts() -> Seconds:
    """The facts of everything that is mounted."""
    return {"facts": timed(observe_facts)}


def others(count: int) -> Seconds:
    """Make mounts that nobody manages, and leave them."""
    os.makedirs("/media/others", exist_ok=True)
    for number in range(count):
        os.mkdir(f"/media/others/{number}")
        point = f"/media/others/{number}".encode()
        check(LIBC.mount(b"/media/others", point, None, ctypes.c_ulong(MS_BIND), None))
    return {}


def main() -> None:
    """Do what the words say."""
    doings: t.Dict[str, t.Callable[..., Seconds]] = {
        "bare": bare,
        "bulk": bulk,
        "command": command,
        "facts": facts,
        "one": one,
        "others": others,
        "raw": raw,
    }
    sys.stdout.write(json.dumps(doings[sys.argv[1]](*map(int, sys.argv[2:]))))


if __name__ == "__main__":
    main()
