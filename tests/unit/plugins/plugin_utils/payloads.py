# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Payloads as Ansible leaves them, with what a test puts in."""

from __future__ import annotations

import base64
import io
import typing as t
import zipfile


def make_payload(files: t.Mapping[str, str]) -> bytes:
    """Return a payload with these files as ansible-core 2.18 leaves one."""
    output = io.BytesIO()
    with zipfile.ZipFile(output, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return base64.b64encode(output.getvalue())
