# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Tables for a terminal: aligned, no wider than it is, and readable without colour.

Private to holdfast.mounts.
"""

from __future__ import annotations

import os
import typing as t

from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.grammar import strings

_GAP = "  "
_CUT = "~"
_LEAST = 8
_GREEN, _YELLOW, _END = "\x1b[32m", "\x1b[33m", "\x1b[0m"


def write_table(heads: t.Sequence[str], rows: t.Sequence[t.Sequence[str]], out: t.TextIO) -> None:
    """Write rows below their heads; the last column is coloured on a terminal, green where it says ok.

    Nothing of a cell reaches the terminal but visible characters. On a terminal the widest columns are cut
    until a row fits; elsewhere nothing is cut.
    """
    cells = [[strings.visible(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(heads, *cells)]
    if out.isatty():
        import shutil

        _narrow(widths, shutil.get_terminal_size().columns)
    has_colour = out.isatty() and not os.environ.get("NO_COLOR")
    out.write(_line(heads, widths) + "\n")
    for row in cells:
        line = _line(row, widths)
        if has_colour:
            last = _cut(row[-1], widths[-1])
            colour = _GREEN if row[-1] == "ok" else _YELLOW
            line = f"{line[: len(line) - len(last)]}{colour}{last}{_END}"
        out.write(line + "\n")


def _narrow(widths: t.List[int], room: int) -> None:
    while sum(widths) + len(_GAP) * (len(widths) - 1) > room:
        widest = widths.index(max(widths))
        if widths[widest] <= _LEAST:
            return
        widths[widest] -= 1


def _cut(cell: str, width: int) -> str:
    return cell if len(cell) <= width else cell[: width - 1] + _CUT


def _line(cells: t.Sequence[str], widths: t.Sequence[int]) -> str:
    parts = [_cut(cell, width).ljust(width) for cell, width in zip(cells, widths)]
    return _GAP.join(parts).rstrip()
