# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The mounts of a managed host, out of whatever facts of it were gathered, read with distrust.

Takes values and returns values; knows nothing of Ansible's plugins. Private to holdfast.mounts.
"""

from __future__ import annotations

import itertools
import typing as t

from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast import errors, facts
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.grammar import naming, paths

Row = t.Dict[str, t.Any]

LEDGER = "holdfast_mounts"
# What setup leaves out of ansible_mounts: sources without a slash in front and without a server's ":/".
_NOT_IN_SETUP = frozenset(("9p", "overlay", "tmpfs", "virtiofs"))
# mount_facts lists these files too; what they name need not be mounted.
_STATIC_SOURCES = frozenset(("/etc/filesystems", "/etc/fstab", "/etc/vfstab"))
# No facts, and no report, are nested as deeply.
_DEPTH = 16


class FactsError(Exception):
    """Why there are no facts to answer from, and what to do about it."""


def find_mounts(variables: t.Mapping[str, t.Any], host: str) -> t.List[Row]:
    """Return the mounts of the host whose variables these are. Raises FactsError."""
    facts = _fact(variables, LEDGER, LEDGER)
    if facts is not None:
        return _rows_of_module(facts, host)
    local = _fact(variables, "ansible_local", "ansible_local")
    references = None if local is None else _references(local, host)
    points = _fact(variables, "mount_points", "mount_points")
    gathered = _fact(variables, "mounts", "ansible_mounts") if points is None else None
    if references is None or not (isinstance(points, dict) or isinstance(gathered, list)):
        raise FactsError(_advice(host))
    if isinstance(points, dict):
        mounted = [_plain_row(row, host) for row in points.values() if not _is_static(row)]
        return _join(references, mounted, is_complete=True)
    return _join(references, [_plain_row(row, host) for row in gathered or ()], is_complete=False)


def select_rows(rows: t.Iterable[Row], patterns: t.Sequence[str], holder: t.Optional[str]) -> t.List[Row]:
    """Return the rows whose mount point matches a pattern, and that this holder holds; None is anybody."""
    return [
        row
        for row in rows
        if facts.is_selected(row["mount"], patterns) and (holder is None or holder in row["holders"])
    ]


def can_be_held(value: object) -> bool:
    """Return whether this is a mount point that safe_mount takes under some configuration."""
    try:
        paths.refuse_never(paths.check_path(value, "path"), "path")
    except errors.MountError:
        return False
    return True


def plain(value: t.Any, depth: int = _DEPTH) -> t.Any:
    """Return the value made of nothing but JSON's own types, with nothing in place of what is nested deeper.

    Ansible hands over subclasses (tagged since core 2.19, unsafe before) that JMESPath does not know,
    and containers that are lazy, so each element is asked for.
    """
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, t.Mapping):
        return (
            {plain(str(key)): plain(element, depth - 1) for key, element in value.items()} if depth else None
        )
    if isinstance(value, (list, tuple)):
        return [plain(element, depth - 1) for element in value] if depth else None
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return float(value)
    # Core 2.18 keeps its mark when the subclass is asked.
    return str.__str__(value) if isinstance(value, str) else str(value)


def _fact(variables: t.Mapping[str, t.Any], name: str, injected: str) -> t.Any:
    """Return a fact, also where facts are not injected as variables; None when it was not gathered."""
    facts = variables.get("ansible_facts")
    found = facts.get(name) if isinstance(facts, t.Mapping) else None
    return plain(variables.get(injected) if found is None else found)


def _advice(host: str) -> str:
    return (
        f'there are no facts about the mounts of the host "{host}"; add this task before, for that host:'
        ' "- name: Gather the mounts" with "holdfast.mounts.safe_mount_facts:" as its module;'
        " gathering the subsets local and mounts with ansible.builtin.setup will do as well"
    )


def _rows_of_module(facts: t.Any, host: str) -> t.List[Row]:
    rows = facts.get("mounts") if isinstance(facts, dict) else None
    if not isinstance(rows, list) or not all(map(_is_row, rows)):
        raise FactsError(
            f'the variable "{LEDGER}" of the host "{host}" is not what holdfast.mounts.safe_mount_facts'
            " returns; run that module again, or give your own variable another name"
        )
    return rows


def _references(local: t.Any, host: str) -> t.Dict[str, Row]:
    ledger = local.get(LEDGER, {"references": {}}) if isinstance(local, dict) else local
    references = ledger.get("references") if isinstance(ledger, dict) else None
    if not isinstance(references, dict) or not all(itertools.starmap(_is_reference, references.items())):
        raise FactsError(
            f'the local fact "{LEDGER}" of the host "{host}" is not a ledger: Ansible could not read its file'
            " as JSON, or it holds what no ledger holds;"
            " run holdfast.mounts.safe_mount_facts on the host, which says what is wrong with it"
        )
    return references


def _is_row(row: t.Any) -> bool:
    return (
        _has_types(row, _ROW_TYPES)
        and row["mount"].startswith("/")
        and all(isinstance(name, str) and naming.HOLDER.fullmatch(name) for name in row["holders"])
        and (can_be_held(row["mount"]) or not (row["managed"] or row["owned"] or row["holders"]))
    )


def _is_reference(path: str, value: t.Any) -> bool:
    return (
        can_be_held(path)
        and _has_types(value, _REFERENCE_TYPES)
        and all(isinstance(word, str) for word in value["opts"])
        and all(map(naming.HOLDER.fullmatch, value["holders"]))
    )


def _has_types(value: t.Any, types: t.Mapping[str, type]) -> bool:
    # Exactly: to Python a bool is an int as well.
    return isinstance(value, dict) and all(value.get(key).__class__ is kind for key, kind in types.items())


def _is_static(row: t.Any) -> bool:
    context = row.get("ansible_context") if isinstance(row, dict) else None
    source = context.get("source") if isinstance(context, dict) else None
    return isinstance(source, str) and source in _STATIC_SOURCES


def _plain_row(row: t.Any, host: str) -> Row:
    found = {key: row.get(key, "") if isinstance(row, dict) else None for key in _GATHERED_TYPES}
    if not _has_types(found, _GATHERED_TYPES):
        raise FactsError(
            f'the gathered mounts of the host "{host}" are not what ansible.builtin.setup or'
            " ansible.builtin.mount_facts returns; run holdfast.mounts.safe_mount_facts on the host instead"
        )
    return {**found, "root": ""}


def _join(references: t.Dict[str, Row], mounted: t.List[Row], *, is_complete: bool) -> t.List[Row]:
    """Return rows like those of the module, as far as the gathered mounts tell."""
    rows = {row["mount"]: {**row, **_UNMANAGED} for row in mounted}
    for path, reference in references.items():
        is_visible = is_complete or reference["fstype"] not in _NOT_IN_SETUP
        asked = {"mount": path, "device": reference["src"], "fstype": reference["fstype"], "root": ""}
        row = rows.get(path) or {**asked, "options": ",".join(reference["opts"])}
        state = _state(reference) if path in rows else "missing" if is_visible else "unknown"
        rows[path] = {**row, **_claims(reference), "stacked": False, "state": state}
    return [rows[path] for path in sorted(rows)]


def _claims(reference: Row) -> Row:
    holders = sorted(reference["holders"])
    return {"managed": True, "owned": reference["owned"], "holders": holders, "holder_count": len(holders)}


def _state(reference: Row) -> str:
    if reference["holders"] or not reference["owned"]:
        return "ok"
    return "deferred" if reference.get("deferred") else "orphaned"


_UNMANAGED: Row = {
    "managed": False,
    "owned": False,
    "holders": [],
    "holder_count": 0,
    "stacked": False,
    "state": "ok",
}
_GATHERED_TYPES: t.Mapping[str, type] = dict.fromkeys(("mount", "device", "fstype", "options"), str)
_ROW_TYPES = {**_GATHERED_TYPES, "root": str, **{key: type(value) for key, value in _UNMANAGED.items()}}
_REFERENCE_TYPES = {"fstype": str, "holders": dict, "opts": list, "owned": bool, "src": str}
