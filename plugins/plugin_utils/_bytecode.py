# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Payloads that a host need not compile, where it has the Python that the controller has.

Compiling takes longer there than all else in a small task. Bytecode lies beside each file, as Python itself
puts it in zip files, and another Python passes over it. Private to holdfast.mounts.
"""

from __future__ import annotations

import base64
import dataclasses
import importlib.util
import io
import marshal
import os
import pickle
import sys
import typing as t
import zipfile

# PEP 552: a hash, and nobody need compare it with the file's.
_UNCHECKED_HASH = (1).to_bytes(4, "little")


def add_bytecode(payload: bytes) -> bytes:
    """Return a payload as Ansible leaves it in the folder of a run, with bytecode for this Python.

    Raises whatever there is to raise where Ansible leaves something else.
    """
    if not payload.startswith(pickle.PROTO):
        return _compile_all(payload)  # ansible-core 2.18
    module = pickle.loads(payload)
    return pickle.dumps(dataclasses.replace(module, zip_data=_compile_all(module.zip_data)))


def _compile_all(encoded: bytes) -> bytes:
    output = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(base64.b64decode(encoded))) as old, zipfile.ZipFile(output, "w") as new:
        for member in old.infolist():
            text = old.read(member)
            new.writestr(member, text)
            if member.filename.endswith(".py"):
                compiled = zipfile.ZipInfo(f"{member.filename}c", member.date_time)
                new.writestr(compiled, _compile(text, member.filename), member.compress_type)
    return base64.b64encode(output.getvalue())


def _compile(text: bytes, name: str) -> bytes:
    code = marshal.dumps(compile(text, name, "exec", dont_inherit=True))
    return b"".join((importlib.util.MAGIC_NUMBER, _UNCHECKED_HASH, importlib.util.source_hash(text), code))


def is_this_python(interpreter: str, facts: t.Mapping[str, t.Any], *, is_local: bool) -> bool:
    """Return whether a host's interpreter is known to be of the controller's version. Wrong is only slow.

    interpreter: its path. facts: what was gathered of the host. is_local: whether the path is this host's.
    """
    name = os.path.basename(os.path.realpath(interpreter) if is_local else interpreter)
    told = facts.get("python", {}).get("version", {})
    return f"python{sys.version_info[0]}.{sys.version_info[1]}" == name or (
        (told.get("major"), told.get("minor")) == sys.version_info[:2]
    )
