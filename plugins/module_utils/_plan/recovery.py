# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is to be made of an operation that died under way.

Private to holdfast.mounts.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from ansible_collections.holdfast.mounts.plugins.module_utils._values.host import Identity
from ansible_collections.holdfast.mounts.plugins.module_utils._values.ledger import Ledger, Reference

Kind = t.Literal["mount", "remount", "unmount"]


@dataclass(frozen=True)
class Note:
    """What an operation said before it acted.

    mount_id: of the mount that it was about to attach, change or unmount.
    reference: what the ledger was going to hold, for a mount.
    made: directories and files made on the way to the mount point.
    """

    operation: str
    kind: Kind
    path: str
    mount_id: int
    reference: t.Optional[Reference] = None
    made: t.Tuple[t.Tuple[str, Identity], ...] = ()


@dataclass(frozen=True)
class Settlement:
    """What brings ledger and kernel together again.

    commits: the ledger shall hold reference at the path, and remember what was made.
    undoes: what was made is to be taken away again.
    takes_off: the mount got to another place than its own and is to be unmounted there.
    restores: the mount's options are to be set as the ledger has them.
    """

    commits: bool = False
    reference: t.Optional[Reference] = None
    undoes: bool = False
    takes_off: bool = False
    restores: bool = False


def settle(note: Note, ledger: Ledger, *, is_at_path: bool, is_alive: bool) -> Settlement:
    """Return what completes or undoes an operation that died.

    is_alive: the note's mount exists. is_at_path: and its mount point is the note's path.
    """
    held = ledger.references.get(note.path)
    if note.kind == "remount":
        return Settlement(restores=is_at_path and held is not None)
    if note.kind == "unmount":
        return Settlement(commits=held is not None and held.mount_id == note.mount_id and not is_alive)
    if held is not None and held.operation == note.operation:
        return Settlement()
    if is_at_path:
        return Settlement(commits=True, reference=note.reference)
    return Settlement(undoes=True, takes_off=is_alive)
