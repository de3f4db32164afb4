# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The command of the host: the same calls as the modules, from a shell and without Ansible.

Private to holdfast.mounts.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import sys
import typing as t

from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast import errors, steps
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.console import table
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.grammar import strings
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.kernel import utf8

DONE, FAILED, USAGE, WOULD_CHANGE = 0, 1, 2, 3

_EPILOG = """\
exit codes:
  0  done, or nothing to do
  1  refused or failed: one line on standard error says the code and why
  2  wrong usage
  3  with --check or status --drift: something would change, or drifts

files:
  /etc/ansible/facts.d/holdfast_mounts.fact   the ledger: who holds what
  /var/log/holdfast_mounts.log                what messages do not tell, for root
  /etc/ansible/holdfast_mounts_policy.json    what this host allows, where it is there
"""
_REPAIRS = t.get_args(steps.DriftKind)


def main(argv: t.Sequence[str], version: str) -> int:
    """Run one command and return its exit code."""
    for stream in (sys.stdin, sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")
    given = _parser(version).parse_args([utf8.decoded(os.fsencode(word)) for word in argv])
    try:
        code: int = given.run(given)
        sys.stdout.flush()
    except errors.MountError as error:
        return _refused(error.code, error.message)
    except BrokenPipeError:  # whoever reads has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return DONE
    except KeyboardInterrupt:
        return 130
    return code


def _parser(version: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="holdfast",
        description="Mounts that are shared by holders: see them, and put them right, at the host itself.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"holdfast {version}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)

    def add(name: str, run: t.Callable[[argparse.Namespace], int], text: str) -> argparse.ArgumentParser:
        command = commands.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".")
        command.set_defaults(run=run)
        return command

    status = add("status", _status, "show what is held, by whom, and whether it is there; needs no root")
    status.add_argument("paths", nargs="*", metavar="PATH", help="mount points, * and ? match anything")
    status.add_argument("--holder", help="only what this holder holds")
    status.add_argument("--drift", action="store_true", help="only what drifts; exits 3 if there is any")
    status.add_argument("--json", action="store_true", help="the same as JSON")

    users = add("users", _users, "show what keeps a mount busy")
    users.add_argument("path", metavar="PATH", help="the mount point")

    release = add("release", _release, "release mount points of one holder, as safe_mount does")
    release.add_argument("paths", nargs="*", metavar="PATH", help="the mount points")
    release.add_argument("--all", action="store_true", help="everything that this holder holds")
    release.add_argument("--holder", required=True, help="whose references are dropped")
    _add_common(release)

    reconcile = add("reconcile", _reconcile, "bring kernel and ledger together again")
    reconcile.add_argument("--live-holders", type=_list, metavar="A,B", help="all other holders are dead")
    reconcile.add_argument("--drop-holders", type=_list, metavar="A,B", default=[], help="these are dead")
    reconcile.add_argument(
        "--repair", type=_kinds, metavar="KIND,KIND", help=f"what to act on, of {', '.join(_REPAIRS)}"
    )
    _add_common(reconcile)

    explain = add("explain", _explain, "show the entry of the log behind a log_ref; needs root")
    explain.add_argument("reference", metavar="REF", help="the log_ref of a message")

    policy = add("policy", _policy, "say what a task would meet under this host's policy")
    policy.add_argument("action", choices=["check"], help="what to do")
    policy.add_argument("task", metavar="FILE", help="options of safe_mount as a JSON object, - to read them")
    return parser


def _add_common(command: argparse.ArgumentParser) -> None:
    busy = command.add_argument("--on-busy", choices=["fail", "defer", "lazy"], default="fail")
    busy.help = "what to do where the mount is in use"
    command.add_argument("--check", action="store_true", help="say what would be done; exits 3 if anything")


def _list(text: str) -> t.List[str]:
    return [name for name in text.split(",") if name]


