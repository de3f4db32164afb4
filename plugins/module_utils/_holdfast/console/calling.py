# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The commands that make one call of safe_mount, or read what such a call has logged.

Private to holdfast.mounts.
"""

from __future__ import annotations

import argparse
import json
import sys
import typing as t

from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast import call, log
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.arguments import spec
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.console import output
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.kernel import utf8


def params_of(spec_of: t.Mapping[str, t.Mapping[str, t.Any]], **given: t.Any) -> t.Dict[str, t.Any]:
    """Return the parameters of a module: what is given, else its defaults."""
    return {**{name: option.get("default") for name, option in spec_of.items()}, **given}


def release(given: argparse.Namespace) -> int:
    """Release mount points, or all that a holder holds."""
    if bool(given.paths) == given.all:
        output.warn("holdfast release: name mount points, or --all")
        return output.USAGE
    asked = {"mounts": [], "purge": True}
    if given.paths:
        empty = dict.fromkeys(t.cast(t.Any, spec.ARGUMENT_SPEC["mounts"])["options"])
        asked = {"state": "released", "mounts": [{**empty, "path": path} for path in given.paths]}
    params = params_of(spec.ARGUMENT_SPEC, holder=given.holder, on_busy=given.on_busy, **asked)
    result = call.run_call(params, check_mode=given.check, diff_mode=False, is_verbose=True)
    items = result.get("mounts", ())
    for item in items:
        if not item.get("error"):
            output.say(f"{item['path']}: {item['action']}")
    for warning in result.get("warnings", ()):
        output.warn(warning)
    failures = [item["error"] for item in items if item.get("error")]
    return output.finish(result, failures, is_check=given.check)


def explain(given: argparse.Namespace) -> int:
    """Show the entry of the log behind a reference."""
    try:
        entry = log.find_entry(given.reference)
    except PermissionError:
        return output.refuse("unsupported", f"only root may read '{log.LOG_PATH}'; run this as root")
    if entry is None:
        return output.refuse(
            "invalid_argument", f"'{log.LOG_PATH}' has no entry '{given.reference}'; old ones are dropped"
        )
    for name, value in entry.items():
        if value not in (None, ""):
            output.say(f"{name + ':':10}{value}")
    return output.DONE


def check_policy(given: argparse.Namespace) -> int:
    """Say what a task would meet."""
    try:
        with open(utf8.encoded(given.task), encoding="utf-8") if given.task != "-" else sys.stdin as file:
            task = json.load(file)
    except (OSError, ValueError) as error:
        return output.refuse("invalid_argument", f"'{given.task}' cannot be read as JSON: {error}")
    unknown = sorted(set(task) - set(spec.ARGUMENT_SPEC)) if isinstance(task, dict) else ["it"]
    if unknown:
        return output.refuse("invalid_argument", f"{', '.join(unknown)}: no options of safe_mount")
    result = call.run_call(params_of(spec.ARGUMENT_SPEC, **task), check_mode=True, diff_mode=False)
    if result.get("failed"):
        return output.finish(result, [], is_check=True)
    output.say(f"permitted: {result['msg']}")
    return output.DONE
