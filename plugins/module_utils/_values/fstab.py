# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the host's table of filesystems says of one mount point.

Private to holdfast.mounts.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

# A word of the options that mount(8) and systemd pass over (mount(8), "x-*").
MARK = "x-holdfast.mounts"


@dataclass(frozen=True)
class BootEntry:
    """The lines of one mount point.

    ours: the line with our mark, one blank between its fields; None where there is none.
    is_foreign: somebody else has one as well.
    """

    ours: t.Optional[str] = None
    is_foreign: bool = False
