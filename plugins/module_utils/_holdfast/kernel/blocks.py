# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What sysfs and udev tell of block devices: files of loop devices, who else has a tag. No device is asked.

Private to holdfast.mounts.
"""

from __future__ import annotations

import os
import typing as t

from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast import model
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.grammar import filesystems
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.kernel import devices

_PARTS = ("offset", "sizelimit")
# A folder for each link, named by it, with an entry for each device that wants the link (udev-node.c of
# systemd). The entry is a link to C(priority:path), before systemd 251 a file beside the device's own record.
_LINKS, _RECORDS = "/run/udev/links", "/run/udev/data"


def loop_names() -> t.List[str]:
    """Return the names of the loop devices that there are, with a file or without one."""
    return sorted(name for name in devices.list_names("/sys/block") if name.startswith("loop"))


def backing_file(name: str) -> str:
    """Return the name of a loop device's file as it is now, nothing where it has none.

    name: of the device. No filesystem is asked. What was deleted or replaced ends in C( (deleted)).
    """
    return devices.read_text(f"/sys/block/{name}/loop/backing_file")


def loop_behind(mount: model.KernelMount) -> t.Optional[devices.Device]:
    """Return the loop device that a mount is of, None where it is of none."""
    # btrfs shows a number of its own. Any user may give a FUSE filesystem a source that does not answer.
    number = devices.block_number(mount.source) if mount.fstype in filesystems.OWN_NUMBERS else mount.device
    name = os.path.basename(os.path.realpath(f"{devices.BLOCK}/{number}")) if number else ""
    return devices.Device(f"/dev/{name}", number or "") if name.startswith("loop") else None


def image_of(mount: model.KernelMount) -> str:
    """Return the name of the file that a mount's loop device has all of now, nothing where it has none."""
    device = loop_behind(mount)
    name = "" if device is None else os.path.basename(device.path)
    is_part = any(devices.read_text(f"/sys/block/{name}/loop/{part}") not in ("", "0") for part in _PARTS)
    return "" if not name or is_part else backing_file(name)


def loop_of(image: str, identity: t.Optional[model.Identity]) -> t.Optional[devices.Device]:
    """Return a loop device of this file; for predictions."""
    name = next((name for name in loop_names() if is_file(backing_file(name), image, identity)), None)
    return (
        None if name is None else devices.Device(f"/dev/{name}", devices.read_text(f"/sys/block/{name}/dev"))
    )


def is_file(backing: str, image: str, identity: t.Optional[model.Identity]) -> bool:
    """Whether a loop device's file is this image, by name, or has another name of it. No server is asked."""
    if not backing or backing == image:
        return bool(backing)
    inode = devices.inode_at(backing)
    return inode is not None and inode.identity == identity


def devices_with_tag(src: str) -> t.Tuple[devices.Device, ...]:
    """Return the devices that have the tag that src is; none for a path, and where udev does not tell.

    Of several the link leads to one with the highest priority, as a mapper device has over its members;
    the others are left out. No device is asked.
    """
    link = devices.tag_link(src)
    if not link:
        return ()
    priorities: t.Dict[str, int] = {}
    for name in (link[len("/dev/") :], link[len("/dev") :]):  # the latter before systemd 250
        folder = "/".join((_LINKS, name.replace("\\", "\\x5c").replace("/", "\\x2f")))
        for entry in devices.list_names(folder):
            number = entry[1:]
            if entry.startswith("b") and devices.path_of(number):
                priorities[number] = _priority(f"{folder}/{entry}", entry)
    highest = max(priorities.values(), default=0)
    return tuple(
        devices.Device(devices.path_of(number), number)
        for number, priority in sorted(priorities.items())
        if priority == highest
    )


def _priority(path: str, entry: str) -> int:
    try:
        text = os.readlink(path).partition(":")[0]
    except OSError:
        lines = devices.read_text(f"{_RECORDS}/{entry}").splitlines()
        text = next((line[2:] for line in lines if line.startswith("L:")), "0")
    try:
        return int(text)
    except ValueError:
        return 0
