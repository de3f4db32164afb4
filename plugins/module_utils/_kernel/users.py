# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The processes that keep a mount busy, found without touching the mounted filesystem.

Private to holdfast.mounts.
"""

from __future__ import annotations

import os
import re
import typing as t

from ansible_collections.holdfast.mounts.plugins.module_utils._kernel.inodes import mount_number_at

_FDINFO_MOUNT = re.compile(r"^mnt_id:\s*([0-9]+)$", re.MULTILINE)


class User(t.NamedTuple):
    """A process that has a file, its root or its working directory on a mount."""

    pid: int
    command: str


def find_users(number: int, device: str) -> t.Tuple[User, ...]:
    """Return the processes that use the mount with this number in mountinfo, by process id.

    device is C(major:minor) of its superblock: mapped files are told by that. LIMIT: processes that
    end meanwhile, users inside the kernel (a loop device, an NFS server) and processes of other
    mount namespaces are not seen.
    """
    users = []
    for name in filter(str.isdigit, os.listdir("/proc")):
        if int(name) != os.getpid() and _uses(f"/proc/{name}", number, device):
            users.append(User(int(name), _command(f"/proc/{name}")))
    return tuple(sorted(users))


def _uses(process: str, number: int, device: str) -> bool:
    links = (f"{process}/{link}" for link in ("cwd", "root", "exe"))
    return any(_is_on(link, number) for link in links) or _has_open(process, number) or _maps(process, device)


def _is_on(link: str, number: int) -> bool:
    try:
        return mount_number_at(link) == number
    except OSError:
        return False  # a kernel thread, or gone


def _has_open(process: str, number: int) -> bool:
    try:
        descriptors = os.listdir(f"{process}/fdinfo")
    except OSError:
        return False
    for fd in descriptors:
        found = _FDINFO_MOUNT.search(_read(f"{process}/fdinfo/{fd}"))
        if found and int(found.group(1)) == number:
            return True
    return False


def _maps(process: str, device: str) -> bool:
    major, _colon, minor = device.partition(":")
    if not (major.isdigit() and minor.isdigit()):
        return False
    return f" {int(major):02x}:{int(minor):02x} " in _read(f"{process}/maps")


def _command(process: str) -> str:
    return _read(f"{process}/comm").rstrip("\n")


def _read(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError:
        return ""
