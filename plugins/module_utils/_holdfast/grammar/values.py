# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Kinds of values, and the line of words that says which options a type takes.

A line has words, separated by white space. Kinds are in capitals, as in a manual page:

    acl               a bare word
    mode=MODE         with a value of a kind of KINDS
    commit=0..300     with a decimal number; rsize=1k..16m with bytes, as a bound has a suffix
    data=fs|user|ID   with one of these words, or of these kinds
    dax[=always]      the value may be left out
    rsize=<1k..16m    the kernel may show less than what was asked
    gquota->grpquota  another name
    umask=MASK->a,b   an abbreviation: the kernel makes a and b of it
    tcp->proto=tcp    a word that stands for another one
    -intr             taken and left out: every kernel ignores it
    hard!soft!softerr at most one of them
    +trans=virtio     added where the caller writes no such option
    discard=sync~discard   two spellings of one thing; uid=0~ is what shows as nothing
    vers=4~>vers=4.*       asked so, it may be shown so; * stands for any text

Private to holdfast.mounts.
"""

from __future__ import annotations

import functools
import re
import typing as t

from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.grammar import paths

# int() takes digits of every script and underscores; the kernel takes a leading zero as octal.
NUMBER = re.compile(r"0|-?[1-9][0-9]{0,18}")
SIZE = re.compile(r"(0|[1-9][0-9]{0,18})([kmgtpeKMGTPE]?)")
PERCENT = re.compile(r"[1-9][0-9]{0,2}%")
RANGE = re.compile(r"(-?[0-9]+)([kmg]?)\.\.([0-9]+)([kmg]?)")
WORD = re.compile(r"([^=\[]+)(?:(\[?)=(<?)([^\]]*)\]?)?")
SUFFIXES = "kmgtpe"
LARGEST_SIZE = 2**63 - 1
LARGEST_ID = 2**32 - 2  # 2**32 - 1 means "no such user" to the kernel
VALUE_BYTES = 255  # fsconfig(2) takes no longer string


class Value(t.NamedTuple):
    """One kind of value.

    expected: what may be written, in words that complete "expected ...".
    canonical: gives the canonical spelling, None for what may not be written.
    """

    expected: str
    canonical: t.Callable[[str], t.Optional[str]]


def number(low: int, high: int) -> Value:
    """Return a whole number in decimal, both bounds included."""

    def canonical(text: str) -> t.Optional[str]:
        return text if NUMBER.fullmatch(text) and low <= int(text) <= high else None

    return Value(f"a decimal number from {low} to {high}", canonical)


def size(low: int = 0, high: int = LARGEST_SIZE, *, percent: bool = False) -> Value:
    """Return an amount of bytes with the suffixes of the kernel's memparse(), as decimal bytes."""

    def canonical(text: str) -> t.Optional[str]:
        if percent and PERCENT.fullmatch(text):
            return text
        match = SIZE.fullmatch(text)
        if match is None:
            return None
        amount = int(match.group(1)) << _shift(match.group(2))
        return str(amount) if low <= amount <= high else None

    words = "a number of bytes such as 4096, 512k or 1g"
    words += ", or a percentage such as 50%" if percent else ""
    bounds = "" if (low, high) == (0, LARGEST_SIZE) else f", from {low} to {high}"
    return Value(words + bounds, canonical)


def _shift(suffix: str) -> int:
    return 10 * (SUFFIXES.index(suffix.lower()) + 1) if suffix else 0


def octal(digits: str, example: str) -> Value:
    """Return permission bits in octal, as four digits; digits is an expression of what may be written."""

    def canonical(text: str) -> t.Optional[str]:
        return text.zfill(4) if re.fullmatch(digits, text) else None

    return Value(f"permission bits in octal such as {example}", canonical)


def choice(*words: str) -> Value:
    """Return one out of a few words."""

    def canonical(text: str) -> t.Optional[str]:
        return text if text in words else None

    return Value("one of " + ", ".join(sorted(words)), canonical)


