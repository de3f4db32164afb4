# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the emulator shares with the virtual machine by 9p and virtiofs, and ceph, whose cluster is in it."""

from __future__ import annotations

import subprocess
import typing as t
from pathlib import Path

import pytest
from harness.cycle import leave, succeed
from harness.images import is_known_to_the_kernel
from harness.network import listens
from harness.world import World

PATH = "/srv/shared/data"
CLUSTER = "127.0.0.1:6789:/"
KEY = "/etc/holdfast/ceph.key"
# The buses' folders of the devices that offer one; the machine's tags are the names of the types.
DEVICES = {"9p": "9pnet_virtio", "virtiofs": "virtiofs"}
MORE: t.Dict[str, t.Dict[str, t.Any]] = {
    "9p": {"opts": ["access=any", "msize=262144"]},
    "virtiofs": {"opts": ["noexec"]},
    "ceph": {"src": CLUSTER, "opts": ["name=admin"], "credentials_file": KEY},
}


def read_key() -> str:
    """Return the administrator's key of the cluster in the machine."""
    argv = ["ceph-authtool", "--print-key", "/etc/ceph/ceph.client.admin.keyring"]
    return subprocess.run(argv, check=True, capture_output=True, text=True).stdout


def require(fstype: str) -> None:
    """Skip the test where nothing is shared by this type."""
    if not is_known_to_the_kernel(fstype):
        pytest.skip(f"this kernel has no {fstype}")
    if fstype == "ceph":
        if not (Path("/sbin/mount.ceph").exists() and listens(6789)):
            pytest.skip("needs the cluster of the virtual machine")
    elif not any(Path(f"/sys/bus/virtio/drivers/{DEVICES[fstype]}").glob("virtio*")):
        pytest.skip(f"nothing is shared by {fstype} here")


def share(world: World, fstype: str, **more: t.Any) -> t.Dict[str, t.Any]:
    """Return the arguments that mount what is shared, and make what they need."""
    if fstype == "ceph":
        world.write(KEY, read_key(), 0o600)
        world.file(KEY).parent.chmod(0o700)
    return {
        "path": PATH,
        "src": fstype,
        "fstype": fstype,
        "holder": "a",
        "timeout": 300,
        **MORE[fstype],
        **more,
    }


@pytest.mark.parametrize("fstype", sorted(MORE))
def test_share_is_held_joined_and_let_go(private_world: World, fstype: str) -> None:
    require(fstype)
    world = private_world
    wish = share(world, fstype)
    predicted = world.predict(**wish)
    assert (predicted.failed, predicted.action) == (False, "mounted"), predicted
    for holder, action in (("a", "mounted"), ("a", "none"), ("b", "joined")):
        result = world.call(**{**wish, "holder": holder})
        assert (result.failed, result.action) == (False, action), result
        assert result.mount["drift"] == []
    assert world.top(PATH).fstype == fstype
    world.write(f"{PATH}/file", "stored")
    assert world.file(f"{PATH}/file").read_text(encoding="utf-8") == "stored"
    world.file(f"{PATH}/file").unlink()
    assert world.facts()["drift"] == []
    for holder, action in (("a", "released"), ("b", "unmounted")):
        result = succeed(world, **leave(PATH, holder))
        assert result.action == action, result
    assert (world.references, world.stack(PATH), world.exists("/srv/shared")) == ({}, [], False)


FAULTS: t.Dict[str, t.Tuple[str, t.Dict[str, t.Any], str]] = {
    "9p of another tag": ("9p", {"src": "missing"}, "mount_failed"),
    "virtiofs of another tag": ("virtiofs", {"src": "missing"}, "mount_failed"),
    "ceph of another folder": ("ceph", {"src": f"{CLUSTER}missing"}, "correct 'src'"),
}


@pytest.mark.parametrize(("fstype", "more", "words"), FAULTS.values(), ids=FAULTS.keys())
def test_share_that_is_not_there_leaves_nothing(
    private_world: World, fstype: str, more: t.Dict[str, t.Any], words: str
) -> None:
    require(fstype)
    world = private_world
    result = world.call(**share(world, fstype, **more))
    assert (result.failed, result.code) == (True, "mount_failed"), result
    assert words in f"{result.code} {result['msg']}", result
    assert (world.references, world.stack(PATH), world.exists("/srv/shared")) == ({}, [], False)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param("AQBwrongwrongwrongwrongwrongwrongwrongA==\n", "the key is none", id="none"),
        pytest.param("AQDXhk9nAAAAABAAyW4hqGZ0vY1xHn0gq1hQ9w==\n", "'credentials_file'", id="another"),
    ],
)
def test_ceph_with_a_wrong_key_is_refused_and_tells_no_key(
    private_world: World, text: str, words: str
) -> None:
    require("ceph")
    world = private_world
    wish = share(world, "ceph")
    world.write(KEY, text, 0o600)
    result = world.call(**wish)
    assert (result.failed, result.code) == (True, "mount_failed"), result
    assert words in result["msg"], result
    assert text.strip() not in str(result)
    assert world.references == {}
