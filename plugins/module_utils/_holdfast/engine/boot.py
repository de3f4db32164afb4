# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Entries of fstab: they go before the ledger forgets who wanted them, and come after it knows.

An entry that changes does both, so none is ever there that says anything else than the ledger, whatever is
killed when. They go before the directories, too, which a boot after a power cut would make again.

Private to holdfast.mounts.
"""

from __future__ import annotations

import contextlib
import typing as t

from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast import (
    claims,
    errors,
    fstab,
    observe,
    session,
)
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.decide import boot, neighbours, rules
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.engine import operation
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.kernel import pathwalk, system
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.ledger import journal


def remove_entries(changed: t.Iterable[operation.Decided], call: session.Session) -> None:
    """Remove the entries that nobody will want. Raises MountError or OSError."""
    _edit({state.path: None for state in changed if state.plan.boot_change.old}, call)


def write_entries(changed: t.Iterable[operation.Decided], call: session.Session) -> None:
    """Write the entries that somebody wants now. Raises MountError or OSError."""
    entries = ((state.path, state.plan.boot_change.new) for state in changed)
    _edit({path: entry for path, entry in entries if entry}, call)


def put_back(changed: t.Iterable[operation.Decided], call: session.Session) -> None:
    """Have the entries say what they said before, as the ledger does. Raises MountError or OSError."""
    _edit({state.path: state.plan.boot_change.old or None for state in changed}, call)


def remove_unwanted(
    path: str, old: t.Optional[claims.Reference], new: t.Optional[claims.Reference], call: session.Session
) -> None:
    """Remove the entry of a mount point that the ledger is about to say something else of."""
    if old is not None and old.is_at_boot and boot.wanted_entry(path, new) != boot.wanted_entry(path, old):
        _edit({path: None}, call)


def write_wanted(path: str, reference: t.Optional[claims.Reference], call: session.Session) -> None:
    """Write the entry of a mount point whose operation died before it could; never beside another's."""
    if reference is None or not reference.is_at_boot or fstab.read_entry(path).is_foreign:
        return
    try:
        rules.refuse_unsafe_boot(path, observe.named_places(path, reference.definition, call))
    except pathwalk.MayBlock:
        raise
    except (errors.MountError, OSError):
        return  # somebody else may rename its parents by now
    _edit({path: boot.entry_of(path, reference)}, call)


def _edit(changes: t.Mapping[str, t.Optional[str]], call: session.Session) -> None:
    if changes and fstab.edit_fstab(changes, call.lock_deadline):
        system.reload_units()


def recognised(paths: t.Iterable[str], ledger: claims.Ledger, call: session.Session) -> claims.Ledger:
    """Return the ledger with the mounts that this boot has made from our entries as its own."""
    found = {
        path: boot.booted(reference, seen, call.host)
        for path, reference, seen in observe.booted_places(paths, ledger, call)
        if _has_parents(path, reference, ledger, call)
    }
    return ledger.changed({path: reference for path, reference in found.items() if reference is not None})


def _has_parents(
    path: str, reference: claims.Reference, ledger: claims.Ledger, call: session.Session
) -> bool:
    """Whether the managed mounts that this one lies on or shows are there: else it shows what they hide."""
    managed = neighbours.stands_on(path, reference.definition) & ledger.references.keys()
    return all(observe.stands(place, ledger.references[place], call) for place in managed)


def record_booted_mounts(
    paths: t.Sequence[str], ledger: claims.Ledger, call: session.Session
) -> claims.Ledger:
    """Record which mounts the boot has made, for these locked mount points, and return the ledger."""
    known = recognised(paths, ledger, call)
    changes = {path: known.references[path] for path in paths if path in known.references}
    if all(ledger.references.get(path) == reference for path, reference in changes.items()):
        return ledger
    with journal.short_lock("ledger", call.lock_deadline):
        written = call.ledger.read().changed(changes)
        # Numbers may have grown, for which a full disk has no room: each call finds out again then.
        with contextlib.suppress(OSError):
            call.ledger.write(written)
    return written
