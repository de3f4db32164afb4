# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a holder's wish comes to, case by case."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.claims import Holder
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.decide.hold import Wish, plan_mounted
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.model import Identity, Place
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.steps import Observation, Plan, Source
from ansible_collections.holdfast.mounts.tests.unit.plugins.module_utils.builders import (
    FLAGS,
    NOW,
    PATH,
    SINCE,
    make_definition,
    make_mount,
    make_reference,
    make_wish,
    refused,
    see_foreign,
    see_nothing,
    see_ours,
)

OTHER = make_definition("size=4096")
BIND = make_definition(fstype="bind", src="/srv/b")


def plan(seen: Observation, **wish: t.Any) -> Plan:
    return plan_mounted(make_wish(**wish), seen)


# --- Refusals ---


@pytest.mark.parametrize(
    ("seen", "wish", "code"),
    [
        pytest.param(see_nothing(place=Place(PATH, "absent", obstacle="/srv")), {}, "unsafe_path", id="link"),
        pytest.param(
            see_nothing(place=Place(PATH, "absent", writable_ancestor="/srv")), {}, "unsafe_path", id="parent"
        ),
        pytest.param(see_nothing(place=Place(PATH, "file")), {}, "unsafe_path", id="a file"),
        pytest.param(
            see_nothing(place=Place(PATH, "directory", has_entries=True)), {}, "not_empty", id="entries"
        ),
        pytest.param(
            see_nothing(place=Place(PATH, "directory", has_entries=True), foreign_below=(f"{PATH}/b",)),
            {"allow_nonempty": True},
            "shadows",
            id="foreign mount below",
        ),
        pytest.param(see_foreign(), {}, "not_owned", id="foreign and equal, not adopted"),
        pytest.param(see_foreign(), {"wanted": OTHER}, "conflict", id="foreign and different"),
        pytest.param(
            see_foreign(), {"wanted": OTHER, "adopt": True}, "conflict", id="foreign and different, adopted"
        ),
        pytest.param(
            see_ours(make_reference("web", "db")), {"wanted": OTHER}, "conflict", id="shared, other options"
        ),
        pytest.param(see_ours(make_reference("web")), {"wanted": BIND}, "conflict", id="sole, another type"),
        pytest.param(
            see_ours(make_reference("web", owned=False)),
            {"wanted": make_definition("noexec")},
            "conflict",
            id="sole but not owned",
        ),
        pytest.param(
            see_nothing(reference=make_reference("web"), is_alive=True), {}, "conflict", id="moved away"
        ),
        pytest.param(
            see_foreign(reference=make_reference("web"), is_alive=True),
            {"adopt": True},
            "conflict",
            id="ours is covered",
        ),
        pytest.param(
            see_nothing(reference=make_reference("db")),
            {"wanted": OTHER},
            "conflict",
            id="gone, held as other",
        ),
        pytest.param(
            see_nothing(source=Source((Place("/srv/b", "absent"),))),
            {"wanted": BIND},
            "mount_failed",
            id="source missing",
        ),
        pytest.param(
            see_nothing(source=Source((Place("/srv/b", "other"),))),
            {"wanted": BIND},
            "source_not_allowed",
            id="source is a fifo",
        ),
        pytest.param(
            see_nothing(source=Source((Place("/srv/b", "directory", obstacle="/srv"),))),
            {"wanted": BIND},
            "unsafe_path",
            id="source behind a link",
        ),
    ],
)
def test_plan_mounted_of_what_may_not_be_is_refused(
    seen: Observation, wish: t.Dict[str, t.Any], code: str
) -> None:
    error = refused(plan, seen, **wish)
    assert (error.code, error.step, error.path) == (code, "plan", PATH)


def test_plan_mounted_above_a_managed_mount_shadows() -> None:
    assert refused(plan, see_nothing(managed_below=(f"{PATH}/b",))).code == "shadows"


def test_plan_mounted_conflict_tells_values_and_holders_only_in_its_detail() -> None:
    error = refused(plan, see_ours(make_reference("web", "db")), wanted=OTHER)
    assert "db" not in error.message
    assert error.detail == "opts is 'nodev,nosuid'; held by: db, web"


# --- What happens ---


