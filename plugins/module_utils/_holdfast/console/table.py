# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Tables for a terminal: aligned, no wider than it is, and readable without colour.

Private to holdfast.mounts.
"""

from __future__ import annotations

import os
import typing as t
import unicodedata

from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.grammar import strings

_GAP = "  "
_CUT = "~"
_LEAST = 8
_GREEN, _YELLOW, _END = "\x1b[32m", "\x1b[33m", "\x1b[0m"


def write_table(heads: t.Sequence[str], rows: t.Sequence[t.Sequence[str]], out: t.TextIO) -> None:
    """Write rows below their heads; the last column is coloured on a terminal, green where it says ok.

    Nothing of a cell reaches the terminal but visible characters. On a terminal the widest columns are cut
    until a row fits, and where none can, each row becomes a list of its cells; elsewhere nothing is cut.
    """
    cells = [[strings.visible(cell) for cell in row] for row in rows]
    widths = [max(map(_width, column)) for column in zip(heads, *cells)]
    has_colour = out.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    if out.isatty():
        import shutil

        if not _narrow(widths, shutil.get_terminal_size().columns):
            _write_lists(heads, cells, out, has_colour=has_colour)
            return
    out.write(_line(heads, widths) + "\n")
    for row in cells:
        line = _line(row, widths)
        if has_colour:
            last = _cut(row[-1], widths[-1])
            line = line[: len(line) - len(last)] + _coloured(row[-1], last)
        out.write(line + "\n")


def _write_lists(
    heads: t.Sequence[str], rows: t.Sequence[t.Sequence[str]], out: t.TextIO, *, has_colour: bool
) -> None:
    for row in rows:
        out.write(row[0] + "\n")
        for head, cell in zip(heads[1:], row[1:]):
            is_last = head == heads[-1]
            shown = _coloured(cell, cell) if has_colour and is_last else cell
            out.write(f"{_GAP}{head.lower()}: {shown}\n")


def _coloured(state: str, shown: str) -> str:
    return f"{_GREEN if state == 'ok' else _YELLOW}{shown}{_END}"


def _narrow(widths: t.List[int], room: int) -> bool:
    """Take columns away from the widest until a row fits; return whether it does."""
    while sum(widths) + len(_GAP) * (len(widths) - 1) > room:
        widest = widths.index(max(widths))
        if widths[widest] <= _LEAST:
            return False
        widths[widest] -= 1
    return True


def _width(text: str) -> int:
    """Return how many columns of a terminal a text takes."""
    return len(text) if text.isascii() else sum(map(_columns, text))


def _columns(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def _cut(cell: str, width: int) -> str:
    if _width(cell) <= width:
        return cell
    while _width(cell) > width - len(_CUT):
        cell = cell[:-1]
    return cell + _CUT


def _line(cells: t.Sequence[str], widths: t.Sequence[int]) -> str:
    parts = [_cut(cell, width) for cell, width in zip(cells, widths)]
    padded = [part + " " * (width - _width(part)) for part, width in zip(parts, widths)]
    return _GAP.join(padded).rstrip()
