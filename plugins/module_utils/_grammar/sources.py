# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What may be mounted: the grammar of the source, by type.

Private to holdfast.mounts.
"""

from __future__ import annotations

import re
import typing as t

from ansible_collections.holdfast.mounts.plugins.module_utils._grammar import hosts
from ansible_collections.holdfast.mounts.plugins.module_utils._grammar.filesystems import FILESYSTEMS
from ansible_collections.holdfast.mounts.plugins.module_utils._grammar.hints import GUIDE
from ansible_collections.holdfast.mounts.plugins.module_utils._grammar.names import find_filesystem
from ansible_collections.holdfast.mounts.plugins.module_utils._grammar.paths import (
    check_path,
    path_fault,
    refuse_never,
    refuse_outside,
)
from ansible_collections.holdfast.mounts.plugins.module_utils._grammar.record import Filesystem, SourceKind
from ansible_collections.holdfast.mounts.plugins.module_utils._grammar.secrets import holds_secret
from ansible_collections.holdfast.mounts.plugins.module_utils._grammar.text import (
    about,
    character_fault,
    check_text,
    refusal,
)

SOURCE_BYTES = 1024
DEVICE = re.compile(r"/dev/[A-Za-z0-9/._:+@-]+")
TOKEN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
LABEL = re.compile(r"(?!\.)[A-Za-z0-9._-]{1,64}")
UUID = r"[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}"
TAGS: t.Mapping[str, t.Tuple[t.Pattern[str], str]] = {
    "LABEL": (LABEL, "1 to 64 characters out of A-Z a-z 0-9 . _ - that do not begin with a dot"),
    "PARTLABEL": (LABEL, "1 to 64 characters out of A-Z a-z 0-9 . _ - that do not begin with a dot"),
    "PARTUUID": (
        re.compile(UUID + r"|[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}|[0-9A-Fa-f]{8}-[0-9A-Fa-f]{2}"),
        "hexadecimal digits as 8-4-4-4-12, 4-4 or 8-2",
    ),
    "UUID": (
        re.compile(UUID + r"|[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}"),
        "hexadecimal digits as 8-4-4-4-12 or 4-4",
    ),
}


def check_source(fstype: str, src: t.Any, *, source_roots: t.Sequence[str] = (), option: str = "src") -> None:
    """Refuse a source that breaks the grammar of its type, or lies outside of the source roots.

    Raises invalid_argument for its characters, else source_not_allowed. Whether the source exists
    is not looked at.
    """
    filesystem = FILESYSTEMS.get(fstype) or find_filesystem(fstype)
    source = check_text(src, option, secret="source_not_allowed")
    fault = _fault(filesystem, source)
    if fault:
        raise refusal("source_not_allowed", f"{about(option, source)} {fault}")
    if filesystem.shows_path:
        check_source_path(source, option, source_roots=source_roots)


def is_source(fstype: t.Any, text: str) -> bool:
    """Return whether the text is a source of this type, or of any where there is no such type."""
    known = FILESYSTEMS.get(fstype) if isinstance(fstype, str) else None
    if character_fault(text) or holds_secret(text):
        return False
    return any(not _fault(filesystem, text) for filesystem in ([known] if known else FILESYSTEMS.values()))


def is_shown_source(fstype: str, source: str, shown: str) -> bool:
    """Whether the mount table shows this source so."""
    filesystem = FILESYSTEMS.get(fstype)
    is_shown = hosts.SHOWN.get(filesystem.source) if filesystem else None
    return is_shown(source, shown) if is_shown else source == shown


def check_source_path(path: t.Any, option: str, *, source_roots: t.Sequence[str]) -> None:
    """Refuse a directory or file of the host that may not be shown elsewhere.

    Raises invalid_argument for its characters, else source_not_allowed.
    """
    checked = check_path(path, option, code="source_not_allowed")
    refuse_never(checked, option, code="source_not_allowed")
    refuse_outside(checked, source_roots, option, code="source_not_allowed", roots_option="source_roots")


def _fault(filesystem: Filesystem, source: str) -> str:
    find_fault = _FAULTS.get(filesystem.source) or hosts.FAULTS[filesystem.source]
    return _general_fault(source) or find_fault(source)


def _general_fault(source: str) -> str:
    if not source:
        return "is empty; write what shall be mounted"
    if len(source.encode("utf-8", "surrogatepass")) > SOURCE_BYTES:
        return f"is longer than {SOURCE_BYTES} bytes; write a shorter source"
    if source.startswith("-"):
        return "begins with a hyphen, which a helper may take for an option; write the source itself"
    return ""


def _block_fault(source: str) -> str:
    tag, equals, value = source.partition("=")
    if equals and tag in TAGS:
        expression, expected = TAGS[tag]
        if expression.fullmatch(value):
            return ""
        return f"is no {tag}; write {tag}= with {expected}"
    if not source.startswith("/dev/"):
        return (
            "is no block device; write a path below /dev, or UUID=, PARTUUID=, LABEL= or PARTLABEL=; "
            f"attach an image to a loop device first and write /dev/loopN; {GUIDE}"
        )
    if DEVICE.fullmatch(source) is None:
        return "is no block device; write a path of A-Z a-z 0-9 / . _ : + @ - below /dev"
    return path_fault(source, quotes=False)


def _token_fault(source: str) -> str:
    if TOKEN.fullmatch(source):
        return ""
    return (
        "is no name; write 1 to 64 characters out of A-Z a-z 0-9 . _ - that begin with a letter or a "
        "digit, for example the name of the type"
    )


def _bind_fault(source: str) -> str:
    return path_fault(source, quotes=False)


_FAULTS: t.Mapping[SourceKind, t.Callable[[str], str]] = {
    "bind": _bind_fault,
    "block": _block_fault,
    "token": _token_fault,
}
