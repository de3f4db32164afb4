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
        empty = dict.fromkeys(t.cast("t.Any", spec.ARGUMENT_SPEC["mounts"])["options"])
        asked = {"state": "released", "mounts": [{**empty, "path": path} for path in given.paths]}
    params = params_of(spec.ARGUMENT_SPEC, holder=given.holder, on_busy=given.on_busy, **asked)
    result = call.run_call(params, check_mode=given.check, diff_mode=False, is_verbose=True)
    items = result.get("mounts", ())
    for item in items:
        if not item.get("error"):
            action = "nothing to release" if item["action"] == "none" else item["action"]
            output.say(f"{item['path']}: {action}")
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
    except OSError as error:
        return output.refuse("invalid_argument", f"'{given.task}' cannot be read: {error.strerror}")
    except ValueError as error:
        return output.refuse("invalid_argument", f"'{given.task}' cannot be read as JSON: {error}")
    params, wrong = _read_task(task, spec.ARGUMENT_SPEC, "")
    if wrong:
        return output.refuse("invalid_argument", "; ".join(wrong))
    result = call.run_call(params, check_mode=True, diff_mode=False)
    if result.get("failed"):
        return output.finish(result, [], is_check=True)
    output.say(f"permitted: {result['msg']}")
    return output.DONE


_Spec = t.Mapping[str, t.Mapping[str, t.Any]]
_TYPES: t.Mapping[str, t.Tuple[t.Tuple[type, ...], str]] = {
    "bool": ((bool,), "true or false"),
    "int": ((int,), "a number"),
    "str": ((str, int, float), "a text"),
    "raw": ((str, int), "a text"),
    "list": ((list,), "a list"),
    "dict": ((dict,), "an object"),
}


def _read_task(task: t.Any, spec_of: _Spec, prefix: str) -> t.Tuple[t.Dict[str, t.Any], t.List[str]]:
    """Return the options of a task with their defaults, and what is wrong with them.

    Here is no Ansible that would make one type of another, so each value has the type of its option, but for
    a plain string in the place of a list; what it says is for the grammar.
    """
    if not isinstance(task, dict):
        return {}, [f"{prefix.rstrip('.') or 'the task'}: write an object of options"]
    aliases = {alias: name for name, one in spec_of.items() for alias in one.get("aliases", ())}
    task = {aliases.get(name, name): value for name, value in task.items()}
    wrong = [f"{prefix}{name}: no option of safe_mount" for name in sorted(set(task) - set(spec_of))]
    found = params_of(spec_of, **{name: value for name, value in task.items() if name in spec_of})
    for name, option in spec_of.items():
        if found[name] is not None:
            found[name], more = _read_value(found[name], option, prefix + name)
            wrong += more
    return found, wrong


def _read_value(value: t.Any, option: t.Mapping[str, t.Any], name: str) -> t.Tuple[t.Any, t.List[str]]:
    kind = option.get("type", "str")
    accepted, words = _TYPES[kind]
    value = value.split(",") if kind == "list" and isinstance(value, str) else value
    if not isinstance(value, accepted) or (isinstance(value, bool) and kind != "bool"):
        return value, [f"{name}: write {words}"]
    if kind == "list":
        element = {"type": option.get("elements", "str"), "options": option.get("options")}
        elements = t.cast("t.List[t.Any]", value)
        read = [_read_value(one, element, f"{name}[{index}]") for index, one in enumerate(elements)]
        return [one for one, _wrong in read], [text for _one, wrong in read for text in wrong]
    if kind == "dict" and option.get("options"):
        return _read_task(value, option["options"], f"{name}.")
    value = str(value) if kind == "str" else value
    if value not in option.get("choices", (value,)):
        return value, [f"{name}: write one of {', '.join(option['choices'])}"]
    return value, []
