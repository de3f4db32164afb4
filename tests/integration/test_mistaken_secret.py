# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A secret in an option that no module has: Ansible returns parameters with its refusal, but not this one."""

from __future__ import annotations

import json

import pytest
from harness.world import World

SECRET = "hunter2-of-nobody"


@pytest.mark.parametrize("module", ["safe_mount", "safe_mount_facts", "safe_mount_reconcile"])
def test_secret_in_an_unknown_option_is_not_returned(private_world: World, module: str) -> None:
    started = private_world.start(module=module, arguments={"password": SECRET, "spelling": "wrong"})
    result = private_world.collect(started)
    assert result.failed
    # The control: what is not a secret does come back, so there was something to hide.
    assert result["invocation"]["module_args"]["spelling"] == "wrong"
    assert SECRET not in json.dumps(result)
