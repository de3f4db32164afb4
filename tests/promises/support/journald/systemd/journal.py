# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Stands in for python-systemd, so that AnsibleModule speaks to the journal's socket (sd_journal_send(3))."""

from __future__ import annotations

import socket
import typing as t

SOCKET = "/run/systemd/journal/socket"


def send(**fields: t.Any) -> None:
    """Send a message with its fields."""
    text = "".join(f"{name}={value}\n" for name, value in fields.items())
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
        channel.sendto(text.encode("utf-8", "surrogateescape"), SOCKET)


def sendv(*fields: str) -> None:
    """Send fields; AnsibleModule only asks whether it is there."""
    send(**dict(field.split("=", 1) for field in fields))
