# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How a table of a type's mount options is written down.

Private to holdfast.mounts.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from ansible_collections.holdfast.mounts.plugins.module_utils._grammar.values import Value


@dataclass(frozen=True)
class Option:
    """One option of one type.

    name: the canonical name; the table may know it by others too.
    value: what follows the equals sign, None for a bare word.
    may_be_bare: whether the value may be left out.
    stands_for: the options that the kernel makes of it, where it is only an abbreviation.
    """

    name: str
    value: t.Optional[Value] = None
    may_be_bare: bool = False
    stands_for: t.Tuple[str, ...] = ()

    @property
    def canonical_names(self) -> t.Tuple[str, ...]:
        """The options of a definition that get its value."""
        return self.stands_for or (self.name,)

    @property
    def expected(self) -> str:
        """How the option is written, in words that complete "write ..."."""
        if self.value is None:
            return f"{self.name} without a value"
        bare = f"{self.name} alone or " if self.may_be_bare else ""
        return f"{bare}{self.name}= with {self.value.expected}"


Table = t.Mapping[str, Option]


def words(*names: str) -> Table:
    """Return options that are bare words."""
    return {name: Option(name) for name in names}


def valued(values: t.Mapping[str, Value]) -> Table:
    """Return options that need a value."""
    return {name: Option(name, value) for name, value in values.items()}


def optional(values: t.Mapping[str, Value]) -> Table:
    """Return options that may have a value."""
    return {name: Option(name, value, may_be_bare=True) for name, value in values.items()}


def with_aliases(table: Table, aliases: t.Mapping[str, str]) -> Table:
    """Return the table with further names (the keys) for options that it has."""
    return {**table, **{alias: table[name] for alias, name in aliases.items()}}


def merged(*tables: Table) -> Table:
    """Return one table of all."""
    result: t.Dict[str, Option] = {}
    for table in tables:
        result.update(table)
    return result
