# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the host allows, whatever a task asks for.

Private to holdfast.mounts.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field

# What a task may set beyond the mount itself. owner is also the group's, drop_holders also live_holders'.
PolicyOption = t.Literal[
    "adopt",
    "boot",
    "dev",
    "drop_holders",
    "lazy",
    "mode",
    "nonempty",
    "owner",
    "selinux_context",
    "suid",
    "unsafe_parents",
]


@dataclass(frozen=True)
class Policy:
    """The policy of one host. It allows what it names and nothing else, so an empty one allows nothing.

    sources: patterns by type, for the types whose source is no path of the host. holders: patterns.
    """

    allowed_roots: t.Tuple[str, ...] = ()
    source_roots: t.Tuple[str, ...] = ()
    fstypes: t.Tuple[str, ...] = ()
    sources: t.Mapping[str, t.Tuple[str, ...]] = field(default_factory=dict)
    holders: t.Tuple[str, ...] = ()
    options: t.Tuple[str, ...] = ()
    credentials_files: t.Tuple[str, ...] = ()
