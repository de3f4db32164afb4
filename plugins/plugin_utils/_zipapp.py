# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The command of the host as one file, made of the code that the modules run.

Private to holdfast.mounts.
"""

from __future__ import annotations

import io
import json
import typing as t
import zipfile
from pathlib import Path

from ansible.module_utils.common.yaml import yaml_load
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.console import manual

_PLUGINS = Path(__file__).resolve().parents[1]
_PACKAGE = "ansible_collections/holdfast/mounts/plugins/module_utils/_holdfast"
# What only a module needs, which takes its parameters from Ansible, and what only this file does.
_LEFT_OUT = ("secrets.py", "console/manual.py")
_MAIN = """\
import sys

from {module} import main

sys.exit(main.main(sys.argv[1:], {version!r}))
"""
# Of every file in it, so that the same code gives the same bytes. The first that a zip file can have.
_TIME = (1980, 1, 1, 0, 0, 0)


def collection_version() -> str:
    """Return the version of this collection, as it was installed or as its sources say."""
    manifest = _PLUGINS.parent / "MANIFEST.json"
    if manifest.is_file():
        return str(json.loads(manifest.read_text(encoding="utf-8"))["collection_info"]["version"])
    return str(yaml_load((_PLUGINS.parent / "galaxy.yml").read_text(encoding="utf-8"))["version"])


def build_command(version: str, python: str) -> bytes:
    """Return an executable zip file: the same bytes for the same code, version and interpreter.

    It is stored without compression, which no library's version changes.
    """
    source = _PLUGINS / "module_utils" / "_holdfast"
    files = {path.relative_to(source).as_posix(): path.read_bytes() for path in source.rglob("*.py")}
    texts = {f"{_PACKAGE}/{name}": data for name, data in files.items() if name not in _LEFT_OUT}
    for folder in {str(up) for name in texts for up in Path(name).parents if str(up) != "."}:
        texts[f"{folder}/__init__.py"] = b""
    module = f"{_PACKAGE}/console".replace("/", ".")
    texts["__main__.py"] = _MAIN.format(module=module, version=version).encode("utf-8")
    return f"#!{python} -IS\n".encode() + _zip(texts)


def build_files(version: str, python: str) -> t.Dict[str, bytes]:
    """Return what belongs on a host, by name: the command, its manual page, its completion for bash."""
    return {
        "holdfast": build_command(version, python),
        "holdfast.8": manual.manual_page(version).encode("utf-8"),
        "holdfast.bash": manual.bash_completion().encode("utf-8"),
    }


def _zip(texts: t.Mapping[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(texts):
            info = zipfile.ZipInfo(name, _TIME)
            info.external_attr = 0o100644 << 16
            archive.writestr(info, texts[name])
    return stream.getvalue()
