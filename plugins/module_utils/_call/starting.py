# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What every call does first, in check mode too: see what host this is, and ask its policy.

Private to holdfast.mounts.
"""

from __future__ import annotations

from ansible_collections.holdfast.mounts.plugins.module_utils._execute.work import Call
from ansible_collections.holdfast.mounts.plugins.module_utils._kernel.clock import read_moment
from ansible_collections.holdfast.mounts.plugins.module_utils._kernel.host import (
    observe_host,
    require_privileges,
)
from ansible_collections.holdfast.mounts.plugins.module_utils._ledger.policy import read_policy
from ansible_collections.holdfast.mounts.plugins.module_utils._ledger.store import read_ledger
from ansible_collections.holdfast.mounts.plugins.module_utils._plan.policy import refuse_forbidden
from ansible_collections.holdfast.mounts.plugins.module_utils._values.errors import MountError
from ansible_collections.holdfast.mounts.plugins.module_utils._values.request import Request


def start_call(request: Request) -> Call:
    """Return the call, once the host's policy allows all of it; no source and no mount point is looked at.

    Raises MountError: C(unsupported), C(not_permitted), or C(policy_untrusted) where it is not known what is
    allowed, which holds for leaving as well.
    """
    host = observe_host()
    require_privileges(host.protection)
    moment = read_moment(host.boot_id)
    try:
        policy = read_policy()
    except MountError:
        read_ledger()  # in the same directory, and graver: it is told first
        raise
    if policy is not None:
        refuse_forbidden(request, policy)
    return Call(request, host, moment.now, moment.uptime, policy)
