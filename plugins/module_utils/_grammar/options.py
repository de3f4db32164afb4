# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which mount options may be given, and their canonical form.

Private to holdfast.mounts.
"""

from __future__ import annotations

import typing as t

from ansible_collections.holdfast.mounts.plugins.module_utils._grammar import layers, spelling
from ansible_collections.holdfast.mounts.plugins.module_utils._grammar.contradictions import (
    find_contradictions,
)
from ansible_collections.holdfast.mounts.plugins.module_utils._grammar.filesystems import FILESYSTEMS
from ansible_collections.holdfast.mounts.plugins.module_utils._grammar.hints import GUIDE, hint_for
from ansible_collections.holdfast.mounts.plugins.module_utils._grammar.names import find_filesystem
from ansible_collections.holdfast.mounts.plugins.module_utils._grammar.record import (
    SUPERBLOCK_WORDS,
    Filesystem,
)
from ansible_collections.holdfast.mounts.plugins.module_utils._grammar.secrets import (
    holds_secret,
    masked_option,
)
from ansible_collections.holdfast.mounts.plugins.module_utils._grammar.text import (
    check_text,
    quote,
    refusal,
)
from ansible_collections.holdfast.mounts.plugins.module_utils._grammar.values import LAYERS
from ansible_collections.holdfast.mounts.plugins.module_utils._values.request import MOUNT_FLAGS

Flags = t.Tuple[str, ...]
Data = t.Tuple[t.Tuple[str, t.Optional[str]], ...]

# The kernel's defaults: accepted, since they may contradict another word, and left out.
DEFAULT_WORDS = ("async", "atime", "diratime", "exec", "nolazytime", "relatime", "rw", "symfollow")
MOST_OPTIONS = 256
_ACCESS = ("ro", "rw")


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
    filesystem = FILESYSTEMS.get(fstype) or find_filesystem(fstype)
    words = [_check_word(word, f"{option}[{index}]") for index, word in enumerate(opts)]
    if len(words) > MOST_OPTIONS:
        raise refusal("option_not_allowed", f"{option}: {len(words)} options; write at most {MOST_OPTIONS}")
    flags, data, faults = _read_words(filesystem, words)
    faults += find_contradictions(_names(filesystem, words), filesystem.words.groups)
    if faults:
        faults += [GUIDE] if any(hint_for(word) for word in words) else []
        raise refusal("option_not_allowed", f"{option}: not allowed for {fstype}: " + "; ".join(faults))
    for name, value in filesystem.words.implied:
        data.setdefault(name, value)
    if filesystem.has_layers:
        layers.check_layers(data, option, source_roots=source_roots)
    if filesystem.is_read_only(data.items()):
        flags.add("ro")
    implied = {name for name, allowed in (("nosuid", allow_suid), ("nodev", allow_dev)) if not allowed}
    return tuple(sorted(flags | implied)), tuple(sorted(data.items()))


def shown_options(filesystem: Filesystem, shown: t.Iterable[str]) -> t.Dict[str, t.Optional[str]]:
    """Return superblock options as the kernel shows them, by canonical name and value.

    Left as it is shown is what the type does not know, a name or a value. C(ro) and C(rw) are left out. Never
    raises.
    """
    result: t.Dict[str, t.Optional[str]] = {}
    options = filesystem.options
    for word in shown:
        name, equals, text = word.partition("=")
        known = options.get(name)
        if known is not None:
            value = known.value.canonical(text) if known.value and equals else None
            result.update(dict.fromkeys(known.canonical_names, text if value is None and equals else value))
        elif filesystem.has_layers and name == "lowerdir+":
            # Layers that were given one by one (Linux 6.5).
            before = result.get("lowerdir")
            result["lowerdir"] = f"{before}:{text}" if before else text
        elif word not in _ACCESS:
            result[name] = text if equals else None
    return result


def implied_words(
    filesystem: Filesystem, opts: t.Iterable[str], flags: Flags, data: Data
) -> t.Tuple[str, ...]:
    """Return what of the canonical form the caller has not written."""
    written = {word.partition("=")[0] for word in opts}
    added = [f"{name}={value}" for name, value in data if (name, value) in filesystem.words.implied]
    return tuple(word for word in (*flags, *added) if word.partition("=")[0] not in written)


def _check_word(word: t.Any, option: str) -> str:
    shown = masked_option(word, "***") if isinstance(word, str) else word
    # A secret is refused later, with a hint.
    return shown if shown != word or holds_secret(shown) else check_text(word, option)


def _names(filesystem: Filesystem, words: t.Iterable[str]) -> t.List[str]:
    names = [word.partition("=")[0] for word in words]
    return [filesystem.options[name].name if name in filesystem.options else name for name in names if name]


def _read_words(
    filesystem: Filesystem, words: t.Iterable[str]
) -> t.Tuple[t.Set[str], t.Dict[str, t.Optional[str]], t.List[str]]:
    flags: t.Set[str] = set()
    data: t.Dict[str, t.Optional[str]] = {}
    faults: t.List[str] = []
    for word in words:
        name, equals, text = word.partition("=")
        fault = _fault(filesystem, word)
        if fault:
            faults.append(f"{quote(word)}: {fault}")
        elif name in MOUNT_FLAGS:
            flags.add(name)
        elif name not in DEFAULT_WORDS:
            known = filesystem.options[name]
            value = known.value.canonical(text) if known.value and equals else None
            data.update(dict.fromkeys(known.canonical_names, value))
    return flags, data, faults


def _fault(filesystem: Filesystem, word: str) -> str:
    name, equals, text = word.partition("=")
    if not word:
        return "an empty option; remove it"
    if holds_secret(word):
        return hint_for(word) or "holds what looks like a secret; leave it out"
    known = filesystem.options.get(name)
    if known is not None and known.kind == LAYERS:
        return layers.layer_fault(name, text)
    if "," in word or "\\" in word:
        return "holds a comma or a backslash; write one option per element of the list, without either"
    if name in MOUNT_FLAGS or name in DEFAULT_WORDS:
        return f"takes no value; write {name}" if equals else ""
    if known is None:
        return _unknown_fault(filesystem, word)
    if known.value is None or not equals:
        fits = not equals and (known.value is None or known.may_be_bare)
    else:
        fits = known.value.canonical(text) is not None
    return "" if fits else hint_for(word) or f"write {known.expected}"


def _unknown_fault(filesystem: Filesystem, word: str) -> str:
    name = word.partition("=")[0]
    hint = hint_for(word)
    if hint:
        return hint
    if filesystem.shows_path and name in SUPERBLOCK_WORDS:
        return "belongs to the filesystem that is shown; set it where that is mounted"
    known = sorted({*MOUNT_FLAGS, *DEFAULT_WORDS, *filesystem.options})
    alike = spelling.find_alike(name, known)
    if alike:
        return "unknown; write " + " or ".join(alike)
    return "unknown; write one of " + ", ".join(known) + ", or leave it out"
