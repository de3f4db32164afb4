# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a reconciliation decides at one mount point, from values alone."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.claims import Holder, Lease, Moment
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.decide.hold import as_seen
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.decide.neighbours import ManagedMounts
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.decide.recovery import (
    leaving_holders,
    plan_drop,
    plan_restore,
)
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.model import Identity, Repair
from ansible_collections.holdfast.mounts.tests.unit.plugins.module_utils.builders import (
    HOST,
    NOW,
    PATH,
    SINCE,
    make_definition,
    make_mount,
    make_reference,
    make_request,
    refused,
    see_foreign,
    see_nothing,
    see_ours,
)

MOMENT = Moment(HOST.boot_id, NOW, 1000)
ENDED = Holder(SINCE, Lease(10, HOST.boot_id, 900, SINCE))
ALL = ("deferred", "expired", "interrupted", "missing", "options_changed", "orphaned", "replaced", "stacked")


def leaving(seen: t.Any, *kinds: str, **words: t.Any) -> t.Any:
    request = make_request(state="released", repair=Repair(kinds, **words))
    return plan_drop(PATH, request, seen, ManagedMounts({}), moment=MOMENT)


def coming(seen: t.Any, *kinds: str) -> t.Any:
    return plan_restore(PATH, make_definition(), make_request(repair=Repair(kinds)), seen, host=HOST)


def test_leaving_holders_are_the_ended_the_dropped_and_the_dead() -> None:
    reference = make_reference("a", "b", "c")._replace(
        holders={"x": ENDED, **make_reference("a", "b").holders}
    )
    assert leaving_holders(reference, Repair(()), MOMENT) == ()
    assert leaving_holders(reference, Repair(("expired",)), MOMENT) == ("x",)
    assert leaving_holders(reference, Repair((), dropped=("b", "z")), MOMENT) == ("b",)
    assert leaving_holders(reference, Repair((), live=("a",)), MOMENT) == ("b", "x")


@pytest.mark.parametrize("kind", ["deferred", "orphaned", "missing", "replaced"])
def test_what_nobody_holds_is_left_unless_its_kind_is_named(kind: str) -> None:
    reference = make_reference(deferred=kind == "deferred")
    seen = {
        "deferred": see_ours(reference),
        "orphaned": see_ours(reference),
        "missing": see_nothing(reference=reference),
        "replaced": see_foreign(reference=reference),
    }[kind]
    others = [other for other in ALL if other != kind]
    assert leaving(seen, *others).action == "none"
    assert leaving(seen, kind).reference is None


def test_last_dropped_holder_unmounts_whatever_is_to_be_repaired() -> None:
    plan = leaving(see_ours(make_reference("web")), dropped=("web",))
    assert (plan.action, plan.step, plan.reference) == ("unmounted", "unmount", None)


@pytest.mark.parametrize("kind", ["missing", "options_changed", "replaced"])
def test_what_is_held_is_left_unless_its_kind_is_named(kind: str) -> None:
    reference = make_reference("web")
    here = see_ours(reference)
    changed = here._replace(place=here.place._replace(mount=make_mount(flags=("rw", "nosuid", "relatime"))))
    seen = {
        "missing": see_nothing(reference=reference),
        "options_changed": changed,
        "replaced": see_foreign(reference=reference),
    }[kind]
    assert coming(seen, *(other for other in ALL if other != kind)).action == "none"
    action = {"missing": "mounted", "options_changed": "remounted", "replaced": "adopted"}[kind]
    plan = coming(seen, kind)
    assert (plan.action, dict(plan.reference.holders)) == (action, dict(reference.holders))


def test_missing_mount_that_was_changed_meanwhile_is_left() -> None:
    other = make_reference("web", wanted=make_definition("noexec"))
    assert coming(see_nothing(reference=other), "missing").action == "none"


def test_another_mount_is_not_taken_for_the_missing_one() -> None:
    seen = see_foreign(reference=make_reference("web"))
    different = seen._replace(place=seen.place._replace(mount=make_mount(source="other")))
    assert refused(coming, different, "replaced").code == "not_owned"


def test_flags_in_force_are_those_that_are_taken_off() -> None:
    reference = make_reference("web")
    here = see_ours(reference)
    mount = make_mount(flags=("rw", "nosuid", "noexec", "relatime"))
    plan = coming(here._replace(place=here.place._replace(mount=mount)), "options_changed")
    assert as_seen(reference, plan).definition.flags == ("noexec", "nosuid")
    assert as_seen(reference, None) == reference


def test_mount_that_replaced_ours_is_known_by_its_own_root() -> None:
    reference, root = make_reference("web", inode=1, birth=7), Identity("0:77", 2, 9)
    seen = see_foreign(reference=reference)
    seen = seen._replace(place=seen.place._replace(identity=root))
    request = make_request(repair=Repair(("replaced",)))
    plan = plan_restore(PATH, make_definition(), request, seen, host=HOST)
    assert plan.action == "adopted"
    assert plan.reference is not None
    held = plan.reference
    assert (held.device, held.inode, held.birth) == (root.device, root.inode, root.birth)
