# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The modules run under every Python that hosts may have, from 3.8 on."""

from __future__ import annotations

import glob
import os
import shutil
import subprocess
import typing as t

import pytest
from harness.world import World


def find_interpreter(minor: int) -> t.Optional[str]:
    """Return a Python 3 of this minor version that really runs (a shim may stand in its place)."""
    name = f"python3.{minor}"
    folders = glob.glob(
        os.path.join(os.environ.get("PYENV_ROOT", "/nonexistent"), f"versions/3.{minor}.*/bin")
    )
    for path in (*(os.path.join(folder, name) for folder in sorted(folders)), shutil.which(name)):
        if path and subprocess.run([path, "-c", ""], check=False, capture_output=True).returncode == 0:
            return path
    return None


@pytest.mark.parametrize("minor", range(8, 15))
def test_module_runs_under(private_world: World, minor: int) -> None:
    interpreter = find_interpreter(minor)
    if interpreter is None:
        pytest.skip(f"no Python 3.{minor} here")
    option = ("-e", f"ansible_python_interpreter={interpreter}")
    acquired = private_world.ansible("path=/srv/x src=tmpfs fstype=tmpfs opts=size=1m,noexec", *option)
    assert acquired.action == "mounted", acquired
    facts = private_world.ansible("", *option, module="holdfast.mounts.safe_mount_facts")
    assert list(facts["ansible_facts"]["holdfast_mounts"]["references"]) == ["/srv/x"]
    assert private_world.ansible("path=/srv/x state=released", *option).action == "unmounted"
