# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What fstab says of a mount point, and which mounts the boot has made from our entries.

Private to holdfast.mounts.
"""

from __future__ import annotations

import typing as t
from dataclasses import replace

from ansible_collections.holdfast.mounts.plugins.module_utils._grammar.credentials import CREDENTIALS
from ansible_collections.holdfast.mounts.plugins.module_utils._kernel.table import read_mounts
from ansible_collections.holdfast.mounts.plugins.module_utils._ledger.fstab import read_entry
from ansible_collections.holdfast.mounts.plugins.module_utils._observe.places import (
    observe_coming,
    observe_leaving,
    place_at,
)
from ansible_collections.holdfast.mounts.plugins.module_utils._values.errors import MountError
from ansible_collections.holdfast.mounts.plugins.module_utils._values.host import Host, Place
from ansible_collections.holdfast.mounts.plugins.module_utils._values.ledger import Ledger, Reference
from ansible_collections.holdfast.mounts.plugins.module_utils._values.observation import Observation
from ansible_collections.holdfast.mounts.plugins.module_utils._values.request import Definition, Entry


def with_fstab(seen: Observation, entry: Entry) -> Observation:
    """Return the observation with what fstab says. Raises unsafe_path."""
    return replace(seen, fstab=read_entry(entry.path))


def named_places(path: str, definition: Definition, seen: t.Optional[Observation] = None) -> t.List[Place]:
    """Return the place of everything that an entry of fstab names by a path: what it shows, and where.

    seen: what was seen of these already, in check mode of what is not there yet.
    """
    known = {} if seen is None else {place.path: place for place in (seen.place, *seen.source.places)}
    credentials = dict(definition.data).get(CREDENTIALS)
    named = (path, *definition.source_paths, *((credentials,) if credentials else ()))
    return [known[one] if one in known else place_at(one) for one in named]


def booted_places(
    paths: t.Iterable[str], ledger: Ledger, host: Host
) -> t.Iterator[t.Tuple[str, Reference, Observation]]:
    """Yield those of these mount points that the ledger knows from another boot, and wants in this one."""
    for path in paths:
        reference = ledger.references.get(path)
        if reference is None or reference.boot_id == host.boot_id or not reference.is_at_boot:
            continue
        try:
            definition = reference.definition
            seen = observe_coming(path, reference, host, definition=definition, looks_below=False)
            if not _is_stacked(path, seen):
                yield path, reference, replace(seen, fstab=read_entry(path))
        except (MountError, OSError):
            continue  # whoever decides of this mount point meets it again, and tells it


def _is_stacked(path: str, seen: Observation) -> bool:
    """Whether another mount lies under the one that is seen: a boot makes one alone."""
    mount = seen.covering
    if mount is None:
        return False
    return any(row.mount_id == mount.parent_id and row.mount_point == path for row in read_mounts())


def stands(path: str, reference: Reference, host: Host) -> bool:
    """Whether any mount stands at this managed mount point; false where seeing it may take waiting."""
    try:
        seen = observe_leaving(path, reference, host)
    except (MountError, OSError):
        return False
    return seen.is_here or seen.covering is not None
