# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The host's own policy: a file of root's that no task can widen.

Private to holdfast.mounts.
"""

from __future__ import annotations

import json
import typing as t

from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast import errors, model
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.kernel import files

POLICY_PATH = "/etc/ansible/holdfast_mounts_policy.json"
MAX_BYTES = 1024 * 1024


def _untrusted(what: str, detail: str = "") -> errors.MountError:
    return errors.MountError(
        "policy_untrusted",
        f"the host's policy '{POLICY_PATH}' cannot be trusted: {what}; nothing is mounted, released or "
        "reconciled until that is put right",
        step="policy",
        detail=detail,
    )


def read_policy() -> t.Optional[model.Policy]:
    """Return the host's policy, None where it has none. Needs no lock.

    Raises MountError C(policy_untrusted) for a file that users other than root may have written, or that
    is malformed.
    """
    raw = files.read_trusted(POLICY_PATH, _untrusted, most=MAX_BYTES)
    return None if raw is None else policy_from_json(raw)


def policy_from_json(raw: bytes) -> model.Policy:
    """Return the policy that these bytes hold. Raises policy_untrusted, and nothing else."""
    from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.decide import permissions

    if len(raw) > MAX_BYTES:
        raise _untrusted(f"it has more than {MAX_BYTES} bytes")
    try:
        data = json.loads(raw.decode("utf-8"), object_pairs_hook=_unique)
    except (RecursionError, ValueError) as error:
        raise _untrusted("it is not valid JSON in UTF-8, or has a key twice") from error
    try:
        return permissions.build_policy(data)
    except errors.MountError as error:
        # What the file holds is not the caller's word, so it is no matter of the message.
        raise _untrusted("a key or a value in it is malformed", error.message) from error


def _unique(pairs: t.List[t.Tuple[str, t.Any]]) -> t.Dict[str, t.Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a key twice")
    return members
