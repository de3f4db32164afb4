# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whether the tests of this machine can run at all."""

from __future__ import annotations

import os
import subprocess
import typing as t


def find_obstacle() -> t.Optional[str]:
    """Return why nothing here can run, None when it can."""
    if os.geteuid() != 0:
        return "needs root: mounts are made in private mount namespaces"
    if subprocess.run(["unshare", "-m", "true"], check=False, capture_output=True).returncode != 0:
        return "needs CAP_SYS_ADMIN: no mount namespace can be made here"
    return None
