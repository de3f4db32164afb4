# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Decide what holding comes to: mounted, joined, adopted, remounted, restored.

Private to holdfast.mounts.
"""

from __future__ import annotations

import typing as t

from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast import claims, model, steps
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.decide import (
    identity,
    rules,
    sameness,
)
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.grammar import credentials


def without(reference: claims.Reference, names: t.Collection[str]) -> claims.Reference:
    """Return the reference without these holders."""
    holders = {name: claim for name, claim in reference.holders.items() if name not in names}
    return reference._replace(holders=holders)


def end_leases(
    seen: steps.Observation, moment: claims.Moment, *, but: t.Optional[str] = None
) -> t.Tuple[steps.Observation, t.Tuple[str, ...]]:
    """Return the mount point as it is once ended leases are dropped, and whose those are.

    but: a holder that is leaving anyway.
    """
    if seen.reference is None:
        return seen, ()
    ended = tuple(name for name in claims.ended_holders(seen.reference, moment) if name != but)
    if not ended:
        return seen, ()
    return seen._replace(reference=without(seen.reference, ended)), ended


def with_ended(plan: steps.Plan, seen: steps.Observation) -> steps.Plan:
    """Return the plan as one that drops ended leases as well; seen: the mount point with them."""
    return plan._replace(before=view_before(plan.path, seen), tidies=True)


class Wish(t.NamedTuple):
    """One holder's wish for one mount point, and when it was made."""

    path: str
    definition: model.Definition
    request: model.Request
    host: model.Host
    now: str
    uptime: int = 0
    ttl: t.Optional[int] = None
    boot: bool = False
    network: bool = False
    implied: t.Tuple[str, ...] = ()

    @property
    def holder(self) -> str:
        """Who wishes it."""
        return self.request.holder


def plan_mounted(wish: Wish, seen: steps.Observation) -> steps.Plan:
    """Return how the holder comes to hold what it wants. Raises MountError where it may not."""
    if seen.obstructions:
        raise _covered(wish, seen)
    rules.refuse_unsafe_path(seen.place, wish.request, what="mount point", about=wish.path)
    if seen.is_here and seen.reference is not None:
        return _hold_existing(wish, seen, seen.reference)
    if seen.is_alive:
        raise _covered(wish, seen)
    if seen.reference is not None and _others(wish, seen.reference):
        _refuse_difference(wish, seen.reference)
    if seen.reference is not None and seen.reference.holders:
        identity.refuse_replaced(
            wish.path, wish.definition, seen.reference, seen.source.identity, boot_id=wish.host.boot_id
        )
    if seen.covering is not None:
        return _adopt(wish, seen, seen.covering)
    return _mount(wish, seen)


def _covered(wish: Wish, seen: steps.Observation) -> Exception:
    return rules.refusal(
        "conflict",
        wish.path,
        f"another mount covers the managed one at '{wish.path}', or it was moved; have root unmount that one "
        "(umount(8)), which the host's log names, then repeat",
        detail=", ".join(map(rules.named_mount, seen.obstructions)),
    )


def _listed(names: t.Sequence[str]) -> str:
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))


def _words(wish: Wish, words: t.Iterable[str]) -> str:
    """Tell which of the caller's words are not in force there, and which of them nobody has written."""
    shown = {
        word: credentials.CREDENTIALS if word.startswith(credentials.CREDENTIALS) else word for word in words
    }
    reported = [f"'{shown[word]}'{', which is implied' if word in wish.implied else ''}" for word in words]
    return f" (not there: {'; '.join(reported)})" if reported else ""


def _others(wish: Wish, reference: t.Optional[claims.Reference]) -> t.Tuple[str, ...]:
    return tuple(sorted(set(reference.holders if reference else ()) - {wish.holder}))


def _hold_existing(wish: Wish, seen: steps.Observation, reference: claims.Reference) -> steps.Plan:
    different = sameness.differences(wish.definition, reference.definition, seen.place.mount)
    other = seen.place.mount and identity.shows_another_source(reference, seen.place.mount, seen.source)
    if other and not different and wish.holder not in reference.holders:
        raise identity.replaced(wish.path, other)
    if not different:
        if wish.holder in reference.holders and not reference.deferred:
            return _hold_again(wish, seen, reference)
        return _plan(wish, seen, "joined", "none", _with_holder(wish, reference))
    is_sole = reference.owned and not _others(wish, reference)
    if is_sole and sameness.is_changeable(wish.definition, reference.definition):
        _refuse_read_only_image(wish, seen)
        changed = _with_holder(wish, reference)._replace(opts=wish.definition.opts)
        return _plan(wish, seen, "remounted", "remount", changed)
    raise _conflict(wish, reference, different)


def _refuse_read_only_image(wish: Wish, seen: steps.Observation) -> None:
    if seen.source.is_read_only and wish.definition.image and "ro" not in wish.definition.opts:
        raise rules.refusal(
            "conflict",
            wish.path,
            f"'{wish.path}' cannot become writable while it is mounted: its image was attached read-only, as "
            "'ro' was asked for; release it, then hold it again without 'ro'",
        )


def _hold_again(wish: Wish, seen: steps.Observation, reference: claims.Reference) -> steps.Plan:
    """Return what holding twice comes to: the claim becomes what is asked for now, lease or none."""
    old = reference.holders[wish.holder]
    new = _claim(wish, old)
    if new == old:
        return _plan(wish, seen, "none", "none", reference)
    # What is to be mounted at boot is a change of the host, a lease is none.
    is_booted_alike = (new.boot, new.network) == (old.boot, old.network)
    action: steps.Action = "renewed" if is_booted_alike else "joined"
    return _plan(wish, seen, action, "none", _with_holder(wish, reference))


