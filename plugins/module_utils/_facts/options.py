# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The options of a mount as the kernel shows them: as one string, and against what was asked.

Pure. Private to holdfast.mounts.
"""

from __future__ import annotations

import re
import typing as t

from ansible_collections.holdfast.mounts.plugins.module_utils._grammar.contexts import (
    CONTEXT,
    shown_context,
)
from ansible_collections.holdfast.mounts.plugins.module_utils._values.host import KernelMount
from ansible_collections.holdfast.mounts.plugins.module_utils._values.request import MOUNT_FLAGS, Definition

_ACCESS = frozenset(("ro", "rw"))
_OCTAL = frozenset(("dmask", "fmask", "mode", "umask"))
# What client and server agree on: what was asked is the most there can be (nfs(5), mount.cifs(8)).
_AGREED_ON = frozenset(("bsize", "rasize", "rsize", "wsize"))
_READ_ONLY_TYPES = frozenset(("erofs", "iso9660", "squashfs", "udf"))
_NUMBER = re.compile(r"([0-9]{1,20})([kmgt]?)", re.IGNORECASE)
# tmpfs shows its size in whole pages (mm/shmem.c, shmem_show_options); 64 KiB is the largest page.
_LARGEST_PAGE = 65536


def options_text(mount: KernelMount) -> str:
    """Return the options as C(/proc/mounts) shows them: access, flags, options of the superblock.

    A comma within a value is shown as C(\\054) and a backslash as C(\\134), as the kernel does.
    """
    shown = ["ro" if "ro" in mount.flags or "ro" in mount.options else "rw"]
    shown.extend(word for word in mount.flags if word not in _ACCESS)
    shown.extend(word for word in mount.options if word not in _ACCESS)
    return ",".join(word.replace("\\", "\\134").replace(",", "\\054") for word in shown)


def changed_options(definition: Definition, mount: KernelMount, *, is_owned: bool) -> t.Tuple[str, ...]:
    """Return what is not as asked, sorted: C(-word) for what is not in force, C(+word) for what is beyond it.

    A bind mount inherits the flags of what it shows, and an adopted mount may have more than was
    asked; beyond that only what the kernel shows under the same name is compared.
    """
    in_force = _flags_in_force(mount)
    asked = frozenset(definition.flags)
    changes = [f"-{flag}" for flag in asked - in_force if flag != "ro" or "ro" not in mount.options]
    if definition.fstype == "bind":
        return tuple(sorted(changes))
    if is_owned:
        changes.extend(f"+{flag}" for flag in in_force - asked)
        if "ro" in mount.options and "ro" not in asked | in_force and not _is_read_only_by_nature(definition):
            changes.append("+ro")
    if definition.fstype != "overlay":
        changes.extend(_changed_data(definition, mount))
    return tuple(sorted(changes))


def _flags_in_force(mount: KernelMount) -> t.FrozenSet[str]:
    flags = frozenset(mount.flags)
    # The kernel shows the strict mode by showing neither of the others (fs/proc_namespace.c).
    strict = frozenset() if flags & {"noatime", "relatime"} else frozenset(("strictatime",))
    return (flags & frozenset(MOUNT_FLAGS)) | strict


def _is_read_only_by_nature(definition: Definition) -> bool:
    if definition.fstype == "overlay":
        return not any(name == "upperdir" for name, _value in definition.data)
    return definition.fstype in _READ_ONLY_TYPES


def _changed_data(definition: Definition, mount: KernelMount) -> t.Iterator[str]:
    shown = dict(word.partition("=")[::2] for word in mount.options)
    for name, value in definition.data:
        if name in _AGREED_ON or value is None or name not in shown:
            continue
        if not _is_same_value(name, value, shown[name]):
            yield f"-{name}={value}"
            yield f"+{name}={shown[name]}"


def _is_same_value(name: str, asked: str, shown: str) -> bool:
    # btrfs adds the level that it chose: compress=zstd is shown as compress=zstd:3.
    if asked == shown or shown.startswith(asked + ":") or "%" in asked:
        return True
    if name == CONTEXT:
        return asked == shown_context(shown)
    if name == "vers":
        # 4 and 3 leave the minor version to the server; cifs.ko writes 3.0.2 in its own way.
        return shown.startswith(asked + ".") or (asked, shown) == ("3.0.2", "3.02")
    if name in _OCTAL:
        return asked.lstrip("0") == shown.lstrip("0")
    numbers = (_number(asked), _number(shown))
    if numbers[0] is None or numbers[1] is None:
        return False
    return 0 <= numbers[1] - numbers[0] < (_LARGEST_PAGE if name == "size" else 1)


def _number(text: str) -> t.Optional[int]:
    match = _NUMBER.fullmatch(text)
    if match is None:
        return None
    return int(match.group(1)) << 10 * " kmgt".index(match.group(2).lower() or " ")
