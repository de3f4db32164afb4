# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The architectures that the virtual machine can have, and how the emulator is told."""

from __future__ import annotations

import typing as t

NATIVE = "amd64"


class Architecture(t.NamedTuple):
    """An architecture by Debian's name, and what the emulator needs to know of it."""

    name: str
    emulator: str
    package: str
    machine: t.Tuple[str, ...]
    console: str

    @property
    def is_foreign(self) -> bool:
        """Whether its programs do not run where the image is built."""
        return self.name != NATIVE


ARCHITECTURES = {
    NATIVE: Architecture(NATIVE, "qemu-system-x86_64", "qemu-system-x86", ("-cpu", "max"), "ttyS0"),
    # Newer processors sign their pointers, which costs much under emulation.
    "arm64": Architecture(
        "arm64",
        "qemu-system-aarch64",
        "qemu-system-arm",
        ("-machine", "virt", "-cpu", "cortex-a72"),
        "ttyAMA0",
    ),
}