def pattern(expression: str, expected: str) -> Value:
    """Return what the whole expression matches, as it is written."""

    def canonical(text: str) -> t.Optional[str]:
        fits = len(text.encode("utf-8", "surrogatepass")) <= VALUE_BYTES
        return text if fits and re.fullmatch(expression, text) else None

    return Value(expected, canonical)


def inner_path() -> Value:
    """Return a path inside of a filesystem, with its leading slash."""

    def canonical(text: str) -> t.Optional[str]:
        path = text if text.startswith("/") else "/" + text
        if not text or len(path.encode("utf-8", "surrogatepass")) > VALUE_BYTES:
            return None
        if "," in text or "\\" in text:
            return None
        return path if path == "/" or not paths.path_fault(path) else None

    return Value("a path of plain components such as @home or /volumes/data", canonical)


def either(*kinds: Value) -> Value:
    """Return what any of the kinds takes, in the spelling of the first that does."""

    def canonical(text: str) -> t.Optional[str]:
        spellings = (kind.canonical(text) for kind in kinds)
        return next((spelling for spelling in spellings if spelling is not None), None)

    return Value(", or ".join(kind.expected for kind in kinds), canonical)


LAYERS = "LAYERS"
MEMORY = "MEMORY"
KINDS: t.Mapping[str, Value] = {
    # Where the kernel takes what has no leading zero for a decimal number.
    "BITS": octal("0?[0-7]{1,3}", "0750, up to 0777"),
    "CHARSET": pattern("[A-Za-z0-9][A-Za-z0-9_-]{0,31}", "a character set such as utf8 or iso8859-1"),
    "COMPRESSION": pattern(
        r"no|none|lzo|zlib(:[1-9])?|zstd(:(1[0-5]|[1-9]|-1[0-5]|-[1-9]))?",
        "one of lzo, no, none, zlib, zlib:1 to zlib:9, zstd, zstd:-15 to zstd:15",
    ),
    "COUNT": number(0, 2**31 - 1),
    "DOTNAME": pattern(r"\.[A-Za-z0-9._-]{1,63}", "a name that begins with a dot"),
    "EXTENSION": pattern(r"[A-Za-z0-9]{1,7}|\*", "a file name extension such as log, or *"),
    "F2FS_COMPRESSION": pattern(
        "lzo|lzo-rle|lz4(:([3-9]|1[0-2]))?|zstd(:([1-9]|1[0-9]|2[0-2]))?",
        "one of lz4, lz4:3 to lz4:12, lzo, lzo-rle, zstd, zstd:1 to zstd:22",
    ),
    "ID": number(0, LARGEST_ID),
    # Where the kernel reads a number that may be negative.
    "SIGNED_ID": number(0, 2**31 - 1),
    # What an overlay's layers may be is not a matter of one value: layers.py.
    LAYERS: Value("absolute paths", lambda text: text or None),
    "MASK": octal("[0-7]{1,4}", "0750"),
    # Rounded up to whole pages, or a part of the host's memory.
    MEMORY: size(percent=True),
    "MODE": octal("[0-7]{3,4}", "0750"),
    "NAME": pattern("[A-Za-z0-9][A-Za-z0-9._-]{0,63}", "a name of A-Z a-z 0-9 . _ -"),
    "NUMA": pattern(
        r"(default|local|(prefer|bind|interleave)(=(static|relative))?(:[0-9]{1,4}(-[0-9]{1,4})?)?)",
        "a NUMA policy such as local, bind:0 or interleave:0-3",
    ),
    "PATH": inner_path(),
    "SIZE": size(),
    # Who but the owner may set times: the kernel keeps no other bit of it.
    "UTIME": octal("0{0,2}[02]{1,2}", "0020, of 0022"),
    "SUFFIX": pattern("[A-Za-z0-9]{1,7}", "a file name extension such as log"),
    "USER": pattern("[A-Za-z0-9_][A-Za-z0-9._-]{0,31}", "a user name"),
}


