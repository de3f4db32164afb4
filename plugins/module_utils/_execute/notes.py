# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Notes of operations under way, between values and the lines of their file.

Private to holdfast.mounts.
"""

from __future__ import annotations

import os
import typing as t

from ansible_collections.holdfast.mounts.plugins.module_utils._ledger.codec import (
    made_from_dict,
    operation_from_dict,
    reference_from_dict,
    reference_to_dict,
)
from ansible_collections.holdfast.mounts.plugins.module_utils._ledger.operations import Record
from ansible_collections.holdfast.mounts.plugins.module_utils._plan.recovery import Note
from ansible_collections.holdfast.mounts.plugins.module_utils._values.host import Identity


def to_record(note: Note, now: str) -> Record:
    """Return the first line of a note: everything but the directories, which are yet to be made."""
    return {
        "operation": note.operation,
        "kind": note.kind,
        "path": note.path,
        "mount_id": note.mount_id,
        "reference": None if note.reference is None else reference_to_dict(note.reference),
        "pid": os.getpid(),
        "since": now,
    }


def made_record(path: str, identity: Identity) -> Record:
    """Return the line that tells of a directory before it gets its name."""
    # Its depth tells which it is: all lie on the way to the path that the first line has.
    depth = path.count("/")
    return {"made": depth, "device": identity.device, "inode": identity.inode, "birth": identity.birth}


def from_records(records: t.Sequence[Record]) -> Note:
    """Return the note that these lines tell, as far as they go. Raises ledger_corrupt."""
    first = t.cast(Record, operation_from_dict(records[0]))
    reference = first["reference"]
    return Note(
        operation=first["operation"],
        kind=first["kind"],
        path=first["path"],
        mount_id=first["mount_id"],
        reference=None if reference is None else reference_from_dict(reference),
        made=tuple(made_from_dict(line, first["path"]) for line in records[1:]),
    )
