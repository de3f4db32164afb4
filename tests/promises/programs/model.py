# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A host in forty lines of rules: mount points, holders, and what the contract says of every call. Pure."""

from __future__ import annotations

import itertools
import typing as t
from dataclasses import dataclass, field

# Definitions by number: 0 and 1 differ in what a sole holder may change, 2 in what nobody may.
CHANGEABLE = ({0}, {1}, {0, 1})


@dataclass
class Mount:
    """One mount. definition: what it equals, if anything. is_altered: somebody changed its flags."""

    number: int
    definition: t.Optional[int]
    is_altered: bool = False


@dataclass
class Reference:
    """What is held at one mount point."""

    definition: int
    mount: Mount
    is_owned: bool
    holders: t.Set[str] = field(default_factory=set)


class Model:
    """Mounts on each other at every mount point, and who holds them."""

    def __init__(self, paths: t.Iterable[str]) -> None:
        self.stacks: t.Dict[str, t.List[Mount]] = {path: [] for path in paths}
        self.references: t.Dict[str, Reference] = {}
        self.numbers = itertools.count()

    def new_mount(self, definition: t.Optional[int]) -> Mount:
        """Return a mount that is like no other."""
        return Mount(next(self.numbers), definition)

    # What the module does

    def acquire(self, path: str, holder: str, definition: int, *, adopt: bool) -> str:
        """Return the action or the code of C(state: mounted), and do it."""
        held, stack = self.references.get(path), self.stacks[path]
        others = (held.holders if held else set()) - {holder}
        if held and stack and stack[-1] is held.mount:
            return self._hold(held, holder, definition, is_sole=held.is_owned and not others)
        if held and held.mount in stack:
            return "conflict"
        if held and others and definition != held.definition:
            return "conflict"
        holders = {holder, *others}
        if not stack:
            stack.append(self.new_mount(definition))
            self.references[path] = Reference(definition, stack[-1], True, holders)
            return "mounted"
        if stack[-1].definition != definition:
            return "conflict"
        if not adopt:
            return "not_owned"
        self.references[path] = Reference(definition, stack[-1], False, holders)
        return "adopted"

    def _hold(self, held: Reference, holder: str, definition: int, *, is_sole: bool) -> str:
        if definition == held.definition:
            word = "none" if holder in held.holders else "joined"
        elif is_sole and {definition, held.definition} in CHANGEABLE:
            word = "remounted"
        else:
            return "conflict"
        held.definition = definition
        held.mount.definition = definition
        held.holders.add(holder)
        return word

    def release(self, path: str, holder: str) -> str:
        """Return the action or the code of C(state: released), and do it."""
        held = self.references.get(path)
        if held is None or holder not in held.holders:
            return "none"
        if held.holders != {holder}:
            held.holders.remove(holder)
            return "released"
        if not held.is_owned:
            del self.references[path]
            return "released"
        return self._leave(path, held)

    def unmount(self, path: str, holder: str) -> str:
        """Return the action or the code of C(state: unmounted), and do it."""
        held, stack = self.references.get(path), self.stacks[path]
        if held and held.holders - {holder}:
            return "in_use"
        if held is None:
            return "not_owned" if stack else "none"
        if not held.is_owned or (stack and held.mount not in stack):
            return "not_owned"
        return self._leave(path, held)

    def _leave(self, path: str, held: Reference) -> str:
        stack = self.stacks[path]
        if held.mount in stack and stack[-1] is not held.mount:
            return "not_owned"
        del self.references[path]
        if held.mount in stack:
            stack.pop()
        return "released" if stack else "unmounted"

    def held_by(self, holder: str) -> t.List[str]:
        """Return the mount points that somebody holds."""
        return sorted(path for path, held in self.references.items() if holder in held.holders)

    # What everybody else does

    def reboot(self) -> None:
        """Lose every mount."""
        for stack in self.stacks.values():
            stack.clear()

    # What is to be seen

    def drift(self) -> t.Set[t.Tuple[str, str]]:
        """Return mount points and kinds of drift."""
        found = set()
        for path, held in self.references.items():
            stack = self.stacks[path]
            if not stack:
                found.add((path, "missing"))
            elif held.mount not in stack:
                found.add((path, "replaced"))
            elif len(stack) > 1:
                found.add((path, "stacked"))
            # A mount that was made by others may have more flags than were asked for.
            if stack and stack[-1] is held.mount and held.mount.is_altered and held.is_owned:
                found.add((path, "options_changed"))
        return found
