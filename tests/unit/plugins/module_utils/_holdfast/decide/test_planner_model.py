# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The planner against a model: a pure world of mount points, driven by whatever may come."""

from __future__ import annotations

import typing as t

from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.claims import Ledger
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.decide.hold import Wish, plan_mounted
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.decide.neighbours import ManagedMounts
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.decide.release import (
    plan_released,
    plan_unmounted,
)
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.errors import MountError
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.model import Definition, Place
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.steps import Observation, Plan
from ansible_collections.holdfast.mounts.tests.unit.plugins.module_utils.builders import (
    HOST,
    NOW,
    make_definition,
    make_mount,
    make_request,
)
from hypothesis import given, settings
from hypothesis import strategies as st

PATHS = ("/srv/a", "/srv/b")
# The second differs in what a sole holder may change, the third in what nobody may.
DEFINITIONS = (make_definition(), make_definition("noexec"), make_definition("mode=0700"))
ACTS = ("mounted", "adopt", "released", "unmounted", "external mount", "external umount")


class Act(t.NamedTuple):
    """What somebody does at a mount point."""

    what: str
    path: str
    holder: str
    definition: Definition


class Point:
    """The model of one mount point: what is remembered and what is mounted. Foreign mounts are plain."""

    def __init__(self) -> None:
        self.held: t.Optional[Definition] = None
        self.holders: t.Set[str] = set()
        self.owned = False
        self.mounted: t.Optional[str] = None  # ours or foreign

    def expect(self, act: Act) -> str:
        """Do the act; return the action, or the code of the refusal."""
        asked, others = act.definition, self.holders - {act.holder}
        if act.what in ("released", "unmounted"):
            if act.what == "unmounted" and others:
                return "in_use"
            if act.what == "unmounted" and not self.owned and self.mounted:
                return "not_owned"
            if act.what == "unmounted" and self.mounted == "foreign":
                return "not_owned"
            if act.holder not in self.holders and (act.what == "released" or not self.held):
                return "none"
            self.holders = others
            if others or not self.owned or self.mounted == "foreign":
                word = "released"
            else:
                word, self.mounted = "unmounted", None
            if not others:
                is_left = self.mounted is not None
                self.held, self.owned, self.mounted = None, False, "foreign" if is_left else None
            return word
        if self.mounted == "ours":
            if asked != self.held:
                if others or not self.owned or asked == DEFINITIONS[2] or self.held == DEFINITIONS[2]:
                    return "conflict"
                self.held, self.holders = asked, {act.holder}
                return "remounted"
            word = "none" if act.holder in self.holders else "joined"
        elif self.mounted == "foreign":
            if asked != DEFINITIONS[0] or (others and asked != self.held):
                return "conflict"
            if act.what != "adopt":
                return "not_owned"
            word, self.owned = "adopted", False
        else:
            if self.held not in (None, asked) and others:
                return "conflict"
            word, self.owned = "mounted", True
        self.held, self.mounted = asked, "ours"
        self.holders.add(act.holder)
        return word

    def meddle(self, act: Act) -> None:
        """Let somebody else mount or unmount; what is covered is of no interest here."""
        self.mounted = "foreign" if act.what == "external mount" else None


class World:
    """A ledger and a kernel made of values, changed as plans say."""

    def __init__(self) -> None:
        self.ledger = Ledger()
        self.ids: t.Dict[str, int] = {}  # the mount at each path; ours has the ledger's id
        self.last = 100

    def see(self, path: str) -> Observation:
        reference, number = self.ledger.references.get(path), self.ids.get(path)
        mount = None if number is None else make_mount(mount_point=path, unique_id=number)
        ours = reference is not None and number is not None and number == reference.mount_id
        place = Place(path, "directory", mount=None if ours else mount)
        return Observation(place, reference, is_here=ours, is_alive=ours)

    def plan(self, act: Act) -> Plan:
        state = "mounted" if act.what == "adopt" else act.what
        request = make_request(state=state, holder=act.holder, adopt=act.what == "adopt")
        around, seen = ManagedMounts(self.ledger.references), self.see(act.path)
        if state == "mounted":
            return plan_mounted(Wish(act.path, act.definition, request, HOST, NOW), seen)
        return (plan_unmounted if state == "unmounted" else plan_released)(act.path, request, seen, around)

    def mount(self, path: str) -> None:
        self.last += 1
        self.ids[path] = self.last

    def apply(self, plan: Plan) -> None:
        reference = plan.reference
        if plan.step == "mount" and reference is not None:
            self.mount(plan.path)
            reference = reference._replace(mount_id=self.last)
        if plan.step == "unmount":
            del self.ids[plan.path]
        self.ledger = self.ledger.changed({plan.path: reference})


def outcome(world: World, act: Act) -> t.Union[Plan, str]:
    try:
        return world.plan(act)
    except MountError as error:
        return error.code


# The first definition comes more often, so that holders meet.
acts = st.builds(
    Act,
    st.sampled_from(ACTS),
    st.sampled_from(PATHS),
    st.sampled_from("xy"),
    st.sampled_from(DEFINITIONS[:1] * 3 + DEFINITIONS[1:]),
)


@settings(max_examples=200, deadline=None)
@given(st.lists(acts, min_size=10, max_size=40))
def test_planner_agrees_with_the_model(course: t.List[Act]) -> None:
    world, model = World(), {path: Point() for path in PATHS}
    for act in course:
        point = model[act.path]
        if act.what.startswith("external"):
            point.meddle(act)
            world.ids.pop(act.path, None)
            if act.what == "external mount":
                world.mount(act.path)
            continue
        before, expected, planned = world.see(act.path), point.expect(act), outcome(world, act)
        if isinstance(planned, str):
            assert planned == expected
            continue
        assert (planned.action, planned.changed) == (expected, expected != "none")
        assert set(planned.after.holders) == point.holders
        assert planned.after.is_mounted is (point.mounted is not None)
        assert planned.before.is_mounted is (before.is_here or before.covering is not None)
        world.apply(planned)
        again = outcome(world, act)
        assert isinstance(again, str) or again.action == "none", "the second time changes nothing"
        assert not isinstance(again, str) or (act.what, again) == ("unmounted", "not_owned")
