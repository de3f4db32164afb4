# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Everything that was seen of one mount point before its next step is decided.

Private to holdfast.mounts.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from ansible_collections.holdfast.mounts.plugins.module_utils._values.fstab import BootEntry
from ansible_collections.holdfast.mounts.plugins.module_utils._values.host import KernelMount, Place
from ansible_collections.holdfast.mounts.plugins.module_utils._values.ledger import Reference


@dataclass(frozen=True)
class Source:
    """What a definition's source is on this host.

    places: of a bind's source, or an overlay's layers, in the order of Definition.source_paths.
    device_path, device_number: of a block device.
    names: every path at which the mount table shows what a device or a server would show here.
    memory: of the host, in bytes, where a part of it is asked for; 0 where nobody asked.
    """

    places: t.Tuple[Place, ...] = ()
    device_path: str = ""
    device_number: str = ""
    names: t.Tuple[str, ...] = ()
    memory: int = 0


@dataclass(frozen=True)
class Observation:
    """One mount point: what stands there, what the ledger says, and whether the two agree.

    is_here: the ledger's mount is the topmost one at the path.
    is_alive: the ledger's mount exists, here or elsewhere.
    submounts: ids of what is mounted on or below the ledger's mount.
    in_the_way: those, or what keeps a lookup of the path from reaching the ledger's mount, for people.
    managed_below: managed mount points below the path that a mount there would hide.
    foreign_below: mount points of the kernel's table below the path, looked up only where the path
        has entries that shall be covered.
    fstab: what the host's table of filesystems says of the path, None if nobody looked.
    """

    place: Place
    reference: t.Optional[Reference] = None
    is_here: bool = False
    is_alive: bool = False
    submounts: t.Tuple[int, ...] = ()
    in_the_way: t.Tuple[KernelMount, ...] = ()
    managed_below: t.Tuple[str, ...] = ()
    foreign_below: t.Tuple[str, ...] = ()
    source: Source = Source()
    fstab: t.Optional[BootEntry] = None

    @property
    def covering(self) -> t.Optional[KernelMount]:
        """The mount at the path that is not the ledger's, None where there is none."""
        return None if self.is_here else self.place.mount
