# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which of the mounts that a ledger remembers still exist.

Private to holdfast.mounts.
"""

from __future__ import annotations

import typing as t

from ansible_collections.holdfast.mounts.plugins.module_utils._kernel.mounts import mount_number
from ansible_collections.holdfast.mounts.plugins.module_utils._values.errors import MountError
from ansible_collections.holdfast.mounts.plugins.module_utils._values.host import Host, KernelMount
from ansible_collections.holdfast.mounts.plugins.module_utils._values.ledger import Reference


def living_mounts(
    references: t.Mapping[str, Reference], host: Host, table: t.Iterable[KernelMount]
) -> t.Dict[str, t.Optional[int]]:
    """Return for each path the number in mountinfo of the mount that its reference means, None if it is gone.

    Without unique ids a number in the table may be that of another mount; the caller compares more.
    Asks the kernel about mounts by their id, and never touches a mounted filesystem.
    """
    numbers = {mount.mount_id for mount in table}
    living: t.Dict[str, t.Optional[int]] = {}
    for path, reference in references.items():
        # Ids of another boot or namespace may have been given to other mounts here.
        is_here = (reference.boot_id, reference.mount_namespace) == (host.boot_id, host.mount_namespace)
        if not is_here or not reference.mount_id:
            living[path] = None
        elif host.protection == "full":
            living[path] = _number(reference.mount_id)
        else:
            living[path] = reference.mount_id if reference.mount_id in numbers else None
    return living


def _number(unique_id: int) -> t.Optional[int]:
    try:
        return mount_number(unique_id, is_unique=True)
    except PermissionError:
        # Not in sight of this process and its root directory (statmount(2), EPERM).
        return None
    except OSError as error:
        raise MountError(
            "unsupported",
            "the kernel does not tell which mounts exist: statmount(2) is forbidden here; run outside of the"
            " container, or allow the call in it",
            step="table",
            errno=error.errno,
        ) from error
