# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Check mode: the same looks and the same decisions on a ledger in memory; nothing is written.

Private to holdfast.mounts.
"""

from __future__ import annotations

import typing as t
from dataclasses import replace

from ansible_collections.holdfast.mounts.plugins.module_utils._execute.deciding import (
    decide,
    observe,
    refuse_other_namespace,
)
from ansible_collections.holdfast.mounts.plugins.module_utils._execute.recovering import settle_note, settled
from ansible_collections.holdfast.mounts.plugins.module_utils._execute.run import (
    parts,
    waves,
    without_footing,
)
from ansible_collections.holdfast.mounts.plugins.module_utils._execute.work import Call, Outcome, as_coded
from ansible_collections.holdfast.mounts.plugins.module_utils._ledger.operations import read_note
from ansible_collections.holdfast.mounts.plugins.module_utils._ledger.store import read_ledger
from ansible_collections.holdfast.mounts.plugins.module_utils._plan.surroundings import (
    Surroundings,
    ancestors,
)
from ansible_collections.holdfast.mounts.plugins.module_utils._values.errors import MountError
from ansible_collections.holdfast.mounts.plugins.module_utils._values.host import Place
from ansible_collections.holdfast.mounts.plugins.module_utils._values.ledger import Ledger
from ansible_collections.holdfast.mounts.plugins.module_utils._values.observation import Observation, Source
from ansible_collections.holdfast.mounts.plugins.module_utils._values.request import Entry


class _World:
    """The host as it is, and the ledger as it would become."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.mounted: t.Set[str] = set()
        self.unmounted: t.Set[int] = set()

    def apply(self, outcome: Outcome) -> None:
        plan = outcome.plan
        if plan is None:
            return
        held = self.ledger.references.get(plan.path)
        if plan.step == "mount":
            self.mounted.add(plan.path)
        if plan.step == "unmount" and held is not None:
            self.unmounted.add(held.mount_id)
        if plan.writes_ledger:
            self.ledger = self.ledger.changed({plan.path: plan.reference})

    def adjust(self, seen: Observation, entry: Entry) -> Observation:
        """Return what would be seen once everything before it were done."""
        if self.mounted.intersection(ancestors(entry.path)):
            seen = replace(seen, place=Place(entry.path, "absent"), foreign_below=())
        sources = entry.definition.source_paths if entry.definition else ()
        if any(self.mounted.intersection((source, *ancestors(source))) for source in sources):
            seen = replace(seen, source=Source())
        return replace(seen, submounts=tuple(i for i in seen.submounts if i not in self.unmounted))


def predict(call: Call) -> t.Tuple[Outcome, ...]:
    """Return the outcomes that the call would have now. Takes no lock and writes nothing."""
    ledger = read_ledger()
    for entry in call.request.entries:
        records = read_note(entry.path)
        if records:
            ledger = settled(ledger, *settle_note(records, ledger, call.host))
    refuse_other_namespace(ledger, call.host)
    world = _World(ledger)
    outcomes: t.Dict[str, Outcome] = {}
    for part in parts(call.request, ledger):
        own = replace(call, request=part)
        for wave in waves(part, ledger):
            around = Surroundings(world.ledger.references)
            going, stopped = without_footing(wave, own, outcomes)
            outcomes.update(stopped)
            for outcome in [_predict_entry(entry, own, world, around) for entry in going]:
                world.apply(outcome)
                outcomes[outcome.path] = outcome
    given = [entry.path for entry in call.request.entries]
    return tuple(outcomes[path] for path in given + sorted(set(outcomes) - set(given)))


def _predict_entry(entry: Entry, call: Call, world: _World, around: Surroundings) -> Outcome:
    reference = world.ledger.references.get(entry.path)
    try:
        seen = world.adjust(observe(entry, reference, call), entry)
        return Outcome(entry.path, plan=decide(entry, call, seen, around))
    except (MountError, OSError) as error:
        return Outcome(
            entry.path, error=as_coded(error, entry.path, step="look at", state=call.request.state)
        )
