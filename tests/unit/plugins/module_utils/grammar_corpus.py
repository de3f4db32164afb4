# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The corpus of the grammar, C(_holdfast/grammar/corpus/KIND.yml): what is written, and what must come of it.

A row has C(words), and C(type) where the kind depends on a type of filesystem. It is taken, and then becomes
what C(gives) says, its own words by default; or it is refused with C(code), and C(message) is a part of what
is said. C(guide) marks a refusal that refers to the guide for lines of fstab, C(real) a row that is taken
through the real module too. C(roots), C(allowed), C(allow) and C(opts) are what else the grammar is told.

A mapping with one of these keys alone stands for a value that is tedious to write, or not text of YAML:

    escaped: text with escapes of JSON (C(\\u0000), C(\\udcff)), also for characters that an editor hides
    repeated: [text, times]
    repeated_list: [element, times]
    joined: [value, ...], a text out of several of these and plain ones
"""

from __future__ import annotations

import json
import typing as t
from dataclasses import dataclass
from pathlib import Path

import yaml

CORPUS = Path(__file__).parent / "_holdfast/grammar/corpus"
LONGEST_ID = 48


@dataclass(frozen=True)
class Row:
    """One row of the corpus; code is None where the words must be taken."""

    kind: str
    words: t.Any
    gives: t.Any
    name: str = ""
    type: str = ""
    code: t.Optional[str] = None
    message: str = ""
    guide: bool = False
    real: bool = False
    roots: t.Tuple[str, ...] = ("/srv", "/mnt/data")
    allowed: t.Tuple[str, ...] = ()
    allow: t.Tuple[str, ...] = ()
    opts: t.Tuple[str, ...] = ()

    @property
    def id(self) -> str:
        """What pytest shows."""
        what = self.name or ascii(self.words)[1:-1] or "empty"
        return ":".join(part for part in (self.kind, self.type, what[:LONGEST_ID]) if part)


def build(value: t.Any) -> t.Any:
    """Return what a value of a corpus stands for."""
    if isinstance(value, list):
        return [build(element) for element in value]
    if not isinstance(value, dict):
        return value
    if len(value) == 1:
        ((kind, content),) = value.items()
        if kind in _BUILDERS:
            return _BUILDERS[kind](content)
    return {key: build(inner) for key, inner in value.items()}


_BUILDERS: t.Mapping[str, t.Callable[[t.Any], t.Any]] = {
    "escaped": lambda text: json.loads(f'"{text}"', strict=False),
    "repeated": lambda pair: build(pair[0]) * pair[1],
    "repeated_list": lambda pair: [pair[0]] * pair[1],
    "joined": lambda parts: "".join(build(part) for part in parts),
}
_LISTS = ("roots", "allowed", "allow", "opts")


def _read(path: Path) -> t.Iterator[Row]:
    for written in yaml.safe_load(path.read_text(encoding="utf-8")):
        row = build(written)
        lists = {name: tuple(row[name]) for name in _LISTS if name in row}
        yield Row(path.stem, **{"gives": row["words"], **row, **lists})


def rows() -> t.List[Row]:
    """Return the whole corpus."""
    return [row for path in sorted(CORPUS.glob("*.yml")) for row in _read(path)]
