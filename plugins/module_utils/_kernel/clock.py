# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What time it is: by the wall clock, which may be set, and by the boot clock, which may not.

Private to holdfast.mounts.
"""

from __future__ import annotations

import time

from ansible_collections.holdfast.mounts.plugins.module_utils._values.lease import Moment


def read_moment(boot_id: str) -> Moment:
    """Return the present moment of this boot.

    LIMIT: in a time namespace (time_namespaces(7)) the boot clock has an offset, so leases are granted
    and ended from one such namespace only, that of the host.
    """
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    return Moment(boot_id, now, int(time.clock_gettime(time.CLOCK_BOOTTIME)))
