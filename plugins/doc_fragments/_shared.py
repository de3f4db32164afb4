# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the documentation of several modules says. Private to holdfast.mounts."""

from __future__ import annotations


class ModuleDocFragment:
    """Attributes of each module, and options of those that mount."""

    DOCUMENTATION = r"""
attributes:
  check_mode:
    description: Can run in check mode and predicts what would change without changing it.
    support: full
  diff_mode:
    description: Returns what has changed, or would change in check mode.
    support: full
  platform:
    description: Target operating systems and families that the module works on.
    support: full
    platforms: linux
author:
  - holdfast.mounts contributors (@holdfast-mounts)
"""

    CALL = r"""
options:
  timeout:
    description: After how many seconds one mount or unmount that waits for a device or a server is given up.
    type: int
    default: 60
  lock_timeout:
    description: How many seconds to wait for a mount point that another call works on.
    type: int
    default: 90
  disclose:
    description:
      - How much of the host an error message may tell.
      - With V(minimal) it tells only what the caller said. The rest is in C(/var/log/holdfast_mounts.log) on
        the host, for root, under RV(error.log_ref).
      - With V(full) it tells that too, for example who holds a busy mount.
    type: str
    choices: [minimal, full]
    default: minimal
"""
