# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the host's policy forbids, whatever the task allows itself.

A message tells the caller's own words; what the host allows is the detail. Private to holdfast.mounts.
"""

from __future__ import annotations

import typing as t

from ansible_collections.holdfast.mounts.plugins.module_utils._grammar.paths import is_below
from ansible_collections.holdfast.mounts.plugins.module_utils._grammar.text import quote
from ansible_collections.holdfast.mounts.plugins.module_utils._values.errors import Code, MountError
from ansible_collections.holdfast.mounts.plugins.module_utils._values.policy import Policy
from ansible_collections.holdfast.mounts.plugins.module_utils._values.request import Definition, Request


def refuse_forbidden(request: Request, policy: Policy) -> None:
    """Refuse a request of which one mount point is more than the policy allows. Raises MountError."""
    for entry in request.entries:
        if entry.definition is not None:
            _refuse_place(entry.path, policy)
            _refuse_definition(entry.path, entry.definition, policy)


def _refuse_place(path: str, policy: Policy) -> None:
    if not _lies_below(path, policy.allowed_roots):
        raise _forbidden("path_not_allowed", path, f"a mount at {quote(path)}", policy.allowed_roots)


def _refuse_definition(path: str, definition: Definition, policy: Policy) -> None:
    if policy.fstypes is not None and definition.fstype not in policy.fstypes:
        what = f"the type {quote(definition.fstype)}"
        raise _forbidden("fstype_not_allowed", path, what, policy.fstypes)
    for source in definition.source_paths:
        if not _lies_below(source, policy.source_roots):
            what = f"the source {quote(source)}"
            raise _forbidden("source_not_allowed", path, what, policy.source_roots)
    for option, flag, is_allowed in (
        ("allow_suid", "nosuid", policy.allow_suid),
        ("allow_dev", "nodev", policy.allow_dev),
    ):
        if not is_allowed and flag not in definition.flags:
            raise _forbidden("option_not_allowed", path, option, (f"{option}: false",))


def _lies_below(path: str, roots: t.Optional[t.Sequence[str]]) -> bool:
    return roots is None or any(is_below(path, root) for root in roots)


def _forbidden(code: Code, path: str, what: str, allowed: t.Optional[t.Sequence[str]]) -> MountError:
    return MountError(
        code,
        f"{what} is not allowed by the policy of this host, which no task can widen; ask for what it allows, "
        "or have the host's administrator change it",
        step="policy",
        path=path,
        detail="it allows: " + (", ".join(allowed or ()) or "nothing"),
    )
