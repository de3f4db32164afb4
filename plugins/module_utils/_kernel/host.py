# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What holds for the whole host: its boot, this process' mount namespace, and what the kernel offers.

Private to holdfast.mounts.
"""

from __future__ import annotations

import os
import sys

from ansible_collections.holdfast.mounts.plugins.module_utils._kernel.inodes import inode_of
from ansible_collections.holdfast.mounts.plugins.module_utils._values.errors import MountError
from ansible_collections.holdfast.mounts.plugins.module_utils._values.host import Host, Protection

_CAP_SYS_ADMIN = 21
# selinuxfs is mounted where SELinux is on (is_selinux_enabled(3)).
_SELINUX = "/sys/fs/selinux/enforce"


def observe_host() -> Host:
    """Return the host's facts. Raises MountError C(unsupported) where they cannot be had."""
    if not sys.platform.startswith("linux"):
        raise MountError("unsupported", "only Linux has the mounts that this collection manages", step="host")
    try:
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
            boot_id = file.read().strip()
        mount_namespace = os.stat("/proc/self/ns/mnt").st_ino
    except OSError as error:
        raise MountError(
            "unsupported",
            "the host's /proc does not tell its boot and mount namespace; mount procfs at /proc",
            step="host",
            errno=error.errno,
        ) from error
    return Host(boot_id, mount_namespace, _protection())


def _protection() -> Protection:
    root = os.open("/", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        inode = inode_of(root)
    finally:
        os.close(root)
    if inode.has_unique_id:
        return "full"
    return "no_unique_id" if inode.mount_id else "legacy"


def require_privileges(protection: Protection) -> None:
    """Refuse a caller that may not mount, and a kernel on which it could not be done safely."""
    if os.geteuid() != 0:
        raise MountError(
            "unsupported", "mounting needs root; set 'become: true' on the task or play", step="host"
        )
    with open("/proc/self/status", encoding="ascii", errors="replace") as file:
        effective = next((line.split()[1] for line in file if line.startswith("CapEff:")), "0")
    if not int(effective, 16) >> _CAP_SYS_ADMIN & 1:
        raise MountError(
            "unsupported",
            "mounting needs the capability CAP_SYS_ADMIN, which this root does not have; run on the host "
            "itself instead of in its container",
            step="host",
        )
    if protection == "legacy":
        raise MountError(
            "unsupported",
            "this kernel is older than Linux 5.12 and cannot attach a mount that is complete; use a newer "
            "one",
            step="host",
        )


def refuse_missing_selinux() -> None:
    """Refuse a context where there is nothing that heeds it. Raises unsupported."""
    if not os.path.exists(_SELINUX):
        raise MountError(
            "unsupported",
            "SELinux is off on this host, so no mount can have a context; leave 'selinux_context' out",
            step="host",
        )
