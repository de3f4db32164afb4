# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is never done: each rule looks at values and raises, or returns.

Private to holdfast.mounts.
"""

from __future__ import annotations

import collections
import typing as t

from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast import errors, model, steps
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.decide import neighbours, sameness
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.grammar import filesystems, paths

# So many are named; a line of the log has to stay one.
_MOST_NAMES = 64


def refusal(code: errors.Code, path: str, message: str, *, detail: str = "") -> errors.MountError:
    """Return the refusal of a plan."""
    return errors.MountError(code, message, step="plan", path=path, detail=detail)


def refuse_unsafe_path(place: model.Place, request: model.Request, *, what: str, about: str) -> None:
    """Refuse a path with a symbolic link in it, or with a directory that others may write."""
    refuse_obstacle(place, what=what, about=about)
    if place.writable_ancestor and not request.allow_unsafe_parents:
        what_to_do = "have it owned by root, and not writable by others"
        if place.writable_type:
            what_to_do = "hold that filesystem itself with this collection, which then mounts it"
        raise refusal(
            "unsafe_path",
            about,
            f"the {what} '{place.path}' is not safe: "
            f"{model.why_unsafe(place.writable_ancestor, place.writable_type)}, so that what lies below "
            f"may be swapped; {what_to_do}, or accept the risk with 'allow_unsafe_parents: true'",
        )


def refuse_obstacle(place: model.Place, *, what: str, about: str) -> None:
    """Refuse a path whose walk ended before its end."""
    if place.silence:
        raise refusal(
            "unsafe_path",
            about,
            f"the {what} '{place.path}' cannot be reached: what is mounted at or above '{place.obstacle}' "
            f"refuses to be searched ({place.silence}); unmount that, or choose another path",
        )
    if place.obstacle:
        found, instead = "not a directory", "move away what is in the way, or choose another path"
        if place.is_link:
            found, instead = "a symbolic link", "write the path that it leads to, as 'readlink -f' shows it"
        raise refusal(
            "unsafe_path",
            about,
            f"the {what} '{place.path}' is not safe: '{place.obstacle}' is {found}; {instead}",
        )


def refuse_unsafe_boot(path: str, places: t.Iterable[model.Place]) -> None:
    """Refuse an entry of fstab, whose paths mount(8) reaches by name, where others may exchange names.

    places: the mount point, and whatever else the entry names.
    """
    for place in places:
        what = "mount point" if place.path == path else "source"
        refuse_obstacle(place, what=what, about=path)
        why = ""
        if place.writable_ancestor is not None:
            why = model.why_unsafe(place.writable_ancestor, place.writable_type)
        elif place.remote_ancestor is not None:
            why = f"'{place.remote_ancestor}' lies on a {place.remote_type} filesystem, which is not local"
        if why:
            raise refusal(
                "unsafe_path",
                path,
                f"'{path}' cannot be mounted at boot, when symbolic links are followed: on the way "
                f"to the {what} '{place.path}' {why}; every directory there must be writable by root "
                "alone, on a local filesystem; choose another path, or leave 'boot' out",
            )


def wanted_kind(definition: model.Definition, source: steps.Source) -> model.Kind:
    """Return what a mount point must be: a file for a bind of a file, else a directory."""
    if (
        filesystems.record_of(definition.fstype).shows_path
        and source.places
        and source.places[0].kind == "file"
    ):
        return "file"
    return "directory"


def refuse_wrong_kind(place: model.Place, kind: model.Kind) -> None:
    """Refuse a mount point that is not a directory, or for a bind of a file not a regular file."""
    if place.kind not in ("absent", kind):
        expected = "a directory" if kind == "directory" else "a regular file, as the source is"
        raise refusal(
            "unsafe_path",
            place.path,
            f"the mount point '{place.path}' is not {expected}; move it away or choose another mount point",
        )


def refuse_append_only(place: model.Place) -> None:
    """Refuse a mount point that could be made, and neither be given its name nor be removed."""
    if place.append_only:
        raise refusal(
            "unsafe_path",
            place.path,
            f"the mount point '{place.path}' cannot be made: names in '{place.append_only}' can be added and "
            "never changed or removed (chattr +a); make the mount point yourself, or take the attribute "
            "away",
        )


def refuse_entries(place: model.Place, request: model.Request) -> None:
    """Refuse a directory whose entries the mount would hide."""
    if place.has_entries and not request.allow_nonempty:
        raise refusal(
            "not_empty",
            place.path,
            f"the mount point '{place.path}' has entries that the mount would hide; move them away or accept "
            "that with 'allow_nonempty: true'",
        )


def refuse_shadowing(path: str, hidden: t.Sequence[str]) -> None:
    """Refuse a mount that would hide other ones."""
    if hidden:
        raise refusal(
            "shadows",
            path,
            f"a mount at '{path}' would hide another mount below it; release that one first, or mount both "
            "in one task: parents are mounted first",
            detail="below it: " + ", ".join(hidden),
        )


def refuse_missing_parents(path: str, missing: t.Sequence[str]) -> None:
    """Refuse a mount on, or of, what a managed mount hides while it is mounted.

    It would show the wrong files, or stand in the way of that mount for good.
    """
    if missing:
        raise errors.MountError(
            "mount_failed",
            f"'{path}' was left alone, because '{missing[0]}', which it lies below or shows, is held and not "
            "mounted; reconcile the host, or hold that one again, then repeat",
            step="order",
            path=path,
            detail="missing: " + ", ".join(missing),
        )


def refuse_other_superblock(
    path: str,
    definition: model.Definition,
    twins: t.Sequence[model.KernelMount],
    managed_mounts: neighbours.ManagedMounts,
) -> None:
    """Refuse a device that is mounted already, with other options of the superblock that its mounts share."""
    held = managed_mounts.definitions_at(twin.mount_point for twin in twins)
    if not all(sameness.is_same_superblock(definition, twin, held) for twin in twins):
        raise refusal(
            "conflict",
            path,
            f"the source '{definition.src}' is mounted elsewhere with other superblock options; ask for "
            "the same",
            detail="; ".join(f"'{twin.mount_point}': {','.join(twin.options)}" for twin in twins),
        )


def refuse_bad_source(
    path: str, definition: model.Definition, source: steps.Source, request: model.Request
) -> None:
    """Refuse a source of the host's own, a bind's, an image or a layer, that is missing, unsafe or of the
    wrong kind, and a tag that several devices have.
    """
    if source.rivals:
        both = ", ".join(f"'{device}'" for device in (source.device_path, *source.rivals))
        raise refusal(
            "conflict",
            path,
            f"the source '{definition.src}' names more than one device, and which of them is found may "
            "change at any time; give the others another tag, or write a name that only one has",
            detail=f"named so: {both}",
        )
    allowed: t.Tuple[model.Kind, ...] = ("directory",)
    if filesystems.record_of(definition.fstype).shows_path:
        allowed = ("directory", "file")
    if definition.image:
        allowed = ("file",)
    for place in source.places:
        refuse_unsafe_path(place, request, what="source", about=path)
        if place.kind == "absent":
            raise refusal(
                "mount_failed",
                path,
                f"the source '{place.path}' does not exist; create it first, or correct the path",
            )
        if place.kind not in allowed:
            raise refusal(
                "source_not_allowed",
                path,
                f"the source '{place.path}' is not {' or '.join(f'a {kind}' for kind in allowed)}; "
                "give the path of one",
            )
        if definition.image and place.is_writable_file:
            raise refusal(
                "unsafe_path",
                path,
                f"the image '{place.path}' is not safe: users other than root can write or serve "
                "it, and the kernel would parse what they put there; make it root's, and not writable by "
                "others, on a local filesystem",
            )


def refuse_mount(
    path: str, definition: model.Definition, seen: steps.Observation, request: model.Request
) -> None:
    """Refuse a new mount that its source, its mount point or what is mounted around it forbids."""
    refuse_missing_parents(path, seen.missing_above)
    refuse_bad_source(path, definition, seen.source, request)
    refuse_wrong_kind(seen.place, wanted_kind(definition, seen.source))
    refuse_shadowing(path, (*seen.managed_below, *seen.foreign_below))
    refuse_entries(seen.place, request)
    refuse_append_only(seen.place)


def refuse_second_name(
    path: str, definition: model.Definition, source: steps.Source, roots: t.Optional[t.Sequence[str]]
) -> None:
    """Refuse a source that shows the system's own directories, or, for a device or a server, anything that is
    mounted outside of these roots, under another name. roots: None where the host has no policy.
    """
    carried = (definition.src, tuple(filter(paths.is_system, source.names)))
    for src, names in (carried, *((place.path, place.system_names) for place in source.places)):
        if names:
            raise refusal(
                "source_not_allowed",
                path,
                f"the source '{src}' holds what the host boots and runs from, and mounting it would give "
                "that a second name; choose one that is not mounted at '/', nor at or below '/boot', "
                "'/etc' or '/usr'",
                detail="it is seen at: " + ", ".join(names),
            )
    outside = [] if roots is None else [name for name in source.names if not paths.is_within(name, roots)]
    if outside:
        raise refusal(
            "not_permitted",
            path,
            f"the source '{definition.src}' is mounted outside of the policy's 'allowed_roots' and "
            "'source_roots' too, and mounting it would give what is there a second name; unmount it "
            "there, or have the host's administrator change the policy",
            detail="it is mounted at: " + ", ".join(outside),
        )


def refuse_system_place(place: model.Place) -> None:
    """Refuse a mount point that lies in a directory of the system which has a second name there."""
    if place.system_names:
        raise refusal(
            "path_not_allowed",
            place.path,
            f"the mount point '{place.path}' is a second name for a path that belongs to the system, where "
            "nothing may be mounted; choose another directory",
            detail="it is also: " + ", ".join(place.system_names),
        )


def refuse_cycles(path: str, definition: model.Definition, managed_mounts: neighbours.ManagedMounts) -> None:
    """Refuse a new mount that would show what shows it, so that neither could ever be released."""
    cycle = managed_mounts.dependents_of_all(path).intersection(
        place for source in definition.source_paths for place in (source, *neighbours.ancestors(source))
    )
    if cycle:
        raise refusal(
            "conflict",
            path,
            f"'{path}' would show another managed mount that shows '{path}' itself, and neither could be "
            "released; choose another source",
            detail="shown by: " + ", ".join(sorted(cycle)),
        )


def refuse_shared_layers(
    path: str, definition: model.Definition, managed_mounts: neighbours.ManagedMounts
) -> None:
    """Refuse an overlay that would write into layers of another one: the kernel calls that undefined."""
    for layer in neighbours.writable_layers(definition):
        others = [point for point in managed_mounts.writers_of(layer) if point != path]
        if others:
            raise refusal(
                "conflict",
                path,
                f"'{layer}' is the upper or work directory of another managed overlay; give each its own",
                detail="used by: " + ", ".join(others),
            )


def refuse_boot_without_parents(
    path: str, definition: model.Definition, managed_mounts: neighbours.ManagedMounts
) -> None:
    """Refuse to have a boot mount what lies on, or shows, a mount that the boot leaves out.

    It would come up on, or show, what that mount hides, and that mount could not be made any longer.
    """
    absent = managed_mounts.not_at_boot(path, definition)
    if absent:
        raise refusal(
            "conflict",
            path,
            f"'{path}' cannot be mounted at boot, because it lies on, or shows, a managed mount that is not; "
            "hold that one with 'boot: true' too, in the same task if you like, or leave 'boot' out",
            detail="not mounted at boot: " + ", ".join(absent),
        )


def refuse_dependents(path: str, managed_mounts: neighbours.ManagedMounts) -> None:
    """Refuse to unmount what another managed mount shows."""
    dependents = managed_mounts.dependents(path)
    if dependents:
        raise refusal(
            "in_use",
            path,
            f"'{path}' is the source of other managed mounts ({len(dependents)}); release those first",
            detail="shown by: " + ", ".join(dependents),
        )


def busy(path: str, mount_id: int, *, errno: t.Optional[int] = None) -> errors.BusyError:
    """Return the refusal of an unmount that the kernel calls busy, before anybody has looked by what."""
    message = _busy_message(path, "something uses it, or is mounted on it", "end that")
    return errors.BusyError(message, path=path, errno=errno, mount_id=mount_id)


def busy_with(error: errors.BusyError, users: model.Users) -> errors.MountError:
    """Return the same refusal with what was found to use the mount: how many, and as its detail which."""
    counts = collections.Counter(user.kind for user in users.found)
    mounts = counts.pop("mount", 0)
    parts = [_counted(kind, count) for kind, count in sorted(counts.items())]
    if parts and not users.is_complete:
        parts.append("more")
    used, what_to_do = [], []
    if mounts:
        used.append(f"{'another mount lies' if mounts == 1 else f'{mounts} other mounts lie'} on or below it")
        what_to_do.append(
            "release what is held there, have root unmount the rest (umount(8)), which the host's log names,"
        )
    if parts:
        *first, last = parts
        used.append(f"{', '.join(first)} and {last} use it" if first else f"{last} {_verb(counts)} it")
    if parts or not mounts:
        what_to_do.append("end that")
    if not used:
        known = "something uses it that could not be found"
        used.append(
            known if users.is_complete else "something uses it, and what could not be found out in a second"
        )
    names = [user.text for user in users.found[:_MOST_NAMES]]
    is_all = users.is_complete and len(names) == len(users.found)
    return errors.MountError(
        "busy",
        _busy_message(error.path or "", ", and ".join(used), " ".join(what_to_do)),
        step=error.step,
        path=error.path,
        errno=error.errno,
        detail=", ".join(names) + ("" if is_all or not names else ", and more"),
    )


def _busy_message(path: str, used: str, what_to_do: str) -> str:
    later = "leave the unmount for later with 'on_busy: defer'"
    return f"'{path}' is busy: {used}; {what_to_do} and repeat, or {later}"


def _verb(counts: t.Mapping[model.UserKind, int]) -> str:
    return "uses" if sum(counts.values()) == 1 else "use"


def _counted(kind: model.UserKind, count: int) -> str:
    plural = "es" if kind == "process" else "s"
    return f"{count} {kind}{'' if count == 1 else plural}"


def named_mount(mount: model.KernelMount) -> str:
    """Return what a detail says of somebody else's mount."""
    server = "" if mount.server is None else f", served by the user {mount.server}"
    return f"{mount.fstype} at '{mount.mount_point}'{server}"
