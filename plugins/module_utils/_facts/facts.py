# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is mounted and who holds it, as the facts that users see.

Pure. Private to holdfast.mounts.
"""

from __future__ import annotations

import fnmatch
import typing as t

from ansible_collections.holdfast.mounts.plugins.module_utils._facts.drift import (
    Drift,
    Scene,
    find_drift,
    is_ours,
)
from ansible_collections.holdfast.mounts.plugins.module_utils._kernel.table import Visible
from ansible_collections.holdfast.mounts.plugins.module_utils._ledger.codec import reference_to_dict
from ansible_collections.holdfast.mounts.plugins.module_utils._values.host import KernelMount
from ansible_collections.holdfast.mounts.plugins.module_utils._values.ledger import Ledger, Reference

Facts = t.Dict[str, t.Any]
_ACCESS = ("ro", "rw")


def build_facts(
    scene: Scene,
    ledger: Ledger,
    visible: t.Iterable[Visible],
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
    mounts: t.List[Facts] = []
    drift: t.List[Facts] = []
    for path in paths:
        reference = ledger.references.get(path)
        found = _all_drift(path, reference, reached.get(path), scene, interrupted)
        drift.extend({"path": shown(item.path), "kind": item.kind, "message": item.message} for item in found)
        row = _row(path, reference, reached.get(path), scene)
        if row is not None:
            mounts.append({**row, "state": found[0].kind if found else "ok"})
    references = {
        path: reference_to_dict(ledger.references[path]) for path in paths if path in ledger.references
    }
    return {
        "mounts": mounts,
        "references": references,
        "drift": drift,
        "protection": scene.host.protection,
        "boot_id": scene.host.boot_id,
    }


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
    reference: t.Optional[Reference],
    visible: t.Optional[Visible],
    scene: Scene,
    interrupted: t.Collection[str],
) -> t.Tuple[Drift, ...]:
    found = () if reference is None else find_drift(path, reference, visible, scene)
    if path not in interrupted:
        return found
    message = "An operation ended in the middle; the next one here finishes it."
    return (Drift(path, "interrupted", message), *found)


def _row(
    path: str, reference: t.Optional[Reference], visible: t.Optional[Visible], scene: Scene
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


def _asked(path: str, reference: Reference) -> Facts:
    return {
        "mount": path,
        "device": reference.src,
        "fstype": reference.fstype,
        "options": ",".join(reference.opts),
        "root": "",
        "stacked": False,
    }


def _claims(reference: Reference) -> Facts:
    holders = sorted(reference.holders)
    return {"managed": True, "owned": reference.owned, "holders": holders, "holder_count": len(holders)}


def options_text(mount: KernelMount) -> str:
    """Return the options as C(/proc/mounts) shows them: access, flags, options of the superblock.

    A comma within a value is shown as C(\\054) and a backslash as C(\\134), as the kernel does.
    """
    shown = ["ro" if "ro" in mount.flags or "ro" in mount.options else "rw"]
    shown.extend(word for word in mount.flags if word not in _ACCESS)
    shown.extend(word for word in mount.options if word not in _ACCESS)
    return ",".join(word.replace("\\", "\\134").replace(",", "\\054") for word in shown)
