# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Tell systemd, where it runs the host, that the table of filesystems has changed.

Private to holdfast.mounts.
"""

from __future__ import annotations

import contextlib
import os
import signal

_RUNS = "/run/systemd/system"  # sd_booted(3)
_NAME_OF_INIT = "/proc/1/comm"


def reload_units() -> bool:
    """Have systemd read its units and the table anew; return whether there is a systemd to do so.

    SIGHUP is what C(systemctl daemon-reload) asks for (systemd(1), SIGNALS), without a command that may
    hang. It is not waited for: the table counts at the next boot.
    """
    if not os.path.isdir(_RUNS):
        return False
    with contextlib.suppress(OSError):
        with open(_NAME_OF_INIT, encoding="ascii", errors="replace") as file:
            # In a namespace of processes another one may be the first, which a hangup would end.
            if file.read().strip() != "systemd":
                return False
        os.kill(1, signal.SIGHUP)
        return True
    return False
