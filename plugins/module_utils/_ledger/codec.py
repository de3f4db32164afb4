# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The ledger as text: JSON that a person can read, and a loader that accepts nothing but what was written.

Pure. Private to holdfast.mounts.
"""

from __future__ import annotations

import json
import typing as t

from ansible_collections.holdfast.mounts.plugins.module_utils._ledger.shape import (
    VERSION,
    WrongShape,
    build_ledger,
    build_made,
    build_operation,
    build_reference,
)
from ansible_collections.holdfast.mounts.plugins.module_utils._values.errors import MountError
from ansible_collections.holdfast.mounts.plugins.module_utils._values.host import Identity
from ansible_collections.holdfast.mounts.plugins.module_utils._values.ledger import Holder, Ledger, Reference

# Characters. Ten thousand references take about five million.
MAX_TEXT = 64 * 1024 * 1024
# More than any number of the ledger needs; reading a longer one takes time that grows with its square.
_MAX_DIGITS = 30
_LONG_NUMBER = "0" * (_MAX_DIGITS + 1)
_AS_ZEROS = str.maketrans("123456789", "000000000")

_encode = json.JSONEncoder(sort_keys=True).encode
_T = t.TypeVar("_T")


def ledger_to_json(ledger: Ledger) -> str:
    """Return the text of a ledger: ASCII, sorted, one line for each reference and directory."""
    return (
        "{\n"
        f' "boot_id": {_encode(ledger.boot_id)},\n'
        f' "directories": {_lines(ledger.directories, _identity_to_dict)},\n'
        f' "references": {_lines(ledger.references, reference_to_dict)},\n'
        f' "version": {VERSION}\n'
        "}\n"
    )


def reference_to_dict(reference: Reference) -> t.Dict[str, object]:
    """Return a reference in the shape of the ledger, made of plain JSON types."""
    return {
        "src": reference.src,
        "fstype": reference.fstype,
        "opts": list(reference.opts),
        "owned": reference.owned,
        "holders": {name: _holder_to_dict(holder) for name, holder in reference.holders.items()},
        "boot_id": reference.boot_id,
        "mount_namespace": reference.mount_namespace,
        "mount_id": reference.mount_id,
        "device": reference.device,
        "operation": reference.operation,
        "deferred": reference.deferred,
        "inode": reference.inode,
        "birth": reference.birth,
    }


def _holder_to_dict(holder: Holder) -> t.Dict[str, object]:
    """Return a claim; what most claims do not have is left out."""
    claim: t.Dict[str, object] = {"since": holder.since, "expires": holder.expires}
    if holder.lease is not None:
        claim["lease"] = {
            "ttl": holder.lease.ttl,
            "boot_id": holder.lease.boot_id,
            "ends": holder.lease.ends,
        }
    if holder.boot:
        claim["boot"] = True
    return claim


def ledger_from_json(text: str) -> Ledger:
    """Return the ledger that this text holds.

    Raises ledger_corrupt, and nothing else, for what is not exactly of the written shape: also for
    what RFC 8259 leaves to chance, such as double keys and NaN.
    """
    try:
        return build_ledger(_parse(text))
    except WrongShape as error:
        raise _corrupt(error) from error


def reference_from_dict(data: object) -> Reference:
    """Return the reference of this shape; the inverse of reference_to_dict. Raises ledger_corrupt."""
    try:
        return build_reference(data)
    except WrongShape as error:
        raise _corrupt(error) from error


def made_from_dict(data: object) -> t.Tuple[str, Identity]:
    """Return the directory that a line of a note tells of. Raises ledger_corrupt."""
    try:
        return build_made(data)
    except WrongShape as error:
        raise _corrupt(error) from error


def operation_from_dict(data: object) -> t.Mapping[str, object]:
    """Return the first line of a note once its values are of the written types. Raises ledger_corrupt."""
    try:
        return build_operation(data)
    except WrongShape as error:
        raise _corrupt(error) from error


def _corrupt(what: WrongShape) -> MountError:
    return MountError(
        "ledger_corrupt",
        f"the ledger of this host cannot be read and was left as it is: {what}",
        step="ledger",
        detail=what.detail,
    )


def _lines(members: t.Mapping[str, _T], to_dict: t.Callable[[_T], object]) -> str:
    rows = [_line(path, members[path], to_dict) for path in sorted(members)]
    return "{\n" + ",\n".join(rows) + "\n }" if rows else "{}"


# The batches of a call write what the ones before have written, and all that they leave as it is.
_written: t.Dict[t.Tuple[str, object], t.Tuple[object, str]] = {}


def _line(path: str, value: _T, to_dict: t.Callable[[_T], object]) -> str:
    known = _written.get((path, to_dict))
    if known is not None and known[0] is value:
        return known[1]
    # The C encoder cannot indent, and the one that can is several times slower.
    line = f"  {_encode({path: to_dict(value)})[1:-1]}"
    _written[path, to_dict] = (value, line)
    return line


def _identity_to_dict(identity: Identity) -> t.Dict[str, object]:
    return {"device": identity.device, "inode": identity.inode, "birth": identity.birth}


def _parse(text: str) -> object:
    if len(text) > MAX_TEXT:
        raise WrongShape(f"it has more than {MAX_TEXT} characters")
    try:
        return json.loads(
            text,
            object_pairs_hook=_unique,
            # Ten times as fast as a regular expression, which takes longer than the parser.
            parse_int=_whole if _LONG_NUMBER in text.translate(_AS_ZEROS) else None,
            parse_float=_refuse_number,
            parse_constant=_refuse_number,
        )
    except RecursionError as error:
        raise WrongShape("it is nested too deeply") from error
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise WrongShape(f"it is not valid JSON from {place} on") from error


def _unique(pairs: t.List[t.Tuple[str, object]]) -> t.Dict[str, object]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise WrongShape("it has the same key twice in one object")
    return members


def _whole(digits: str) -> int:
    if len(digits) > _MAX_DIGITS:
        raise WrongShape("it holds a number that is too long")
    return int(digits)


def _refuse_number(word: str) -> t.NoReturn:
    raise WrongShape("it holds a number that is not a whole one")
