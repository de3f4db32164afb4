# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Entries of fstab: what they say, when they come and go, and which mount a boot has made from one.

Private to holdfast.mounts.
"""

from __future__ import annotations

import re
import typing as t

from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast import claims, errors, model, steps
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.decide import (
    identity,
    rules,
    sameness,
)
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.grammar import (
    credentials,
    filesystems,
    paths,
)

# What getmntent(3) and libmount both decode; a "#" within a field they leave as it is.
# The C library reads a line of fstab into 4096 bytes and forgets the rest; systemd reads it so.
_LINE = 4094
# systemd parses blanks, quotes and backslashes in the value of a word once more (systemd.mount(5)).
_PLAIN = re.compile(r"(?:/[A-Za-z0-9._@+-]+)+(?=/|$)")
# Numbered in the order in which the kernel finds them. What root names itself (mapper, md/NAME) stays.
_COUNTED = re.compile(
    r"/dev/(?:(?:[hsv]|xv)d[a-z]+|(?:loop|mmcblk|pmem|sr|zram|dm-|md12)[0-9]+|nvme[0-9]+n[0-9]+)(?:p?[0-9]+)?"
)
_ESCAPES = {ord(character): f"\\{ord(character):03o}" for character in "\\ \t\n"}


def entry_of(path: str, reference: claims.Reference) -> str:
    """Return the entry of fstab(5) of a managed mount. Raises option_not_allowed."""
    return fstab_line(path, reference.definition, needs_network=reference.needs_network)


def wanted_entry(path: str, reference: t.Optional[claims.Reference]) -> str:
    """Return the entry of fstab that the holders of a mount point want, empty for none."""
    return entry_of(path, reference) if reference is not None and reference.is_at_boot else ""


def fstab_line(path: str, definition: model.Definition, *, needs_network: bool = False) -> str:
    """Return the entry of fstab(5) that mounts this there. Raises option_not_allowed.

    needs_network: its device, if it has one, is there when the network is.
    """
    filesystem = filesystems.record_of(definition.fstype)
    words = ["nofail"]
    if filesystem.is_network or (needs_network and filesystem.is_block):
        words.append("_netdev")
    if filesystem.shows_path:
        words.append(definition.fstype)
    if definition.image:
        words.append("loop")
    words += definition.flags
    # LIMIT: of a path with other characters only what is before them.
    plain = {match.group() for match in map(_PLAIN.match, definition.source_paths) if match}
    words += [f"x-systemd.requires-mounts-for={path}" for path in sorted(plain)]
    for name, value in definition.data:
        word = credentials.option_for_helper(filesystem) if name == credentials.CREDENTIALS else name
        words.append(_word(path, word, value))
    fstype = "none" if filesystem.shows_path else definition.fstype
    fields = (definition.src, path, fstype, ",".join([*words, model.MARK]))
    line = " ".join([*(field.translate(_ESCAPES) for field in fields), "0", "0"])
    if len(line.encode("utf-8")) > _LINE:
        raise rules.refusal(
            "option_not_allowed",
            path,
            f"the entry of fstab for '{path}' would be longer than {_LINE} bytes, and what reads it at boot "
            "(getmntent(3)) cuts it off there; write fewer or shorter options, or hold the mount without "
            "'boot: true'",
        )
    return line


def _word(path: str, name: str, value: t.Optional[str]) -> str:
    if value is None:
        return name
    if name.endswith("context") and '"' not in value:
        return f'{name}="{value}"'
    if "," in value or '"' in value:
        raise rules.refusal(
            "option_not_allowed",
            path,
            f"the option '{name}' of '{path}' has a comma or a quotation mark, which no entry of fstab can "
            "hold; choose another name, or hold the mount without 'boot: true'",
        )
    return f"{name}={value}"


def with_entry(plan: steps.Plan, entry: model.Entry, found: model.BootEntry) -> steps.Plan:
    """Return the plan with what it does to fstab; found: what that says now.

    Raises conflict where the entry that is asked for would stand beside somebody else's.
    """
    if entry.boot and found.is_foreign:
        raise rules.refusal(
            "conflict",
            plan.path,
            f"fstab has an entry for '{plan.path}' that this collection did not make; remove it, or hold "
            "the mount without 'boot: true'",
        )
    reference = plan.reference
    change = steps.BootChange(found.ours or "", wanted_entry(plan.path, reference))
    is_kept = change.old == change.new or (change.new and found.is_foreign)
    if is_kept or not (plan.writes_ledger or entry.boot):
        return plan
    # Somebody has removed the entry: that it comes back is a change of the host.
    action = "joined" if plan.action in ("none", "renewed") and entry.boot else plan.action
    return plan._replace(action=action, boot_change=change)


def has_counted_name(definition: model.Definition) -> bool:
    """Whether the next boot may give the name of the device to another one."""
    return filesystems.record_of(definition.fstype).is_block and bool(_COUNTED.fullmatch(definition.src))


def counted_name(path: str, definition: model.Definition, stable: str) -> errors.MountError:
    """Return the refusal of an entry for such a device. stable: what to write, empty if unknown."""
    what_to_do = f"write '{stable}', which names it now" if stable else "write its UUID= (see blkid(8))"
    return rules.refusal(
        "source_not_allowed",
        path,
        f"the source '{definition.src}' of '{path}' cannot be mounted at boot: the next boot may give that "
        f"name to another device; {what_to_do}, or leave 'boot' out",
    )


def booted(
    reference: claims.Reference, seen: steps.Observation, host: model.Host
) -> t.Optional[claims.Reference]:
    """Return the reference of the mount that this boot has made from our entry, None if there is none.

    The entry with our mark is root's and says exactly what is held; the ledger, also root's, has not
    been in this boot yet; and the topmost mount is of that type and source, with all of its flags and
    with no other value of an option than is held, as far as the kernel shows it.
    LIMIT: an equal mount that root has made by hand in the meantime is taken for it.
    """
    mount = seen.covering
    if mount is None or seen.fstab is None or reference.boot_id == host.boot_id:
        return None
    definition = reference.definition
    if any(map(paths.is_system, seen.source.names)):
        return None  # the boot found the system's own filesystem under the name of the source
    if seen.fstab.ours != entry_of(seen.place.path, reference):
        return None
    if sameness.foreign_differences(definition._replace(data=()), mount, seen.place, seen.source):
        return None
    if sameness.changed_options(definition, mount, is_owned=False):
        return None
    if not identity.is_same_identity(reference.identity, seen.source.identity, is_same_boot=False):
        return None
    ours = reference._replace(
        identity=seen.source.identity or reference.identity,
        owned=True,
        boot_id=host.boot_id,
        mount_namespace=host.mount_namespace,
        operation="",
        inherited=sameness.inherited_flags(definition, sameness.flags_in_force(mount)),
    )
    return sameness.with_identity_of(ours, mount, seen.place)
