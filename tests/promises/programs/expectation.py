# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What each consumer may hold, from what it has said: certain after an answer, open after a kill."""

from __future__ import annotations

import collections
import json
import typing as t

from consumers import ALL

YES, NO, OPEN = frozenset({True}), frozenset({False}), frozenset({True, False})


class Expectation:
    """For each path whether the consumer holds it: one possible answer, or both."""

    def __init__(self, paths: t.Sequence[str]) -> None:
        self.possible: t.Dict[str, t.FrozenSet[bool]] = dict.fromkeys(paths, NO)
        self.codes: t.Counter[str] = collections.Counter()
        self.acknowledged = 0

    def hear(self, text: str) -> None:
        """Take in what one life of the consumer has written; its last line may be cut."""
        begun: t.Optional[t.Tuple[str, t.List[str]]] = None
        for line in text.split("\n")[:-1]:
            word, *rest = json.loads(line)
            if word == "begin":
                begun = (rest[0], rest[1])
            elif begun is not None:
                self.take_answer(*begun, rest[0])
                begun = None
        if begun is not None:
            self.take_silence(*begun)

    def take_answer(self, kind: str, paths: t.List[str], outcomes: t.Dict[str, str]) -> None:
        """What was acknowledged is so; what failed is as it was."""
        self.acknowledged += 1
        self.codes.update(code for code in outcomes.values() if code != "ok")
        if ALL in outcomes:
            return
        for path, code in outcomes.items():
            if code == "ok":
                self.possible[path] = YES if kind != "release" and path in paths else NO
        if kind == "purge":
            for path in self.possible.keys() - outcomes.keys():
                self.possible[path] = NO

    def take_silence(self, kind: str, paths: t.List[str]) -> None:
        """Who was killed may have come to the end or not."""
        for path in self.possible if kind == "purge" else paths:
            wish = YES if kind != "release" and path in paths else NO
            self.possible[path] = self.possible[path] | wish

    def compare(self, holder: str, held: t.Collection[str]) -> t.List[str]:
        """Return where the ledger differs, and take it as the truth from now on."""
        wrong = []
        for path, possible in self.possible.items():
            is_held = path in held
            if is_held not in possible:
                wrong.append(f"{holder}: {path} " + ("is held again" if is_held else "is lost"))
            self.possible[path] = YES if is_held else NO
        return wrong
