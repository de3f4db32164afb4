# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Compile less: a host compiles all that a task imports, each time.

Rooms that a task does not come to are not compiled. What is imported as a module, and not name by name, is
read when something in it is asked for; so what most tasks do not need is imported as a module. And nothing is
compiled twice, as zipimport does to say where a file is. Private to holdfast.mounts.
"""

from __future__ import annotations

import importlib.machinery
import importlib.util
import pkgutil
import sys
import types
import typing as t
import zipimport

_ANSIBLE = "ansible.module_utils."
_ROOMS = "ansible_collections.holdfast.mounts.plugins.module_utils."

_Spec = t.Optional[importlib.machinery.ModuleSpec]


class _Finder:
    """Finds modules as the next finder does, without compiling them, and has rooms loaded later."""

    @staticmethod
    def find_spec(name: str, path: t.Optional[t.Sequence[str]] = None, target: t.Any = None) -> _Spec:
        """Return what a module is loaded from, None for what is neither Ansible's nor a file of a room."""
        is_in_room = name.startswith(_ROOMS) and "." in name[len(_ROOMS) :]
        if not is_in_room:
            return _find_in_zip(name, path) if name.startswith((_ANSIBLE, _ROOMS)) else None
        spec = _find_in_zip(name, path) or importlib.machinery.PathFinder.find_spec(name, path, target)
        # Before Python 3.10 what comes out of a zip file is loaded in another way.
        if spec is not None and spec.loader is not None and hasattr(spec.loader, "exec_module"):
            spec.loader = importlib.util.LazyLoader(spec.loader)
        return spec


def _find_in_zip(name: str, path: t.Optional[t.Sequence[str]]) -> _Spec:
    importer = pkgutil.get_importer(path[0]) if path else None
    if not path or not isinstance(importer, zipimport.zipimporter) or not hasattr(importer, "exec_module"):
        return None
    try:
        is_package = importer.is_package(name)
    except ImportError:
        return None
    place = f"{path[0]}/{name.rpartition('.')[2]}"
    return importlib.util.spec_from_file_location(
        name,
        f"{place}/__init__.py" if is_package else f"{place}.py",
        loader=importer,
        submodule_search_locations=[place] if is_package else None,
    )


def import_lazily() -> None:
    """Have rooms that are imported as modules loaded when something in them is asked for."""
    # Behind what finds modules that are built in, and before what finds files.
    sys.meta_path.insert(1, t.cast(t.Any, _Finder))


def load_now(*modules: types.ModuleType) -> None:
    """Read these, while nothing has been changed yet and no descriptor is missing."""
    for module in modules:
        vars(module)
