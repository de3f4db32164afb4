# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The ledger as text: JSON that a person can read, and a loader that accepts nothing but what was written.

Pure. Private to holdfast.mounts.
"""

from __future__ import annotations

import json
import typing as t

from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast import claims, errors, model, steps
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.ledger import schema

# Bytes. Ten thousand references take about five million.
MAX_LEDGER = 64 * 1024 * 1024
# Of one line: an overlay of 500 layers with long paths, or two thousand holders.
MAX_REFERENCE = 128 * 1024
# What no new holder can use up: numbers of a mount that is made again are longer than the old ones.
_KEPT_FREE = 1024 * 1024
# The numbers of a mount and of a directory, which are not known before it is made.
_NUMBERS = 256
# More than any number of the ledger needs; reading a longer one takes time that grows with its square.
_MAX_DIGITS = 30
_LONG_NUMBER = "0" * (_MAX_DIGITS + 1)
_AS_ZEROS = str.maketrans("123456789", "000000000")

_encode = json.JSONEncoder(sort_keys=True).encode
Record = t.Dict[str, t.Any]


def ledger_to_json(ledger: claims.Ledger, lines: t.Optional[Lines] = None) -> str:
    """Return the text of a ledger: ASCII, sorted, one line for each reference and directory.

    Raises MountError where it would be larger than what is read.
    """
    lines = lines or Lines()
    rows = []
    for depth, name, *made in schema.write_rows(ledger.directories):
        # The encoder is quick with text alone; a device is digits and a colon.
        identity = f', "{made[0]}", {made[1]}, {made[2]}' if made else ""
        rows.append(f"  [{depth}, {_encode(name)}{identity}]")
    references = [lines.of(path, ledger.references[path]) for path in sorted(ledger.references)]
    text = (
        "{\n"
        f' "boot_id": {_encode(ledger.boot_id)},\n'
        f' "directories": {_block("[]", rows)},\n'
        f' "references": {_block("{}", references)},\n'
        f' "version": {schema.VERSION}\n'
        "}\n"
    )
    if is_too_large(len(text)):
        raise _full()
    return text


def is_too_large(size: int) -> bool:
    """Whether a ledger has more bytes than are read: asked before writing, and before reading."""
    return size > MAX_LEDGER


class Budget:
    """How much the ledger may grow by what one batch, or one prediction, adds to it.

    What makes it no longer is never refused, so whoever holds something can let go of it.
    """

    def __init__(self, size: int, lines: t.Optional[Lines] = None) -> None:
        """size: of the ledger as it is, in bytes. lines: as they were written last."""
        self._lines = lines or Lines()
        self._left = MAX_LEDGER - _KEPT_FREE - size
        self.spent = 0

    def spend(self, plan: steps.Plan, old: t.Optional[claims.Reference]) -> None:
        """Count in what a plan makes of a mount point's reference. Raises MountError where it may not."""
        path, new = plan.path, plan.reference
        if new is None or new is old:
            return
        size = len(self._lines.of(path, new))
        growth = size - (0 if old is None else len(self._lines.of(path, old)))
        if growth <= 0:
            return
        if size > MAX_REFERENCE:
            raise _too_long(path, new)
        growth += _NUMBERS
        if plan.step == "mount":
            growth += len(_encode(path)) + _NUMBERS * path.count("/")
        if growth > self._left - self.spent:
            raise _full()
        self.spent += growth


def _too_long(path: str, reference: claims.Reference) -> errors.MountError:
    most = f"{MAX_REFERENCE} bytes are the most that the ledger keeps of one mount point"
    if len(_line(path, reference._replace(holders={}))) > MAX_REFERENCE // 2:
        return errors.MountError(
            "option_not_allowed",
            f"opts: the options of '{path}' are too long, {most}; write fewer or shorter ones, of an overlay "
            "fewer layers in lowerdir or layers with shorter paths",
            step="record",
            path=path,
        )
    return errors.MountError(
        "in_use",
        f"holder: '{path}' has {len(reference.holders) - 1} holders already, and {most}; have those that are "
        "gone dropped (safe_mount_reconcile, drop_holders or live_holders), give new ones a ttl, or hold a "
        "bind of it at another path",
        step="record",
        path=path,
    )


def _full() -> errors.MountError:
    return errors.MountError(
        "mount_failed",
        f"the ledger of this host is full, {MAX_LEDGER} bytes are the most that is kept; release what nobody "
        "needs any longer, which always works, then repeat",
        step="record",
    )


def ledger_from_json(text: str) -> claims.Ledger:
    """Return the ledger that this text holds.

    Raises ledger_corrupt, and nothing else, for what is not exactly of the written shape: also for
    what RFC 8259 leaves to chance, such as double keys and NaN.
    """
    try:
        if is_too_large(len(text)):
            raise schema.WrongShape(f"it has more than {MAX_LEDGER} bytes")
        return schema.read_ledger(_parse(text))
    except schema.WrongShape as error:
        raise _corrupt(error) from error


def made_to_record(path: str, identity: model.Identity) -> Record:
    """Return the line of an intent record that says of a directory, before it has its name, which it is."""
    # Its depth is enough: all lie on the path that the first line has.
    return schema.MADE.write(schema.Made(path.count("/"), identity.device, identity.inode, identity.birth))


def intent_from_records(records: t.Sequence[Record]) -> steps.Intent:
    """Return the intent that these lines record, as far as they go. Raises ledger_corrupt."""
    try:
        return schema.read_intent(records)
    except schema.WrongShape as error:
        raise _corrupt(error) from error


def _corrupt(what: schema.WrongShape) -> errors.MountError:
    return errors.MountError(
        "ledger_corrupt",
        f"the ledger of this host cannot be read and was left as it is: {what}",
        step="ledger",
        detail=what.detail,
    )


def _block(brackets: str, rows: t.Sequence[str]) -> str:
    return f"{brackets[0]}\n" + ",\n".join(rows) + f"\n {brackets[1]}" if rows else brackets


class Lines:
    """The lines of references as they were written last: most stay as they are from one write to the next."""

    def __init__(self) -> None:
        self._known: t.Dict[str, t.Tuple[claims.Reference, str]] = {}

    def of(self, path: str, reference: claims.Reference) -> str:
        """Return the line of this reference."""
        known = self._known.get(path)
        if known is not None and known[0] is reference:
            return known[1]
        line = _line(path, reference)
        self._known[path] = (reference, line)
        return line


def _line(path: str, reference: claims.Reference) -> str:
    # The C encoder cannot indent, and the one that can is several times slower.
    return f"  {_encode({path: schema.REFERENCE.write(reference)})[1:-1]}"


def _parse(text: str) -> object:
    try:
        return json.loads(
            text,
            object_pairs_hook=_unique,
            # Ten times as fast as a regular expression, which takes longer than the parser.
            parse_int=_whole if _LONG_NUMBER in text.translate(_AS_ZEROS) else None,
            parse_float=_refuse_number,
            parse_constant=_refuse_number,
        )
    except RecursionError as error:
        raise schema.WrongShape("it is nested too deeply") from error
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise schema.WrongShape(f"it is not valid JSON from {place} on") from error


def _unique(pairs: t.List[t.Tuple[str, object]]) -> t.Dict[str, object]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise schema.WrongShape("it has the same key twice in one object")
    return members


def _whole(digits: str) -> int:
    if len(digits) > _MAX_DIGITS:
        raise schema.WrongShape("it holds a number that is too long")
    return int(digits)


def _refuse_number(word: str) -> t.NoReturn:
    raise schema.WrongShape("it holds a number that is not a whole one")
