# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The shape of the ledger: plain JSON types in, values out, and nothing that is not exactly of that shape.

Pure. Private to holdfast.mounts.
"""

from __future__ import annotations

import functools
import re
import typing as t

from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast import claims, errors, model
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.grammar import naming, paths, strings

VERSION = 3
RESTORE = "restore it from a backup, or move it away once you have checked that nothing it names is mounted"

_LEDGER_KEYS = frozenset(("boot_id", "directories", "references", "version"))
_REFERENCE_KEYS = frozenset(claims.Reference.__dataclass_fields__)
_HOLDER_KEYS = frozenset(("expires", "since"))
_OPTIONAL_HOLDER_KEYS = frozenset(("boot", "lease", "network"))
_LEASE_KEYS = frozenset(("boot_id", "ends", "ttl"))
_MADE_KEYS = frozenset((*model.Identity.__dataclass_fields__, "made"))
_NOTE_KEYS = frozenset(("kind", "mount_id", "operation", "path", "pid", "reference", "since"))

_TOKEN = re.compile(r"[A-Za-z0-9._-]{0,128}")
_DEVICE = re.compile(r"(?:[0-9]{1,10}:[0-9]{1,10})?")
_KIND = re.compile(r"mount|record|remount|unmount")
_MOMENT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,9})?Z")

_T = t.TypeVar("_T")
Members = t.Mapping[str, object]


class WrongShape(Exception):
    """What is wrong and what to do about it. Never leaves the ledger's room."""

    def __init__(self, wrong: str, remedy: str = RESTORE, *, detail: str = "") -> None:
        super().__init__(f"{wrong}; {remedy}")
        self.detail = detail


def build_ledger(data: object) -> claims.Ledger:
    """Return the ledger of this shape. Raises WrongShape, as all functions here."""
    version = _members(data, "the ledger").get("version")
    if isinstance(version, int) and version > VERSION:
        raise WrongShape(
            f"it has version {version}, this holdfast.mounts reads version {VERSION}",
            "it was written by a newer version of the collection: update this one",
        )
    members = _members(data, "the ledger", _LEDGER_KEYS)
    if _typed(members, "version", int) != VERSION:
        raise WrongShape(f'its "version" is {version}, expected {VERSION}')
    return claims.Ledger(
        boot_id=_matching(members, "boot_id", _TOKEN),
        references=_build_references(members["references"]),
        directories=_build_directories(members["directories"]),
    )


def build_reference(data: object) -> claims.Reference:
    """Return the reference of this shape."""
    members = _members(data, "a reference", _REFERENCE_KEYS)
    opts = _typed(members, "opts", list)
    return claims.Reference(
        src=_word(members["src"], "src"),
        fstype=_matching(members, "fstype", _TOKEN),
        opts=tuple(_word(word, "opts") for word in opts),
        owned=_typed(members, "owned", bool),
        holders=_build_holders(members),
        boot_id=_matching(members, "boot_id", _TOKEN),
        mount_namespace=_number(members, "mount_namespace"),
        mount_id=_number(members, "mount_id"),
        device=_matching(members, "device", _DEVICE),
        operation=_matching(members, "operation", _TOKEN),
        deferred=_typed(members, "deferred", bool),
        inode=_number(members, "inode"),
        birth=_birth(members),
        identity=tuple(_word(word, "identity") for word in _typed(members, "identity", list)),
    )


def _build_directories(data: object) -> t.Dict[str, model.Identity]:
    """Return by path what was made.

    A row is a component: its depth, its name, and where it was made its identity.
    """
    if not isinstance(data, list):
        raise WrongShape('"directories" is not a list')
    found: t.Dict[str, t.Optional[model.Identity]] = {}
    above = [""]
    for row in data:
        if not isinstance(row, list) or len(row) not in (2, 5):
            raise WrongShape("a directory is not a list of two or five values")
        depth, name = row[0], row[1]
        if depth.__class__ is not int or name.__class__ is not str or not 0 < depth <= len(above):
            raise WrongShape("a directory has no name, or lies below none")
        path = _path(f"{above[depth - 1]}/{name}", "directories")
        if path in found or "/" in name:
            raise WrongShape("a directory is there twice, or is none")
        found[path] = _build_identity(row[2], row[3], row[4]) if len(row) > 2 else None
        above[depth:] = [path]
    return {path: identity for path, identity in found.items() if identity is not None}


def _build_identity(device: object, inode: object, birth: object) -> model.Identity:
    members = {"device": device, "inode": inode, "birth": birth}
    return model.Identity(_matching(members, "device", _DEVICE), _number(members, "inode"), _birth(members))


def _birth(members: Members) -> int:
    # A filesystem may show any birth (struct statx_timestamp: 64 bits of seconds, with a sign).
    return _number(members, "birth", -(2**95), 2**95)


