# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a reconciliation does at one mount point: first who leaves, then what is put right.

Neither roots nor the host's policy bound what comes back: what is in the ledger was allowed once.
Private to holdfast.mounts.
"""

from __future__ import annotations

import typing as t
from dataclasses import replace

from ansible_collections.holdfast.mounts.plugins.module_utils._grammar.filesystems import record_of
from ansible_collections.holdfast.mounts.plugins.module_utils._plan.leases import without
from ansible_collections.holdfast.mounts.plugins.module_utils._plan.policy import refuse_dropping
from ansible_collections.holdfast.mounts.plugins.module_utils._plan.refusals import (
    refusal,
    refuse_bad_source,
    refuse_entries,
    refuse_shadowing,
    refuse_unsafe_way,
    refuse_wrong_kind,
    wanted_kind,
)
from ansible_collections.holdfast.mounts.plugins.module_utils._plan.released import plan_orphaned
from ansible_collections.holdfast.mounts.plugins.module_utils._plan.sameness import (
    changed_options,
    flags_in_force,
    foreign_differences,
    known_by,
)
from ansible_collections.holdfast.mounts.plugins.module_utils._plan.surroundings import Surroundings
from ansible_collections.holdfast.mounts.plugins.module_utils._plan.views import view_before, view_of
from ansible_collections.holdfast.mounts.plugins.module_utils._values.host import Host, KernelMount
from ansible_collections.holdfast.mounts.plugins.module_utils._values.lease import Moment
from ansible_collections.holdfast.mounts.plugins.module_utils._values.ledger import (
    Reference,
    ended_holders,
)
from ansible_collections.holdfast.mounts.plugins.module_utils._values.observation import Observation
from ansible_collections.holdfast.mounts.plugins.module_utils._values.plan import Action, Plan, Step
from ansible_collections.holdfast.mounts.plugins.module_utils._values.policy import Policy
from ansible_collections.holdfast.mounts.plugins.module_utils._values.request import (
    MOUNT_FLAGS,
    Definition,
    Repair,
    Request,
)


def leaving_holders(reference: Reference, repair: Repair, moment: Moment) -> t.Tuple[str, ...]:
    """Return the holders whose references a reconciliation drops, sorted."""
    ended = ended_holders(reference, moment) if "expired" in repair.kinds else ()
    return tuple(
        sorted(
            name
            for name in reference.holders
            if name in ended
            or name in repair.dropped
            or (repair.live is not None and name not in repair.live)
        )
    )


def plan_leaving(
    path: str,
    request: Request,
    seen: Observation,
    around: Surroundings,
    *,
    moment: Moment,
    policy: t.Optional[Policy] = None,
) -> Plan:
    """Return what the leaving of dead holders, or of the last one before, comes to. Raises MountError."""
    reference, repair = seen.reference, request.repair
    if reference is None or repair is None:
        return _plan(path, seen, "none", "none", reference)
    leaving = leaving_holders(reference, repair, moment)
    refuse_dropping(path, sorted({*leaving} - {*ended_holders(reference, moment)}), policy)
    left = without(reference, leaving)
    if left.holders:
        return _plan(path, seen, "released" if leaving else "none", "none", left)
    if not leaving and _kind_of_orphan(reference, seen) not in repair.kinds:
        return _plan(path, seen, "none", "none", reference)
    return plan_orphaned(path, request, seen, around, reference)


def _kind_of_orphan(reference: Reference, seen: Observation) -> str:
    if not seen.is_alive:
        return "missing" if seen.covering is None else "replaced"
    return "deferred" if reference.deferred else "orphaned"


def plan_coming(
    path: str, definition: Definition, request: Request, seen: Observation, *, host: Host
) -> Plan:
    """Return how what is held comes to be there as it was asked for. Raises MountError where it cannot.

    definition: what was to be looked at; if the ledger has another one by now, nothing is done.
    """
    reference, kinds = seen.reference, request.repair.kinds if request.repair else ()
    if reference is None or not reference.holders or reference.definition != definition:
        return _plan(path, seen, "none", "none", reference)
    if seen.is_here:
        mount = seen.place.mount
        if mount is not None and "options_changed" in kinds:
            return _plan_options(path, seen, reference, mount)
    elif seen.is_alive:
        if "replaced" in kinds:
            raise _not_ours(path, "covers the one that is held, or that one was moved")
    elif seen.covering is not None:
        if "replaced" in kinds:
            return _plan_replaced(path, seen, reference, seen.covering, host=host)
    elif "missing" in kinds:
        return _plan_missing(path, request, seen, reference, host=host)
    return _plan(path, seen, "none", "none", reference)


def _plan_missing(
    path: str, request: Request, seen: Observation, reference: Reference, *, host: Host
) -> Plan:
    definition = reference.definition
    refuse_unsafe_way(seen.place, request, what="mount point", about=path)
    refuse_bad_source(path, definition, seen.source, request)
    refuse_wrong_kind(seen.place, wanted_kind(definition, seen.source))
    refuse_shadowing(path, (*seen.managed_below, *seen.foreign_below))
    refuse_entries(seen.place, request)
    again = replace(_reborn(reference, host), owned=True)
    return _plan(path, seen, "mounted", "mount", again, definition=definition)


def _reborn(reference: Reference, host: Host) -> Reference:
    return replace(
        reference,
        boot_id=host.boot_id,
        mount_namespace=host.mount_namespace,
        mount_id=0,
        device="",
        inode=0,
        birth=0,
        operation="",
        deferred=False,
    )


def _plan_replaced(
    path: str, seen: Observation, reference: Reference, mount: KernelMount, *, host: Host
) -> Plan:
    different = foreign_differences(reference.definition, mount, seen.place, seen.source)
    if different:
        raise _not_ours(path, f"stands there, with different {' and '.join(different)}")
    held = replace(_reborn(reference, host), owned=False)
    return _plan(path, seen, "adopted", "none", known_by(held, mount, seen.place))


def _plan_options(path: str, seen: Observation, reference: Reference, mount: KernelMount) -> Plan:
    definition = reference.definition
    changes = changed_options(definition, mount, is_owned=reference.owned)
    if not changes:
        return _plan(path, seen, "none", "none", reference)
    if not reference.owned:
        raise _not_ours(path, "is held as it is, and its options were changed")
    stuck = [word for word in changes if not _is_changeable(word[1:], definition, mount)]
    if stuck:
        raise refusal(
            "conflict",
            path,
            f"the mount at '{path}' has other options than those asked for ({', '.join(stuck)}), and they "
            "cannot be changed in place; release it everywhere, then hold it again",
        )
    plan = _plan(path, seen, "remounted", "remount", reference, definition=definition)
    return replace(plan, seen_flags=_flags_to_clear(definition, mount))


def _is_changeable(word: str, definition: Definition, mount: KernelMount) -> bool:
    if word == "ro" and "ro" in mount.options and "ro" not in definition.flags:
        return record_of(definition.fstype).is_block
    changeable = (*MOUNT_FLAGS, *record_of(definition.fstype).changeable)
    return word.partition("=")[0] in changeable


def _flags_to_clear(definition: Definition, mount: KernelMount) -> t.Tuple[str, ...]:
    if record_of(definition.fstype).shows_path:
        return definition.flags  # it has more of them from the mount of its source
    return tuple(sorted(flags_in_force(mount)))


def _not_ours(path: str, what: str) -> Exception:
    return refusal(
        "not_owned",
        path,
        f"at '{path}' a mount that this collection did not make {what}; take it away by the means that made "
        "it, then reconcile again",
    )


def _plan(
    path: str,
    seen: Observation,
    action: Action,
    step: Step,
    reference: t.Optional[Reference],
    *,
    definition: t.Optional[Definition] = None,
) -> Plan:
    before = view_before(path, seen)
    is_mounted = before.is_mounted or step == "mount"
    after = view_of(path, reference, is_mounted=is_mounted)
    return Plan(path, action, step, before, after, reference, definition)
