# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The options of the module safe_mount, as AnsibleModule wants them.

What excludes or needs what is not said here: build.py refuses it with a code of the contract.
Private to holdfast.mounts.
"""

from __future__ import annotations

import typing as t

DEFAULT_HOLDER = "ansible"
DEFAULT_ROOTS = ("/mnt", "/media", "/srv")

_MOUNT_SPEC: t.Dict[str, t.Dict[str, t.Any]] = {
    "path": {"type": "str", "required": True},
    "src": {"type": "str"},
    "fstype": {"type": "str"},
    "opts": {"type": "list", "elements": "str", "default": []},
    "allow_suid": {"type": "bool"},
    "allow_dev": {"type": "bool"},
    "boot": {"type": "bool"},
    "ttl": {"type": "int"},
    "mode": {"type": "raw"},
    "owner": {"type": "str"},
    "group": {"type": "str"},
    "selinux_context": {"type": "str"},
}

ARGUMENT_SPEC: t.Dict[str, t.Dict[str, t.Any]] = {
    "path": {"type": "str", "aliases": ["name"]},
    "src": {"type": "str"},
    "fstype": {"type": "str"},
    "opts": {"type": "list", "elements": "str", "default": []},
    "holder": {"type": "str", "default": DEFAULT_HOLDER},
    "state": {"type": "str", "choices": ["mounted", "released", "unmounted"], "default": "mounted"},
    "mounts": {"type": "list", "elements": "dict", "options": _MOUNT_SPEC},
    "purge": {"type": "bool", "default": False},
    "allowed_roots": {"type": "list", "elements": "str", "default": list(DEFAULT_ROOTS)},
    "source_roots": {"type": "list", "elements": "str"},
    "allow_suid": {"type": "bool", "default": False},
    "allow_dev": {"type": "bool", "default": False},
    "allow_fstypes": {"type": "list", "elements": "str", "default": []},
    "allow_nonempty": {"type": "bool", "default": False},
    "allow_unsafe_parents": {"type": "bool", "default": False},
    "adopt": {"type": "bool", "default": False},
    "selinux_context": {"type": "str"},
    # The path of a file, not what stands in it.
    "credentials_file": {"type": "str", "no_log": False},
    "boot": {"type": "bool", "default": False},
    "ttl": {"type": "int"},
    "on_busy": {"type": "str", "choices": ["fail", "defer", "lazy"], "default": "fail"},
    "mode": {"type": "raw"},
    "owner": {"type": "str"},
    "group": {"type": "str"},
    "timeout": {"type": "int", "default": 60},
    "lock_timeout": {"type": "int", "default": 90},
    "disclose": {"type": "str", "choices": ["minimal", "full"], "default": "minimal"},
}


def given(params: t.Mapping[str, t.Any]) -> t.Dict[str, t.Any]:
    """Return the parameters for the result: of the entries of mounts, what was written and no more.

    A thousand entries would be ten thousand empty values, which Ansible looks through again and again.
    """
    entries = params["mounts"]
    if entries is None:
        return dict(params)
    written = [{name: value for name, value in entry.items() if value is not None} for entry in entries]
    return {**params, "mounts": written}