@pytest.mark.parametrize(
    ("seen", "wish", "action", "step", "holders"),
    [
        pytest.param(see_nothing(), {}, "mounted", "mount", ["web"], id="nothing"),
        pytest.param(
            see_nothing(place=Place(PATH, "directory")), {}, "mounted", "mount", ["web"], id="empty"
        ),
        pytest.param(
            see_nothing(place=Place(PATH, "directory", has_entries=True)),
            {"allow_nonempty": True},
            "mounted",
            "mount",
            ["web"],
            id="entries allowed",
        ),
        pytest.param(
            see_nothing(place=Place(PATH, "absent", writable_ancestor="/srv")),
            {"allow_unsafe_parents": True},
            "mounted",
            "mount",
            ["web"],
            id="unsafe parents allowed",
        ),
        pytest.param(
            see_nothing(reference=make_reference("db")), {}, "mounted", "mount", ["db", "web"], id="vanished"
        ),
        pytest.param(
            see_nothing(reference=make_reference("web")),
            {"wanted": OTHER},
            "mounted",
            "mount",
            ["web"],
            id="vanished, sole holder wants another",
        ),
        pytest.param(see_ours(make_reference("db")), {}, "joined", "none", ["db", "web"], id="second"),
        pytest.param(see_ours(make_reference()), {}, "joined", "none", ["web"], id="orphaned"),
        pytest.param(see_ours(make_reference(deferred=True)), {}, "joined", "none", ["web"], id="deferred"),
        pytest.param(see_ours(make_reference("web", "db")), {}, "none", "none", ["db", "web"], id="again"),
        pytest.param(see_ours(make_reference("web", owned=False)), {}, "none", "none", ["web"], id="adopted"),
        pytest.param(
            see_ours(make_reference("db", owned=False)),
            {},
            "joined",
            "none",
            ["db", "web"],
            id="join adopted",
        ),
        pytest.param(
            see_ours(make_reference("web")),
            {"wanted": make_definition("noexec")},
            "remounted",
            "remount",
            ["web"],
            id="sole holder, other flags",
        ),
        pytest.param(
            see_ours(make_reference(wanted=OTHER)),
            {"wanted": make_definition("size=8192")},
            "remounted",
            "remount",
            ["web"],
            id="orphaned, another size",
        ),
        pytest.param(see_foreign(), {"adopt": True}, "adopted", "none", ["web"], id="adopt"),
    ],
)
def test_plan_mounted_predicts(
    seen: Observation, wish: t.Dict[str, t.Any], action: str, step: str, holders: t.List[str]
) -> None:
    planned = plan(seen, **wish)
    assert (planned.action, planned.step) == (action, step)
    assert (list(planned.after.holders), planned.after.is_mounted) == (holders, True)
    assert planned.changed is (action != "none")


def test_plan_mounted_joined_keeps_the_times_of_others() -> None:
    reference = plan(see_ours(make_reference("db"))).reference
    assert reference is not None
    assert dict(reference.holders) == {"web": Holder(NOW), "db": Holder(SINCE)}


def test_plan_mounted_of_a_deferred_mount_ends_its_deferral() -> None:
    reference = plan(see_ours(make_reference(deferred=True))).reference
    assert reference is not None
    assert not reference.deferred


def test_plan_mounted_adopted_is_not_owned_and_known_by_its_unique_id() -> None:
    reference = plan(see_foreign(), adopt=True).reference
    assert reference is not None
    assert (reference.owned, reference.mount_id, reference.device) == (False, 5000, "0:77")


def test_plan_mounted_adopted_without_unique_ids_is_known_by_its_number() -> None:
    place = Place(PATH, "directory", mount=make_mount(unique_id=None))
    reference = plan(see_foreign(place=place), adopt=True).reference
    assert reference is not None
    assert reference.mount_id == 70


def test_plan_mounted_again_after_a_reboot_belongs_to_this_boot() -> None:
    old = make_reference("db", boot_id="old-boot", mount_namespace=9)
    reference = plan(see_nothing(reference=old)).reference
    assert reference is not None
    assert (reference.boot_id, reference.mount_namespace, reference.mount_id) == ("this-boot", 1, 0)


def test_plan_mounted_bind_of_a_file_takes_a_file_as_mount_point() -> None:
    source = Source((Place("/srv/b", "file", identity=Identity("0:1", 2, 3)),))
    seen = see_nothing(place=Place(PATH, "file"), source=source)
    assert plan(seen, wanted=BIND).step == "mount"
    directory = seen._replace(place=Place(PATH, "directory"))
    assert refused(plan, directory, wanted=BIND).code == "unsafe_path"


def conflicting(*opts: str, implied: t.Tuple[str, ...] = FLAGS, **wish: t.Any) -> Wish:
    """Return a wish for these options, of which nobody wrote the implied ones."""
    return make_wish(*opts, **wish)._replace(implied=implied)


def test_plan_mounted_conflict_names_the_words_that_are_not_held() -> None:
    held = make_definition("size=4096")._replace(flags=("nosuid",))
    error = refused(plan_mounted, conflicting("noexec"), see_ours(make_reference("db", wanted=held)))
    assert "different opts (not there: 'nodev', which is implied; 'noexec')" in error.message
    assert "size" not in error.message
    assert "size=4096" in error.detail


def test_plan_mounted_conflict_names_the_words_that_a_foreign_mount_does_not_show() -> None:
    place = see_foreign().place._replace(mount=make_mount(flags=("rw", "nosuid", "relatime")))
    error = refused(plan_mounted, conflicting("size=8192", adopt=True), see_foreign(place=place))
    assert "different opts (not there: 'nodev', which is implied; 'size=8192')" in error.message


def test_plan_mounted_conflict_does_not_tell_the_path_of_credentials() -> None:
    wish = conflicting("credentials_file=/etc/secret", adopt=True)
    error = refused(plan_mounted, wish, see_foreign())
    assert "'credentials_file'" in error.message
    assert "/etc/secret" not in error.message


def test_plan_mounted_same_subvolume_by_another_name_is_joined() -> None:
    """The id and the path of one subvolume: what the mount shows tells that they are the same."""
    held, wanted = (make_definition(word, fstype="btrfs") for word in ("subvol=/a", "subvolid=256"))
    mount = make_mount(fstype="btrfs", options=("rw", "subvolid=256", "subvol=/a"))
    seen = see_ours(make_reference("db", wanted=held), place=Place(PATH, "directory", mount=mount))
    assert plan_mounted(make_wish(wanted=wanted), seen).action == "joined"
    other = make_wish(wanted=make_definition("subvolid=257", fstype="btrfs"))
    assert refused(plan_mounted, other, seen).code == "conflict"
