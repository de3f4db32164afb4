# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Make a mount namespace in which everything that the collection may write is covered and empty."""

from __future__ import annotations

import ctypes
import os
import stat

CLONE_NEWNS = 0x00020000
MS_BIND = 1 << 12
MS_REC = 1 << 14
MS_PRIVATE = 1 << 18
MS_SHARED = 1 << 20
CAP_VERSION_3 = 0x20080522
CAP_SYS_ADMIN = 21
AREAS = ("/mnt", "/media", "/srv")

LIBC = ctypes.CDLL(None, use_errno=True)


def check(result: int, what: str) -> None:
    """Raise OSError when the C library's call failed."""
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


def mount(source: str, target: str, fstype: str, flags: int = 0, data: str = "") -> None:
    """Call mount(2)."""
    arguments = (source.encode(), target.encode(), fstype.encode(), ctypes.c_ulong(flags), data.encode())
    check(LIBC.mount(*arguments), f"mount {fstype} {target}")


def make_world(propagation: str, *, private_dev: bool) -> None:
    """Cover everything that the collection may write with empty file systems of this namespace."""
    check(LIBC.unshare(CLONE_NEWNS), "unshare")
    mount("none", "/", "", MS_REC | MS_PRIVATE)
    mount("world", "/run", "tmpfs", 0, "mode=755")
    cover_etc()
    if private_dev:
        make_dev()
    if propagation == "shared":
        mount("none", "/", "", MS_REC | MS_SHARED)
    mount("world", "/var/log", "tmpfs", 0, "mode=755")
    for area in AREAS:
        mount("world", area, "tmpfs", 0, "mode=755")
        if propagation == "shared":
            mount(area, area, "", MS_BIND)


def cover_etc() -> None:
    """Put an overlay over /etc, so that /etc/ansible can be made and written where the machine has none."""
    scratch = "/run/.world"
    os.mkdir(scratch, 0o700)
    mount("world", scratch, "tmpfs", 0, "mode=700")
    os.mkdir(f"{scratch}/upper", 0o755)
    os.mkdir(f"{scratch}/work", 0o755)
    mount("world", "/etc", "overlay", 0, f"lowerdir=/etc,upperdir={scratch}/upper,workdir={scratch}/work")
    check(LIBC.umount2(scratch.encode(), 2), "umount2")
    os.rmdir(scratch)
    remove_tree("/etc/ansible")


def remove_tree(path: str) -> None:
    """Remove what the machine has there from the overlay; the machine keeps it."""
    for folder, _folders, files in os.walk(path, topdown=False):
        for name in files:
            os.unlink(os.path.join(folder, name))
        os.rmdir(folder)


def make_dev() -> None:
    """Put a small /dev of our own over the machine's: block devices and udev's links are added by tests."""
    place = "/run/.dev"
    os.mkdir(place, 0o755)
    mount("world", place, "tmpfs", 0, "mode=755")
    for name in ("null", "zero", "full", "random", "urandom", "tty", "loop-control"):
        found = os.stat(f"/dev/{name}")
        os.mknod(f"{place}/{name}", found.st_mode, found.st_rdev)
        os.chmod(f"{place}/{name}", stat.S_IMODE(found.st_mode))
    for name in ("shm", "pts"):
        os.mkdir(f"{place}/{name}")
        mount(f"/dev/{name}", f"{place}/{name}", "", MS_BIND | MS_REC)
    for name, target in (("fd", "/proc/self/fd"), ("stdin", "fd/0"), ("stdout", "fd/1"), ("stderr", "fd/2")):
        os.symlink(target, f"{place}/{name}")
    mount(place, "/dev", "", MS_BIND | MS_REC)
    check(LIBC.umount2(place.encode(), 2), "umount2")
    os.rmdir(place)


def drop_capabilities() -> None:
    """Give up CAP_SYS_ADMIN and stay root."""
    header = (ctypes.c_uint32 * 2)(CAP_VERSION_3, 0)
    data = (ctypes.c_uint32 * 6)()
    check(LIBC.capget(header, data), "capget")
    for index in (0, 1, 2):
        data[index] &= ~(1 << CAP_SYS_ADMIN)
    check(LIBC.capset(header, data), "capset")


def become(identity: str) -> None:
    """Turn into nobody, or into a root without CAP_SYS_ADMIN."""
    if identity == "nobody":
        os.setgroups([])
        os.setresgid(65534, 65534, 65534)
        os.setresuid(65534, 65534, 65534)
    elif identity == "uncapable":
        drop_capabilities()
