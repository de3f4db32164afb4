# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is held in numbers, as Prometheus reads them.

The text format: https://prometheus.io/docs/instrumenting/exposition_formats/. Private to holdfast.mounts.
"""

from __future__ import annotations

import calendar
import time
import typing as t

from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast import steps
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.grammar import strings
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.ledger import attempts

Rows = t.Sequence[t.Mapping[str, t.Any]]
Labels = t.Mapping[str, str]
Sample = t.Tuple[Labels, float]


def write_metrics(rows: t.Optional[Rows], last: t.Optional[attempts.LastRun], out: t.TextIO) -> None:
    """Write all numbers. rows: as the command status lists them, all of them; None where nobody can tell."""
    _write(out, "up", "Whether ledger and mount table can be read.", [({}, rows is not None)])
    if rows is not None:
        _write_rows(rows, out)
    ended = [] if last is None else [last]
    _write(
        out,
        "last_reconcile_timestamp_seconds",
        "When holdfast reconcile ended last in this boot.",
        [({}, round(run.time)) for run in ended],
    )
    _write(
        out,
        "last_reconcile_success",
        "Whether it left nothing that failed.",
        [({}, not run.has_failed) for run in ended],
    )


def _write_rows(rows: Rows, out: t.TextIO) -> None:
    held = [(row["path"], name, one) for row in rows for name, one in row["holders"].items()]
    leases = [(path, name, one["expires"]) for path, name, one in held if one["expires"]]
    drift = [kind for row in rows for kind in row["drift"]]
    _write(out, "mounts", "Mount points that are held, or drift.", [({}, len(rows))])
    _write(
        out,
        "mount_ok",
        "Whether a mount point is as the ledger has it.",
        [({"path": row["path"], "fstype": row["fstype"]}, row["state"] == "ok") for row in rows],
    )
    _write(
        out,
        "mount_holders",
        "How many hold a mount point.",
        [({"path": row["path"]}, len(row["holders"])) for row in rows],
    )
    _write(out, "holders", "Holders of the host.", [({}, len({name for _path, name, _one in held}))])
    _write(
        out,
        "lease_end_timestamp_seconds",
        "When a lease ends unless it is renewed.",
        [({"path": path, "holder": name}, _seconds(end)) for path, name, end in leases],
    )
    _write(
        out,
        "drift",
        "Disagreements of kernel and ledger, by kind.",
        [({"kind": kind}, drift.count(kind)) for kind in t.get_args(steps.DriftKind)],
    )
    _write(
        out,
        "mount_failed_tries",
        "How often in a row a mount point could not be put right.",
        [
            ({"path": row["path"], "code": row["error"]["code"]}, row["error"]["tries"])
            for row in rows
            if row["error"]
        ],
    )


def _seconds(when: str) -> int:
    return calendar.timegm(time.strptime(when, "%Y-%m-%dT%H:%M:%SZ"))


def _write(out: t.TextIO, name: str, text: str, samples: t.Iterable[Sample]) -> None:
    """Write one metric; nothing of it where it has no sample."""
    lines = [f"holdfast_{name}{_labels(labels)} {int(value)}\n" for labels, value in samples]
    if lines:
        out.write(f"# HELP holdfast_{name} {text}\n# TYPE holdfast_{name} gauge\n")
        out.writelines(lines)


def _labels(labels: Labels) -> str:
    pairs = [f'{name}="{_escaped(value)}"' for name, value in labels.items()]
    return f"{{{','.join(pairs)}}}" if pairs else ""


def _escaped(value: str) -> str:
    """Return a label's value: what is not visible as escape sequences, as everywhere else, then quoted."""
    return strings.visible(value).replace("\\", "\\\\").replace('"', '\\"')
