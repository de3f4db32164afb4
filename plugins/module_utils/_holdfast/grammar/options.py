# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""From words to canonical options: allow lists, layers, contradictions, one spelling of each value.

Private to holdfast.mounts.
"""

from __future__ import annotations

import re
import typing as t

from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast import model
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.grammar import (
    filesystems,
    naming,
    record,
    secrets,
    sources,
    strings,
    values,
)

Flags = t.Tuple[str, ...]
Data = t.Tuple[t.Tuple[str, t.Optional[str]], ...]

# The kernel's defaults: accepted, since they may contradict another word, and left out.
DEFAULT_WORDS = ("async", "atime", "diratime", "exec", "nolazytime", "relatime", "rw", "symfollow")
MOST_OPTIONS = 256


def canonical_options(
    fstype: str,
    opts: t.Sequence[str],
    *,
    allow_suid: bool = False,
    allow_dev: bool = False,
    source_roots: t.Sequence[str] = (),
    option: str = "opts",
) -> t.Tuple[Flags, Data]:
    """Return flags and data of a Definition, the implied ones included.

    Raises invalid_argument for characters, option_not_allowed with every offender named, and
    source_not_allowed for a layer of an overlay outside of the source roots.
    """
    filesystem = filesystems.FILESYSTEMS.get(fstype) or naming.find_filesystem(fstype)
    words = [_check_word(word, f"{option}[{index}]") for index, word in enumerate(opts)]
    if len(words) > MOST_OPTIONS:
        raise strings.refusal(
            "option_not_allowed", f"{option}: {len(words)} options; write at most {MOST_OPTIONS}"
        )
    written_as = filesystem.words.written_as
    words = [written_as.get(word, word) for word in words if written_as.get(word) != ""]
    flags, data, faults = _read_words(filesystem, words)
    faults += find_contradictions(_names(filesystem, words), filesystem.words.groups)
    if faults:
        from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.grammar import hints

        faults += [hints.GUIDE] if any(hints.hint_for(word, filesystem) for word in words) else []
        raise strings.refusal(
            "option_not_allowed", f"{option}: not allowed for {filesystem.name}: " + "; ".join(faults)
        )
    for name, value in filesystem.words.implied:
        data.setdefault(name, value)
    if filesystem.has_layers:
        check_layers(data, option, source_roots=source_roots)
    if filesystem.is_read_only(data.items()):
        flags.add("ro")
    implied = {name for name, allowed in (("nosuid", allow_suid), ("nodev", allow_dev)) if not allowed}
    return tuple(sorted(flags | implied)), tuple(sorted(data.items()))


def implied_words(
    filesystem: record.Filesystem, opts: t.Iterable[str], flags: Flags, data: Data
) -> t.Tuple[str, ...]:
    """Return what of the canonical form the caller has not written."""
    written = {word.partition("=")[0] for word in opts}
    added = [f"{name}={value}" for name, value in data if (name, value) in filesystem.words.implied]
    return tuple(word for word in (*flags, *added) if word.partition("=")[0] not in written)


def _check_word(word: t.Any, option: str) -> str:
    shown = secrets.masked_option(word, "***") if isinstance(word, str) else word
    # A secret is refused later, with a hint.
    return shown if shown != word or secrets.holds_secret(shown) else strings.check_text(word, option)


def _names(filesystem: record.Filesystem, words: t.Iterable[str]) -> t.List[str]:
    names = [word.partition("=")[0] for word in words]
    return [filesystem.options[name].name if name in filesystem.options else name for name in names if name]


def _read_words(
    filesystem: record.Filesystem, words: t.Iterable[str]
) -> t.Tuple[t.Set[str], t.Dict[str, t.Optional[str]], t.List[str]]:
    flags: t.Set[str] = set()
    data: t.Dict[str, t.Optional[str]] = {}
    faults: t.List[str] = []
    for word in words:
        name, equals, text = word.partition("=")
        fault = _fault(filesystem, word)
        if fault:
            faults.append(f"{strings.quote(word)}: {fault}")
        elif name in model.MOUNT_FLAGS:
            flags.add(name)
        elif name not in DEFAULT_WORDS:
            known = filesystem.options[name]
            value = known.value.canonical(text) if known.value and equals else None
            data.update(dict.fromkeys(known.canonical_names, value))
    return flags, data, faults


def _fault(filesystem: record.Filesystem, word: str) -> str:
    name, equals, text = word.partition("=")
    if not word:
        return "an empty option; remove it"
    if secrets.holds_secret(word):
        return _hint(word, filesystem) or "holds what looks like a secret; leave it out"
    known = filesystem.options.get(name)
    if known is not None and known.kind == values.LAYERS:
        return layer_fault(name, text)
    if "," in word or "\\" in word:
        return "holds a comma or a backslash; write one option per element of the list, without either"
    if name in model.MOUNT_FLAGS or name in DEFAULT_WORDS:
        return f"takes no value; write {name}" if equals else ""
    if known is None:
        from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.grammar import hints

        return hints.unknown_option(word, filesystem, (*model.MOUNT_FLAGS, *DEFAULT_WORDS))
    if known.value is None or not equals:
        fits = not equals and (known.value is None or known.may_be_bare)
    else:
        fits = known.value.canonical(text) is not None
    return "" if fits else _hint(word, filesystem) or f"write {known.expected}"


def _hint(word: str, filesystem: record.Filesystem) -> str:
    from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.grammar import hints

    return hints.hint_for(word, filesystem)


MOST_LAYERS = 500  # OVL_MAX_STACK, fs/overlayfs/params.h
# A kernel that takes all options as one text would split it here.
FURTHER_OPTION = re.compile(r",[^,=/]*=")


def layer_fault(name: str, text: str) -> str:
    """Return what is wrong with a layer option as an option, or nothing."""
    if not text:
        return f"write {name}= with an absolute path"
    if FURTHER_OPTION.search(text):
        return "holds what looks like a further option after a comma; rename the directory"
    if len(text.split(":")) > MOST_LAYERS:
        return f"has more than {MOST_LAYERS} layers; write fewer"
    return ""


def check_layers(
    data: t.Mapping[str, t.Optional[str]], option: str, *, source_roots: t.Sequence[str]
) -> None:
    """Refuse layers that are missing, there twice, or outside of the source roots.

    Raises source_not_allowed for a path, option_not_allowed for what is missing or twice. Whether
    one layer lies below another is left to the kernel.
    """
    if "lowerdir" not in data:
        raise strings.refusal("option_not_allowed", f"{option}: an overlay needs layers; add lowerdir=/path")
    seen: t.Set[str] = set()
    for name, path in _paths(data):
        _check_layer(path, f"{option}, {name}", source_roots=source_roots)
        if path in seen:
            raise strings.refusal(
                "option_not_allowed",
                f"{option}, {name}: {strings.quote(path)} is listed as a layer twice; list it once",
            )
        seen.add(path)
    _refuse_incomplete(data, option)


def _refuse_incomplete(data: t.Mapping[str, t.Optional[str]], option: str) -> None:
    if "upperdir" not in data and ":" not in (data["lowerdir"] or ""):
        raise strings.refusal(
            "option_not_allowed",
            f"{option}: one layer alone is not an overlay to the kernel; add a second one to lowerdir, or "
            "upperdir and workdir, or mount it with fstype: bind",
        )
    if ("upperdir" in data) != ("workdir" in data):
        raise strings.refusal(
            "option_not_allowed",
            f"{option}: upperdir and workdir need each other; write both, or neither for a read-only overlay",
        )


def _paths(data: t.Mapping[str, t.Optional[str]]) -> t.Iterator[t.Tuple[str, str]]:
    for path in (data["lowerdir"] or "").split(":"):
        yield "lowerdir", path
    for name in ("upperdir", "workdir"):
        if name in data:
            yield name, data[name] or ""


def _check_layer(path: str, option: str, *, source_roots: t.Sequence[str]) -> None:
    for character in (":", "\\"):
        if character in path:
            raise strings.refusal(
                "source_not_allowed",
                f"{option}: {strings.quote(path)} holds {strings.quote(character)}, which has a meaning "
                "of its own for overlays; rename the directory",
            )
    sources.check_source_path(path, option, source_roots=source_roots)


# Attributes and superblock flags; pairs of a name and no<name> are found by themselves.
GENERAL_GROUPS = (
    ("async", "sync"),
    ("atime", "noatime", "relatime", "strictatime"),
    ("ro", "rw"),
)


def find_contradictions(names: t.Sequence[str], groups: t.Iterable[t.Sequence[str]]) -> t.List[str]:
    """Return a fault per name that is there twice, and per names that exclude each other.

    The kernel would take the last of them, and equal requests have no order.
    """
    if not names:
        return []
    given = set(names)
    faults = [
        f"{strings.quote(name)}: given {names.count(name)} times; write it once"
        for name in sorted(given)
        if names.count(name) > 1
    ]
    pairs = [(name, "no" + name) for name in sorted(given)]
    found: t.Set[t.Tuple[str, ...]] = set()
    for group in [*GENERAL_GROUPS, *pairs, *groups]:
        clash = tuple(sorted(given.intersection(group)))
        if len(clash) > 1 and clash not in found:
            found.add(clash)
            faults.append(f"{strings.quote_all(clash)}: exclude each other; write one of them")
    return faults
