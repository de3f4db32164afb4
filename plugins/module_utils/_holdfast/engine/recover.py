# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Complete or undo what an operation left that died under way.

Private to holdfast.mounts.
"""

from __future__ import annotations

import time
import typing as t

from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast import (
    claims,
    errors,
    model,
    observe,
    session,
    steps,
)
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.decide import recovery
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.engine import (
    boot,
    mounted,
    mountpoints,
)
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.kernel import (
    create,
    directories,
    mounts,
    pathwalk,
    system,
)
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.ledger import codec, journal


def find_replay(
    records: t.Sequence[codec.Record], ledger: claims.Ledger, host: model.Host
) -> t.Tuple[steps.Intent, recovery.Replay]:
    """Return what the intent record of a dead operation comes to, as the kernel is now. Changes nothing."""
    intent = codec.intent_from_records(records)
    if intent.reference is not None:
        system.refuse_other_namespace(claims.Ledger(references={intent.path: intent.reference}), host)
    found = mounts.find_mount(intent.mount_id, is_unique=host.protection == "full")
    reference = intent.reference or ledger.references.get(intent.path)
    if found is not None and reference is not None and not observe.is_its_mount(found, reference):
        found = None
    is_at_path = found is not None and found.mount_point == intent.path
    return intent, recovery.replay(intent, ledger, is_at_path=is_at_path, is_alive=found is not None)


def replayed(ledger: claims.Ledger, intent: steps.Intent, replay: recovery.Replay) -> claims.Ledger:
    """Return the ledger as the replay leaves it, what is left of directories aside."""
    if not replay.commits:
        return ledger
    made = dict(intent.made) if replay.reference else {}
    return ledger.changed({intent.path: replay.reference}, made)


def recover(operation: journal.Operation, call: session.Session) -> None:
    """Replay the intent record of this locked mount point, if its last operation died."""
    records = operation.records()
    if not records:
        return
    found = boot.recognised([operation.path], call.ledger.read(), call)
    intent, replay = find_replay(records, found, call.host)
    if replay.unmounts:
        _unmount(intent, call)
        _refuse_still_mounted(intent, call.host)
    directories.sweep_temporaries(intent.path, intent.operation, may_block=call.may_block)
    removals: t.Dict[str, mountpoints.Removal] = {}
    if replay.undoes:
        removals = mountpoints.remove_made(dict(intent.made), call)
    elif replay.commits and replay.reference is None:
        removals = mountpoints.remove_made(mountpoints.made_for(intent.path, found), call)
    mountpoints.sync_removed(removals, call)
    if replay.commits:
        boot.remove_unwanted(intent.path, found.references.get(intent.path), replay.reference, call)
    with journal.short_lock("ledger", call.lock_deadline):
        ledger = call.ledger.read()
        changed = mountpoints.remember(replayed(ledger, intent, replay), removals, (intent.path,))
        if changed != ledger:
            call.ledger.write(changed)
    held = changed.references.get(intent.path)
    if replay.restores and intent.reference is not None and held is not None:
        held = _restore(intent.path, intent.reference, held, call)
    boot.write_wanted(intent.path, held, call)
    operation.clear()


def _restore(
    path: str, changed: claims.Reference, held: claims.Reference, call: session.Session
) -> claims.Reference:
    """Set the options that the ledger has; where the kernel refuses them by now, the ledger gets the others.

    Returns what the ledger has then. A tmpfs that has been filled cannot become smaller again (EINVAL), nor
    can a file that is being written become read-only (EBUSY).
    """
    try:
        mounted.change_options(path, held, call, before=changed.definition, after=held.definition)
        return held
    except pathwalk.MayBlock:
        raise
    except OSError:
        mounted.change_options(path, held, call, before=held.definition, after=changed.definition)
    as_changed = held._replace(opts=changed.opts)
    boot.remove_unwanted(path, held, as_changed, call)
    with journal.short_lock("ledger", call.lock_deadline):
        call.ledger.write(call.ledger.read().changed({path: as_changed}))
    return as_changed


def _unmount(intent: steps.Intent, call: session.Session) -> None:
    """Unmount a mount whose mount point was renamed under it, unless it is covered or has others on it."""
    found = mounts.find_mount(intent.mount_id, is_unique=call.is_unique)
    if found is None or intent.reference is None:
        return
    if mounts.has_submounts(intent.mount_id, is_unique=call.is_unique):
        return
    with call.walk(found.mount_point) as walk:
        if not walk.obstacle and observe.is_mount(walk.inode, intent.reference, call.host):
            create.unmount(walk, lazily=True)


def _refuse_still_mounted(intent: steps.Intent, host: model.Host) -> None:
    found = mounts.find_mount(intent.mount_id, is_unique=host.protection == "full")
    if found is not None and intent.reference is not None and observe.is_its_mount(found, intent.reference):
        raise errors.MountError(
            "conflict",
            f"an operation on '{intent.path}' was killed, and its mount was moved or covered, so that it "
            "cannot be unmounted; look for it in the mount table, unmount it by hand, then "
            "repeat",
            step="recover",
            path=intent.path,
            detail=f"it is at '{found.mount_point}'",
        )


def recover_dead(paths: t.Iterable[str], call: session.Session) -> None:
    """Replay the intent records of those of these mount points whose operation is dead."""
    for path in paths:
        operation = journal.start_operation(path, time.monotonic())
        if operation is not None:
            try:
                recover(operation, call)
            except pathwalk.MayBlock:
                pass  # it stays until a call on it, in a worker process, has replayed it
            finally:
                operation.close()
