# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What each host of a fleet answered, read with distrust: any host may answer anything.

Takes values and returns values; knows nothing of Ansible's plugins. Private to holdfast.mounts.
"""

from __future__ import annotations

import dataclasses
import datetime
import typing as t

from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.grammar import strings
from ansible_collections.holdfast.mounts.plugins.plugin_utils._mounts import can_be_held

# Characters of one text, and of one word: a type, a kind of drift, the name of a holder.
TEXT_LIMIT = 4096
WORD_LIMIT = 128
# Of one host. Nothing that is in order comes near to any of them.
MOUNT_LIMIT = 2000
HOLDER_LIMIT = 10000
DRIFT_LIMIT = 2000
SIZE_LIMIT = 1000000  # characters
# What needs attention, the gravest first: what is broken or not what was asked for, what is not there, what
# is not known, what a reconcile tidies up. A word that is not among them comes last.
GRAVITY = (
    "unhealthy",
    "replaced",
    "stacked",
    "untrusted",
    "missing",
    "unreachable",
    "failed",
    "incomplete",
    "no_facts",
    "options_changed",
    "interrupted",
    "expired",
    "deferred",
    "orphaned",
)
_ISO = "%Y-%m-%dT%H:%M:%SZ"
_ISO_LENGTH = 19

Status = t.Literal["ok", "incomplete", "failed", "unreachable", "no_facts"]


@dataclasses.dataclass(frozen=True)
class Holder:
    """One claim. age and left are seconds, left those of a lease; None where the host does not tell."""

    name: str
    since: t.Optional[str] = None
    expires: t.Optional[str] = None
    age: t.Optional[int] = None
    left: t.Optional[int] = None


@dataclasses.dataclass(frozen=True)
class Drift:
    """One disagreement of kernel and ledger at a mount point."""

    kind: str
    message: str


@dataclasses.dataclass(frozen=True)
class Mounted:
    """One mount point. age is that of the oldest claim, left of the lease that ends first, in seconds."""

    mount: str
    source: str
    fstype: str
    options: str
    managed: bool
    owned: bool
    state: str
    holders: t.Tuple[Holder, ...] = ()
    drift: t.Tuple[Drift, ...] = ()
    age: t.Optional[int] = None
    left: t.Optional[int] = None


@dataclasses.dataclass(frozen=True)
class Host:
    """One host, and why nothing, or not all, is known of it where that is so."""

    name: str
    status: Status
    message: str = ""
    protection: str = ""
    mounts: t.Tuple[Mounted, ...] = ()


def read_host(name: str, outcome: object, now: datetime.datetime, *, unmanaged: bool) -> Host:
    """Return what a host answered to safe_mount_facts.

    outcome: what the task returned; {} when it never ran. unmanaged: also mounts without a reference.
    """
    reported = outcome if isinstance(outcome, dict) else {}
    shown = text(name)
    if reported.get("unreachable") is True:
        return Host(shown, "unreachable", text(reported.get("msg", "")))
    facts = reported.get("ansible_facts")
    answer = facts.get("holdfast_mounts") if isinstance(facts, dict) else None
    if answer is None:
        message = text(reported.get("msg", ""))
        return Host(shown, "failed" if message else "no_facts", message)
    if not isinstance(answer, dict) or not isinstance(answer.get("mounts"), list):
        return Host(shown, "failed", "The answer is not what safe_mount_facts returns.")
    mounts, left_out = _limited(_rows(answer, now, unmanaged=unmanaged))
    return Host(
        shown,
        "incomplete" if left_out else "ok",
        left_out,
        text(answer.get("protection", ""), WORD_LIMIT),
        mounts,
    )


def text(value: object, limit: int = TEXT_LIMIT) -> str:
    """Return a value as one line that shows whatever a terminal or browser would obey or hide."""
    if not isinstance(value, (str, int, float)) or isinstance(value, bool):
        return "?"
    # Not str(): core 2.18 keeps its mark of unsafe texts when the subclass is asked.
    plain = str.__str__(value) if isinstance(value, str) else repr(value)
    shown = strings.visible(plain[: limit + 1])
    return shown if len(shown) <= limit else f"{shown[:limit]}…"


def gravity(word: str) -> int:
    """Return where a state stands among all, the gravest first."""
    return GRAVITY.index(word) if word in GRAVITY else len(GRAVITY)


def parse_time(value: object) -> t.Optional[datetime.datetime]:
    """Return the time of an ISO 8601 text in UTC, to the second, None for anything else."""
    if not isinstance(value, str) or not value.endswith("Z"):
        return None
    try:
        parsed = datetime.datetime.strptime(f"{value[:_ISO_LENGTH]}Z", _ISO)
    except ValueError:
        return None
    return parsed.replace(tzinfo=datetime.timezone.utc)


def _rows(answer: t.Mapping[str, t.Any], now: datetime.datetime, *, unmanaged: bool) -> t.List[Mounted]:
    references = answer.get("references")
    ledger = references if isinstance(references, dict) else {}
    drift = _drift(answer.get("drift"))
    rows = []
    for row in answer["mounts"]:
        if not isinstance(row, dict):
            continue
        key = row.get("mount", "")
        path = text(key)
        found = drift.pop(path, [])
        if row.get("managed") is True or found or unmanaged:
            reference = ledger.get(key) if isinstance(key, str) else None
            rows.append(_row(path, row, reference, now=now, drift=found))
    # An operation that ended in the middle may have left nothing but its note.
    rows.extend(_row(path, {"managed": True}, None, now=now, drift=found) for path, found in drift.items())
    return sorted(rows, key=lambda row: row.mount)


def _limited(rows: t.Sequence[Mounted]) -> t.Tuple[t.Tuple[Mounted, ...], str]:
    """Return as much as a report takes of one host, and what is left out."""
    kept: t.List[Mounted] = []
    mounts = holders = drift = size = 0
    for row in rows:
        fitting = dataclasses.replace(
            row, holders=row.holders[: HOLDER_LIMIT - holders], drift=row.drift[: DRIFT_LIMIT - drift]
        )
        characters = sum(map(len, _texts(fitting)))
        if len(kept) == MOUNT_LIMIT or size + characters > SIZE_LIMIT:
            mounts += 1
            continue
        kept.append(fitting)
        holders += len(fitting.holders)
        drift += len(fitting.drift)
        size += characters
    counted = (
        (mounts, "mount points"),
        (sum(len(row.holders) for row in rows) - holders, "holders"),
        (sum(len(row.drift) for row in rows) - drift, "disagreements"),
    )
    left_out = ", ".join(f"{number:,} more {what}" for number, what in counted if number)
    return tuple(
        kept
    ), left_out and f"{left_out} are left out, as a report does not take as much of one host."


def _texts(row: Mounted) -> t.Iterator[str]:
    yield from (row.mount, row.source, row.fstype, row.options, row.state)
    for holder in row.holders:
        yield holder.name
    for drift in row.drift:
        yield from (drift.kind, drift.message)


def _row(
    path: str,
    row: t.Mapping[str, t.Any],
    reference: object,
    *,
    now: datetime.datetime,
    drift: t.List[Drift],
) -> Mounted:
    managed = row.get("managed") is True
    if managed and not can_be_held(row.get("mount", path)):
        managed = False
        drift = [Drift("untrusted", "Nothing can be held there, whatever the host answers."), *drift]
    drift = sorted(drift, key=lambda item: gravity(item.kind))
    asked = reference if isinstance(reference, dict) else {}
    claims = asked.get("holders")
    names = row.get("holders")
    holders = tuple(
        _holder(name, claims.get(name) if isinstance(claims, dict) else None, now)
        for name in (names if isinstance(names, list) else ())
        if isinstance(name, (str, int))
    )
    ages = [holder.age for holder in holders if holder.age is not None]
    leases = [holder.left for holder in holders if holder.left is not None]
    return Mounted(
        mount=path,
        # A bind mount's device is that of the filesystem below it; the ledger knows what was asked for.
        source=text(asked.get("src", row.get("device", ""))),
        fstype=text(asked.get("fstype", row.get("fstype", "")), WORD_LIMIT),
        options=text(row.get("options", "")),
        managed=managed,
        owned=managed and row.get("owned") is True,
        state=drift[0].kind if drift else text(row.get("state", ""), WORD_LIMIT),
        holders=holders,
        drift=tuple(drift),
        age=max(ages, default=None),
        left=min(leases, default=None),
    )


def _holder(name: object, claim: object, now: datetime.datetime) -> Holder:
    reported = claim if isinstance(claim, dict) else {}
    since, expires = parse_time(reported.get("since")), parse_time(reported.get("expires"))
    return Holder(
        name=text(name, WORD_LIMIT),
        since=None if since is None else since.strftime(_ISO),
        expires=None if expires is None else expires.strftime(_ISO),
        # The clock of the host may be ahead of ours.
        age=None if since is None else max(0, int((now - since).total_seconds())),
        left=None if expires is None else int((expires - now).total_seconds()),
    )


def _drift(value: object) -> t.Dict[str, t.List[Drift]]:
    found: t.Dict[str, t.List[Drift]] = {}
    for item in value if isinstance(value, list) else ():
        if isinstance(item, dict):
            drift = Drift(text(item.get("kind", ""), WORD_LIMIT), text(item.get("message", "")))
            found.setdefault(text(item.get("path", "")), []).append(drift)
    return found
