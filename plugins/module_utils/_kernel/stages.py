# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Where helpers mount, and what is there: most calls look, and have nothing to do with what they need.

Private to holdfast.mounts.
"""

from __future__ import annotations

import os
import typing as t

STAGES = "/run/holdfast/stage"


def list_stages() -> t.List[str]:
    """Return the names of the stages that are there."""
    try:
        return sorted(os.listdir(STAGES))
    except FileNotFoundError:
        return []
