# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whether a mount is what was asked: for hold, adopt, the second mount of a device, drift, reconcile, boot.

All of them compare word by word with compare(). They differ in what they make of a word of which the kernel
tells nothing: before somebody else's mount is adopted the word has to be shown, before our own is called
changed something else has to be. Equal spellings are in the records of the types.
Pure. Private to holdfast.mounts.
"""

from __future__ import annotations

import fnmatch
import functools
import typing as t

from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast import claims, model, steps
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.grammar import (
    filesystems,
    record,
    strings,
    values,
)

# tmpfs shows its size in whole pages (mm/shmem.c, shmem_show_options).
_PAGES = (4096, 16384, 65536)
_FLAGS = frozenset(model.MOUNT_FLAGS)

Words = t.Tuple[str, ...]


class Comparison(t.NamedTuple):
    """What a mount shows against what was asked.

    lacking: what was asked and is not in force.
    untold: options that were asked, where the kernel shows neither them nor anything in their place.
    instead: what the kernel shows in place of the options that are lacking.
    beyond: flags that are in force and were not asked.
    """

    lacking: Words = ()
    untold: Words = ()
    instead: Words = ()
    beyond: Words = ()


def compare(definition: model.Definition, mount: model.KernelMount, *, memory: int = 0) -> Comparison:
    """Compare a definition with what the kernel shows, flag by flag and option by option.

    memory: of the host, in bytes, 0 where nobody asked; a part of it is what a size in percent stands for.
    A bind mount has the options of what it shows, so only flags are compared.
    """
    filesystem = filesystems.record_of(definition.fstype)
    in_force = flags_in_force(mount)
    if "ro" in mount.options:
        in_force |= {"ro"}
    lacking = [flag for flag in definition.flags if flag not in in_force]
    if filesystem.shows_path:
        own = flags_in_force(mount).difference(definition.flags)
        return Comparison(tuple(lacking), beyond=tuple(own))
    beyond = [flag for flag in in_force if flag not in definition.flags]
    if "ro" in beyond and (filesystem.may_turn_read_only or filesystem.is_read_only(definition.data)):
        beyond.remove("ro")
    untold: t.List[str] = []
    instead: t.Set[str] = set()
    pairs = [pair for pair in definition.data if _word(*pair) not in mount.options]
    shown = _Shown(filesystem, mount) if pairs else None
    for name, value in pairs:
        answer = shown.answers(name, value, memory) if shown else None
        if answer is None:
            untold.append(_word(name, value))
        elif shown and not answer:
            lacking.append(_word(name, value))
            instead.update(shown.words_of(name))
    return Comparison(tuple(lacking), tuple(untold), tuple(instead), tuple(beyond))


class _Shown:
    """What the kernel shows of a superblock, in words that can be compared with what was asked."""

    def __init__(self, filesystem: record.Filesystem, mount: model.KernelMount) -> None:
        self._filesystem = filesystem
        self._mount = mount
        self._options = filesystem.shown_options(mount.options)

    @functools.cached_property
    def _words(self) -> t.Dict[str, str]:
        return {_word(name, value): name for name, value in self._options.items()}

    @functools.cached_property
    def _meanings(self) -> t.Set[str]:
        return {_meaning(self._filesystem, word) for word in (*self._words, *self._parts())}

    def _parts(self) -> t.Iterator[str]:
        """Yield each one of what the kernel has joined by colons (rescue of btrfs)."""
        for name, text in self._options.items():
            option = self._filesystem.options.get(name)
            if text and ":" in text and option and option.value and option.value.canonical(text) is None:
                yield from (_word(name, part) for part in text.split(":"))

    def _is_shown_as(self, word: str) -> bool:
        """Whether what is shown fits a pattern of how the word may be shown."""
        # NFS of version 4 has a type of its own in the table, of which more is known.
        known = {
            self._filesystem.name: self._filesystem,
            self._mount.fstype: filesystems.record_of(self._mount.fstype),
        }
        patterns = [pattern for record in known.values() for pattern in record.words.shown]
        fitting = [right for left, right in patterns if fnmatch.fnmatchcase(word, left)]
        return any(fnmatch.fnmatchcase(seen, right) for right in fitting for seen in self._words)

    def words_of(self, name: str) -> t.List[str]:
        """Return what is shown of this option, by any name that it may be shown under."""
        same = self._filesystem.words.same
        names = {name, *(_name(meant) for word, meant in same.items() if _name(word) == name)}
        return [word for word, shown_name in self._words.items() if shown_name in names]

    def answers(self, name: str, value: t.Optional[str], memory: int) -> t.Optional[bool]:
        """Whether the option is in force with that value, None where the kernel does not tell."""
        if self._options.get(name, "") == value:
            return True
        word = _word(name, value)
        meant = _meaning(self._filesystem, word)
        if (meant and meant in self._meanings) or self._is_shown_as(word) or self._is_shown_as(meant):
            return True
        option = self._filesystem.options.get(name)
        shown = self._options.get(name)
        if option is not None and option.kind == values.MEMORY:
            return _is_size(value or "", shown, memory)
        if (
            option is not None
            and option.kind == values.LAYERS
            and shown
            and shown.startswith("/proc/self/fd/")
        ):
            return None  # before Linux 6.13 layers are given by such names
        if option is not None and option.may_be_lowered and value and shown and shown.isdigit():
            return int(shown) <= int(value)
        if value is None and shown is not None and meant == word:
            return None  # the value that the kernel chose
        if not meant:  # what shows as nothing
            contrary = (f"no{name}", name[2:] if name.startswith("no") else "")
            seen = [*self.words_of(name), *(word for word, by in self._words.items() if by in contrary)]
            return not any(_meaning(self._filesystem, word) for word in seen)
        if self.words_of(name):
            return False
        defaults = {_name(word) for word, other in self._filesystem.words.same.items() if not other}
        return False if name in defaults else None


def _word(name: str, value: t.Optional[str]) -> str:
    return name if value is None else f"{name}={value}"


def _name(word: str) -> str:
    return word.partition("=")[0]


def _meaning(filesystem: record.Filesystem, word: str) -> str:
    """Return the word that stands for all spellings of this one, nothing for what shows as nothing."""
    name, _equals, value = word.partition("=")
    if name == strings.CONTEXT:
        return f"{name}={strings.canonical_context(value)}"
    return filesystem.words.same.get(word, word)


def _is_size(asked: str, shown: t.Optional[str], memory: int) -> t.Optional[bool]:
    """Whether a tmpfs that shows this size has the size that was asked; a half of the memory is not shown.

    LIMIT: without the memory's size a percentage that is shown in bytes is not told.
    """
    if not asked.endswith("%"):
        if shown is not None and shown.isdigit():
            return any(int(shown) == -(-int(asked) // page) * page for page in _PAGES)
        return abs(int(asked) - memory // 2) < _PAGES[-1] if memory else None
    if shown is None:
        return asked == "50%"
    if not memory or not shown.isdigit():
        return None
    return abs(memory * int(asked[:-1]) // 100 - int(shown)) <= _PAGES[-1]


def flags_in_force(mount: model.KernelMount) -> t.FrozenSet[str]:
    """Return the flags of the mount itself; the superblock may be read-only beyond that."""
    flags = _FLAGS.intersection(mount.flags)
    # The kernel shows the strict mode by showing neither of the others (fs/proc_namespace.c).
    return flags if "relatime" in mount.flags or "noatime" in flags else flags | {"strictatime"}


def inherited_flags(definition: model.Definition, in_force: t.FrozenSet[str]) -> Words:
    """Return the flags in force that a bind has from the mount of its source; none for other types."""
    shows_path = filesystems.record_of(definition.fstype).shows_path
    return tuple(sorted(in_force.difference(definition.flags))) if shows_path else ()


def changed_options(
    definition: model.Definition, mount: model.KernelMount, *, is_owned: bool, inherited: Words = ()
) -> Words:
    """Return what is not as asked, sorted: C(-word) for what is not in force, C(+word) for what is beyond it.

    An adopted mount may have more than was asked. inherited: the flags that a bind had when it was made.
    """
    found = compare(definition, mount)
    beyond = tuple(flag for flag in found.beyond if flag not in inherited)
    gained = found.instead + beyond if is_owned else found.instead
    changes = [f"-{word}" for word in found.lacking] + [f"+{word}" for word in gained]
    return tuple(sorted(word for word in changes if word != "+ro" or not why_unhealthy(definition, mount)))


# What ext4 shows after an error and after a shutdown (fs/ext4/super.c); of xfs see mounts.with_shutdown.
_STOPPED = frozenset(("emergency_ro", record.SHUT_DOWN))


def why_unhealthy(definition: model.Definition, mount: model.KernelMount) -> str:
    """Return what tells that the kernel has stopped the filesystem, nothing where that is in order.

    Made read-only by hand it is so in its mount as well.
    LIMIT: a remount of another mount of the device looks the same.
    """
    if not filesystems.record_of(mount.fstype).is_block:
        return ""
    words = _STOPPED.intersection(mount.options)
    if words:
        return f"The kernel has stopped it after an error ({', '.join(sorted(words))})."
    known = filesystems.record_of(definition.fstype)
    is_meant = known.shows_path or known.may_turn_read_only or known.is_read_only(definition.data)
    if is_meant or "ro" not in mount.options or "ro" in (*mount.flags, *definition.flags):
        return ""
    return "The kernel has made it read-only after an error, or another mount of its device was remounted."


def foreign_differences(
    wanted: model.Definition, mount: model.KernelMount, place: model.Place, source: steps.Source
) -> Words:
    """Return the options in which a mount that is there already is not what is wanted.

    Type and source must be the same, and every requested and implied option in force; what the
    kernel shows beyond that does not matter. What another user than root serves equals nothing: what it
    says of itself is that user's choice.
    """
    if mount.server is not None:
        return ("server",)
    if filesystems.record_of(wanted.fstype).shows_path:
        same = bool(source.places) and source.places[0].identity == place.identity
        wrong = [] if same else ["src"]
    else:
        wrong = [] if may_show(wanted.fstype, mount.fstype) else ["fstype"]
        if not _is_source(wanted, mount, source) or _is_older(mount, source):
            wrong.append("src")
    if unproven_words(wanted, mount, source):
        wrong.append("opts")
    return tuple(wrong)


def _is_older(mount: model.KernelMount, source: steps.Source) -> bool:
    """Whether an overlay was mounted before what its layers lie on, so that it shows what that hides."""
    places = source.places if filesystems.record_of(mount.fstype).has_layers else ()
    return any(place.mount_id > (mount.unique_id or place.mount_id) for place in places)


def unproven_words(wanted: model.Definition, mount: model.KernelMount, source: steps.Source) -> Words:
    """Return what is wanted, and not shown to be in force."""
    found = compare(wanted, mount, memory=source.memory)
    return tuple(sorted((*found.lacking, *found.untold)))


def _is_source(wanted: model.Definition, mount: model.KernelMount, source: steps.Source) -> bool:
    if source.device_number:
        return mount.device == source.device_number or mount.source == source.device_path
    from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.grammar import sources

    return sources.is_shown_source(wanted.fstype, wanted.src, mount.source)


def differences(
    wanted: model.Definition, held: model.Definition, mount: t.Optional[model.KernelMount] = None
) -> Words:
    """Return the names of the options in which two definitions differ. mount: what is held, if seen."""
    if wanted == held:
        return ()
    pairs = [
        ("fstype", wanted.fstype == held.fstype),
        ("src", wanted.src == held.src),
        ("opts", _meanings(wanted) == _meanings(held) or _names_the_same(wanted, held, mount)),
    ]
    return tuple(name for name, is_same in pairs if not is_same)


def _meanings(definition: model.Definition, *, but: t.Collection[str] = ()) -> t.FrozenSet[str]:
    """Return what a definition asks for, whatever words it uses, but for these options."""
    filesystem = filesystems.record_of(definition.fstype)
    flags = set(definition.flags)
    if filesystem.is_read_only(definition.data):
        flags.discard("ro")
    data = (_meaning(filesystem, _word(name, value)) for name, value in definition.data if name not in but)
    return frozenset((*flags, *filter(None, data)))


def _names_the_same(
    wanted: model.Definition, held: model.Definition, mount: t.Optional[model.KernelMount]
) -> bool:
    """Whether both name, in different ways, the one part of a superblock that the mount shows."""
    names = filesystems.record_of(wanted.fstype).of_the_mount
    if mount is None or _meanings(wanted, but=names) != _meanings(held, but=names):
        return False
    for definition in (wanted, held):
        part = definition._replace(data=tuple(pair for pair in definition.data if pair[0] in names))
        if not part.data or unproven_words(part._replace(flags=()), mount, steps.Source()):
            return False
    return True


def only_asked(wanted: model.Definition, held: model.Definition) -> Words:
    """Return the words with which one definition asks for what the other does not."""
    meanings = _meanings(held)
    filesystem = filesystems.record_of(wanted.fstype)
    words = (word for word in wanted.opts if _meaning(filesystem, word) not in (*meanings, ""))
    return tuple(word for word in words if word != "ro" or not filesystem.is_read_only(wanted.data))


def is_changeable(wanted: model.Definition, held: model.Definition) -> bool:
    """Whether the one can be had from the other without a new mount."""
    if (wanted.fstype, wanted.src) != (held.fstype, held.src):
        return False
    changeable = filesystems.record_of(wanted.fstype).changeable
    both = (wanted._replace(flags=()), held._replace(flags=()))
    fixed = [_meanings(definition, but=changeable) for definition in both]
    # LIMIT: a limit that was never given cannot be taken away by a remount, so both must name it.
    named = [{name for name, _value in definition.data if name in changeable} for definition in both]
    return fixed[0] == fixed[1] and named[0] == named[1]


def is_same_superblock(
    wanted: model.Definition, mount: model.KernelMount, held: t.Iterable[model.Definition]
) -> bool:
    """Whether a device may be mounted again: its superblock has just the options that are wanted.

    held: definitions of the managed mounts of this device. Where there is none, the kernel's word
    is all there is: what it shows must hold everything that is wanted.
    """
    filesystem = filesystems.record_of(wanted.fstype)
    is_access_same = ("ro" in wanted.flags) == ("ro" in mount.options) or filesystem.may_turn_read_only
    if mount.fstype != wanted.fstype or not is_access_same:
        return False
    names = filesystem.of_the_mount
    managed = tuple(definition._replace(flags=()) for definition in held)
    if managed:
        asked = _meanings(wanted._replace(flags=()), but=names)
        return all(_meanings(definition, but=names) == asked for definition in managed)
    superblock = tuple(pair for pair in wanted.data if pair[0] not in names)
    return not unproven_words(wanted._replace(flags=(), data=superblock), mount, steps.Source())


def is_same_mount(found: model.KernelMount, reference: claims.Reference) -> bool:
    """Whether a mount with a reference's id is its mount: before Linux 6.8 a number is used again.

    LIMIT: a foreign mount of the same type, source and device that was given the number is taken for ours.
    """
    if found.unique_id is not None:
        return True
    if found.server is not None and not filesystems.record_of(reference.fstype).shows_path:
        return False  # a bind may show what a user serves; everything else was mounted by root
    if filesystems.record_of(reference.fstype).is_named_at_will and found.source != reference.src:
        return False  # the kernel gives the device number of such a mount to the next one
    is_same_device = found.device == reference.device or filesystems.record_of(found.fstype).has_own_numbers
    return is_same_device and may_show(reference.fstype, found.fstype)


def may_show(fstype: str, shown: str) -> bool:
    """Whether the kernel may show a mount of one type as another one: any, for a bind."""
    known = filesystems.record_of(fstype)
    return known.shows_path or shown in (fstype, *known.shown_types)


def with_identity_of(
    reference: claims.Reference, mount: model.KernelMount, place: model.Place
) -> claims.Reference:
    """Return the reference as that of a mount that stands at its place already.

    The root's inode and birth go along: where the kernel has no unique ids they tell the mount from others.
    """
    root = place.identity or model.Identity(mount.device, 0, 0)
    return reference._replace(
        mount_id=mount.mount_id if mount.unique_id is None else mount.unique_id,
        device=root.device,
        inode=root.inode,
        birth=root.birth,
    )
