# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A number that is given counts, zero among them; one that is left out does not."""

from __future__ import annotations

import json
import typing as t

import pytest
from harness.results import play
from harness.world import World

MOUNT = {"path": "/srv/a", "src": "tmpfs", "fstype": "tmpfs"}


def acquire(world: World, **variables: t.Any) -> t.Any:
    """Start the role acquire with extra variables."""
    role = play(name="Acquire", roles=["holdfast.mounts.acquire"])
    given = {"acquire_holder": "shop", "acquire_mounts": [MOUNT], **variables}
    return world.playbook(role, "--extra-vars", json.dumps(given))


@pytest.mark.parametrize("value", [0, "0"], ids=["number", "text"])
def test_lease_of_no_length_is_refused(private_world: World, value: t.Any) -> None:
    played = acquire(private_world, acquire_ttl=value)
    assert any(result.code == "invalid_argument" for result in played.results), played
    assert private_world.stack("/srv/a") == []


def test_numbers_that_are_left_out_do_not_count(private_world: World) -> None:
    played = acquire(private_world, acquire_ttl="", acquire_timeout=None)
    assert not any(result.failed for result in played.results), played
    assert len(private_world.stack("/srv/a")) == 1
