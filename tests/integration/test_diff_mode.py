# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Diff mode shows holders and mount state before and after."""

from __future__ import annotations

import json
import typing as t

import pytest
from harness.cycle import leave, succeed, tmpfs
from harness.results import Result
from harness.world import World, executable

PATH = "/srv/app/data"


def run_with_diff(world: World, *, check: bool, **arguments: t.Any) -> Result:
    """Run the module in diff mode."""
    return world.collect(world.start(arguments=arguments, diff=True, check=check))


def sides(result: Result) -> t.Tuple[str, str]:
    """Return before and after as text, whether they are given as text or as data; of lists, all together."""
    found = result["diff"]
    parts = found if isinstance(found, list) else [found]
    texts = []
    for side in ("before", "after"):
        values = [part[side] for part in parts]
        texts.append("\n".join(value if isinstance(value, str) else json.dumps(value) for value in values))
    return texts[0], texts[1]


@pytest.mark.parametrize("check", [True, False], ids=["check", "real"])
def test_joining_shows_the_holder_that_comes(world: World, check: bool) -> None:
    succeed(world, **tmpfs(PATH, "first-holder"))
    before, after = sides(run_with_diff(world, check=check, **tmpfs(PATH, "second-holder")))
    assert "first-holder" in before
    assert "second-holder" not in before
    assert "first-holder" in after
    assert "second-holder" in after


@pytest.mark.parametrize("check", [True, False], ids=["check", "real"])
def test_unmounting_shows_the_mount_that_goes(world: World, check: bool) -> None:
    succeed(world, **tmpfs(PATH, "only-holder"))
    before, after = sides(run_with_diff(world, check=check, **leave(PATH, "only-holder")))
    assert before != after
    assert "only-holder" in before
    assert "only-holder" not in after


def test_nothing_to_do_shows_no_difference(world: World) -> None:
    succeed(world, **tmpfs(PATH, "a"))
    result = run_with_diff(world, check=False, **tmpfs(PATH, "a"))
    assert result.action == "none"
    if "diff" in result:
        before, after = sides(result)
        assert before == after


def test_bulk_shows_every_mount_point(world: World) -> None:
    entries = [{"path": path, "src": "tmpfs", "fstype": "tmpfs"} for path in ("/srv/one", "/srv/two")]
    _before, after = sides(run_with_diff(world, check=True, mounts=entries, holder="bulk-holder"))
    assert "/srv/one" in after
    assert "/srv/two" in after
    assert "bulk-holder" in after


def test_real_ansible_prints_the_difference(private_world: World) -> None:
    world = private_world
    argv = ["localhost", "-m", "holdfast.mounts.safe_mount", "-a"]
    arguments = f"path={PATH} src=tmpfs fstype=tmpfs holder=shown-holder"
    environment = world.environment(world.scratch / "diff.jsonl")
    command = [executable("ansible"), *argv, arguments, "--diff", "--check"]
    finished = world.run(*command, environment=environment)
    assert finished.rc == 0, finished
    added = [line for line in finished.stdout.splitlines() if line.startswith("+")]
    assert any("shown-holder" in line for line in added), finished.stdout
