# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Entries of fstab: they go before the ledger forgets who wanted them, and come after it knows.

So none is ever there that nobody wants, whatever is killed when. Private to holdfast.mounts.
"""

from __future__ import annotations

import contextlib
import typing as t

from ansible_collections.holdfast.mounts.plugins.module_utils._execute.work import Call, Work
from ansible_collections.holdfast.mounts.plugins.module_utils._kernel.systemd import reload_units
from ansible_collections.holdfast.mounts.plugins.module_utils._kernel.waiting import WouldWait
from ansible_collections.holdfast.mounts.plugins.module_utils._ledger.fstab import edit_fstab, read_entry
from ansible_collections.holdfast.mounts.plugins.module_utils._ledger.operations import short_lock
from ansible_collections.holdfast.mounts.plugins.module_utils._ledger.store import read_ledger, write_ledger
from ansible_collections.holdfast.mounts.plugins.module_utils._observe.booting import (
    booted_places,
    named_places,
    stands,
)
from ansible_collections.holdfast.mounts.plugins.module_utils._plan.booting import fstab_line, taken_over
from ansible_collections.holdfast.mounts.plugins.module_utils._plan.refusals import refuse_unsafe_boot
from ansible_collections.holdfast.mounts.plugins.module_utils._plan.surroundings import stands_on
from ansible_collections.holdfast.mounts.plugins.module_utils._values.errors import MountError
from ansible_collections.holdfast.mounts.plugins.module_utils._values.host import Host
from ansible_collections.holdfast.mounts.plugins.module_utils._values.ledger import Ledger, Reference


def remove_entries(works: t.Iterable[Work], call: Call) -> None:
    """Take out the entries that nobody will want. Raises MountError or OSError."""
    _edit({work.path: None for work in works if work.plan and work.plan.boot_change == "remove"}, call)


def write_entries(works: t.Iterable[Work], call: Call) -> None:
    """Write the entries that somebody wants now. Raises MountError or OSError."""
    lines: t.Dict[str, t.Optional[str]] = {
        work.path: fstab_line(work.path, work.plan.reference.definition)
        for work in works
        if work.plan and work.plan.reference and work.plan.boot_change == "write"
    }
    _edit(lines, call)


def remove_unwanted(path: str, old: t.Optional[Reference], new: t.Optional[Reference], call: Call) -> None:
    """Take out the entry of a mount point whose dead operation was to leave nobody who wants it."""
    if old is not None and old.is_at_boot and not (new is not None and new.is_at_boot):
        _edit({path: None}, call)


def write_wanted(path: str, reference: t.Optional[Reference], call: Call) -> None:
    """Write the entry of a mount point whose operation died before it could; never beside another's."""
    if reference is None or not reference.is_at_boot or read_entry(path).is_foreign:
        return
    try:
        refuse_unsafe_boot(path, named_places(path, reference.definition))
    except WouldWait:
        raise
    except (MountError, OSError):
        return  # somebody else may move names on the way by now
    _edit({path: fstab_line(path, reference.definition)}, call)


def _edit(changes: t.Mapping[str, t.Optional[str]], call: Call) -> None:
    if changes and edit_fstab(changes, call.lock_deadline):
        reload_units()


def recognised(paths: t.Iterable[str], ledger: Ledger, host: Host) -> Ledger:
    """Return the ledger with the mounts that this boot has made from our entries as its own."""
    found = {
        path: taken_over(reference, seen, host)
        for path, reference, seen in booted_places(paths, ledger, host)
        if _has_footing(path, reference, ledger, host)
    }
    return ledger.changed({path: reference for path, reference in found.items() if reference is not None})


def _has_footing(path: str, reference: Reference, ledger: Ledger, host: Host) -> bool:
    """Whether the managed mounts that this one lies on or shows are there: else it shows what they hide."""
    managed = stands_on(path, reference.definition) & ledger.references.keys()
    return all(stands(way, ledger.references[way], host) for way in managed)


def take_over(paths: t.Sequence[str], ledger: Ledger, call: Call) -> Ledger:
    """Record which mounts the boot has made, for these locked mount points, and return the ledger."""
    known = recognised(paths, ledger, call.host)
    changes = {path: known.references[path] for path in paths if path in known.references}
    if all(ledger.references.get(path) == reference for path, reference in changes.items()):
        return ledger
    with short_lock("ledger", call.lock_deadline):
        written = read_ledger().changed(changes)
        # Numbers may have grown, for which a full disk has no room: each call finds out anew then.
        with contextlib.suppress(OSError):
            write_ledger(written)
    return written
