# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The argument specs, and the values of mode, owner and group.

Private to holdfast.mounts.
"""

from __future__ import annotations

import os
import re
import stat
import typing as t

from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast import model
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.arguments import accounts
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.grammar import strings

DEFAULT_MODE = 0o755
# No setuid: it is for programs, and a mount point is none. Files do not get a mode (kernel/directories.py).
LARGEST_MODE = 0o3777
OCTAL = re.compile(r"(0o)?[0-7]{1,5}")
# The grammar of chmod(1); the conversion itself overlooks what is cut off.
_CLAUSE = "[ugoa]*([=+-]([rwxXst]*|[ugo]))+"
SYMBOLS = re.compile(f"{_CLAUSE}(,{_CLAUSE})*")


def build_attributes(
    mode: t.Any, owner: t.Optional[str], group: t.Optional[str], *, prefix: str = ""
) -> model.MountPointAttributes:
    """Return the attributes, root's 0755 where nothing is said. Raises invalid_argument.

    prefix: what goes before the option's name in a message, for example C(mounts[2].).
    """
    return model.MountPointAttributes(
        mode=DEFAULT_MODE if mode is None else _mode(mode, prefix + "mode"),
        uid=0 if owner is None else accounts.number_of(owner, prefix + "owner", find=accounts.find_user),
        gid=0 if group is None else accounts.number_of(group, prefix + "group", find=accounts.find_group),
    )


def _mode(value: t.Any, option: str) -> int:
    """Return permission bits, read as ansible.builtin.file does."""
    mode = _number_or_symbols(value, option)
    if mode is None or not 0 <= mode <= LARGEST_MODE:
        raise strings.refusal(
            "invalid_argument",
            f"{strings.about(option, str(value))} is not a mode; write octal digits in quotes such as "
            "'0755', or symbols such as u=rwx,g=rx,o=rx",
        )
    return mode


def _number_or_symbols(value: t.Any, option: str) -> t.Optional[int]:
    if isinstance(value, int) and not isinstance(value, bool):
        return value if value < 0 or _is_plausible(value) else None
    if not isinstance(value, str):
        return None
    text = strings.check_text(value, option)
    if OCTAL.fullmatch(text):
        return int(text, 8)
    return _symbolic_mode(text)


def _is_plausible(mode: int) -> bool:
    """Whether a number is what somebody meant who wrote it in octal: 770 without a zero before it is 0o1402.

    As the rule risky-octal of ansible-lint: nobody may write unread, nor do more than the group may, nor the
    group more than the owner.
    """
    owner, group, others = mode >> 6 & 7, mode >> 3 & 7, mode & 7
    writes_unseen = any(bits & 2 and not bits & 4 for bits in (owner, group, others))
    return not (writes_unseen or others & ~group or group & ~owner)


def _symbolic_mode(text: str) -> t.Optional[int]:
    if SYMBOLS.fullmatch(text) is None:
        return None
    try:
        from ansible.module_utils.basic import AnsibleModule
    except ImportError:  # the host's own command has no Ansible, and octal digits say the same
        return None
    base = os.stat_result((stat.S_IFDIR | DEFAULT_MODE, 0, 0, 0, 0, 0, 0, 0, 0, 0))
    try:
        return int(AnsibleModule._symbolic_mode_to_octal(base, text))
    except ValueError:
        return None


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
    "network": {"type": "bool"},
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
    "network": {"type": "bool", "default": False},
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