def _kinds(text: str) -> t.List[str]:
    for kind in _list(text):
        if kind not in _REPAIRS:
            raise argparse.ArgumentTypeError(f"'{kind}' is none of {', '.join(_REPAIRS)}")
    return _list(text)


def _refused(code: str, message: str) -> int:
    _record_intent(f"holdfast: {code}: {message}")
    return FAILED


def _say(text: str) -> None:
    sys.stdout.write(strings.visible(text) + "\n")


def _record_intent(text: str) -> None:
    sys.stderr.write(strings.visible(text) + "\n")


def _status(given: argparse.Namespace) -> int:
    from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast import observe

    facts = observe.observe_facts(given.paths)
    kinds: t.Dict[str, t.List[str]] = {}
    for item in facts["drift"]:
        kinds.setdefault(item["path"], []).append(item["kind"])
    rows = []
    for row in facts["mounts"]:
        held = facts["references"].get(row["mount"], {"holders": {}})
        is_of_interest = row["managed"] or row["mount"] in kinds
        if is_of_interest and (given.holder is None or given.holder in held["holders"]):
            rows.append({"path": row["mount"], **row, "holders": held["holders"]})
    rows = [
        {
            "path": row["path"],
            "src": row["device"],
            "fstype": row["fstype"],
            "opts": row["options"].split(","),
            "owned": row["owned"],
            "holders": row["holders"],
            "state": row["state"],
            "drift": kinds.get(row["path"], []),
        }
        for row in rows
        if not given.drift or row["path"] in kinds
    ]
    if given.json:
        shown = {"boot_id": facts["boot_id"], "protection": facts["protection"], "mounts": rows}
        sys.stdout.write(json.dumps(shown, indent=1, sort_keys=True) + "\n")
    else:
        _print_status(rows)
    return WOULD_CHANGE if given.drift and rows else DONE


def _print_status(rows: t.Sequence[t.Mapping[str, t.Any]]) -> None:
    if rows:
        heads = ("MOUNT POINT", "SOURCE", "TYPE", "HOLDERS", "LEASE ENDS", "STATE")
        cells = [
            (
                row["path"],
                row["src"],
                row["fstype"],
                ", ".join(sorted(row["holders"])) or "-",
                min((held["expires"] for held in row["holders"].values() if held["expires"]), default="-"),
                ", ".join(row["drift"]) or row["state"],
            )
            for row in rows
        ]
        table.write_table(heads, cells, sys.stdout)
    else:
        _record_intent("nothing to show")
    if os.geteuid() != 0:
        _record_intent("not root: operations that were interrupted are not seen")


def _users(given: argparse.Namespace) -> int:
    from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.kernel import mountinfo, users

    rows = [one.mount for one in mountinfo.visible_mounts(mountinfo.read_mounts())]
    found = [row for row in rows if row.mount_point == given.path]
    if not found:
        return _refused("invalid_argument", f"'{given.path}' is not a mount point; see holdfast status")
    number = found[0].mount_id
    using = users.find_users([number])[number]
    for user in using.found:
        _say(f"{user.kind}: {user.text}")
    if not using.found:
        _record_intent("nothing that can be seen uses it")
    if not using.is_complete:
        _record_intent("and more: the search took too long")
    if os.geteuid() != 0:
        _record_intent("not root: processes of other users are not seen")
    return DONE


def _params(spec: t.Mapping[str, t.Mapping[str, t.Any]], **given: t.Any) -> t.Dict[str, t.Any]:
    return {**{name: option.get("default") for name, option in spec.items()}, **given}


