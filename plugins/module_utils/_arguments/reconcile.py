# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The options of the module safe_mount_reconcile, and the request that they come to.

Private to holdfast.mounts.
"""

from __future__ import annotations

import typing as t

from ansible_collections.holdfast.mounts.plugins.module_utils._arguments.build import check_wait
from ansible_collections.holdfast.mounts.plugins.module_utils._grammar.names import check_holder
from ansible_collections.holdfast.mounts.plugins.module_utils._grammar.text import quote_all, refusal
from ansible_collections.holdfast.mounts.plugins.module_utils._values.request import Repair, Request

KINDS = (
    "deferred",
    "expired",
    "interrupted",
    "missing",
    "options_changed",
    "orphaned",
    "replaced",
    "stacked",
)
DEFAULT_KINDS = ("deferred", "expired", "interrupted", "missing", "orphaned")

RECONCILE_SPEC: t.Dict[str, t.Dict[str, t.Any]] = {
    "live_holders": {"type": "list", "elements": "str"},
    "drop_holders": {"type": "list", "elements": "str", "default": []},
    "repair": {"type": "list", "elements": "str", "choices": list(KINDS), "default": list(DEFAULT_KINDS)},
    "allow_nonempty": {"type": "bool", "default": False},
    "allow_unsafe_parents": {"type": "bool", "default": False},
    "on_busy": {"type": "str", "choices": ["fail", "defer", "lazy"], "default": "fail"},
    "timeout": {"type": "int", "default": 60},
    "lock_timeout": {"type": "int", "default": 90},
    "disclose": {"type": "str", "choices": ["minimal", "full"], "default": "minimal"},
}


def build_repair(params: t.Mapping[str, t.Any]) -> t.Tuple[Repair, Request]:
    """Return what is to be repaired, and the request that says how. Raises invalid_argument.

    params: what AnsibleModule made of RECONCILE_SPEC. The request has no entries yet.
    """
    live = None if params["live_holders"] is None else _names(params["live_holders"], "live_holders")
    dropped = _names(params["drop_holders"], "drop_holders")
    both = sorted(set(live or ()) & set(dropped))
    if both:
        raise refusal(
            "invalid_argument",
            f"live_holders, drop_holders: {quote_all(both)} cannot be in both; a holder lives or is dropped",
        )
    repair = Repair(tuple(params["repair"]), live, dropped)
    request = Request(
        state="released",
        holder="reconcile",
        entries=(),
        is_bulk=True,
        allow_nonempty=params["allow_nonempty"],
        allow_unsafe_parents=params["allow_unsafe_parents"],
        on_busy=params["on_busy"],
        timeout=check_wait(params["timeout"], "timeout"),
        lock_timeout=check_wait(params["lock_timeout"], "lock_timeout"),
        disclose=params["disclose"],
        repair=repair,
    )
    return repair, request


def _names(values: t.Sequence[t.Any], option: str) -> t.Tuple[str, ...]:
    return tuple(check_holder(value, f"{option}[{index}]") for index, value in enumerate(values))
