# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the host's policy does not allow, whatever the task allows itself.

What counts is what would come of a request, not how it is written: a mode that is given and is the default is
no wish for a mode. A message tells the key and the caller's own words; what the host allows is the detail.
Private to holdfast.mounts.
"""

from __future__ import annotations

import typing as t

from ansible_collections.holdfast.mounts.plugins.module_utils._grammar.contexts import CONTEXT
from ansible_collections.holdfast.mounts.plugins.module_utils._grammar.credentials import CREDENTIALS
from ansible_collections.holdfast.mounts.plugins.module_utils._grammar.filesystems import record_of
from ansible_collections.holdfast.mounts.plugins.module_utils._grammar.paths import is_below
from ansible_collections.holdfast.mounts.plugins.module_utils._grammar.policy import (
    matches_holder,
    matches_source,
)
from ansible_collections.holdfast.mounts.plugins.module_utils._grammar.text import quote
from ansible_collections.holdfast.mounts.plugins.module_utils._values.errors import MountError
from ansible_collections.holdfast.mounts.plugins.module_utils._values.policy import Policy, PolicyOption
from ansible_collections.holdfast.mounts.plugins.module_utils._values.request import (
    Definition,
    Entry,
    MountPointAttributes,
    Request,
)

_PLAIN = MountPointAttributes()
Asked = t.Sequence[t.Tuple[PolicyOption, bool]]


def refuse_forbidden(request: Request, policy: Policy) -> None:
    """Refuse a request of which any part is more than the policy allows. Raises MountError.

    Who leaves may leave, wherever that is: a policy that became narrower strands nobody.
    """
    repair = request.repair
    for holder in (request.holder,) if repair is None else repair.dropped:
        if not matches_holder(holder, policy.holders):
            raise _not_permitted("holders", None, f"the holder {quote(holder)}", policy.holders)
    mounts = request.state == "mounted" or repair is not None
    asked: Asked = (
        ("adopt", mounts and (request.adopt or (repair is not None and "replaced" in repair.kinds))),
        ("drop_holders", repair is not None and (bool(repair.dropped) or repair.live is not None)),
        ("lazy", request.on_busy == "lazy"),
        ("nonempty", mounts and request.allow_nonempty),
        ("unsafe_parents", mounts and request.allow_unsafe_parents),
    )
    _refuse_options(asked, policy, None)
    for entry in request.entries:
        if entry.definition is not None:
            _refuse_entry(entry, entry.definition, policy)


def refuse_dropping(path: str, names: t.Iterable[str], policy: t.Optional[Policy]) -> None:
    """Refuse to drop holders whom the policy does not let jobs act as. Raises MountError.

    names: those that a list of the living does not have, which only the ledger knows.
    """
    if policy is None:
        return
    others = [name for name in names if not matches_holder(name, policy.holders)]
    if others:
        what, found = f"dropping {len(others)} holders at {quote(path)}", f"they are: {', '.join(others)}; "
        raise _not_permitted("holders", path, what, policy.holders, found=found)


def _refuse_entry(entry: Entry, definition: Definition, policy: Policy) -> None:
    path, data = entry.path, dict(definition.data)
    if not _is_within(path, policy.allowed_roots):
        raise _not_permitted("allowed_roots", path, f"a mount at {quote(path)}", policy.allowed_roots)
    if definition.fstype not in policy.fstypes:
        raise _not_permitted(
            "fstypes", path, f"the type {quote(definition.fstype)} at {quote(path)}", policy.fstypes
        )
    _refuse_source(path, definition, policy)
    if CREDENTIALS in data and data[CREDENTIALS] not in policy.credentials_files:
        what = f"the credentials file of {quote(path)}"
        raise _not_permitted("credentials_files", path, what, policy.credentials_files)
    asked: Asked = (
        ("boot", entry.boot),
        ("dev", "nodev" not in definition.flags),
        ("mode", entry.attributes.mode != _PLAIN.mode),
        ("owner", (entry.attributes.uid, entry.attributes.gid) != (_PLAIN.uid, _PLAIN.gid)),
        ("selinux_context", CONTEXT in data),
        ("suid", "nosuid" not in definition.flags),
    )
    _refuse_options(asked, policy, path)


def _refuse_source(path: str, definition: Definition, policy: Policy) -> None:
    what = f"the source of {quote(path)}"
    for source in definition.source_paths:
        if not _is_within(source, policy.source_roots):
            raise _not_permitted("source_roots", path, what, policy.source_roots)
    filesystem = record_of(definition.fstype)
    if not filesystem.names_source:
        return
    patterns = policy.sources.get(definition.fstype, ())
    if not matches_source(definition.src, patterns):
        raise _not_permitted("sources", path, what, patterns)
    for name in filesystem.redirecting:
        # No pattern can mean it, so none has allowed it.
        if name in dict(definition.data):
            raise _not_permitted("sources", path, f"the option {quote(name)} at {quote(path)}", patterns)


def _refuse_options(asked: Asked, policy: Policy, path: t.Optional[str]) -> None:
    for option, is_asked in asked:
        if is_asked and option not in policy.options:
            where = "" if path is None else f" at {quote(path)}"
            raise _not_permitted("options", path, f"{quote(option)}{where}", policy.options)


def _is_within(path: str, roots: t.Iterable[str]) -> bool:
    return any(path == root or is_below(path, root) for root in roots)


def _not_permitted(
    key: str, path: t.Optional[str], what: str, allowed: t.Iterable[str], *, found: str = ""
) -> MountError:
    return MountError(
        "not_permitted",
        f"{what} is not permitted: '{key}' in the policy of this host does not allow it, and no task can "
        "widen that; ask for what it allows, or have the host's administrator change it",
        step="policy",
        path=path,
        detail=f"{found}'{key}' allows: {', '.join(allowed) or 'nothing'}",
    )