def build_made(data: object, path: str) -> t.Tuple[str, model.Identity]:
    """Return the directory at that depth of the note's path, and its identity, of this shape."""
    members = _members(data, "a line of a note", _MADE_KEYS)
    depth = _number(members, "made", 1, path.count("/"))
    identity = _build_identity(members["device"], members["inode"], members["birth"])
    return "/".join(path.split("/")[: depth + 1]), identity


def build_operation(data: object) -> Members:
    """Return the members of this shape; what the reference holds is not looked at."""
    members = _members(data, "a note", _NOTE_KEYS)
    _path(_typed(members, "path", str), "path")
    _matching(members, "operation", _TOKEN)
    _matching(members, "kind", _KIND)
    _number(members, "mount_id")
    return members


def _build_holders(members: Members) -> t.Dict[str, claims.Holder]:
    holders = {}
    for name, data in _members(members["holders"], '"holders"').items():
        _check_holder(name)
        holders[name] = _build_claim(_members(data, "a holder"))
    return holders


# A host's ten thousand references have few holders, who came at few moments.
@functools.lru_cache(maxsize=4096)
def _check_holder(name: str) -> None:
    try:
        naming.check_holder(name, "holders")
    except errors.MountError as error:
        raise WrongShape('a value of "holders" is malformed', detail=error.message) from error


def _build_claim(data: Members) -> claims.Holder:
    optional = _OPTIONAL_HOLDER_KEYS & data.keys()
    claim = _members(data, "a holder", _HOLDER_KEYS | optional if optional else _HOLDER_KEYS)
    lease = _build_lease(claim)
    if not optional and claim["since"].__class__ is str:
        return _plain_claim(claim["since"])
    boot = "boot" in optional and _typed(claim, "boot", bool)
    network = "network" in optional and _typed(claim, "network", bool)
    return claims.Holder(_matching(claim, "since", _MOMENT), lease, boot, network)


@functools.lru_cache(maxsize=4096)
def _plain_claim(since: str) -> claims.Holder:
    return claims.Holder(_matching({"since": since}, "since", _MOMENT))


def _build_lease(claim: Members) -> t.Optional[claims.Lease]:
    if (claim["expires"] is None) is not ("lease" not in claim):
        raise WrongShape('a "lease" goes with "expires", and is there only with it')
    if claim["expires"] is None:
        return None
    expires = _matching(claim, "expires", _MOMENT)
    members = _members(claim["lease"], "a lease", _LEASE_KEYS)
    boot_id = _matching(members, "boot_id", _TOKEN)
    return claims.Lease(_number(members, "ttl", 1), boot_id, _number(members, "ends"), expires)


def _build_references(data: object) -> t.Dict[str, claims.Reference]:
    result = {}
    for path, reference in _members(data, '"references"').items():
        _path(path, "references")
        result[path] = build_reference(reference)
    return result


def _path(value: str, name: str) -> str:
    """Return the path of the grammar. What looks like a secret was refused before it was written."""
    return _sound(value, name, strings.character_fault(value) or paths.path_fault(value))


def _sound(value: str, name: str, fault: str) -> str:
    if fault:
        # What the ledger holds is not the caller's word, so it is no matter of the message.
        raise WrongShape(f'a value of "{name}" is malformed', detail=f"{strings.about(name, value)} {fault}")
    return value


def _members(data: object, what: str, keys: t.Optional[t.FrozenSet[str]] = None) -> Members:
    if not isinstance(data, dict):
        raise WrongShape(f"where {what} is expected there is no JSON object")
    if keys is not None and data.keys() != keys:
        missing = ", ".join(sorted(keys - data.keys())) or "none"
        unknown = len(data.keys() - keys)
        raise WrongShape(
            f"the keys of {what} are not the expected ones (missing: {missing}; unknown: {unknown})"
        )
    return data


def _typed(members: Members, name: str, kind: t.Type[_T]) -> _T:
    value = members[name]
    # Exactly: to Python a bool is an int as well. Ten thousand references are looked at in every call.
    if value.__class__ is not kind:
        raise WrongShape(f'a "{name}" is not of type {kind.__name__}')
    return value


def _number(members: Members, name: str, low: int = 0, high: int = 2**64 - 1) -> int:
    value = members[name]
    if value.__class__ is not int or not low <= value <= high:
        raise WrongShape(f'a "{name}" is not a whole number, or out of range')
    return value


def _matching(members: Members, name: str, pattern: t.Pattern[str]) -> str:
    value = members[name]
    if value.__class__ is not str or pattern.fullmatch(value) is None:
        raise WrongShape(f'a "{name}" is malformed')
    return value


def _word(value: object, name: str) -> str:
    if not isinstance(value, str) or not value:
        raise WrongShape(f'a value in "{name}" is not a string, or an empty one')
    return _sound(value, name, strings.character_fault(value))
