# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which mounts take a file of credentials, and what stands in such a file.

The file is read elsewhere: here it is text. Private to holdfast.mounts.
"""

from __future__ import annotations

import re
import typing as t

from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast import errors
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.grammar import paths, record, strings

# The name of the option among a definition's data; its value is the file's path, nothing of its content.
CREDENTIALS = "credentials_file"
MOST_BYTES = 4096
_KEYS: t.Mapping[str, str] = {
    "dom": "domain",
    "domain": "domain",
    "pass": "password",
    "password": "password",
    "user": "username",
    "username": "username",
    "workgroup": "domain",
}
_CEPH_KEY = re.compile(r"[A-Za-z0-9+/]{16,256}={0,2}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")

Data = t.Sequence[t.Tuple[str, t.Optional[str]]]


def check_credentials_file(value: t.Any, option: str) -> str:
    """Return the path of a credentials file. Raises invalid_argument."""
    return paths.check_path(value, option)


def does_without(filesystem: record.Filesystem, data: Data) -> bool:
    """Whether a mount with these options authenticates by other means, or not at all."""
    anonymous = filesystem.helper.anonymous if filesystem.helper else ()
    words = {name if value is None else f"{name}={value}" for name, value in data}
    return not anonymous or bool(words.intersection(anonymous))


def is_of_use(filesystem: record.Filesystem, data: Data) -> bool:
    """Whether a mount with these options reads a credentials file."""
    is_anonymous = filesystem.helper and filesystem.helper.anonymous and does_without(filesystem, data)
    return filesystem.takes_credentials and not is_anonymous


def refuse_useless(filesystem: record.Filesystem, data: Data, option: str) -> None:
    """Refuse a credentials file for a mount that would not use it. Raises invalid_argument."""
    if not filesystem.takes_credentials:
        raise strings.refusal(
            "invalid_argument",
            f"{option}: {strings.quote(filesystem.name)} takes none; leave it out "
            "(cifs, smb3 and ceph take one)",
        )
    if not is_of_use(filesystem, data):
        raise strings.refusal(
            "invalid_argument",
            f"{option}: cannot be combined with the option guest or a Kerberos sec; write one of them",
        )


def refuse_missing(filesystem: record.Filesystem, data: Data, option: str) -> None:
    """Refuse an SMB share of which it isn't said as whom it is mounted. Raises invalid_argument."""
    if not does_without(filesystem, data):
        raise strings.refusal(
            "invalid_argument",
            f"{option}: {strings.quote(filesystem.name)} needs credentials; write {option}, or the "
            "option guest or sec=krb5",
        )


def option_for_helper(filesystem: record.Filesystem) -> str:
    """Return the helper's own option that names a file of credentials."""
    return filesystem.helper.credentials if filesystem.helper else ""


def file_for_helper(filesystem: record.Filesystem, text: str) -> str:
    """Return what the helper is to read, made anew from what the file says. Raises mount_failed.

    For cifs and smb3 lines of mount.cifs(8), for ceph the key alone. An error quotes nothing of the file.
    """
    return _ceph_file(text) if filesystem.source == "ceph" else _smb_file(text)


def _ceph_file(text: str) -> str:
    key = text.strip()
    if _CEPH_KEY.fullmatch(key) is None:
        raise _malformed("it holds no key; write the key alone on one line")
    return key + "\n"


def _smb_file(text: str) -> str:
    found: t.Dict[str, str] = {}
    for number, line in enumerate(text.split("\n"), 1):
        line = line[:-1] if line.endswith("\r") else line
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        name, equals, value = line.partition("=")
        key = _KEYS.get(name.strip().lower())
        if not equals or key is None or key in found or _CONTROL.search(value):
            raise _malformed(f"line {number} is not one of username=, password=, domain=, or is there twice")
        found[key] = value
    if not found.get("username") or "password" not in found:
        raise _malformed("it lacks username= or password=; write a line of each")
    return "".join(f"{key}={found[key]}\n" for key in sorted(found))


def _malformed(what: str) -> errors.MountError:
    return errors.MountError("mount_failed", f"the credentials file is malformed: {what}", step="credentials")
