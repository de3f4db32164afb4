# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The host: boot, mount namespace, clocks, capabilities, systemd.

Private to holdfast.mounts.
"""

from __future__ import annotations

import contextlib
import os
import signal
import stat
import sys
import time
import typing as t

from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast import claims, errors, model
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.kernel import (
    inodes,
    mountinfo,
    mounts,
    utf8,
)

# That of the host itself never ends: 0xeffffff8, before Linux 6.18 the first one that is numbered.
_FIRST_NAMESPACE = 0xF0000001
_CAP_SYS_ADMIN = 21
# selinuxfs is mounted where SELinux is on (is_selinux_enabled(3)).
_SELINUX = "/sys/fs/selinux/enforce"


def observe_host() -> model.Host:
    """Return the host's facts. Raises MountError C(unsupported) where they cannot be had."""
    if not sys.platform.startswith("linux"):
        raise errors.MountError(
            "unsupported", "only Linux has the mounts that this collection manages", step="host"
        )
    try:
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
            boot_id = file.read().strip()
        mount_namespace = _mount_namespace()
    except OSError as error:
        raise errors.MountError(
            "unsupported",
            "the host's /proc does not tell its boot and mount namespace; mount procfs at /proc",
            step="host",
            errno=error.errno,
        ) from error
    return model.Host(boot_id, mount_namespace, _protection())


def _mount_namespace() -> int:
    """Return the inode of this process's mount namespace, 0 where it may not ask (SELinux, sys_ptrace)."""
    try:
        return os.stat("/proc/self/ns/mnt").st_ino
    except PermissionError:
        return 0


def refuse_unknown_namespace(host: model.Host) -> None:
    """Refuse a task that may not ask for its mount namespace: its mounts could not be told from others'."""
    if not host.mount_namespace:
        raise errors.MountError(
            "unsupported",
            "a security module forbids this task to read '/proc/self/ns/mnt', which tells its mount "
            "namespace; run it in a domain that may (see the audit log)",
            step="host",
        )


def refuse_other_namespace(ledger: claims.Ledger, host: model.Host) -> None:
    """Refuse a ledger whose mounts live in another mount namespace of this boot, or cannot be told here."""
    here = [one for one in ledger.references.items() if one[1].boot_id == host.boot_id]
    for namespace in sorted({one.mount_namespace for _path, one in here} - {host.mount_namespace}):
        if _has_mounts(namespace, {path for path, one in here if one.mount_namespace == namespace}):
            raise errors.MountError(
                "unsupported",
                "the ledger speaks of another mount namespace than this task's; run it where the mounts were "
                "made, not in a container or a systemd unit with PrivateMounts",
                step="host",
                detail=f"ledger: {namespace}, here: {host.mount_namespace}",
            )
    ids = [one.mount_id for _path, one in here if one.mount_namespace == host.mount_namespace]
    if any(number and mounts.is_unique_id(number) != (host.protection == "full") for number in ids):
        raise errors.MountError(
            "unsupported",
            "statmount(2) or listmount(2) is forbidden to this task, and was not to the one that mounted "
            "what is in the ledger, or the other way round; allow both calls to both",
            step="host",
        )


def _has_mounts(namespace: int, paths: t.Collection[str]) -> bool:
    """Whether a mount namespace, by its inode, may exist and have a mount at one of these paths.

    Its number may be that of a later one by now. It ends with its last process, and its mounts with it.
    LIMIT: processes of another namespace of processes are not seen, nor descriptors that keep one.
    """
    pinned = f"mnt:[{namespace}]"
    if namespace <= _FIRST_NAMESPACE or any(
        (row.fstype, row.root) == ("nsfs", pinned) for row in mountinfo.read_mounts()
    ):
        return True
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            for tid in os.listdir(f"/proc/{pid}/task"):
                if os.stat(f"/proc/{pid}/task/{tid}/ns/mnt").st_ino == namespace:
                    with open(f"/proc/{pid}/task/{tid}/mountinfo", "rb") as file:
                        rows = mountinfo.parse_mountinfo(utf8.decoded(file.read()))
                    return not rows or any(row.mount_point in paths for row in rows)
        except PermissionError:
            # The first process has the host's own namespace, or in a container that one's.
            if pid != "1":
                return True
        except OSError:
            continue  # it has ended
    return False


def _protection() -> model.Protection:
    root = os.open("/", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        inode = inodes.inode_of(root)
    finally:
        os.close(root)
    if inode.has_unique_id:
        return "full"
    return "no_unique_id" if inode.mount_id else "legacy"


def require_privileges(protection: model.Protection) -> None:
    """Refuse a caller that may not mount, and a kernel on which it could not be done safely."""
    if os.geteuid() != 0:
        raise errors.MountError(
            "unsupported", "mounting needs root; set 'become: true' on the task or play", step="host"
        )
    with open("/proc/self/status", encoding="ascii", errors="replace") as file:
        effective = next((line.split()[1] for line in file if line.startswith("CapEff:")), "0")
    if not int(effective, 16) >> _CAP_SYS_ADMIN & 1:
        raise errors.MountError(
            "unsupported",
            "mounting needs the capability CAP_SYS_ADMIN, which this root does not have; run on the host "
            "itself instead of in its container",
            step="host",
        )
    if protection == "legacy":
        raise errors.MountError(
            "unsupported",
            "this kernel is older than Linux 5.12 and cannot attach a mount that is complete; use a newer "
            "one",
            step="host",
        )


def has_selinux() -> bool:
    """Whether SELinux is on, permissive or not."""
    return os.path.exists(_SELINUX)


def labelled(path: str, *, is_file: bool = False) -> t.ContextManager[None]:
    """Have what this thread creates meanwhile get the label that the host's policy gives to this path."""
    if not has_selinux():
        return contextlib.nullcontext()
    from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.kernel import labels

    return labels.created_as(path, stat.S_IFREG if is_file else stat.S_IFDIR)


def refuse_missing_selinux() -> None:
    """Refuse a context where there is nothing that heeds it. Raises unsupported."""
    if not has_selinux():
        raise errors.MountError(
            "unsupported",
            "SELinux is off on this host, so no mount can have a context; leave 'selinux_context' out",
            step="host",
        )


def read_moment(boot_id: str) -> claims.Moment:
    """Return the present moment of this boot.

    LIMIT: in a time namespace (time_namespaces(7)) the boot clock has an offset, so leases are granted
    and ended from one such namespace only, that of the host.
    """
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    return claims.Moment(boot_id, now, int(time.clock_gettime(time.CLOCK_BOOTTIME)))


_RUNS = "/run/systemd/system"  # sd_booted(3)
_NAME_OF_INIT = "/proc/1/comm"


def reload_units() -> bool:
    """Have systemd read its units and the table anew; return whether there is a systemd to do so.

    SIGHUP is what C(systemctl daemon-reload) asks for (systemd(1), SIGNALS), without a command that may
    hang. It is not waited for: the table counts at the next boot.
    """
    if not os.path.isdir(_RUNS):
        return False
    with contextlib.suppress(OSError):
        with open(_NAME_OF_INIT, encoding="ascii", errors="replace") as file:
            # In a namespace of processes another one may be the first, which a hangup would end.
            if file.read().strip() != "systemd":
                return False
        os.kill(1, signal.SIGHUP)
        return True
    return False


# Where helpers mount before anything is seen: private, and root's alone.
STAGES = "/run/holdfast/stage"


def list_stages() -> t.List[str]:
    """Return the names of the stages that are there."""
    try:
        return sorted(os.listdir(STAGES))
    except FileNotFoundError:
        return []
