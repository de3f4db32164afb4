# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Where ledger and kernel disagree: each kind of drift, and what is none."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.claims import (
    Holder,
    Lease,
    Moment,
    Reference,
)
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.facts import (
    Scene,
    find_drift,
    is_ours,
)
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.kernel.mountinfo import Visible
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.model import Host, KernelMount

PATH = "/srv/a"
HOST = Host(boot_id="this-boot", mount_namespace=1, protection="full")
OLD_HOST = HOST._replace(protection="no_unique_id")
SCENE = Scene(HOST, {PATH: 40}, Moment(HOST.boot_id, "2026-03-02T10:00:00Z", 0), {})
GONE = SCENE._replace(alive={PATH: None})


def until(expires: str) -> Holder:
    """Return a claim with a lease of another boot, for which the wall clock counts."""
    return Holder("2026-03-01T10:00:00Z", Lease(0, "other-boot", 0, expires))


HELD = {"web": Holder("2026-03-01T10:00:00Z")}
REFERENCE = Reference(
    src="scratch",
    fstype="tmpfs",
    opts=("nodev", "nosuid"),
    owned=True,
    holders=HELD,
    boot_id="this-boot",
    mount_namespace=1,
    mount_id=2147483699,
    device="0:55",
    operation="3f2a",
)
MOUNT = KernelMount(
    mount_id=40,
    parent_id=1,
    device="0:55",
    root="/",
    mount_point=PATH,
    fstype="tmpfs",
    source="scratch",
    flags=("rw", "nosuid", "nodev", "relatime"),
    options=("rw",),
)
OURS = Visible(MOUNT)
OTHER = MOUNT._replace(mount_id=41)


def kinds(reference: Reference, visible: t.Optional[Visible], scene: Scene = SCENE) -> t.List[str]:
    return [drift.kind for drift in find_drift(PATH, reference, visible, scene)]


@pytest.mark.parametrize(
    ("reference", "visible", "scene", "expected"),
    [
        pytest.param(REFERENCE, None, GONE, ["missing"], id="unmounted by hand"),
        pytest.param(REFERENCE._replace(boot_id="old"), None, SCENE, ["missing"], id="another boot"),
        pytest.param(REFERENCE._replace(mount_namespace=2), None, SCENE, ["missing"], id="another namespace"),
        pytest.param(
            REFERENCE._replace(holders={}, deferred=True), None, GONE, ["missing"], id="deferred, gone"
        ),
        pytest.param(REFERENCE, Visible(OTHER), GONE, ["replaced"], id="another mount there"),
        pytest.param(
            REFERENCE._replace(boot_id="old"), OURS, SCENE, ["replaced"], id="same number, another boot"
        ),
        pytest.param(REFERENCE, None, SCENE, ["replaced"], id="alive, hidden or moved"),
        pytest.param(REFERENCE, Visible(OTHER, True, (MOUNT,)), SCENE, ["stacked"], id="covered by another"),
        pytest.param(REFERENCE, Visible(MOUNT, True, (OTHER,)), SCENE, ["stacked"], id="another beneath"),
        pytest.param(
            REFERENCE,
            Visible(MOUNT._replace(flags=("rw", "nodev", "relatime"))),
            SCENE,
            ["options_changed"],
            id="a flag lost",
        ),
        pytest.param(REFERENCE._replace(holders={}), OURS, SCENE, ["orphaned"], id="owned, nobody holds it"),
        pytest.param(
            REFERENCE._replace(holders={}),
            Visible(OTHER, True, (MOUNT,)),
            SCENE,
            ["stacked", "orphaned"],
            id="orphaned and covered",
        ),
        pytest.param(REFERENCE._replace(holders={}, deferred=True), OURS, SCENE, ["deferred"], id="deferred"),
        pytest.param(
            REFERENCE._replace(holders={"web": until("2026-03-02T10:00:00Z")}),
            OURS,
            SCENE,
            ["expired"],
            id="a lease that ends now",
        ),
        pytest.param(
            REFERENCE._replace(holders={"web": until("2026-03-02T09:59:59.5Z")}),
            None,
            GONE,
            ["missing", "expired"],
            id="missing and expired",
        ),
        pytest.param(REFERENCE, OURS, SCENE, [], id="as it should be"),
        pytest.param(
            REFERENCE._replace(owned=False, holders={}), OURS, SCENE, [], id="not owned, nobody holds it"
        ),
        pytest.param(
            REFERENCE._replace(holders={"web": until("2026-03-02T10:00:01Z")}),
            OURS,
            SCENE,
            [],
            id="a lease that goes on",
        ),
    ],
)
def test_drift_situation_gives_its_kinds(
    reference: Reference, visible: t.Optional[Visible], scene: Scene, expected: t.List[str]
) -> None:
    assert kinds(reference, visible, scene) == expected


