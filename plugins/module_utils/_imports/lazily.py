# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Rooms that a task does not come to are not compiled: a host does that with all that is imported, each time.

What is imported as a module, and not name by name, is read when something in it is asked for. So what most
tasks do not need is imported as a module. Private to holdfast.mounts.
"""

from __future__ import annotations

import importlib.machinery
import importlib.util
import sys
import types
import typing as t

_ROOMS = "ansible_collections.holdfast.mounts.plugins.module_utils."


class _LazyFinder:
    """Finds the files of rooms as the next finder does, and has them loaded later."""

    @staticmethod
    def find_spec(
        name: str, path: t.Optional[t.Sequence[str]] = None, target: t.Any = None
    ) -> t.Optional[importlib.machinery.ModuleSpec]:
        """Return what a module is loaded from, None for what is no file of a room."""
        if not name.startswith(_ROOMS) or "." not in name[len(_ROOMS) :]:
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path, target)
        # Before Python 3.10 what comes out of a zip file is loaded in another way.
        if spec is not None and spec.loader is not None and hasattr(spec.loader, "exec_module"):
            spec.loader = importlib.util.LazyLoader(spec.loader)
        return spec


def import_lazily() -> None:
    """Have rooms that are imported as modules loaded when something in them is asked for."""
    # Behind what finds modules that are built in, and before what finds files.
    sys.meta_path.insert(1, t.cast(t.Any, _LazyFinder))


def load_now(*modules: types.ModuleType) -> None:
    """Read these, while nothing has been changed yet and no descriptor is missing."""
    for module in modules:
        vars(module)