def _release(given: argparse.Namespace) -> int:
    from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast import call
    from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.arguments import spec

    if bool(given.paths) == given.all:
        _record_intent("holdfast release: name mount points, or --all")
        return USAGE
    asked = {"mounts": [], "purge": True}
    if given.paths:
        empty = dict.fromkeys(t.cast(t.Any, spec.ARGUMENT_SPEC["mounts"])["options"])
        asked = {"state": "released", "mounts": [{**empty, "path": path} for path in given.paths]}
    params = _params(spec.ARGUMENT_SPEC, holder=given.holder, on_busy=given.on_busy, **asked)
    result = call.run_call(params, check_mode=given.check, diff_mode=False, is_verbose=True)
    for item in result.get("mounts", ()):
        if not item.get("error"):
            _say(f"{item['path']}: {item['action']}")
    for warning in result.get("warnings", ()):
        _record_intent(warning)
    return _end(
        result, [item["error"] for item in result.get("mounts", ()) if item.get("error")], given.check
    )


def _end(result: t.Mapping[str, t.Any], failures: t.Sequence[t.Any], is_check: bool) -> int:
    """Say each error on a line, and return the exit code."""
    if result.get("failed"):
        for error in failures or [{**result["error"], "msg": result["msg"]}]:
            more = f" (holdfast explain {error['log_ref']})" if error.get("log_ref") else ""
            _refused(error["code"], f"{error['msg']}{more}")
        return FAILED
    return WOULD_CHANGE if is_check and result["changed"] else DONE


def _reconcile(given: argparse.Namespace) -> int:
    from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast import observe
    from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.kernel import system

    # Others than root do not see all of what there is to do.
    system.require_privileges(system.observe_host().protection)
    # A timer finds nothing to do nearly always, and facts cost no more than a look.
    is_asked = given.live_holders is not None or given.drop_holders
    if not is_asked and not observe.observe_facts()["drift"]:
        _say("nothing to do")
        return DONE

    from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast import call
    from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.arguments import build

    asked = {"live_holders": given.live_holders, "drop_holders": given.drop_holders}
    if given.repair is not None:
        asked["repair"] = given.repair
    params = _params(build.RECONCILE_SPEC, on_busy=given.on_busy, **asked)
    result = call.run_reconcile(params, check_mode=given.check, diff_mode=False, is_verbose=True)
    for item in result.get("repaired", ()):
        dropped = f"; dropped {', '.join(item['dropped'])}" if item["dropped"] else ""
        _say(f"{item['path']}: {', '.join(item['kinds']) or item['action']}: {item['action']}{dropped}")
    for item in result.get("remaining", ()):
        if not item["error"]:
            _say(f"{item['path']}: {item['kind']}: {item['message']}")
    failures = {item["path"]: item["error"] for item in result.get("remaining", ()) if item["error"]}
    return _end(result, list(failures.values()), given.check)


def _explain(given: argparse.Namespace) -> int:
    from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast import log

    try:
        entry = log.find_entry(given.reference)
    except PermissionError:
        return _refused("unsupported", f"only root may read '{log.LOG_PATH}'; run this as root")
    if entry is None:
        return _refused(
            "invalid_argument", f"'{log.LOG_PATH}' has no entry '{given.reference}'; old ones are dropped"
        )
    for name, value in entry.items():
        if value not in (None, ""):
            _say(f"{name + ':':10}{value}")
    return DONE


def _policy(given: argparse.Namespace) -> int:
    from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast import call
    from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.arguments import spec

    try:
        with open(utf8.encoded(given.task), encoding="utf-8") if given.task != "-" else sys.stdin as file:
            task = json.load(file)
    except (OSError, ValueError) as error:
        return _refused("invalid_argument", f"'{given.task}' cannot be read as JSON: {error}")
    unknown = sorted(set(task) - set(spec.ARGUMENT_SPEC)) if isinstance(task, dict) else ["it"]
    if unknown:
        return _refused("invalid_argument", f"{', '.join(unknown)}: no options of safe_mount")
    result = call.run_call(_params(spec.ARGUMENT_SPEC, **task), check_mode=True, diff_mode=False)
    if result.get("failed"):
        return _end(result, [], is_check=True)
    _say(f"permitted: {result['msg']}")
    return DONE
