# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The corpus of hostile values: how its files are read.

A file is a list of groups. A group has C(arguments) that all of its calls share, C(rows), and for those that
are refused a C(code), which a row may override: a code of the contract, or C(argument_spec) for what Ansible
itself refuses. A row has C(why) somebody would try it (with the manual page or CVE that tells of it), and
C(given): the value of the group's C(option), or arguments where the group has none. C(harmless) marks what is
refused although nothing is wrong with it, C(shown) names options that the kernel must show.

Values may be written short as C(grammar_corpus.py) of the unit tests says.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass
from pathlib import Path

import yaml
from ansible_collections.holdfast.mounts.tests.unit.plugins.module_utils.grammar_corpus import build

HERE = Path(__file__).parent
ACCEPTED = "accepted.yml"


@dataclass(frozen=True)
class Row:
    """One call of the module, and what must come of it; code is None where it must be accepted."""

    group: str
    why: str
    arguments: t.Mapping[str, t.Any]
    code: t.Optional[str] = None
    is_harmless: bool = False
    shown: t.Tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """What pytest shows."""
        return ascii(f"{self.group}: {self.why}")[1:-1]


def _read_group(group: t.Mapping[str, t.Any]) -> t.Iterator[Row]:
    for row in group["rows"]:
        given = build(row["given"])
        arguments = {group["option"]: given} if "option" in group else given
        yield Row(
            group["group"],
            row["why"],
            {**build(group["arguments"]), **arguments},
            row.get("code", group.get("code")),
            is_harmless=row.get("harmless", group.get("harmless", False)),
            shown=tuple(row.get("shown", ())),
        )


def _read(path: Path) -> t.List[Row]:
    groups = yaml.safe_load(path.read_text(encoding="utf-8"))
    return [row for group in groups for row in _read_group(group)]


def refused_rows() -> t.List[Row]:
    """Return what must be refused, with its code."""
    files = sorted(path for path in HERE.glob("*.yml") if path.name != ACCEPTED)
    return [row for path in files for row in _read(path)]


def accepted_rows() -> t.List[Row]:
    """Return what must be mounted."""
    return _read(HERE / ACCEPTED)
