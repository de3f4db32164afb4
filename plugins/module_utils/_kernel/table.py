# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The kernel's mount table: read it, take it apart, say which mounts a path lookup reaches.

Only read_mounts touches the host. Private to holdfast.mounts.
"""

from __future__ import annotations

import re
import typing as t
from dataclasses import dataclass

from ansible_collections.holdfast.mounts.plugins.module_utils._values.errors import MountError
from ansible_collections.holdfast.mounts.plugins.module_utils._values.host import KernelMount

TABLE = "/proc/self/mountinfo"
_ESCAPE = re.compile(rb"\\([0-3][0-7]{2})")
# SELinux quotes a context that holds a comma (security/selinux/hooks.c, show_sid); no other option is quoted.
_OPTION = re.compile(r'(?:def|fs|root)?context="[^"]*"(?=,|$)|[^,]+')


@dataclass(frozen=True)
class Visible:
    """A mount that a path lookup reaches at its mount point.

    stacked: other mounts belong to the same stack, one on the root of the other.
    covered: those others; beneath this one, lowest first. At C(/) they lie above, because a lookup
        starts in the lowest.
    """

    mount: KernelMount
    stacked: bool = False
    covered: t.Tuple[KernelMount, ...] = ()


def read_mounts() -> t.Tuple[KernelMount, ...]:
    """Return the mount table of this process, in the kernel's order.

    Raises unsupported without procfs.
    LIMIT: before Linux 5.8 a table that changes during the read may miss a row.
    """
    try:
        with open(TABLE, "rb", buffering=0) as stream:
            text = stream.read().decode("utf-8", "surrogateescape")
    except OSError as error:
        raise MountError(
            "unsupported",
            f'the mount table "{TABLE}" cannot be read; mount procfs at "/proc"',
            step="table",
            errno=error.errno,
        ) from error
    return parse_mountinfo(text)


def parse_mountinfo(text: str) -> t.Tuple[KernelMount, ...]:
    """Return the rows of proc_pid_mountinfo(5), in their order.

    Text is decoded with surrogateescape. A malformed row is left out; nothing is raised.
    """
    # Only a newline ends a row: the kernel leaves every other separator of str.splitlines as it is.
    rows = (_parse_row(line) for line in text.split("\n"))
    return tuple(row for row in rows if row is not None)


def _parse_row(line: str) -> t.Optional[KernelMount]:
    # One blank, not any space: the source may be empty.
    fields = line.split(" ")
    try:
        dash = fields.index("-", 6)
        mount_id, parent_id = int(fields[0]), int(fields[1])
        fstype, source = fields[dash + 1], fields[dash + 2]
    except (IndexError, ValueError):
        return None
    if not fields[4].startswith("/"):
        return None
    return KernelMount(
        mount_id=mount_id,
        parent_id=parent_id,
        device=fields[2],
        root=_decode(fields[3]),
        mount_point=_decode(fields[4]),
        fstype=_decode(fstype),
        source=_decode(source),
        flags=tuple(fields[5].split(",")),
        options=_split_options(" ".join(fields[dash + 3 :])),
        propagation=tuple(fields[6:dash]),
    )


def _split_options(text: str) -> t.Tuple[str, ...]:
    """Return the words of a superblock; a comma within a value is escaped, or the value is quoted."""
    words = _OPTION.findall(text) if 'context="' in text else text.split(",")
    return tuple(_decode(word) for word in words if word)


def _decode(text: str) -> str:
    if "\\" not in text:
        return text
    raw = text.encode("utf-8", "surrogateescape")
    raw = _ESCAPE.sub(lambda match: bytes((int(match.group(1), 8),)), raw)
    return raw.decode("utf-8", "surrogateescape")


def visible_mounts(mounts: t.Iterable[KernelMount]) -> t.Tuple[Visible, ...]:
    """Return the mounts that lookups reach, sorted by mount point, one for each mount point.

    With shared parents one mount shows up several times: copies lie hidden below a covering mount.
    Such rows have the same mount point without being a stack. Near-linear in the number of rows.
    """
    # One row for each number: with one parent each, no loop can be reached from the root.
    rows = {row.mount_id: row for row in mounts}
    children: t.Dict[t.Optional[int], t.List[KernelMount]] = {}
    for row in rows.values():
        # The root's parent is itself, or lies outside of what this process may see.
        is_top = row.parent_id == row.mount_id or row.parent_id not in rows
        children.setdefault(None if is_top else row.parent_id, []).append(row)
    reached: t.Dict[str, Visible] = {}
    pending = _uncovered(children.get(None, ()))
    while pending:
        entered = pending.pop()
        visible, below = _climb(entered, children)
        reached[entered.mount_point] = visible
        pending.extend(below)
    return tuple(reached[path] for path in sorted(reached))


def _climb(
    bottom: KernelMount, children: t.Mapping[t.Optional[int], t.Sequence[KernelMount]]
) -> t.Tuple[Visible, t.List[KernelMount]]:
    """Return what is reached where this mount is entered, and the mounts entered from there."""
    stack = [bottom]
    while True:
        own = children.get(stack[-1].mount_id, ())
        above = [child for child in own if child.mount_point == bottom.mount_point]
        if not above:
            break
        stack.append(above[-1])
    if bottom.mount_point != "/":
        return Visible(stack[-1], len(stack) > 1, tuple(stack[:-1])), _uncovered(own)
    # A lookup starts in the root and does not climb what is mounted on it (path_resolution(7)).
    own = [child for child in children.get(bottom.mount_id, ()) if child.mount_point != "/"]
    return Visible(bottom, len(stack) > 1, tuple(stack[1:])), _uncovered(own)


def _uncovered(siblings: t.Iterable[KernelMount]) -> t.List[KernelMount]:
    """Return the children of one mount that none hides: the last at each mount point, none below it."""
    last = {child.mount_point: child for child in siblings}
    kept: t.List[KernelMount] = []
    prefix: t.Optional[str] = None
    # As the smallest character the separator puts all that lies below a path right behind it.
    for path in sorted(last, key=lambda path: path.replace("/", "\0")):
        if prefix is None or not path.startswith(prefix):
            kept.append(last[path])
            prefix = path if path == "/" else path + "/"
    return kept