def _claim(wish: Wish, old: t.Optional[claims.Holder]) -> claims.Holder:
    moment = claims.Moment(wish.host.boot_id, wish.now, wish.uptime)
    lease = claims.grant(wish.ttl, moment)
    return claims.Holder(old.since if old else wish.now, lease, wish.boot, wish.boot and wish.network)


def _refuse_difference(wish: Wish, reference: claims.Reference) -> None:
    different = sameness.differences(wish.definition, reference.definition)
    if different:
        raise _conflict(wish, reference, different)


def _conflict(wish: Wish, reference: claims.Reference, different: t.Sequence[str]) -> Exception:
    held = reference.definition
    values = {"fstype": held.fstype, "src": held.src, "opts": ",".join(held.opts)}
    words = sameness.only_asked(wish.definition, held) if "opts" in different else ()
    found, remedy = "is held", "ask for the same, or use another mount point"
    if not reference.holders:
        # Deferred, or its last lease has ended.
        found, remedy = "is mounted and held by nobody,", "have it unmounted first (state: unmounted)"
    return rules.refusal(
        "conflict",
        wish.path,
        f"'{wish.path}' {found} with different {_listed(different)}{_words(wish, words)}; {remedy}",
        detail="; ".join(f"{name} is '{values[name]}'" for name in different)
        + f"; held by: {', '.join(sorted(reference.holders)) or 'nobody'}",
    )


def _adopt(wish: Wish, seen: steps.Observation, mount: model.KernelMount) -> steps.Plan:
    if mount.server is not None:
        raise rules.refusal(
            "conflict",
            wish.path,
            f"the mount at '{wish.path}' is served by a process of another user than root, which may say of "
            "itself what it likes, so it is never adopted; have root unmount it (umount(8)), then repeat",
            detail=rules.named_mount(mount),
        )
    different = sameness.foreign_differences(wish.definition, mount, seen.place, seen.source)
    if different:
        words = sameness.unproven_words(wish.definition, mount, seen.source) if "opts" in different else ()
        raise rules.refusal(
            "conflict",
            wish.path,
            f"a mount that is not managed is at '{wish.path}', with different {_listed(different)}"
            f"{_words(wish, words)}; leave it out, or ask for the same",
            detail=f"it is {mount.fstype} of '{mount.source}', {','.join((*mount.flags, *mount.options))}",
        )
    if not wish.request.adopt:
        raise rules.refusal(
            "not_owned",
            wish.path,
            f"a mount that is not managed is at '{wish.path}'; it equals the request, so hold it as it is "
            "with "
            "'adopt: true'",
        )
    held = _new_reference(wish, seen, owned=False)
    return _plan(wish, seen, "adopted", "none", sameness.with_identity_of(held, mount, seen.place))


def _mount(wish: Wish, seen: steps.Observation) -> steps.Plan:
    rules.refuse_mount(wish.path, wish.definition, seen, wish.request)
    held = _new_reference(wish, seen, owned=True)
    return _plan(wish, seen, "mounted", "mount", held)


def _new_reference(wish: Wish, seen: steps.Observation, *, owned: bool) -> claims.Reference:
    """Return the entry of a mount whose ids are not known yet; whoever holds it already goes on to."""
    old = seen.reference
    return claims.Reference(
        src=wish.definition.src,
        fstype=wish.definition.fstype,
        opts=wish.definition.opts,
        owned=owned,
        holders=_with_claim(wish, old.holders if old else {}),
        boot_id=wish.host.boot_id,
        mount_namespace=wish.host.mount_namespace,
        mount_id=0,
        device="",
        operation="",
        identity=seen.source.identity,
    )


def _with_holder(wish: Wish, reference: claims.Reference) -> claims.Reference:
    return reference._replace(holders=_with_claim(wish, reference.holders), deferred=False)


def _with_claim(wish: Wish, holders: t.Mapping[str, claims.Holder]) -> t.Dict[str, claims.Holder]:
    return {**holders, wish.holder: _claim(wish, holders.get(wish.holder))}


def _plan(
    wish: Wish, seen: steps.Observation, action: steps.Action, step: steps.Step, reference: claims.Reference
) -> steps.Plan:
    return steps.Plan(
        path=wish.path,
        action=action,
        step=step,
        before=view_before(wish.path, seen),
        after=view_of(wish.path, reference, is_mounted=True),
        reference=reference,
        definition=wish.definition,
    )


def view_before(path: str, seen: steps.Observation) -> steps.View:
    """Return the mount point as it was seen. Of a foreign mount only its being there is reported."""
    return view_of(path, seen.reference, is_mounted=seen.is_here or seen.covering is not None)


def view_of(path: str, reference: t.Optional[claims.Reference], *, is_mounted: bool) -> steps.View:
    """Return the mount point as the ledger has it."""
    if reference is None:
        return steps.View(path, None, None, (), is_mounted, False, ())
    return steps.View(
        path,
        reference.src,
        reference.fstype,
        reference.opts,
        is_mounted,
        reference.owned,
        tuple(sorted(reference.holders)),
    )


def as_seen(reference: claims.Reference, plan: t.Optional[steps.Plan]) -> claims.Reference:
    """Return the reference with the flags in force, where a plan says that they are not the ledger's."""
    if plan is None or plan.seen_flags is None:
        return reference
    seen = reference.definition._replace(flags=plan.seen_flags)
    return reference._replace(opts=seen.opts)
