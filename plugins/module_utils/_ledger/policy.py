# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The host's own policy: a file of root's that no task can widen.

Private to holdfast.mounts.
"""

from __future__ import annotations

import json
import typing as t

from ansible_collections.holdfast.mounts.plugins.module_utils._grammar.filesystems import find_filesystem
from ansible_collections.holdfast.mounts.plugins.module_utils._grammar.paths import check_roots
from ansible_collections.holdfast.mounts.plugins.module_utils._ledger.trusted import read_trusted
from ansible_collections.holdfast.mounts.plugins.module_utils._values.errors import MountError
from ansible_collections.holdfast.mounts.plugins.module_utils._values.policy import Policy

POLICY_PATH = "/etc/ansible/holdfast_mounts_policy.json"
MAX_BYTES = 1024 * 1024

_KEYS = frozenset(Policy.__dataclass_fields__)


def _untrusted(what: str, detail: str = "") -> MountError:
    return MountError(
        "policy_untrusted",
        f"the host's policy '{POLICY_PATH}' cannot be trusted: {what}; nothing is mounted until that is put "
        "right",
        step="policy",
        detail=detail,
    )


def read_policy() -> Policy:
    """Return the host's policy, one that narrows nothing where there is no file. Needs no lock.

    Raises MountError C(policy_untrusted) for a file that others than root may have written, or that
    is malformed.
    """
    raw = read_trusted(POLICY_PATH, _untrusted, most=MAX_BYTES)
    return Policy() if raw is None else policy_from_json(raw)


def policy_from_json(raw: bytes) -> Policy:
    """Return the policy that these bytes hold. Raises policy_untrusted, and nothing else."""
    if len(raw) > MAX_BYTES:
        raise _untrusted(f"it has more than {MAX_BYTES} bytes")
    try:
        data = json.loads(raw.decode("utf-8"), object_pairs_hook=_unique)
    except (RecursionError, ValueError) as error:
        raise _untrusted("it is not valid JSON in UTF-8, or has a key twice") from error
    if not isinstance(data, dict):
        raise _untrusted("it is not a JSON object")
    unknown = sorted(data.keys() - _KEYS)
    if unknown:
        # A key that is misspelt would narrow nothing, in silence.
        raise _untrusted(f"it has {len(unknown)} unknown keys; known are {', '.join(sorted(_KEYS))}")
    try:
        return _build(data)
    except MountError as error:
        if error.code == "policy_untrusted":
            raise
        # What the file holds is not the caller's word, so it is no matter of the message.
        raise _untrusted("a value in it is malformed", error.message) from error


def _build(data: t.Mapping[str, t.Any]) -> Policy:
    roots = _roots(data, "allowed_roots")
    sources = _roots(data, "source_roots")
    return Policy(
        allowed_roots=roots,
        source_roots=roots if sources is None else sources,
        fstypes=_fstypes(data),
        allow_suid=_flag(data, "allow_suid"),
        allow_dev=_flag(data, "allow_dev"),
    )


def _unique(pairs: t.List[t.Tuple[str, t.Any]]) -> t.Dict[str, t.Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a key twice")
    return members


def _roots(data: t.Mapping[str, t.Any], name: str) -> t.Optional[t.Tuple[str, ...]]:
    return None if name not in data else check_roots(_strings(data, name), name)


def _fstypes(data: t.Mapping[str, t.Any]) -> t.Optional[t.Tuple[str, ...]]:
    if "fstypes" not in data:
        return None
    return tuple(_known(name) for name in _strings(data, "fstypes"))


def _known(name: str) -> str:
    # Off by default, so it is in no table of what may be asked for without more.
    return name if name == "fuse.sshfs" else find_filesystem(name, option="fstypes").name


def _strings(data: t.Mapping[str, t.Any], name: str) -> t.List[str]:
    values = data[name]
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise _untrusted(f'"{name}" is not a list of strings')
    return values


def _flag(data: t.Mapping[str, t.Any], name: str) -> bool:
    value = data.get(name, True)
    if not isinstance(value, bool):
        raise _untrusted(f'"{name}" is neither true nor false')
    return value
