# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What to write instead of options that are known, and refused.

Private to holdfast.mounts.
"""

from __future__ import annotations

import re
import typing as t

# Where a user of fstab or ansible.posix.mount finds the counterpart of what is refused.
GUIDE = "see docs/migration.md"

_BOOT = "leave it out; it is a matter of boot, and this version writes no fstab"
_CONTEXT = "use selinux_context, once a version has it"
_CREDENTIALS = "use credentials_file, once a version has it"
_HELPER = "leave it out; no helper may be named"
_LOOP = "attach the image to a loop device first, and write /dev/loopN as src"
_ONLY_ROOT = "leave it out; users do not mount or unmount what is managed"
_OTHER_DEVICE = "leave it out; no other device or file may be named"
_PROPAGATION = "leave it out; a mount is shared where its parent is"

HINTS: t.Mapping[str, str] = {
    "_netdev": _BOOT,
    "auto": _BOOT,
    "barrier=0": "write nobarrier",
    "barrier=1": "write barrier",
    "bg": "leave it out; the task waits for the mount",
    "bind": "write fstype: bind",
    "check=none": "leave it out",
    "comment": "leave it out; write a comment in the playbook",
    "conf": _CREDENTIALS,
    "context": _CONTEXT,
    "cred": _CREDENTIALS,
    "credentials": _CREDENTIALS,
    "datadir+": "leave it out; write all layers into lowerdir",
    "defaults": "leave it out; what it stands for holds anyway",
    "defcontext": _CONTEXT,
    "dev": "set allow_dev: true",
    "device": _OTHER_DEVICE,
    "encryption": _LOOP,
    "errors=panic": "write errors=remount-ro or errors=continue",
    "fg": "leave it out; the task waits for the mount",
    "fscontext": _CONTEXT,
    "group": _ONLY_ROOT,
    "grpjquota": "write grpquota; files of quotas may not be named",
    "helper": _HELPER,
    "iversion": "leave it out",
    "jqfmt": "leave it out; files of quotas may not be named",
    "journal_dev": _OTHER_DEVICE,
    "journal_path": _OTHER_DEVICE,
    "logdev": _OTHER_DEVICE,
    "loop": _LOOP,
    "loud": "leave it out",
    "lowerdir+": "write all layers into lowerdir, separated by colons",
    "make-private": _PROPAGATION,
    "make-rprivate": _PROPAGATION,
    "make-rshared": _PROPAGATION,
    "make-rslave": _PROPAGATION,
    "make-runbindable": _PROPAGATION,
    "make-shared": _PROPAGATION,
    "make-slave": _PROPAGATION,
    "make-unbindable": _PROPAGATION,
    "mand": "leave it out; the kernel has no mandatory locks any more",
    "metacopy": "leave it out; it trusts marks in the layers",
    "move": "release the mount point, and mount at the other path",
    "noauto": _BOOT,
    "nofail": _BOOT,
    "nogroup": _ONLY_ROOT,
    "nomand": "leave it out; the kernel has no mandatory locks any more",
    "noowner": _ONLY_ROOT,
    "nouser": _ONLY_ROOT,
    "nousers": _ONLY_ROOT,
    "offset": _LOOP,
    "owner": _ONLY_ROOT,
    "pass": _CREDENTIALS,
    "passwd": _CREDENTIALS,
    "password": _CREDENTIALS,
    "password2": _CREDENTIALS,
    "private": _PROPAGATION,
    "rbind": "write fstype: bind; it shows one filesystem, without the mounts below it",
    "remount": "leave it out; change opts, and a sole holder's mount is changed in place",
    "rootcontext": _CONTEXT,
    "rprivate": _PROPAGATION,
    "rshared": _PROPAGATION,
    "rslave": _PROPAGATION,
    "rtdev": _OTHER_DEVICE,
    "runbindable": _PROPAGATION,
    "seclabel": _CONTEXT,
    "secret": _CREDENTIALS,
    "secretfile": _CREDENTIALS,
    "shared": _PROPAGATION,
    "silent": "leave it out",
    "sizelimit": _LOOP,
    "slave": _PROPAGATION,
    "suid": "set allow_suid: true",
    "uhelper": _HELPER,
    "unbindable": _PROPAGATION,
    "user": _ONLY_ROOT,
    "username": _CREDENTIALS,
    "users": _ONLY_ROOT,
    "usrjquota": "write usrquota; files of quotas may not be named",
}
PREFIX_HINTS = (
    ("X-mount.mkdir", "leave it out; missing directories are made anyway"),
    ("X-", "leave it out; it is a word for mount(8) alone"),
    ("verity.", _OTHER_DEVICE),
    ("x-", "leave it out; it is a word for fstab alone"),
)


# Parts of names whose values may be secrets; no table has an option of such a name.
SECRETS = ("cred", "key", "pass", "secret", "token")
NAMES = re.compile(r"(?:^|,)([^,=]*)=")


def may_be_secret(word: str) -> bool:
    """Return whether the option, or one that follows a comma in it, may carry a secret."""
    return any(part in name.lower() for name in NAMES.findall(word) for part in SECRETS)


def masked(word: str) -> str:
    """Return the option as a message may show it: nothing of a value that may be a secret."""
    return word.partition("=")[0] + "=***" if may_be_secret(word) else word


def hint_for(word: str) -> str:
    """Return what to write instead of an option, or nothing when it is simply unknown."""
    name = word.partition("=")[0]
    if word in HINTS or name in HINTS:
        return HINTS.get(word) or HINTS[name]
    return next((hint for prefix, hint in PREFIX_HINTS if name.startswith(prefix)), "")
