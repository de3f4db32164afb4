# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Check mode: the same looks and the same decisions on a ledger in memory; nothing is written.

Private to holdfast.mounts.
"""

from __future__ import annotations

import typing as t
from dataclasses import replace
from functools import partial

from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast import (
    claims,
    errors,
    model,
    places,
    session,
    steps,
)
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.decide import neighbours
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.engine import (
    boot,
    operation,
    recover,
    run,
)
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.grammar import filesystems
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.kernel import child, pathwalk, system
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.ledger import codec, journal


class _World:
    """The host as it is, and the ledger as it would become."""

    def __init__(self, ledger: claims.Ledger, budget: codec.Budget, restored: t.Container[str]) -> None:
        """restored: the mount points whose options are put right before anything is asked of them."""
        self.ledger = ledger
        self.budget = budget
        self.restored = restored
        self.mounted: t.Dict[str, model.Definition] = {}
        self.unmounted: t.Set[int] = set()

    def apply(self, outcome: operation.Outcome) -> operation.Outcome:
        """Have done what an entry would do; return its outcome, an error where the ledger has no room."""
        if isinstance(outcome, operation.Failed):
            return outcome
        plan = outcome.plan
        held = self.ledger.references.get(plan.path)
        try:
            self.budget.spend(plan, held)
        except errors.MountError as error:
            return operation.Failed(plan.path, error.about(plan.path))
        if plan.step == "mount" and plan.definition is not None:
            self.mounted[plan.path] = plan.definition
        if plan.step == "unmount" and held is not None:
            self.unmounted.add(held.mount_id)
        if plan.writes_ledger:
            self.ledger = self.ledger.changed({plan.path: plan.reference})
        return outcome

    def adjust(
        self,
        seen: steps.Observation,
        entry: model.Entry,
        call: session.Session,
        trusted: t.Container[model.MountKey],
    ) -> steps.Observation:
        """Return what would be seen once everything before it were done.

        LIMIT: what is in a filesystem that would be mounted is not known, but for a fresh tmpfs.
        """
        if entry.definition is None:
            return seen._replace(submounts=self._submounts(seen, entry.path))
        if seen.missing_above:
            missing = tuple(path for path in seen.missing_above if path not in self.mounted)
            seen = seen._replace(missing_above=missing)
        fresh = self._fresh(*neighbours.ancestors(entry.path))
        if fresh is not None:
            place = model.Place(
                entry.path, "absent", writable_ancestor=_writable_root(fresh, self.mounted[fresh])
            )
            seen = seen._replace(place=place, foreign_below=())
        on_fresh = {
            path: self._fresh(path, *neighbours.ancestors(path)) for path in entry.definition.source_paths
        }
        if any(on_fresh.values()):
            kind: model.Kind = "file" if entry.definition.image else "directory"
            places = tuple(self._source(path, fresh, call, trusted, kind) for path, fresh in on_fresh.items())
            seen = seen._replace(source=steps.Source(places))
        return seen

    def assume(
        self, seen: steps.Observation, entry: model.Entry, call: session.Session
    ) -> t.Tuple[steps.Observation, t.Tuple[str, ...]]:
        """Return what would be seen if an earlier task of the run made what the source needs, and what.

        LIMIT: a reconciliation is not foreseen so, as what it finds is all that it puts right.
        """
        source = seen.source
        if call.request.repair is not None:
            return seen, ()
        if source.absent is not None:
            return seen._replace(source=steps.Source()), (source.absent.message.partition(";")[0],)
        absent = [
            place
            for place in source.places
            if place.kind == "absent"
            and not place.obstacle
            and self._fresh(place.path, *neighbours.ancestors(place.path)) is None
        ]
        is_file = seen.place.kind == "file" or bool(entry.definition and entry.definition.image)
        kind: model.Kind = "file" if is_file else "directory"
        taken = tuple(place._replace(kind=kind) if place in absent else place for place in source.places)
        missing = [f"'{path}', which it lies below or shows, is not mounted" for path in seen.missing_above]
        return (
            seen._replace(source=source._replace(places=taken), missing_above=()),
            (*(f"the source '{place.path}' does not exist" for place in absent), *missing),
        )

    def _fresh(self, *paths: str) -> t.Optional[str]:
        """Return the first of these paths at which something new would be mounted."""
        return next((path for path in paths if path in self.mounted), None)

    def _source(
        self,
        path: str,
        fresh: t.Optional[str],
        call: session.Session,
        trusted: t.Container[model.MountKey],
        kind: model.Kind,
    ) -> model.Place:
        if fresh is None:
            return places.source_at(path, call, trusted)
        is_empty = filesystems.record_of(self.mounted[fresh].fstype).empty_mode and path != fresh
        return model.Place(path, "absent" if is_empty else kind)

    def _submounts(self, seen: steps.Observation, path: str) -> t.Tuple[int, ...]:
        new = tuple(-1 for mounted in self.mounted if mounted.startswith(f"{path}/"))
        return new + tuple(number for number in seen.submounts if number not in self.unmounted)


def _writable_root(path: str, definition: model.Definition) -> t.Optional[str]:
    """Return the path if users other than root can write this new filesystem's root, as far as is known."""
    data, default = dict(definition.data), filesystems.record_of(definition.fstype).empty_mode
    mode, owner = data.get("mode") or default, data.get("uid") or "0"
    return path if default and (int(mode, 8) & 0o022 or owner != "0") else None


