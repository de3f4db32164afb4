# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a task does not come to is not loaded; what a module asks for is what the rooms have."""

from __future__ import annotations

import os
import subprocess
import sys
import typing as t
import zipfile
from pathlib import Path, PurePath

import ansible.module_utils
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


OURS = Path(__file__).resolve().parents[4] / "plugins" / "module_utils"


def run(first: str, program: str = PROGRAM, path: Path = OURS.parents[4]) -> t.List[str]:
    """Return what a program prints: by default what is loaded before anything is asked for, and after."""
    environment = dict(os.environ, PYTHONPATH=str(path))
    argv = [sys.executable, "-c", program.format(first=first)]
    done = subprocess.run(argv, env=environment, check=True, capture_output=True, text=True)
    return done.stdout.splitlines()


@pytest.mark.skipif(sys.version_info < (3, 10), reason="needs Python 3.10")
def test_rooms_are_loaded_when_something_in_them_is_asked_for() -> None:
    assert run(HOOK) == ["[] ['_call.safe_mount', '_kernel.users']"]


def test_control_without_it_everything_is_loaded_at_once() -> None:
    everything = "['_call.safe_mount', '_kernel.users', '_execute.predict']"
    assert run("") == [f"{everything} {everything}"]


COUNT = f"""
import builtins, collections
counts, real = collections.Counter(), builtins.compile

def compile(text, name, *rest, **more):
    counts[str(name).rpartition("/")[2]] += 1
    return real(text, name, *rest, **more)

{{first}}
builtins.compile = compile
from {PREFIX}module_utils._kernel import users
from ansible.module_utils.common import locale
users.find_users, locale.get_best_parsable_locale
counted = [counts["users.py"], counts["locale.py"]]
print(counted, users.__file__.endswith("_kernel/users.py"), users.__package__)
"""


@pytest.fixture
def payload(tmp_path: Path) -> Path:
    """A zip file with Ansible's part and ours, and packages all the way, as Ansible makes them."""
    ansibles = Path(str(ansible.module_utils.__file__)).parent
    places = {"ansible/module_utils": ansibles, PREFIX.replace(".", "/") + "module_utils": OURS}
    files = {
        f"{place}/{path.relative_to(root)}": path
        for place, root in places.items()
        for path in root.rglob("*.py")
    }
    packages = {f"{folder}/__init__.py" for name in files for folder in PurePath(name).parents if folder.name}
    with zipfile.ZipFile(tmp_path / "payload.zip", "w") as archive:
        for name in packages | files.keys():
            archive.writestr(name, files[name].read_bytes() if name in files else b"")
    return tmp_path / "payload.zip"


@pytest.mark.skipif(sys.version_info < (3, 10), reason="needs Python 3.10")
@pytest.mark.parametrize(("first", "times"), [(HOOK, "[1, 1]"), ("", "[2, 2]")], ids=["ours", "control"])
def test_nothing_in_a_payload_is_compiled_twice(payload: Path, first: str, times: str) -> None:
    assert run(first, COUNT, payload) == [f"{times} True {PREFIX}module_utils._kernel"]


def test_what_is_in_no_payload_is_looked_for_elsewhere(payload: Path) -> None:
    program = f"{{first}}\nimport {PREFIX}module_utils._kernel.nothing"
    with pytest.raises(subprocess.CalledProcessError) as caught:
        run(HOOK, program, payload)
    assert "ModuleNotFoundError" in caught.value.stderr
