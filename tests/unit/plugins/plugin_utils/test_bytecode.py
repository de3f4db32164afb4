# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Bytecode in a payload: Python takes it where it is its own, and the file where it is not."""

from __future__ import annotations

import base64
import importlib.util
import io
import pickle
import subprocess
import sys
import typing as t
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pytest
from ansible_collections.holdfast.mounts.plugins.plugin_utils._bytecode import add_bytecode, is_this_python
from ansible_collections.holdfast.mounts.tests.unit.plugins.plugin_utils.payloads import make_payload

FILES = {
    "deep/__init__.py": "",
    "deep/room.py": "def f():\n    raise ValueError(1)\n",
    "deep/data.json": "{}",
}
THIS = f"{sys.version_info[0]}.{sys.version_info[1]}"
OTHER = f"{sys.version_info[0]}.{sys.version_info[1] + 1}"


@dataclass(frozen=True)
class Module:
    """What ansible-core 2.19 leaves, as far as it matters: the payload is one of its fields."""

    zip_data: bytes
    metadata: str


def read_members(encoded: bytes) -> t.Dict[str, bytes]:
    """Return the files of a payload by name."""
    with zipfile.ZipFile(io.BytesIO(base64.b64decode(encoded))) as archive:
        assert len(set(archive.namelist())) == len(archive.namelist())
        return {name: archive.read(name) for name in archive.namelist()}


def write_zip(path: Path, members: t.Mapping[str, bytes]) -> None:
    """Write files to a zip file."""
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)


def test_bytecode_lies_beside_each_file_and_changes_none() -> None:
    members = read_members(add_bytecode(make_payload(FILES)))
    assert {name: members[name].decode() for name in FILES} == FILES
    assert set(members) - set(FILES) == {"deep/__init__.pyc", "deep/room.pyc"}


def test_payload_within_another_form_keeps_the_rest() -> None:
    payload = make_payload(FILES)
    found = pickle.loads(add_bytecode(pickle.dumps(Module(payload, "kept"))))
    assert found == Module(add_bytecode(payload), "kept")


@pytest.mark.parametrize("is_own", [True, False])
def test_python_takes_its_own_and_passes_over_that_of_another(tmp_path: Path, is_own: bool) -> None:
    members = read_members(add_bytecode(make_payload(FILES)))
    # What the file says from now on is not what was compiled.
    members["deep/room.py"] = b"def f():\n    print('of the file')\n"
    if not is_own:
        for name in ("deep/room.pyc", "deep/__init__.pyc"):
            members[name] = b"\0" * len(importlib.util.MAGIC_NUMBER) + members[name][4:]
    write_zip(tmp_path / "payload.zip", members)
    argv = [sys.executable, "-c", "import deep.room; deep.room.f()"]
    done = subprocess.run(
        argv, env={"PYTHONPATH": str(tmp_path / "payload.zip")}, capture_output=True, text=True, check=False
    )
    assert ("ValueError: 1" in done.stderr, done.stdout) == (is_own, "" if is_own else "of the file\n")
    if is_own:
        assert 'deep/room.py", line 2, in f' in done.stderr


FACTS = {"python": {"version": {"major": sys.version_info[0], "minor": sys.version_info[1], "micro": 99}}}
OTHER_FACTS = {"python": {"version": {"major": sys.version_info[0], "minor": sys.version_info[1] + 1}}}


@pytest.mark.parametrize(
    ("interpreter", "facts", "is_this"),
    [
        (f"/usr/bin/python{THIS}", {}, True),
        (f"/usr/bin/python{OTHER}", {}, False),
        (f"/usr/bin/python{THIS}0", {}, False),
        ("/usr/bin/python3", {}, False),
        ("", {}, False),
        ("/usr/bin/python3", FACTS, True),
        ("/usr/bin/python3", OTHER_FACTS, False),
        ("/usr/bin/python3", {"python": {}}, False),
    ],
)
def test_python_of_a_host_is_known_by_name_or_by_facts(
    interpreter: str, facts: t.Mapping[str, t.Any], is_this: bool
) -> None:
    assert is_this_python(interpreter, facts, is_local=False) is is_this


def test_python_of_this_host_is_looked_at(tmp_path: Path) -> None:
    (tmp_path / f"python{THIS}").write_text("")
    (tmp_path / "python").symlink_to(f"python{THIS}")
    assert is_this_python(str(tmp_path / "python"), {}, is_local=True)
    assert not is_this_python(str(tmp_path / "python"), {}, is_local=False)
