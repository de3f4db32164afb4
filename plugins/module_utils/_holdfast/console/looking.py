# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The commands that only look: status and users.

Private to holdfast.mounts.
"""

from __future__ import annotations

import argparse
import io
import json
import sys
import time
import typing as t

from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast import errors, overview
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.console import output
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.grammar import strings
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.kernel import files, mountinfo, system
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.ledger import attempts

Row = t.Dict[str, t.Any]
# As long as a person waits for an answer.
_SEARCH_SECONDS = 5


def show_status(given: argparse.Namespace) -> int:
    """Show what is held, as a table, as JSON or in numbers."""
    is_narrowed = bool(given.paths or given.holder or given.drift)
    if given.prometheus and (given.json or is_narrowed):
        output.warn("holdfast status: --prometheus is about all there is; leave the other choices out")
        return output.USAGE
    for path in given.paths:
        if path.endswith("/") and path != "/":
            output.warn(f"no mount point ends with a slash; write '{path.rstrip('/') or '/'}'")
    last, out = attempts.read_last(), sys.stdout if given.output is None else io.StringIO()
    code = _write_numbers(last, out) if given.prometheus else _write_status(given, last, out)
    if isinstance(out, io.StringIO):
        try:
            files.publish(given.output, out.getvalue().encode("utf-8"))
        except OSError as error:
            return output.refuse("invalid_argument", f"'{given.output}' cannot be written: {error.strerror}")
    output.warn_unseen("operations that were interrupted, and what the last reconcile met")
    return code


def _write_numbers(last: t.Optional[attempts.LastRun], out: t.TextIO) -> int:
    from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.console import metrics

    try:
        rows = _list_rows(overview.observe_facts(), last)
    except errors.MountError as error:
        # Whoever watches has to learn of that, too.
        metrics.write_metrics(None, last, out)
        return output.refuse(error.code, error.message)
    metrics.write_metrics(rows, last, out)
    return output.DONE


def _write_status(given: argparse.Namespace, last: t.Optional[attempts.LastRun], out: t.TextIO) -> int:
    facts = overview.observe_facts(given.paths)
    rows = [
        row
        for row in _list_rows(facts, last)
        if (given.holder is None or given.holder in row["holders"]) and (row["drift"] or not given.drift)
    ]
    if given.json:
        run = last and {"time": _utc(last.time), "result": "failed" if last.has_failed else "ok"}
        shown = {"boot_id": facts["boot_id"], "protection": facts["protection"], "mounts": rows}
        out.write(json.dumps({**shown, "last_reconcile": run}, indent=1, sort_keys=True) + "\n")
    else:
        _write_table(rows, out)
    return output.WOULD_CHANGE if given.drift and rows else output.DONE


def _list_rows(facts: t.Mapping[str, t.Any], last: t.Optional[attempts.LastRun]) -> t.List[Row]:
    """Return what is of interest: what is held, and what drifts."""
    kinds: t.Dict[str, t.List[str]] = {}
    for item in facts["drift"]:
        kinds.setdefault(item["path"], []).append(item["kind"])
    failures = last.failures if last else {}
    uptime = system.read_moment(facts["boot_id"]).uptime
    return [
        {
            "path": row["mount"],
            "src": row["device"],
            "fstype": row["fstype"],
            "opts": row["options"].split(","),
            "owned": row["owned"],
            "holders": _holders(facts["references"].get(row["mount"])),
            "state": row["state"],
            "drift": kinds.get(row["mount"], []),
            "error": _error(failures.get(row["mount"]) if row["mount"] in kinds else None, uptime),
        }
        for row in facts["mounts"]
        if row["managed"] or row["mount"] in kinds
    ]


def _holders(reference: t.Optional[t.Mapping[str, t.Any]]) -> Row:
    """Return who holds a mount point; what a lease is counted by is the ledger's own affair."""
    held = reference["holders"] if reference else {}
    return {name: {key: one[key] for key in ("since", "expires")} for name, one in held.items()}


def _error(failure: t.Optional[attempts.Failure], uptime: int) -> t.Optional[Row]:
    if failure is None:
        return None
    return {
        "code": failure.code,
        "message": failure.message,
        "log_ref": failure.log_ref,
        "time": failure.time,
        "tries": failure.tries,
        "next_try": _utc(time.time() + failure.next_try - uptime),
    }


def _utc(seconds: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


def _write_table(rows: t.Sequence[Row], out: t.TextIO) -> None:
    if not rows:
        output.warn("nothing to show")
        return
    from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.console import table

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
    table.write_table(heads, cells, out)
    for row in rows:
        if row["error"]:
            reference = row["error"]["log_ref"] or ""
            more = "" if reference in row["error"]["message"] else f"; holdfast explain {reference}"
            text = "{code}: {message}; try {tries} was at {time}, the next is due at {next_try}"
            out.write(strings.visible(f"{row['path']}: {text.format(**row['error'])}{more}") + "\n")


def show_users(given: argparse.Namespace) -> int:
    """Show what keeps a mount busy."""
    from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.kernel import users

    rows = [one.mount for one in mountinfo.visible_mounts(mountinfo.read_mounts())]
    number = next((row.mount_id for row in rows if row.mount_point == given.path), None)
    if number is None and given.path.rstrip("/") != given.path != "/":
        return output.refuse("invalid_argument", f"'{given.path}': write '{given.path.rstrip('/') or '/'}'")
    if number is None:
        return output.refuse("invalid_argument", f"'{given.path}' is not a mount point; see holdfast status")
    using = users.find_users([number], _SEARCH_SECONDS)[number]
    for user in using.found:
        output.say(f"{user.kind}: {user.text}")
    if not using.found:
        output.warn("nothing that can be seen uses it")
    if not using.is_complete:
        output.warn("and more: the search took too long")
    output.warn_unseen("processes of other users")
    return output.DONE
