# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the host allows, whatever a task asks for.

Private to holdfast.mounts.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass


@dataclass(frozen=True)
class Policy:
    """The narrowing of one host; None means that this is left to the task.

    source_roots are those of allowed_roots where the host names only the latter, as a task's are.
    """

    allowed_roots: t.Optional[t.Tuple[str, ...]] = None
    source_roots: t.Optional[t.Tuple[str, ...]] = None
    fstypes: t.Optional[t.Tuple[str, ...]] = None
    allow_suid: bool = True
    allow_dev: bool = True