@pytest.mark.parametrize(
    ("mount", "kind"),
    [
        pytest.param({"fstype": "nfs4", "source": "host:/a"}, "missing", id="as the kernel shows it"),
        pytest.param({"fstype": "nfs4", "source": "host:/b"}, "replaced", id="another source"),
        pytest.param({"fstype": "tmpfs", "source": "host:/a"}, "replaced", id="another type"),
        pytest.param(
            {"fstype": "nfs4", "source": "host:/a", "flags": ("rw",)}, "replaced", id="without its flags"
        ),
    ],
)
def test_drift_after_a_boot_is_missing_where_our_entry_may_have_made_it(
    mount: t.Dict[str, t.Any], kind: str
) -> None:
    holders = {"web": Holder("2026-03-01T10:00:00Z", boot=True)}
    held = REFERENCE._replace(fstype="nfs", src="host:/a", boot_id="old", holders=holders)
    assert kinds(held, OURS._replace(mount=MOUNT._replace(**mount)), GONE) == [kind]


@pytest.mark.parametrize(
    ("reference", "told"),
    [
        pytest.param(REFERENCE._replace(boot_id="old"), "booted again", id="another boot"),
        pytest.param(
            REFERENCE._replace(mount_namespace=2), "another mount namespace", id="another namespace"
        ),
        pytest.param(REFERENCE, "any more", id="unmounted"),
    ],
)
def test_drift_missing_says_why(reference: Reference, told: str) -> None:
    (drift,) = find_drift(PATH, reference, None, GONE)
    assert told in drift.message


@pytest.mark.parametrize(
    "mount",
    [
        pytest.param(MOUNT._replace(device="0:56"), id="another device"),
        pytest.param(MOUNT._replace(fstype="ext4"), id="another type"),
        pytest.param(MOUNT._replace(source="other"), id="another source"),
        pytest.param(MOUNT._replace(mount_id=41), id="another number"),
    ],
)
def test_ours_without_unique_ids_needs_all_to_agree(mount: KernelMount) -> None:
    assert not is_ours(PATH, REFERENCE, mount, SCENE._replace(host=OLD_HOST))


def test_ours_of_btrfs_has_another_device_than_its_files() -> None:
    held = REFERENCE._replace(fstype="btrfs", src="/dev/vdb")
    shown = MOUNT._replace(fstype="btrfs", source="/dev/vdb", device="0:43")
    old = SCENE._replace(host=OLD_HOST)
    assert is_ours(PATH, held, shown, old)
    assert not is_ours(PATH, held, shown._replace(mount_id=41), old)


def test_ours_bind_has_the_type_of_what_it_shows() -> None:
    bind = REFERENCE._replace(fstype="bind", src="/srv/b")
    assert is_ours(PATH, bind, MOUNT._replace(fstype="ext4"), SCENE._replace(host=OLD_HOST))


@pytest.mark.parametrize(
    ("fstype", "shown", "is_one"),
    [
        ("nfs", "nfs4", True),
        ("nfs", "nfs", True),
        ("nfs4", "nfs", False),
        ("glusterfs", "fuse.glusterfs", True),
    ],
)
def test_ours_of_a_helper_has_one_of_the_types_that_the_kernel_shows(
    fstype: str, shown: str, is_one: bool
) -> None:
    held = REFERENCE._replace(fstype=fstype, src="host:/a")
    assert is_ours(PATH, held, MOUNT._replace(fstype=shown), SCENE._replace(host=OLD_HOST)) is is_one


def test_ours_path_that_was_not_asked_about_is_not() -> None:
    assert not is_ours("/srv/b", REFERENCE, MOUNT, SCENE)
