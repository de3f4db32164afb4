# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The shapes of ledger and intent records: one declaration each, to write and to check what is read.

Plain JSON types on one side, values on the other. Nothing is read that is not exactly of the declared shape.

Pure. Private to holdfast.mounts.
"""

from __future__ import annotations

import functools
import itertools
import operator
import re
import typing as t

from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast import claims, errors, model, steps
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.grammar import naming, paths, strings

VERSION = 3
_RESTORE = "restore it from a backup, or move it away once you have checked that nothing it names is mounted"
_MOMENT = r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,9})?Z"

# Return the value of a member, given its name. Raise WrongShape.
Read = t.Callable[[t.Any, str], t.Any]


class WrongShape(Exception):
    """What is wrong and what to do about it. Never leaves this package."""

    def __init__(self, wrong: str, remedy: str = _RESTORE, *, detail: str = "") -> None:
        super().__init__(f"{wrong}; {remedy}")
        self.detail = detail


class Kind(t.NamedTuple):
    """How a member is checked and read, and how its value is written; without write, as it is."""

    read: Read
    write: t.Optional[t.Callable[[t.Any], t.Any]] = None


class Record:
    """A JSON object, whose members are attributes of the values that make returns, in its arguments' order.

    optional: the members that are there only if they are true; make gets them by name. Two other members at
    least.
    """

    def __init__(
        self,
        what: str,
        make: t.Callable[..., t.Any],
        members: t.Mapping[str, Kind],
        optional: t.Optional[t.Mapping[str, Kind]] = None,
    ) -> None:
        self._what, self._make, self._optional = what, make, optional or {}
        self._names = tuple(members)
        self._reads = tuple((name, kind.read) for name, kind in members.items())
        self._writes = tuple((name, kind.write) for name, kind in members.items() if kind.write is not None)
        self._values = operator.attrgetter(*members)
        self._more = tuple(map(operator.attrgetter, self._optional))

    def read(self, data: t.Any, _name: str = "") -> t.Any:
        """Return the value of this object. Raises WrongShape."""
        _members(data, self._what)
        try:
            values = [read(data[name], name) for name, read in self._reads]
        except KeyError as error:
            raise self._other_keys(data) from error
        if len(data) == len(values):
            return self._make(*values)
        more = {name: kind.read(data[name], name) for name, kind in self._optional.items() if name in data}
        if len(data) != len(values) + len(more):
            raise self._other_keys(data)
        return self._make(*values, **more)

    def _other_keys(self, data: t.Mapping[str, t.Any]) -> WrongShape:
        missing = ", ".join(sorted({*self._names} - {*data})) or "none"
        unknown = len({*data} - {*self._names, *self._optional})
        return WrongShape(
            f"the keys of {self._what} are not the expected ones (missing: {missing}; unknown: {unknown})"
        )

    def write(self, value: t.Any) -> t.Dict[str, t.Any]:
        """Return the object of this value, made of plain JSON types."""
        data = dict(zip(self._names, self._values(value)))
        for name, write in self._writes:
            data[name] = write(data[name])
        more = [get(value) for get in self._more]
        if any(more):
            for (name, kind), member in zip(self._optional.items(), more):
                if member:
                    data[name] = kind.write(member) if kind.write else member
        return data


def _members(data: t.Any, what: str) -> t.Dict[str, t.Any]:
    if data.__class__ is not dict:
        raise WrongShape(f"where {what} is expected there is no JSON object")
    return t.cast("t.Dict[str, t.Any]", data)


def _typed(kind: type) -> Read:
    def read(value: t.Any, name: str) -> t.Any:
        # Exactly: to Python a bool is an int as well. Ten thousand references are looked at in every call.
        if value.__class__ is not kind:
            raise WrongShape(f'a "{name}" is not of type {kind.__name__}')
        return value

    return read


def number(low: int = 0, high: int = 2**64 - 1) -> Read:
    """Return what reads a whole number of this range."""

    def read(value: t.Any, name: str) -> t.Any:
        if value.__class__ is not int or not low <= value <= high:
            raise WrongShape(f'a "{name}" is not a whole number, or out of range')
        return value

    return read


def _matching(pattern: str) -> Read:
    matches = re.compile(pattern).fullmatch

    def read(value: t.Any, name: str) -> t.Any:
        if value.__class__ is not str or matches(value) is None:
            raise WrongShape(f'a "{name}" is malformed')
        return value

    return read


def _nullable(kind: Kind) -> Kind:
    write = kind.write
    return Kind(
        lambda value, name: None if value is None else kind.read(value, name),
        None if write is None else lambda value: None if value is None else write(value),
    )


def read_path(value: t.Any, name: str) -> str:
    """Return the path of the grammar. What looks like a secret was refused before it was written."""
    path = _STRING(value, name)
    return _sound(path, name, strings.character_fault(path) or paths.path_fault(path))


def _sound(value: str, name: str, fault: str) -> str:
    if fault:
        # What the ledger holds is not the caller's word, so it is no matter of the message.
        raise WrongShape(f'a value of "{name}" is malformed', detail=f"{strings.about(name, value)} {fault}")
    return value


def _read_word(value: t.Any, name: str) -> str:
    if not isinstance(value, str) or not value:
        raise WrongShape(f'a value in "{name}" is not a string, or an empty one')
    return _sound(value, name, strings.character_fault(value))


def _read_words(value: t.Any, name: str) -> t.Tuple[str, ...]:
    return tuple(_read_word(word, name) for word in _LIST(value, name))


def _read_holders(value: t.Any, _name: str) -> t.Dict[str, claims.Holder]:
    holders = {}
    for name, claim in _members(value, '"holders"').items():
        _check_holder(name)
        members = _members(claim, "a holder")
        is_plain = len(members) == 2 and members.get("expires", "") is None
        since = members.get("since")
        holders[name] = _plain_holder(since) if is_plain and since.__class__ is str else HOLDER.read(members)
    return holders


# A host's ten thousand references have few holders, who came at few moments.
@functools.lru_cache(maxsize=4096)
def _check_holder(name: str) -> None:
    try:
        naming.check_holder(name, "holders")
    except errors.MountError as error:
        raise WrongShape('a value of "holders" is malformed', detail=error.message) from error


@functools.lru_cache(maxsize=4096)
def _plain_holder(since: str) -> claims.Holder:
    return t.cast("claims.Holder", HOLDER.read({"since": since, "expires": None}))


def _write_holders(holders: t.Mapping[str, claims.Holder]) -> t.Dict[str, t.Any]:
    return {name: HOLDER.write(holder) for name, holder in holders.items()}


def _make_holder(
    since: str,
    expires: t.Optional[str],
    lease: t.Optional[t.Tuple[int, str, int]] = None,
    *,
    boot: bool = False,
    network: bool = False,
) -> claims.Holder:
    if lease is None and expires is None:
        return claims.Holder(since, None, boot, network)
    if lease is None or expires is None:
        raise WrongShape('a "lease" goes with "expires", and is there only with it')
    return claims.Holder(since, claims.Lease(*lease, expires), boot, network)


def _read_rows(value: t.Any, _name: str) -> t.Dict[str, model.Identity]:
    """Return by path what was made.

    A row is a component: its depth, its name, and where it was made the members of its identity.
    """
    found: t.Dict[str, t.Optional[model.Identity]] = {}
    above = [""]
    for row in _LIST(value, "directories"):
        if not isinstance(row, list) or len(row) not in (2, 5):
            raise WrongShape("a directory is not a list of two or five values")
        depth, name = row[0], row[1]
        if depth.__class__ is not int or name.__class__ is not str or not 0 < depth <= len(above):
            raise WrongShape("a directory has no name, or lies below none")
        path = read_path(f"{above[depth - 1]}/{name}", "directories")
        if path in found or "/" in name:
            raise WrongShape("a directory is there twice, or is none")
        found[path] = _read_identity(row[2:]) if len(row) > 2 else None
        above[depth:] = [path]
    return {path: identity for path, identity in found.items() if identity is not None}


def _read_identity(members: t.Sequence[t.Any]) -> model.Identity:
    return model.Identity(
        *(kind.read(value, name) for (name, kind), value in zip(_IDENTITY.items(), members))
    )


def write_rows(directories: t.Mapping[str, model.Identity]) -> t.List[t.List[t.Any]]:
    """Return the tree of what was made, one component in a row, so that no path repeats those above it."""
    rows: t.List[t.List[t.Any]] = []
    parent, before = "", [""]
    # A slash sorts before every other character, so that what lies below a directory comes right after it.
    for path in sorted(directories, key=lambda path: path.replace("/", "\0")):
        above, _slash, name = path.rpartition("/")
        if above != parent:
            parent, names = above, above.split("/")
            alike = itertools.takewhile(lambda pair: pair[0] == pair[1], zip(before, names))
            shared = sum(1 for _pair in alike)
            rows += [[depth, names[depth]] for depth in range(shared, len(names))]
        rows.append([path.count("/"), name, *_members_of_identity(directories[path])])
        before = path.split("/")
    return rows


def _read_references(value: t.Any, _name: str) -> t.Dict[str, claims.Reference]:
    return {
        read_path(path, "references"): REFERENCE.read(reference)
        for path, reference in _members(value, '"references"').items()
    }


_STRING, _LIST = _typed(str), _typed(list)
_BOOLEAN, _NUMBER = Kind(_typed(bool)), Kind(number())
_TOKEN = Kind(_matching(r"[A-Za-z0-9._-]{0,128}"))
_TIME = Kind(_matching(_MOMENT))
_WORDS = Kind(_read_words, list)

_IDENTITY = {
    "device": Kind(_matching(r"(?:[0-9]{1,10}:[0-9]{1,10})?")),
    "inode": _NUMBER,
    # A filesystem may show any birth (struct statx_timestamp: 64 bits of seconds, with a sign).
    "birth": Kind(number(-(2**95), 2**95)),
}
_members_of_identity = operator.attrgetter(*_IDENTITY)
# When it ends by the wall clock is a member of its holder, as that is what people look for.
_LEASE = Record(
    "a lease",
    lambda *members: members,
    {"ttl": Kind(number(1)), "boot_id": _TOKEN, "ends": _NUMBER},
)
HOLDER = Record(
    "a holder",
    _make_holder,
    {"since": _TIME, "expires": _nullable(_TIME)},
    {"lease": Kind(_LEASE.read, _LEASE.write), "boot": _BOOLEAN, "network": _BOOLEAN},
)
REFERENCE = Record(
    "a reference",
    claims.Reference,
    {
        "src": Kind(_read_word),
        "fstype": _TOKEN,
        "opts": _WORDS,
        "owned": _BOOLEAN,
        "holders": Kind(_read_holders, _write_holders),
        "boot_id": _TOKEN,
        "mount_namespace": _NUMBER,
        "mount_id": _NUMBER,
        "device": _IDENTITY["device"],
        "operation": _TOKEN,
        "deferred": _BOOLEAN,
        "inode": _NUMBER,
        "birth": _IDENTITY["birth"],
        "identity": _WORDS,
    },
    {"inherited": _WORDS},
)
INTENT = Record(
    "an intent record",
    steps.Intent,
    {
        "operation": _TOKEN,
        "kind": Kind(_matching("mount|record|remount|unmount")),
        "path": Kind(read_path),
        "mount_id": _NUMBER,
        "reference": _nullable(Kind(REFERENCE.read, REFERENCE.write)),
        "pid": _NUMBER,
        "since": _TIME,
    },
)


class Made(t.NamedTuple):
    """A directory or file on the path of an intent, by the number of its components: a line of its record."""

    made: int
    device: str
    inode: int
    birth: int


MADE = Record("a line of an intent record", Made, {"made": Kind(number(1)), **_IDENTITY})

_LEDGER = Record(
    "the ledger",
    lambda boot_id, directories, references, _version: claims.Ledger(boot_id, references, directories),
    {
        "boot_id": _TOKEN,
        "directories": Kind(_read_rows),
        "references": Kind(_read_references),
        "version": Kind(number(VERSION, VERSION)),
    },
)


def read_ledger(data: t.Any) -> claims.Ledger:
    """Return the ledger of this shape. Raises WrongShape."""
    version = _members(data, "the ledger").get("version")
    if isinstance(version, int) and version > VERSION:
        raise WrongShape(
            f"it has version {version}, this holdfast.mounts reads version {VERSION}",
            "it was written by a newer version of the collection: update this one",
        )
    return t.cast("claims.Ledger", _LEDGER.read(data))


def read_intent(lines: t.Sequence[t.Any]) -> steps.Intent:
    """Return the intent that these lines record, as far as they go. Raises WrongShape."""
    intent: steps.Intent = INTENT.read(lines[0])
    names = intent.path.split("/")
    made = []
    for line in map(MADE.read, lines[1:]):
        if line.made >= len(names):
            raise WrongShape("a directory lies below the mount point of its intent record")
        identity = model.Identity(line.device, line.inode, line.birth)
        made.append(("/".join(names[: line.made + 1]), identity))
    return intent._replace(made=tuple(made))
