# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which of the remembered mounts still exist, asked of the running kernel."""

from __future__ import annotations

import os
import typing as t

import pytest
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.claims import Reference
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.kernel.inodes import inode_of
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.kernel.mountinfo import read_mounts
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.kernel.mounts import living_mounts
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.kernel.system import observe_host
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.model import Host

TABLE = read_mounts()
# Greater than any id that a kernel has given out yet.
NEVER = 2**62


@pytest.fixture(name="host")
def find_host() -> Host:
    host = observe_host()
    if host.protection != "full":
        pytest.skip("the kernel has no unique mount ids (Linux 6.8)")
    return host


@pytest.fixture(name="root")
def remember_root(host: Host) -> Reference:
    """Return a reference that means the mount of the root directory."""
    fd = os.open("/", os.O_PATH)
    try:
        mount_id = inode_of(fd).mount_id
    finally:
        os.close(fd)
    return Reference("x", "ext4", (), True, {}, host.boot_id, host.mount_namespace, mount_id, "0:1", "a")


def living(host: Host, reference: Reference) -> object:
    return living_mounts({"/": reference}, host, TABLE)["/"]


def test_living_mount_that_is_gone_is_none(host: Host, root: Reference) -> None:
    assert living(host, root._replace(mount_id=NEVER)) is None


def test_living_reference_without_an_id_is_none(host: Host, root: Reference) -> None:
    assert living(host, root._replace(mount_id=0)) is None


@pytest.mark.parametrize(
    "change",
    [pytest.param({"boot_id": "old"}, id="boot"), pytest.param({"mount_namespace": 1}, id="namespace")],
)
def test_living_reference_of_another_place_is_none(
    host: Host, root: Reference, change: t.Dict[str, t.Any]
) -> None:
    assert living(host, root._replace(**change)) is None


def test_living_mount_has_its_number_in_the_table(host: Host, root: Reference) -> None:
    assert living(host, root) in [mount.mount_id for mount in TABLE if mount.mount_point == "/"]


def test_living_without_unique_ids_is_what_the_table_has(host: Host, root: Reference) -> None:
    number = TABLE[0].mount_id
    assert living(host._replace(protection="no_unique_id"), root._replace(mount_id=number)) == number


def test_living_without_unique_ids_missing_number_is_none(host: Host, root: Reference) -> None:
    assert living(host._replace(protection="no_unique_id"), root._replace(mount_id=NEVER)) is None
