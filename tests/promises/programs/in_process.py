# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Call the module's code in this process, and read the kernel's table with a parser of the tests' own."""

from __future__ import annotations

import sys
import typing as t
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "integration"))

from harness.namespace import LIBC, mount
from harness.place import find_collections_path

sys.path.insert(0, find_collections_path())

from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.arguments.build import RECONCILE_SPEC
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.arguments.spec import ARGUMENT_SPEC
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.call import run_call
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.repair import run_reconcile

Result = t.Dict[str, t.Any]
Spec = t.Mapping[str, t.Mapping[str, t.Any]]


def defaults(spec: Spec) -> Result:
    """Return what AnsibleModule makes of an empty task."""
    return {name: option.get("default") for name, option in spec.items()}


def call(**arguments: t.Any) -> Result:
    """Run safe_mount with these arguments and return its result."""
    params = {**defaults(ARGUMENT_SPEC), **arguments}
    if params["mounts"] is not None:
        suboptions = defaults(t.cast("Spec", ARGUMENT_SPEC["mounts"]["options"]))
        params["mounts"] = [{**suboptions, **element} for element in params["mounts"]]
    return run_call(params, check_mode=False, diff_mode=False)


def reconcile(**arguments: t.Any) -> Result:
    """Run safe_mount_reconcile with these arguments and return its result."""
    return run_reconcile({**defaults(RECONCILE_SPEC), **arguments}, check_mode=False, diff_mode=False)


def code_of(result: Result) -> str:
    """Return the error's code, or the action of a call that did what it was asked."""
    error = result.get("error")
    return str(error["code"] if error else result.get("action", "bulk"))


def read_points() -> t.List[t.Tuple[int, str]]:
    """Return number and mount point of every mount, in the kernel's order; only for names without escapes."""
    with open("/proc/self/mountinfo", encoding="ascii") as stream:
        rows = [line.split(" ", 5) for line in stream]
    return [(int(row[0]), row[4]) for row in rows]


def is_below(point: str, places: t.Iterable[str]) -> bool:
    """Return whether a path lies strictly below one of these."""
    return any(point.startswith(f"{place}/") for place in places)


def unmount(path: str, flags: int = 0) -> bool:
    """Call umount2(2) by path and return whether it did."""
    return bool(LIBC.umount2(path.encode(), flags) == 0)


def mount_tmpfs(source: str, path: str) -> None:
    """Call mount(2) by path."""
    mount(source, path, "tmpfs", 0, "mode=755")
