# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is mounted, held and drifting, as facts.

Private to holdfast.mounts.
"""

from __future__ import annotations

import fnmatch
import typing as t

from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast import claims, model, steps
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.decide import identity, sameness
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.grammar import filesystems
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.kernel import mountinfo
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.ledger import schema

Facts = t.Dict[str, t.Any]
_ACCESS = ("ro", "rw")


def build_facts(
    scene: Scene,
    ledger: claims.Ledger,
    visible: t.Iterable[mountinfo.Visible],
    *,
    interrupted: t.Collection[str] = (),
    patterns: t.Sequence[str] = (),
) -> Facts:
    """Return C(mounts), C(references), C(drift), C(protection) and C(boot_id).

    Every mount that a lookup reaches is listed once, and every reference that is not mounted.
    interrupted: paths at which a process died in the middle of an operation.
    patterns: of fnmatch; mount points that match none of them are left out. None at all selects all.
    """
    reached = {item.mount.mount_point: item for item in visible}
    paths = [
        path for path in sorted({*reached, *ledger.references, *interrupted}) if is_selected(path, patterns)
    ]
    images = dict(_images(ledger, reached, scene))
    rows: t.List[Facts] = []
    drift: t.List[Facts] = []
    for path in paths:
        reference = ledger.references.get(path)
        found = _all_drift(path, reference, reached.get(path), scene, interrupted)
        drift.extend({"path": shown(item.path), "kind": item.kind, "message": item.message} for item in found)
        row = _row(path, reference, reached.get(path), scene)
        if row is not None:
            device = images.get(path) or images.get(row["device"], row["device"])
            rows.append({**row, "device": device, "state": found[0].kind if found else "ok"})
    references = {
        path: schema.REFERENCE.write(ledger.references[path]) for path in paths if path in ledger.references
    }
    return {
        "mounts": rows,
        "references": references,
        "drift": drift,
        "protection": scene.host.protection,
        "boot_id": scene.host.boot_id,
    }


def _images(
    ledger: claims.Ledger, reached: t.Mapping[str, mountinfo.Visible], scene: Scene
) -> t.Iterator[t.Tuple[str, str]]:
    """Yield where images are held, and their loop devices, with their files, which say more than a number."""
    for path, reference in ledger.references.items():
        mount = reached[path].mount if reference.image and path in reached else None
        if mount is not None and is_ours(path, reference, mount, scene):
            yield path, reference.src
            yield mount.source, reference.src


def is_selected(path: str, patterns: t.Sequence[str]) -> bool:
    """Return whether a pattern of fnmatch matches the mount point, or there is none."""
    return not patterns or any(fnmatch.fnmatchcase(path, pattern) for pattern in patterns)


def shown(text: str) -> str:
    """Return the text with bytes that are not UTF-8 as C(\\xNN), so that any JSON can carry it."""
    if text.isascii():
        return text
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def _all_drift(
    path: str,
    reference: t.Optional[claims.Reference],
    visible: t.Optional[mountinfo.Visible],
    scene: Scene,
    interrupted: t.Collection[str],
) -> t.Tuple[steps.Drift, ...]:
    found = () if reference is None else find_drift(path, reference, visible, scene)
    if path not in interrupted:
        return found
    message = "An operation ended in the middle; the next one here finishes it."
    return (steps.Drift(path, "interrupted", message), *found)


def _row(
    path: str, reference: t.Optional[claims.Reference], visible: t.Optional[mountinfo.Visible], scene: Scene
) -> t.Optional[Facts]:
    if visible is None:
        return None if reference is None else {**_asked(path, reference), **_claims(reference)}
    mount = visible.mount
    row = {
        "mount": shown(path),
        "device": shown(mount.source),
        "fstype": mount.fstype,
        "options": shown(options_text(mount)),
        "root": shown(mount.root),
        "stacked": visible.stacked,
    }
    if reference is None:
        return {**row, "managed": False, "owned": False, "holders": [], "holder_count": 0}
    # What stands there instead of ours is not ours to unmount.
    is_owned = reference.owned and is_ours(path, reference, mount, scene)
    return {**row, **_claims(reference), "owned": is_owned}


def _asked(path: str, reference: claims.Reference) -> Facts:
    return {
        "mount": path,
        "device": reference.src,
        "fstype": reference.fstype,
        "options": ",".join(reference.opts),
        "root": "",
        "stacked": False,
    }


def _claims(reference: claims.Reference) -> Facts:
    holders = sorted(reference.holders)
    return {"managed": True, "owned": reference.owned, "holders": holders, "holder_count": len(holders)}


def options_text(mount: model.KernelMount) -> str:
    """Return the options as C(/proc/mounts) shows them: access, flags, options of the superblock.

    A comma within a value is shown as C(\\054) and a backslash as C(\\134), as the kernel does.
    """
    shown = ["ro" if "ro" in mount.flags or "ro" in mount.options else "rw"]
    shown.extend(word for word in mount.flags if word not in _ACCESS)
    shown.extend(word for word in mount.options if word not in _ACCESS)
    return ",".join(word.replace("\\", "\\134").replace(",", "\\054") for word in shown)


class Scene(t.NamedTuple):
    """What holds for all mount points of one call.

    alive: for each path of the ledger the number in mountinfo of the mount that its reference
        means, None when that mount is gone. Numbers are asked for outside of this package.
    sources: what each path's source names now.
    """

    host: model.Host
    alive: t.Mapping[str, t.Optional[int]]
    moment: claims.Moment
    sources: t.Mapping[str, steps.Source]


def find_drift(
    path: str, reference: claims.Reference, visible: t.Optional[mountinfo.Visible], scene: Scene
) -> t.Tuple[steps.Drift, ...]:
    """Return where this reference and the kernel disagree, the gravest first."""
    is_here = visible is not None and is_ours(path, reference, visible.mount, scene)
    found = [
        _find_in_table(path, reference, visible, scene, is_here=is_here),
        _find_in_claims(path, reference, visible, scene),
    ]
    if visible is not None and is_here:
        found.extend(_find_on_mount(path, reference, visible))
    ended = sorted(claims.ended_holders(reference, scene.moment))
    if ended:
        found.append(steps.Drift(path, "expired", f"The lease of {', '.join(ended)} has ended."))
    return tuple(drift for drift in found if drift is not None)


def is_ours(path: str, reference: claims.Reference, mount: model.KernelMount, scene: Scene) -> bool:
    """Return whether this is the very mount that the reference means."""
    number = scene.alive.get(path)
    if number is None or mount.mount_id != number or not _is_comparable(reference, scene.host):
        return False
    return scene.host.protection == "full" or sameness.is_same_mount(mount, reference)


def _is_comparable(reference: claims.Reference, host: model.Host) -> bool:
    return host.shows(reference.boot_id, reference.mount_namespace)


def _find_in_table(
    path: str,
    reference: claims.Reference,
    visible: t.Optional[mountinfo.Visible],
    scene: Scene,
    *,
    is_here: bool,
) -> t.Optional[steps.Drift]:
    if visible is None:
        return _tell_absent(path, reference, scene)
    if is_here:
        other = identity.shows_another_source(
            reference, visible.mount, scene.sources.get(path, steps.Source())
        )
        return steps.Drift(path, "replaced", other) if other else None
    if _was_booted(reference, visible.mount, scene):
        return steps.Drift(path, "missing", "Mounted at boot by its entry; the next call here records it.")
    if any(is_ours(path, reference, mount, scene) for mount in visible.covered):
        return steps.Drift(path, "stacked", "Another mount covers the one that is held.")
    return steps.Drift(path, "replaced", "Another mount stands where the one that is held should be.")


def _was_booted(reference: claims.Reference, mount: model.KernelMount, scene: Scene) -> bool:
    """Whether this may be what the boot has made from our entry of fstab; who records it looks closer."""
    if not reference.is_at_boot or reference.boot_id == scene.host.boot_id or mount.server is not None:
        return False
    known = filesystems.record_of(reference.fstype)
    if not sameness.may_show(reference.fstype, mount.fstype):
        return False
    from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.grammar import sources

    is_named = not known.shows_path and not known.is_block
    if is_named and not sources.is_shown_source(reference.fstype, reference.src, mount.source):
        return False
    return not sameness.changed_options(reference.definition, mount, is_owned=False)


def _tell_absent(path: str, reference: claims.Reference, scene: Scene) -> steps.Drift:
    found = scene.sources.get(path, steps.Source()).identity
    is_same_boot = reference.boot_id == scene.host.boot_id
    if not identity.is_same_identity(reference.identity, found, is_same_boot=is_same_boot):
        was, now = ", ".join(reference.identity), ", ".join(found)
        return steps.Drift(path, "replaced", f"Not mounted, and its source was {was} and is {now} by now.")
    if not is_same_boot:
        return steps.Drift(path, "missing", "Not mounted since the host was booted again.")
    if not _is_comparable(reference, scene.host):
        return steps.Drift(path, "missing", "Mounted in another mount namespace, not in this one.")
    if scene.alive.get(path) is not None and scene.host.protection == "full":
        return steps.Drift(
            path, "replaced", "The mount that is held was moved, or lies hidden below another mount."
        )
    return steps.Drift(path, "missing", "Not mounted any more.")


def _find_in_claims(
    path: str, reference: claims.Reference, visible: t.Optional[mountinfo.Visible], scene: Scene
) -> t.Optional[steps.Drift]:
    if reference.holders or not _is_mounted(path, reference, visible, scene):
        return None
    if reference.deferred:
        return steps.Drift(path, "deferred", "Nobody holds it; it was busy when the last holder left.")
    return (
        steps.Drift(path, "orphaned", "Nobody holds it, and it is still mounted.")
        if reference.owned
        else None
    )


def _is_mounted(
    path: str, reference: claims.Reference, visible: t.Optional[mountinfo.Visible], scene: Scene
) -> bool:
    stack = () if visible is None else (visible.mount, *visible.covered)
    return any(is_ours(path, reference, mount, scene) for mount in stack)


def _find_on_mount(
    path: str, reference: claims.Reference, visible: mountinfo.Visible
) -> t.Iterator[steps.Drift]:
    if visible.stacked:
        yield steps.Drift(path, "stacked", "It is stacked with another mount at the same mount point.")
    unhealthy = sameness.why_unhealthy(reference.definition, visible.mount)
    if unhealthy:
        yield steps.Drift(path, "unhealthy", unhealthy)
    changes = sameness.changed_options(
        reference.definition, visible.mount, is_owned=reference.owned, inherited=reference.inherited
    )
    if changes:
        yield steps.Drift(path, "options_changed", f"Its options are not as asked ({' '.join(changes)}).")


def with_drift(plan: steps.Plan, seen: steps.Observation, host: model.Host, now: claims.Moment) -> steps.Plan:
    """Return a plan that leaves a mount as it is, or remounts it, with what will drift afterwards."""
    reference = plan.reference
    if reference is None:
        return plan
    hiding = next((mount for mount in seen.obstructions if mount.mount_point == plan.path), None)
    top = seen.place.mount or hiding
    is_ours = seen.is_here or plan.action == "adopted"
    own = top if is_ours else seen.elsewhere
    covered = (own,) if own is not None and not is_ours and own.mount_point == plan.path else ()
    visible = None if top is None else mountinfo.Visible(top, seen.is_stacked or bool(covered), covered)
    sources = {plan.path: seen.source} if seen.is_here else {}
    scene = Scene(host, {plan.path: own.mount_id if own else None}, now, sources)
    found = find_drift(plan.path, reference, visible, scene)
    if plan.step == "remount":
        found = tuple(drift for drift in found if drift.kind != "options_changed")
    return plan._replace(after=plan.after._replace(drift=found)) if found else plan
