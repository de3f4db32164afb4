# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whatever is seen and asked, the planner answers with a plan or a coded refusal."""

from __future__ import annotations

import typing as t

from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.decide.hold import Wish, plan_mounted
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.decide.neighbours import ManagedMounts
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.decide.release import (
    plan_released,
    plan_unmounted,
)
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.errors import Code, MountError
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.model import Definition, Place
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.steps import Observation, Source
from ansible_collections.holdfast.mounts.tests.unit.plugins.module_utils.builders import (
    HOST,
    NOW,
    make_definition,
    make_mount,
    make_reference,
    make_request,
)
from hypothesis import given, settings
from hypothesis import strategies as st

WANTED = (
    make_definition(),
    make_definition("noexec"),
    make_definition("mode=0700"),
    make_definition(fstype="bind", src="/srv/b"),
    make_definition("lowerdir=/srv/b:/srv/c", fstype="overlay", src="o"),
    make_definition("subvol=/x", fstype="btrfs", src="/dev/sda"),
)
PLACES = st.builds(
    Place,
    st.just("/srv/a"),
    st.sampled_from(["absent", "directory", "file", "device", "other"]),
    obstacle=st.sampled_from([None, "/srv"]),
    writable_ancestor=st.sampled_from([None, "/"]),
    mount=st.sampled_from([None, make_mount(), make_mount(fstype="ext4", source="")]),
    has_entries=st.sampled_from([None, True, False]),
)
# A deferred reference has no holder.
REFERENCES = st.builds(
    lambda holders, definition, owned, deferred: make_reference(
        *holders, wanted=definition, owned=owned, deferred=deferred and not holders
    ),
    st.sets(st.sampled_from("xyz")),
    st.sampled_from(WANTED[:3]),
    st.booleans(),
    st.booleans(),
)
OBSERVATIONS = st.builds(
    Observation,
    PLACES,
    st.one_of(st.none(), REFERENCES),
    is_here=st.booleans(),
    is_alive=st.booleans(),
    submounts=st.sampled_from([(), (7,)]),
    foreign_below=st.sampled_from([(), ("/srv/a/f",)]),
    source=st.builds(
        Source, st.lists(PLACES, max_size=2).map(tuple), device_number=st.sampled_from(["", "0:77"])
    ),
)


@settings(max_examples=200, deadline=None)
@given(
    OBSERVATIONS,
    st.sampled_from(["mounted", "released", "unmounted"]),
    st.sampled_from(WANTED),
    st.booleans(),
    st.sampled_from(["defer", "fail", "lazy"]),
    st.dictionaries(st.sampled_from(["/srv/a", "/srv/a/m", "/srv/z"]), REFERENCES),
)
def test_planner_returns_a_plan_or_a_coded_refusal_and_nothing_else(
    seen: Observation, state: str, wanted: Definition, flag: bool, on_busy: str, ledger: t.Dict[str, t.Any]
) -> None:
    request = make_request(
        state=state, holder="x", adopt=flag, allow_nonempty=flag, allow_unsafe_parents=flag, on_busy=on_busy
    )
    around = ManagedMounts(ledger)
    plan, refusal = None, None
    try:
        if state == "mounted":
            plan = plan_mounted(Wish("/srv/a", wanted, request, HOST, NOW), seen)
        else:
            act = plan_unmounted if state == "unmounted" else plan_released
            plan = act("/srv/a", request, seen, around)
    except MountError as error:
        refusal = error
    if plan is None:
        assert refusal is not None
        assert (refusal.code in t.get_args(Code), refusal.path) == (True, "/srv/a")
        return
    holders = set(plan.after.holders)
    assert ("x" in holders) is (state == "mounted")
    assert holders - {"x"} <= set(seen.reference.holders if seen.reference else ())
    assert plan.step == "none" or plan.changed
