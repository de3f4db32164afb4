# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The layers of an overlay: paths of the host inside of mount options.

Private to holdfast.mounts.
"""

from __future__ import annotations

import re
import typing as t

from ansible_collections.holdfast.mounts.plugins.module_utils._grammar.sources import check_source_path
from ansible_collections.holdfast.mounts.plugins.module_utils._grammar.text import quote, refusal

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
        raise refusal("option_not_allowed", f"{option}: an overlay needs layers; add lowerdir=/path")
    seen: t.Set[str] = set()
    for name, path in _paths(data):
        _check_layer(path, f"{option}, {name}", source_roots=source_roots)
        if path in seen:
            raise refusal(
                "option_not_allowed", f"{option}, {name}: {quote(path)} is a layer twice; write it once"
            )
        seen.add(path)
    _refuse_incomplete(data, option)


def _refuse_incomplete(data: t.Mapping[str, t.Optional[str]], option: str) -> None:
    if "upperdir" not in data and ":" not in (data["lowerdir"] or ""):
        raise refusal(
            "option_not_allowed",
            f"{option}: one layer alone is no overlay to the kernel; add a second one to lowerdir, or "
            "upperdir and workdir, or mount it with fstype: bind",
        )
    if ("upperdir" in data) != ("workdir" in data):
        raise refusal(
            "option_not_allowed",
            f"{option}: upperdir and workdir need each other; write both, or neither for an overlay "
            "that is only read",
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
            raise refusal(
                "source_not_allowed",
                f"{option}: {quote(path)} holds {quote(character)}, which overlays give a meaning of "
                "their own; rename the directory",
            )
    check_source_path(path, option, source_roots=source_roots)