def predict(call: session.Session) -> t.Tuple[operation.Outcome, ...]:
    """Return the outcomes that the call would have now. Takes no lock and writes nothing."""
    return Prediction(call).predict(call)


class Prediction:
    """What calls would come to, one after the other, from how the host is now."""

    def __init__(self, call: session.Session) -> None:
        ledger = call.ledger.read()
        budget = call.ledger.open_budget()
        system.refuse_other_namespace(ledger, call.host)
        restored = set()
        for records in journal.list_intents().values():
            intent, replay = recover.find_replay(records, ledger, call.host)
            ledger = recover.replayed(ledger, intent, replay)
            restored |= {intent.path} if replay.restores else set()
        self._world = _World(boot.recognised(ledger.references, ledger, call), budget, restored)

    @property
    def ledger(self) -> claims.Ledger:
        """The ledger as it would be."""
        return self._world.ledger

    def predict(self, call: session.Session) -> t.Tuple[operation.Outcome, ...]:
        """Return the outcomes that the call would have once those before were done."""
        return run.run_request(call, self._world.ledger, self._predict_wave)

    def _predict_wave(
        self, wave: t.Sequence[model.Entry], call: session.Session
    ) -> t.Iterator[operation.Outcome]:
        world = self._world
        for group in _groups(wave):
            managed_mounts = neighbours.ManagedMounts(world.ledger.references)
            for outcome in _predict_group(group, call, world, managed_mounts):
                yield world.apply(outcome)


def _groups(wave: t.Sequence[model.Entry]) -> t.List[t.List[model.Entry]]:
    """Return what does not look at each other as one group, then each overlay by itself."""
    layered = [
        entry
        for entry in wave
        if entry.definition and filesystems.record_of(entry.definition.fstype).has_layers
    ]
    others = [entry for entry in wave if entry not in layered]
    return ([others] if others else []) + [[entry] for entry in layered]


def _predict_group(
    group: t.Sequence[model.Entry],
    call: session.Session,
    world: _World,
    managed_mounts: neighbours.ManagedMounts,
) -> t.List[operation.Outcome]:
    outcomes: t.List[operation.Outcome] = []
    blocking: t.List[model.Entry] = []
    for entry in group:
        try:
            outcomes.append(_predict_entry(entry, call, world, managed_mounts))
        except pathwalk.MayBlock:
            blocking.append(entry)
    worker = replace(call, may_block=True)
    tasks = [child.Task(partial(_predict_entry, entry, worker, world, managed_mounts)) for entry in blocking]
    for entry, result in zip(blocking, child.run_together(tasks, call.request.timeout, step="wait")):
        if isinstance(result, (errors.MountError, OSError)):
            result = operation.failed(entry.path, result, call, step="look at")
        outcomes.append(result)
    return outcomes


def _predict_entry(
    entry: model.Entry, call: session.Session, world: _World, managed_mounts: neighbours.ManagedMounts
) -> operation.Outcome:
    try:
        # Known already, but for what could not be seen without waiting, as a child may.
        references = boot.recognised([entry.path], world.ledger, call).references
        trusted = managed_mounts.trusted_mounts(call.host.boot_id)
        seen = world.adjust(operation.look_at(entry, references, call, managed_mounts), entry, call, trusted)
        seen, assumed = world.assume(seen, entry, call)
        plan = operation.decide(entry, call, seen, managed_mounts)
        plan = plan._replace(assumed=assumed) if plan.step == "mount" else plan
        if entry.path in world.restored:
            drift = tuple(item for item in plan.after.drift if item.kind != "options_changed")
            plan = plan._replace(after=plan.after._replace(drift=drift))
        return operation.Done(entry.path, plan)
    except pathwalk.MayBlock:
        raise
    except (errors.MountError, OSError) as error:
        return operation.failed(entry.path, error, call, step="look at")
