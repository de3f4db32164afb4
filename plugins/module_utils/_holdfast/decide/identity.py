# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whether a source still names what it named when it was mounted.

Pure. Private to holdfast.mounts.
"""

from __future__ import annotations

import typing as t

from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast import claims, errors, model, steps
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.grammar import filesystems


def shows_another_source(reference: claims.Reference, mount: model.KernelMount, source: steps.Source) -> str:
    """Return how a reference's mount shows something else than its source names now, nothing if it does not.

    source: by names and tables alone, and of a layer by what the kernel has at hand.
    """
    now, last = source.device_number, source.trees
    if now and now != mount.device:
        return f"It shows the device {mount.device}; its source names the device {now} now."
    if filesystems.record_of(reference.fstype).shows_path:
        if last and last[0] is not None and last[0] != model.Tree(mount.device, mount.root):
            return f"It shows '{mount.root}' of {mount.device}; its source is another one by now."
        return ""
    image = reference.image
    what = "Its image" if image else "A layer of it"
    for recorded, tree in zip(reference.identity, last):
        fstype, device = recorded.split(" ")[:2]
        known = filesystems.record_of(fstype)
        has_number = known.is_local and not (known.has_own_numbers or known.has_layers)
        if tree is not None and has_number and tree.device != device:
            return f"{what} lies on the device {device}; its path leads to {tree.device} now."
    seen = tuple(_seen_layers(reference, source)) if source.layers else ()
    for was, path, now in seen:
        if was != now:
            return f"{what}, '{path}', is another one by now."
    # A file may have several names, and its device tells one.
    if image and not seen and source.image not in ("", image):
        return "It shows an image that was renamed, deleted or exchanged: its source names another file now."
    return ""


def _seen_layers(reference: claims.Reference, source: steps.Source) -> t.Iterator[t.Tuple[str, str, str]]:
    """Yield what was recorded of an image or a layer, its path, and what is there now, where known."""
    for recorded, path, layer in zip(reference.identity, reference.definition.source_paths, source.layers):
        fstype, _blank, was = recorded.partition(" ")
        known = filesystems.record_of(fstype)
        # An overlay gives a file that is opened for writing another number.
        if layer is not None and known.is_local and not (reference.image and known.has_layers):
            yield was, path, f"{layer.device} {layer.inode} {layer.birth}"


def is_same_identity(recorded: t.Sequence[str], found: t.Sequence[str], *, is_same_boot: bool) -> bool:
    """Whether what a source names is what it named when it was mounted; where one is not known, it is."""
    if not recorded or not found:
        return True
    pairs = zip(recorded, found)
    return len(recorded) == len(found) and all(
        one == other or _is_same_place(one.split(" "), other.split(" "), is_same_boot=is_same_boot)
        for one, other in pairs
    )


def _is_same_place(recorded: t.Sequence[str], found: t.Sequence[str], *, is_same_boot: bool) -> bool:
    """Compare type, device, inode, birth. Numbers of devices change with a boot, and while nobody uses them.

    A filesystem that is empty when it is mounted, or has a server, is not compared, nor are numbers that do
    not last.
    """
    if len(recorded) != 4 or recorded[0] != found[0]:
        return False
    known = filesystems.record_of(recorded[0])
    if not known.is_block or known.renumbers:
        return True
    is_same_inode = recorded[2:] == found[2:]
    return is_same_inode and (recorded[3] != "0" or not is_same_boot or recorded[1] == found[1])


def refuse_replaced(
    path: str, definition: model.Definition, held: claims.Reference, found: t.Tuple[str, ...], *, boot_id: str
) -> None:
    """Refuse to mount what a source names now in the place of what it named when it was held.

    Whoever asks for another source asks for another mount.
    """
    old = held.definition
    if (old.fstype, old.src, old.source_paths) != (
        definition.fstype,
        definition.src,
        definition.source_paths,
    ):
        return
    if not is_same_identity(held.identity, found, is_same_boot=held.boot_id == boot_id):
        raise replaced(path, f"it was {', '.join(held.identity)}; it is {', '.join(found)}")


def replaced(path: str, detail: str) -> errors.MountError:
    """Return the refusal of what a source names now, where what it named before is held."""
    return errors.MountError(
        "conflict",
        f"the source of '{path}' names something else than what is held there; bring that back, or release "
        f"'{path}' everywhere, then hold it again",
        step="identity",
        path=path,
        detail=detail,
    )
