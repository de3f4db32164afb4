# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which options exclude each other.

Private to holdfast.mounts.
"""

from __future__ import annotations

import typing as t

from ansible_collections.holdfast.mounts.plugins.module_utils._grammar.text import quote, quote_all

# Attributes and superblock flags; pairs of a name and no<name> are found by themselves.
GENERAL_GROUPS = (
    ("async", "sync"),
    ("atime", "noatime", "relatime", "strictatime"),
    ("ro", "rw"),
)


def find_contradictions(names: t.Sequence[str], groups: t.Iterable[t.Sequence[str]]) -> t.List[str]:
    """Return a fault per name that is there twice, and per names that exclude each other.

    The kernel would take the last of them, and equal requests have no order.
    """
    if not names:
        return []
    given = set(names)
    faults = [
        f"{quote(name)}: given {names.count(name)} times; write it once"
        for name in sorted(given)
        if names.count(name) > 1
    ]
    pairs = [(name, "no" + name) for name in sorted(given)]
    found: t.Set[t.Tuple[str, ...]] = set()
    for group in [*GENERAL_GROUPS, *pairs, *groups]:
        clash = tuple(sorted(given.intersection(group)))
        if len(clash) > 1 and clash not in found:
            found.add(clash)
            faults.append(f"{quote_all(clash)}: exclude each other; write one of them")
    return faults
