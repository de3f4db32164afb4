# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Says to AnsibleModule that there is a journal (sd_booted(3))."""

from __future__ import annotations


def booted() -> bool:
    """Return whether systemd runs."""
    return True
