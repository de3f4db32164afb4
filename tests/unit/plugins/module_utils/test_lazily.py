# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a task does not come to is not loaded; what a module asks for is what the rooms have."""

from __future__ import annotations

import os
import subprocess
import sys
import typing as t
from pathlib import Path

import pytest

PREFIX = "ansible_collections.holdfast.mounts.plugins."
PROGRAM = f"""
import sys
{{first}}
from {PREFIX}module_utils._call import safe_mount
from {PREFIX}module_utils._kernel import users

def is_loaded(name):
    module = sys.modules.get("{PREFIX}module_utils." + name)
    return module is not None and type(module).__name__ != "_LazyModule"

before = [name for name in ("_call.safe_mount", "_kernel.users", "_execute.predict") if is_loaded(name)]
safe_mount.run_call, users.find_users
after = [name for name in ("_call.safe_mount", "_kernel.users", "_execute.predict") if is_loaded(name)]
print(before, after)
"""
HOOK = f"from {PREFIX}module_utils._imports.lazily import import_lazily; import_lazily()"


def run(first: str) -> t.List[str]:
    """Return what is loaded before anything is asked for, and after."""
    environment = dict(os.environ, PYTHONPATH=str(Path(__file__).resolve().parents[7]))
    argv = [sys.executable, "-c", PROGRAM.format(first=first)]
    done = subprocess.run(argv, env=environment, check=True, capture_output=True, text=True)
    return done.stdout.splitlines()


@pytest.mark.skipif(sys.version_info < (3, 10), reason="needs Python 3.10")
def test_rooms_are_loaded_when_something_in_them_is_asked_for() -> None:
    assert run(HOOK) == ["[] ['_call.safe_mount', '_kernel.users']"]


def test_control_without_it_everything_is_loaded_at_once() -> None:
    everything = "['_call.safe_mount', '_kernel.users', '_execute.predict']"
    assert run("") == [f"{everything} {everything}"]
