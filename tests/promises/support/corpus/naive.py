# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The control: checks as they are often written, in front of a command line for mount(8)."""

from __future__ import annotations

import os
import typing as t

ROOTS = ("/mnt", "/media", "/srv")
Arguments = t.Mapping[str, t.Any]


def accept(arguments: Arguments) -> t.List[t.List[bytes]]:
    """Return the command lines that would be run. Raises ValueError or TypeError for what is refused."""
    if not arguments.get("holder", "ansible"):
        raise ValueError("no holder")
    entries = arguments.get("mounts") or [arguments]
    return [_accept_entry(entry, arguments) for entry in entries]


def _accept_entry(entry: Arguments, arguments: Arguments) -> t.List[bytes]:
    roots = _as_list(arguments.get("allowed_roots", ROOTS))
    path = _below(entry.get("path"), roots)
    if arguments.get("state", "mounted") != "mounted":
        return _command_line("umount", path)
    source, fstype = entry.get("src"), entry.get("fstype")
    if not source or not fstype:
        raise ValueError("nothing to mount")
    if fstype == "bind":
        source = _below(source, _as_list(arguments.get("source_roots", roots)))
    options = ",".join(_as_list(entry.get("opts", ())))
    _parse_options(options)
    return _command_line("mount", "-t", fstype, "-o", options, source, path)


def _as_list(value: t.Any) -> t.List[str]:
    return value.split(",") if isinstance(value, str) else list(value)


def _below(path: t.Any, roots: t.Sequence[str]) -> str:
    normal: str = os.path.normpath(path)
    if not path or not normal.startswith(tuple(roots)):
        raise ValueError("outside of the roots")
    return normal


def _parse_options(text: str) -> t.List[str]:
    """Split at commas outside of quotes, as libmount does; what it does not know is left to the helper."""
    words, is_quoted = [""], False
    for character in text:
        is_quoted ^= character == '"'
        if character == "," and not is_quoted:
            words.append("")
        else:
            words[-1] += character
    if is_quoted or (text and "" in words):
        raise ValueError("malformed options")
    return words


def _command_line(*words: str) -> t.List[bytes]:
    argv = [os.fsencode(word) for word in words]
    if any(b"\0" in word or len(word) > 131071 for word in argv):
        raise ValueError("execve(2) refuses it")
    return argv
