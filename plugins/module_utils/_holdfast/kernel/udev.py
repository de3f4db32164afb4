# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What udev knows of block devices beyond the links that it has made: who else has a tag.

Private to holdfast.mounts.
"""

from __future__ import annotations

import os
import typing as t

from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.kernel import devices

# A folder for each link, named by it, with an entry for each device that wants the link (udev-node.c of
# systemd). The entry is a link to C(priority:path), before systemd 251 a file beside the device's own record.
_LINKS, _RECORDS = "/run/udev/links", "/run/udev/data"


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