class Option(t.NamedTuple):
    """One option of one type.

    name: the canonical name; the table may know it by others too.
    value: what follows the equals sign, None for a bare word.
    kind: how the line writes that value.
    may_be_bare: whether the value may be left out.
    may_be_lowered: whether the kernel, perhaps with a server, may settle on less than was asked.
    stands_for: the options that the kernel makes of it, where it is only an abbreviation.
    """

    name: str
    value: t.Optional[Value] = None
    kind: str = ""
    may_be_bare: bool = False
    may_be_lowered: bool = False
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


class Words(t.NamedTuple):
    """What a line says.

    options: by every name that they may be written with.
    groups: options out of which at most one may be given.
    implied: names and values of what is added.
    written_as: words that stand for other ones; empty for what is taken and left out.
    same: spellings of one thing: a word, and the word that stands for both, empty for what shows as nothing.
    shown: a word, and a pattern of how it may be shown.
    """

    options: t.Mapping[str, Option]
    groups: t.Tuple[t.Tuple[str, ...], ...]
    implied: t.Tuple[t.Tuple[str, str], ...]
    written_as: t.Mapping[str, str]
    same: t.Mapping[str, str]
    shown: t.Tuple[t.Tuple[str, str], ...]


@functools.lru_cache(maxsize=None)
def read_line(line: str) -> Words:
    """Return what a line says; of an option that is there twice the last counts."""
    options: t.Dict[str, Option] = {}
    aliases: t.Dict[str, str] = {}
    groups: t.List[t.Tuple[str, ...]] = []
    implied: t.List[t.Tuple[str, str]] = []
    written_as: t.Dict[str, str] = {}
    same: t.Dict[str, str] = {}
    shown: t.List[t.Tuple[str, str]] = []
    for word in line.split():
        if "~>" in word:
            asked, _arrow, seen = word.partition("~>")
            shown.append((asked, seen))
        elif "~" in word:
            asked, _tilde, seen = word.partition("~")
            same[asked] = seen
        elif "!" in word:
            groups.append(tuple(word.split("!")))
        elif word.startswith("+"):
            name, _equals, value = word[1:].partition("=")
            implied.append((name, value))
        elif word.startswith("-"):
            written_as[word[1:]] = ""
        elif "->" in word and "=" not in word.partition("->")[0] and "," not in word:
            alias, _arrow, name = word.partition("->")
            (written_as if "=" in name else aliases)[alias] = name
        else:
            option = _read_option(word)
            options[option.name] = option
    options.update({alias: options[name] for alias, name in aliases.items()})
    return Words(options, tuple(groups), tuple(implied), written_as, same, tuple(shown))


def _read_option(word: str) -> Option:
    written, _arrow, names = word.partition("->")
    match = WORD.fullmatch(written)
    if match is None:
        raise ValueError(f"no option: {word}")
    name, bracket, less, kind = match.groups()
    return Option(
        name,
        None if kind is None else _read_kind(kind),
        kind or "",
        may_be_bare=bool(bracket),
        may_be_lowered=bool(less),
        stands_for=tuple(names.split(",")) if names else (),
    )


def _read_kind(text: str) -> Value:
    """Return the kind that a line names, or lists."""
    parts = text.split("|")
    words = [part for part in parts if part not in KINDS and not RANGE.fullmatch(part)]
    if any(".." in word or not word for word in words):
        raise ValueError(f"no kind: {text}")
    kinds = [_read_range(part) if part not in KINDS else KINDS[part] for part in parts if part not in words]
    if not words and len(kinds) == 1:
        return kinds[0]
    return either(choice(*words), *kinds) if kinds else choice(*words)


def _read_range(text: str) -> Value:
    match = RANGE.fullmatch(text)
    if match is None:
        raise ValueError(f"no range: {text}")
    low, low_suffix, high, high_suffix = match.groups()
    if not low_suffix and not high_suffix:
        return number(int(low), int(high))
    return size(int(low) << _shift(low_suffix), int(high) << _shift(high_suffix))
