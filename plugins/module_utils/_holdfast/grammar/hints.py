# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What to write instead of types and options that are refused, known ones and misspelt ones.

Private to holdfast.mounts.
"""

from __future__ import annotations

import typing as t

from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast import errors
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.grammar import (
    filesystems,
    record,
    strings,
)

# Where a user of fstab or ansible.posix.mount finds the counterpart of what is refused.
GUIDE = f"see {errors.SITE}/docs/migration.html"

_BOOT = "leave it out; boot: true writes the entry of fstab, with nofail"
_NO_BOOT = "leave it out; without boot: true nothing is mounted at boot"
_FUSE = "leave it out; only FUSE has it"
_COMMAND = "leave it out; no command may be named; write it into root's own ssh_config(5)"
_CONTEXT = "use selinux_context"
_CREDENTIALS = "use credentials_file"
_HELPER = "leave it out; no helper may be named"
_LOOP = "leave it out; write the path of the image as src"
_PART = "leave it out; for a part of an image, attach that with losetup(8), and write /dev/loopN as src"
_MANY_HOSTS = "leave it out; it names another host; write the server into src"
_ONLY_ROOT = "leave it out; users do not mount or unmount what is managed"
_OTHER_DEVICE = "leave it out; no other device or file may be named"
_OWN_FILE = (
    "leave it out; no file may be named; what a helper reads by itself, such as root's ssh_config(5), holds"
)
_PROPAGATION = "leave it out; a mount is shared where its parent is"
_UDP = "leave it out; kernels since Linux 5.6 have no NFS over UDP, and use TCP"

HINTS: t.Mapping[str, str] = {
    "GlobalKnownHostsFile": _OWN_FILE,
    "IdentityFile": _OWN_FILE,
    "KnownHostsCommand": _COMMAND,
    "LocalCommand": _COMMAND,
    "PermitLocalCommand": _COMMAND,
    "ProxyCommand": _COMMAND,
    "ProxyJump": _COMMAND,
    "StrictHostKeyChecking": "leave it out; put the host's key into known_hosts",
    "UserKnownHostsFile": _OWN_FILE,
    "_netdev": "leave it out; boot: true writes the entry of fstab, with _netdev where a server is needed",
    "addr": _MANY_HOSTS,
    "allow_root": "write allow_other; permissions are checked then",
    "auto": _BOOT,
    "auto_unmount": "leave it out; release the mount",
    "backup-volfile-servers": "leave it out; write a name with several addresses as the host",
    "backupvolfile-server": "leave it out; write a name with several addresses as the host",
    "allow_other": _FUSE,
    "barrier=0": "write nobarrier",
    "barrier=1": "write barrier",
    "bg": "leave it out; the task waits for the mount",
    "bind": "write fstype: bind",
    "blksize": _FUSE,
    "bootwait": "leave it out; boot: true writes the entry of fstab, and no boot waits for it",
    "check=none": "leave it out",
    "clientaddr": _MANY_HOSTS,
    "comment": "leave it out; write a comment in the playbook",
    "conf": _CREDENTIALS,
    "context": _CONTEXT,
    "cred": _CREDENTIALS,
    "credentials": _CREDENTIALS,
    "datadir+": "leave it out; write all layers into lowerdir",
    "defaults": "leave it out; what it asks for is in force anyway",
    "default_permissions": _FUSE,
    "defcontext": _CONTEXT,
    "dev": "set allow_dev: true",
    "device": _OTHER_DEVICE,
    "directport": _COMMAND,
    "dom": _CREDENTIALS,
    "domain": _CREDENTIALS,
    "dump-fuse": _OWN_FILE,
    "encryption": "leave it out; open it with cryptsetup(8), and write /dev/mapper/NAME as src",
    "errors=panic": "write errors=remount-ro or errors=continue",
    "fd": "leave it out; the helper has it",
    "fg": "leave it out; the task waits for the mount",
    "fsc": "leave it out; no file outside of the filesystem may be written",
    "fscontext": _CONTEXT,
    "fsname": "leave it out; the source is the name",
    "gidfile": _OWN_FILE,
    "group": _ONLY_ROOT,
    "group_id": _FUSE,
    "grpjquota": "write grpquota; files of quotas may not be named",
    "helper": _HELPER,
    "ip": _MANY_HOSTS,
    "iversion": "leave it out",
    "journal_dev": _OTHER_DEVICE,
    "journal_path": _OTHER_DEVICE,
    "jqfmt": "leave it out; files of quotas may not be named",
    "key": _CREDENTIALS,
    "log-file": _OWN_FILE,
    "log-level": "leave it out",
    "logdev": _OTHER_DEVICE,
    "locale": "leave it out; the kernel knows no locale",
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
    "mand": "leave it out; the kernel no longer has mandatory locks",
    "metacopy": "leave it out; it trusts marks in the layers",
    "minorversion": "write vers=4.2, for example",
    "mon_addr": _MANY_HOSTS,
    "mountaddr": _MANY_HOSTS,
    "mounthost": _MANY_HOSTS,
    "move": "release the mount point, and mount at the other path",
    "no_contain_symlinks": "leave it out; a symbolic link on the server could lead out of the mount",
    "noauto": _NO_BOOT,
    "nobootwait": "leave it out; boot: true writes the entry of fstab, and no boot waits for it",
    "nocephx_require_signatures": "leave it out; it weakens the authentication",
    "nocephx_sign_messages": "leave it out; it weakens the authentication",
    "nofail": _BOOT,
    "nohard": "write soft",
    "nogroup": _ONLY_ROOT,
    "nomand": "leave it out; the kernel no longer has mandatory locks",
    "noiversion": "leave it out",
    "noowner": _ONLY_ROOT,
    "norelatime": "write strictatime",
    "norequire_active_mds": "leave it out",
    "nouser": _ONLY_ROOT,
    "nousers": _ONLY_ROOT,
    "offset": _PART,
    "owner": _ONLY_ROOT,
    "pass": _CREDENTIALS,
    "passive": _COMMAND,
    "passwd": _CREDENTIALS,
    "password": _CREDENTIALS,
    "password2": _CREDENTIALS,
    "password_stdin": "leave it out; use a key",
    "prefixpath": "write the folder into src, //host/share/folder",
    "private": _PROPAGATION,
    "process-name": "leave it out",
    "proto=udp": _UDP,
    "rbind": "write fstype: bind; it shows one filesystem, without the mounts below it",
    "remount": "leave it out; change opts, and a sole holder's mount is changed in place",
    "retry": "leave it out; use timeout",
    "rootmode": _FUSE,
    "rootcontext": _CONTEXT,
    "rprivate": _PROPAGATION,
    "rshared": _PROPAGATION,
    "rslave": _PROPAGATION,
    "rtdev": _OTHER_DEVICE,
    "runbindable": _PROPAGATION,
    "sec=none": "leave it out, or write one that authenticates",
    "sec=ntlm": "leave it out, or write sec=ntlmssp",
    "sec=ntlmi": "leave it out, or write sec=ntlmsspi",
    "sec=ntlmv2": "leave it out, or write sec=ntlmssp",
    "sec=ntlmv2i": "leave it out, or write sec=ntlmsspi",
    "seclabel": _CONTEXT,
    "secret": _CREDENTIALS,
    "secretfile": _CREDENTIALS,
    "sftp_server": _COMMAND,
    "shared": _PROPAGATION,
    "silent": "leave it out",
    "sizelimit": _PART,
    "slave": _PROPAGATION,
    "ssh_command": _COMMAND,
    "ssh_configfile": _OWN_FILE,
    "subtype": "leave it out; write the type as fstype",
    "suid": "set allow_suid: true",
    "transport": "leave it out; it is tcp",
    "udp": _UDP,
    "uhelper": _HELPER,
    "uidfile": _OWN_FILE,
    "unbindable": _PROPAGATION,
    "unc": "write the share into src",
    "user": _ONLY_ROOT,
    "user_id": _FUSE,
    "username": _CREDENTIALS,
    "users": _ONLY_ROOT,
    "usrjquota": "write usrquota; files of quotas may not be named",
    "vers=1.0": "write vers=3.0 or newer; SMB 1 can be read and changed on the network",
    "vers=2.0": "write vers=3.0 or newer",
    "workgroup": _CREDENTIALS,
    "xlator-option": "leave it out",
}
PREFIX_HINTS = (
    ("X-mount.mkdir", "leave it out; missing directories are created anyway"),
    ("X-", "leave it out; only mount(8) has it"),
    ("verity.", _OTHER_DEVICE),
    ("x-", "leave it out; only fstab has it"),
)


def hint_for(word: str, filesystem: record.Filesystem) -> str:
    """Return what to write instead of an option of this type, or nothing when it is simply unknown."""
    name = word.partition("=")[0]
    if name in filesystem.reported:
        return filesystem.reported[name]
    if filesystem.is_block and name == "_netdev":
        return "set network: true, with which boot: true writes it"
    if filesystem.takes_credentials and name == "user":
        return _CREDENTIALS
    if word in HINTS or name in HINTS:
        return HINTS.get(word) or HINTS[name]
    return next((hint for prefix, hint in PREFIX_HINTS if name.startswith(prefix)), "")


def unknown_option(word: str, filesystem: record.Filesystem, known: t.Collection[str]) -> str:
    """Return what is wrong with an option that the type does not take. known: what every type takes."""
    name = word.partition("=")[0]
    hint = hint_for(word, filesystem)
    if hint:
        return hint
    if filesystem.shows_path and name in record.SUPERBLOCK_WORDS:
        return "belongs to the filesystem that the bind shows; set it on the mount of that filesystem"
    known = sorted({*known, *filesystem.options})
    if f"no{name}" in known:
        return f"unknown; leave it out: it is in force where no{name} is not written"
    if name.startswith("no") and name[2:] in known:
        return f"unknown; leave it out: {name[2:]} holds only where it is written"
    alike = find_alike(name, known)
    if alike:
        return "unknown; write " + " or ".join(strings.first_few(alike))
    return f"unknown to {filesystem.name}; leave it out"


_OTHER_SPELLINGS = {
    "efs": "nfs4",
    "fuse.ceph": "ceph",
    "fuse.exfat": "exfat",
    "fuse.glusterfs": "glusterfs",
    "iso": "iso9660",
    "msdos": "vfat",
    "ntfs": "ntfs3",
    "ntfs-3g": "ntfs3",
    "smbfs": "cifs",
    "sshfs": "fuse.sshfs",
}
# What Amazon's helper does beside NFS, in a program of its own.
_EFS_ONLY = ("accesspoint", "iam", "tls")
_NEVER: t.Mapping[str, str] = {
    **dict.fromkeys(("none", "swap"), "is not a filesystem"),
    **dict.fromkeys(
        (
            *("binfmt_misc", "bpf", "cgroup", "cgroup2", "configfs", "debugfs", "devpts", "devtmpfs"),
            *("efivarfs", "fusectl", "hugetlbfs", "mqueue", "nfsd", "proc", "pstore", "ramfs", "rpc_pipefs"),
            *("securityfs", "selinuxfs", "sysfs", "tracefs", "usbfs"),
        ),
        "is an interface of the kernel, and the host mounts it",
    ),
    "zfs": "mounts its datasets by itself, as the property mountpoint says (zfs(8))",
}
# By these, programs are run in place of a filesystem's own code.
_PROGRAMS = ("davfs", "gcsfuse", "goofys", "mergerfs", "rclone", "s3fs", "s3ql")


def instead_of_type(name: str, opts: t.Sequence[str]) -> str:
    """Return why a type is refused and what to write instead, or that there is nothing."""
    if name == "none" and any(word in ("bind", "rbind") for word in opts):
        return "with the option bind is fstab's spelling of a bind mount; write fstype: bind"
    if name in filesystems.OPTIONAL_TYPES:
        return f"is off by default; write allow_fstypes: [{name}]"
    if name == "efs" and any(word.partition("=")[0] in _EFS_ONLY for word in opts):
        return (
            f"with {', '.join(_EFS_ONLY)} runs a program beside the mount, which this module never does; "
            "keep it in fstab"
        )
    if name in _OTHER_SPELLINGS:
        return f"has another name here; write fstype: {_OTHER_SPELLINGS[name]}"
    if name in _NEVER:
        return f"{_NEVER[name]}; keep it in fstab"
    if name.startswith("fuse") or name in _PROGRAMS:
        return "is served by a program, which this module never starts; keep it in fstab"
    known = sorted(set(filesystems.FILESYSTEMS).difference(filesystems.OPTIONAL_TYPES))
    if name == "auto":
        return "leaves the type to be guessed; write the one that blkid(8) shows"
    listed = [part for part in name.split(",") if part in known]
    if "," in name and listed:
        return f"is a list, and a mount has one type; write fstype: {listed[0]}, or another one of these"
    alike = find_alike(name, known)
    if alike:
        return f"is not a type that may be mounted; write fstype: {' or '.join(alike)}, if that is meant"
    return f"is not a type that may be mounted; write one of {', '.join(strings.first_few(known))}"


LONGEST_NAME = 32
MOST_EDITS = 2


def find_alike(name: str, known: t.Iterable[str]) -> t.List[str]:
    """Return the known names that are nearest to the name, none when it is far from all of them."""
    if not 3 <= len(name) <= LONGEST_NAME:
        return []
    distances = {other: _count_edits(name, other) for other in known}
    nearest = min(distances.values(), default=MOST_EDITS + 1)
    if nearest > min(MOST_EDITS, len(name) // 3):
        return []
    return sorted(other for other, distance in distances.items() if distance == nearest)


def _count_edits(one: str, other: str) -> int:
    """Count letters to insert, delete or replace (Levenshtein's distance)."""
    row = list(range(len(other) + 1))
    for number, letter in enumerate(one, 1):
        previous, row = row, [number]
        for column, wanted in enumerate(other):
            replaced = previous[column] + (letter != wanted)
            row.append(min(previous[column + 1] + 1, row[column] + 1, replaced))
    return row[-1]
