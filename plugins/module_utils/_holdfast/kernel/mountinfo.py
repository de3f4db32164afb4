# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The kernel's mount table: read it, take it apart, say which mounts a path lookup reaches.

Only read_mounts touches the host. Private to holdfast.mounts.
"""

from __future__ import annotations

import re
import typing as t

from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast import errors, model
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.grammar import record
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.kernel import utf8

TABLE = "/proc/self/mountinfo"
# The type of a trap: who looks below it waits until an automounter has mounted something on it (autofs(5)).
TRAP = "autofs"
_ESCAPE = re.compile(rb"\\([0-3][0-7]{2})")
# SELinux quotes a context that holds a comma (security/selinux/hooks.c, show_sid); no other option is quoted.
_OPTION = re.compile(r'(?:def|fs|root)?context="[^"]*"(?=,|$)|[^,]+')


class Visible(t.NamedTuple):
    """A mount that a path lookup reaches at its mount point.

    stacked: other mounts belong to the same stack, one on the root of the other, a trap not counted.
    covered: those others; beneath this one, lowest first. At C(/) they lie above, because a lookup
        starts in the lowest.
    """

    mount: model.KernelMount
    stacked: bool = False
    covered: t.Tuple[model.KernelMount, ...] = ()


def server_of(fstype: str, options: t.Iterable[str]) -> t.Optional[int]:
    """Return the user that a FUSE filesystem names as its server's, None for root and for every other type.

    A number of the user namespace in which it was mounted: see mounts.mount_with_server.
    """
    if not fstype.startswith(record.FUSE):
        return None
    named = next((word[8:] for word in options if word.startswith("user_id=")), "0")
    return int(named) or None if named.isdigit() else None


def points_below(path: str) -> t.Tuple[str, ...]:
    """Return every mount point below a path."""
    return tuple(row.mount_point for row in read_mounts() if row.mount_point.startswith(path + "/"))


def hiding(mounts: t.Sequence[model.KernelMount], number: int) -> t.Tuple[model.KernelMount, ...]:
    """Return what a lookup of the mount point of the mount with this number meets instead of that one.

    Those are the mounts at or above its mount point that it does not lie on itself.
    """
    rows = {row.mount_id: row for row in mounts}
    beneath: t.Set[int] = set()
    row = rows.get(number)
    if row is None:
        return ()
    path = row.mount_point
    while row is not None and row.mount_id not in beneath:
        beneath.add(row.mount_id)
        row = rows.get(row.parent_id)
    met = [seen.mount for seen in visible_mounts(mounts) if _is_at_or_above(seen.mount.mount_point, path)]
    return tuple(mount for mount in met if mount.mount_id not in beneath)


def upon(mounts: t.Sequence[model.KernelMount], number: int) -> t.Tuple[model.KernelMount, ...]:
    """Return what is mounted on or below the mount with this number, and on that, sorted by mount point."""
    found: t.Dict[int, model.KernelMount] = {}
    pending = {number}
    while pending:
        children = [row for row in mounts if row.parent_id in pending and row.mount_id not in found]
        pending = {row.mount_id for row in children} - {number}
        found.update({row.mount_id: row for row in children if row.mount_id != number})
    return tuple(sorted(found.values(), key=lambda row: row.mount_point))


def row_at(path: str, rows: t.Iterable[model.KernelMount]) -> t.Optional[model.KernelMount]:
    """Return the row that shows this path, by the names in the table alone."""
    above = [row for row in rows if _is_at_or_above(row.mount_point, path)]
    return max(reversed(above), key=lambda row: len(row.mount_point), default=None)


def _is_at_or_above(point: str, path: str) -> bool:
    return point == path or path.startswith(point.rstrip("/") + "/")


def read_mounts() -> t.Tuple[model.KernelMount, ...]:
    """Return the mount table of this process, in the kernel's order.

    Raises unsupported without procfs.
    LIMIT: before Linux 5.8 a table that changes during the read may miss a row.
    """
    try:
        with open(TABLE, "rb", buffering=0) as stream:
            text = utf8.decoded(stream.read())
    except OSError as error:
        raise errors.MountError(
            "unsupported",
            f'the mount table "{TABLE}" cannot be read; mount procfs at "/proc"',
            step="table",
            errno=error.errno,
        ) from error
    return parse_mountinfo(text)


def parse_mountinfo(text: str) -> t.Tuple[model.KernelMount, ...]:
    """Return the rows of proc_pid_mountinfo(5), in their order.

    Text is decoded with surrogateescape. A malformed row is left out; nothing is raised.
    """
    # Only a newline ends a row: the kernel leaves every other separator of str.splitlines as it is.
    rows = (_parse_row(line) for line in text.split("\n"))
    return tuple(row for row in rows if row is not None)


def _parse_row(line: str) -> t.Optional[model.KernelMount]:
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
    options = split_options(" ".join(fields[dash + 3 :]))
    return model.KernelMount(
        mount_id=mount_id,
        parent_id=parent_id,
        device=fields[2],
        root=_decode(fields[3]),
        mount_point=_decode(fields[4]),
        fstype=_decode(fstype),
        source=_decode(source),
        flags=tuple(fields[5].split(",")),
        options=options,
        propagation=tuple(fields[6:dash]),
        server=server_of(_decode(fstype), options),
    )


def split_options(text: str) -> t.Tuple[str, ...]:
    """Return the words of a superblock; a comma within a value is escaped, or the value is quoted."""
    words = _OPTION.findall(text) if 'context="' in text else text.split(",")
    return tuple(_decode(word) for word in words if word)


def _decode(text: str) -> str:
    if "\\" not in text:
        return text
    return utf8.decoded(_ESCAPE.sub(lambda match: bytes((int(match.group(1), 8),)), utf8.encoded(text)))


def children(
    mounts: t.Sequence[model.KernelMount], number: int
) -> t.List[t.Tuple[model.KernelMount, model.KernelMount]]:
    """Return each mount on the one with this number, and what a lookup reaches there, unless others hide it.

    Unlike visible_mounts this holds while somebody changes names: rows are not read in one moment, so two
    mounts whose names are exchanged meanwhile may show the same one. By parents neither covers the other.
    """
    upon: t.Dict[int, t.List[model.KernelMount]] = {}
    for row in mounts:
        if row.parent_id != row.mount_id:
            upon.setdefault(row.parent_id, []).append(row)
    points = {row.mount_point for row in upon.get(number, ())}
    found = []
    for bottom in upon.get(number, ()):
        names = bottom.mount_point.split("/")
        if any("/".join(names[:depth]) in points for depth in range(2, len(names))):
            continue
        top, covers = bottom, [bottom]
        while covers:
            top = covers[-1]
            covers = [row for row in upon.get(top.mount_id, ()) if row.mount_point == bottom.mount_point]
        found.append((bottom, top))
    return found


def visible_mounts(mounts: t.Iterable[model.KernelMount]) -> t.Tuple[Visible, ...]:
    """Return the mounts that lookups reach, sorted by mount point, one for each mount point.

    With shared parents one mount shows up several times: copies lie hidden below a covering mount.
    Such rows have the same mount point without being a stack. Near-linear in the number of rows.
    """
    # One row for each number: with one parent each, no loop can be reached from the root.
    rows = {row.mount_id: row for row in mounts}
    children: t.Dict[t.Optional[int], t.List[model.KernelMount]] = {}
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
    bottom: model.KernelMount, children: t.Mapping[t.Optional[int], t.Sequence[model.KernelMount]]
) -> t.Tuple[Visible, t.List[model.KernelMount]]:
    """Return what is reached where this mount is entered, and the mounts entered from there."""
    stack = [bottom]
    while True:
        own = children.get(stack[-1].mount_id, ())
        above = [child for child in own if child.mount_point == bottom.mount_point]
        if not above:
            break
        stack.append(above[-1])
    is_stacked = sum(mount.fstype != TRAP for mount in stack) > 1
    if bottom.mount_point != "/":
        return Visible(stack[-1], is_stacked, tuple(stack[:-1])), _uncovered(own)
    # A lookup starts in the root and does not climb what is mounted on it (path_resolution(7)).
    own = [child for child in children.get(bottom.mount_id, ()) if child.mount_point != "/"]
    return Visible(bottom, is_stacked, tuple(stack[1:])), _uncovered(own)


def _uncovered(siblings: t.Iterable[model.KernelMount]) -> t.List[model.KernelMount]:
    """Return the children of one mount that none hides: the last at each mount point, none below it."""
    last = {child.mount_point: child for child in siblings}
    kept: t.List[model.KernelMount] = []
    prefix: t.Optional[str] = None
    # As the smallest character the separator puts all that lies below a path right behind it.
    for path in sorted(last, key=lambda path: path.replace("/", "\0")):
        if prefix is None or not path.startswith(prefix):
            kept.append(last[path])
            prefix = path if path == "/" else path + "/"
    return kept
