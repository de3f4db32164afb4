# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Ad-hoc use: one command line, no play, no holder."""

from __future__ import annotations

import json
import typing as t

import pytest
from harness.world import World


@pytest.fixture
def world(private_world: World) -> World:
    """One world: what this does with the kernel is tried on shared mounts elsewhere."""
    return private_world


def test_ad_hoc_command_comes_and_goes(world: World) -> None:
    acquire = "path=/mnt/x src=tmpfs fstype=tmpfs"
    predicted = world.ansible(acquire, "--check")
    assert (predicted.changed, predicted.action) == (True, "mounted"), predicted
    assert not world.exists("/mnt/x")
    first = world.ansible(acquire)
    assert (first.changed, first.action, first.holders) == (True, "mounted", ["ansible"]), first
    assert world.top("/mnt/x").fstype == "tmpfs"
    again = world.ansible(acquire)
    assert (again.changed, again.action) == (False, "none"), again
    released = world.ansible("path=/mnt/x state=released")
    assert (released.changed, released.action) == (True, "unmounted"), released
    assert world.stack("/mnt/x") == []
    assert not world.exists("/mnt/x")
    assert world.references == {}


def test_ad_hoc_options_are_split_at_commas(private_world: World) -> None:
    result = private_world.ansible("path=/mnt/x src=tmpfs fstype=tmpfs opts=size=1m,noexec holder=7")
    assert result.holders == ["7"], result
    mount = private_world.top("/mnt/x")
    assert "noexec" in mount.flags
    assert "size=1024k" in mount.options


def test_ad_hoc_wrong_type_is_refused_in_the_words_of_ansible(private_world: World) -> None:
    before = private_world.snapshot()
    result = private_world.ansible("path=/mnt/x src=tmpfs fstype=tmpfs adopt=perhaps")
    assert result.failed or "adopt" in result["msg"], result
    assert before.differences(private_world.snapshot()) == []


MANY = json.dumps({"mounts": [{"path": f"/mnt/{name}", "src": name, "fstype": "tmpfs"} for name in "ab"]})
RECONCILE = "holdfast.mounts.safe_mount_reconcile"


@pytest.mark.parametrize(
    ("options", "lines", "repaired"),
    [
        pytest.param([], None, None, id="plain"),
        pytest.param(
            ["-v"],
            ["'/mnt/a' mounted; held by 1 holder", "'/mnt/b' mounted; held by 1 holder"],
            ["'/mnt/b' mounted (missing); held by 1 holder"],
            id="verbose",
        ),
    ],
)
def test_ad_hoc_tells_a_line_for_each_mount_point_when_verbose(
    private_world: World,
    options: t.Sequence[str],
    lines: t.Optional[t.Sequence[str]],
    repaired: t.Optional[t.Sequence[str]],
) -> None:
    result = private_world.ansible(MANY, *options)
    assert (result["msg"], result.get("lines")) == ("mount points: 2 mounted", lines)
    assert private_world.run("umount", "/mnt/b").rc == 0
    result = private_world.ansible("", *options, module=RECONCILE)
    assert (result["msg"], result.get("lines")) == ("mount points: 1 mounted", repaired)
