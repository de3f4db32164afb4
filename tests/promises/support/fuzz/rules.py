# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the contract says of every accepted request and every refusal, in other words than the code's."""

from __future__ import annotations

import re
import typing as t
import unicodedata

from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.errors import Code, MountError
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.model import (
    Definition,
    Entry,
    Request,
)

CODES = frozenset(t.get_args(Code))
GRAMMAR_CODES = frozenset((
    "fstype_not_allowed", "invalid_argument", "option_not_allowed", "path_not_allowed", "source_not_allowed",
    "unsupported",
))  # fmt: skip
FLAGS = frozenset(("noatime", "nodev", "nodiratime", "noexec", "nosuid", "nosymfollow", "ro", "strictatime"))
TYPES = frozenset((
    "tmpfs", "ext2", "ext3", "ext4", "xfs", "btrfs", "vfat", "exfat", "iso9660", "ntfs3", "udf", "squashfs",
    "erofs", "f2fs", "overlay", "bind", "9p", "virtiofs", "nfs", "nfs4", "cifs", "smb3", "ceph", "glusterfs",
    "fuse.sshfs",
))  # fmt: skip
NEVER = (
    "/proc", "/sys", "/dev", "/etc", "/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/boot",
    "/run/holdfast", "/run/systemd", "/run/dbus", "/run/user", "/var/lib/docker", "/var/lib/containers",
    "/var/lib/kubelet",
)  # fmt: skip
LAYERS = ("lowerdir", "upperdir", "workdir")
UNSEEN = frozenset(("Cc", "Cf", "Co", "Cs", "Zl", "Zp"))
HOLDER = re.compile(r"\A[A-Za-z0-9][A-Za-z0-9._:@+-]{0,127}\Z")


def components(path: str) -> t.List[str]:
    """Return the names in an absolute path."""
    assert path[0] == "/"
    return path[1:].split("/")


def lies_below(path: str, roots: t.Iterable[str]) -> bool:
    """Return whether a path lies strictly below one of some others, by its components."""
    own = components(path)
    return any(len(own) > len(top) and own[: len(top)] == top for top in map(components, roots))


def lies_within(path: str, roots: t.Sequence[str]) -> bool:
    """Return whether a path is one of some others or lies below one."""
    return path in roots or lies_below(path, roots)


def assert_plain_text(text: str) -> None:
    """Fail unless it is UTF-8 of visible characters."""
    assert text.encode()
    assert not any(unicodedata.category(character) in UNSEEN for character in text)


def assert_plain_path(path: str) -> None:
    """Fail unless the path has one spelling, and does not belong to the system."""
    assert_plain_text(path)
    names = components(path)
    assert not {"", ".", ".."}.intersection(names)
    assert len(names) <= 64
    assert all(len(name.encode()) <= 255 for name in names)
    assert len(path.encode()) <= 4095
    assert path not in NEVER
    assert not lies_below(path, NEVER)


def assert_sound(request: Request, allowed: t.Sequence[t.Tuple[bool, bool]]) -> None:
    """Fail unless an accepted request keeps the contract.

    allowed: of each entry, whether suid and dev may be in force.
    """
    assert HOLDER.match(request.holder)
    assert min(request.timeout, request.lock_timeout) >= 1
    paths = [entry.path for entry in request.entries]
    assert len(set(paths)) == len(paths)
    for root in (*request.allowed_roots, *request.source_roots):
        assert_plain_path(root)
    for entry, (suid, dev) in zip(request.entries, allowed):
        assert_plain_path(entry.path)
        assert (entry.definition is None) == (request.state != "mounted")
        if entry.definition is not None:
            assert lies_within(entry.path, request.allowed_roots)
            assert_sound_definition(entry.definition, request, suid=suid, dev=dev)
            assert_sound_attributes(entry)


def assert_sound_attributes(entry: Entry) -> None:
    """Fail unless mode, owner and group are numbers that the kernel takes."""
    assert 0 <= entry.attributes.mode <= 0o7777
    assert 0 <= entry.attributes.uid < 2**32 - 1
    assert 0 <= entry.attributes.gid < 2**32 - 1


def assert_sound_definition(definition: Definition, request: Request, *, suid: bool, dev: bool) -> None:
    """Fail unless what is to be mounted is of a known type, from an allowed source, with safe options."""
    assert definition.fstype in TYPES
    assert_plain_text(definition.src)
    assert 0 < len(definition.src.encode()) <= 1024
    assert definition.src[0] != "-"
    assert FLAGS.issuperset(definition.flags)
    assert suid or "nosuid" in definition.flags
    assert dev or "nodev" in definition.flags
    assert list(definition.flags) == sorted(set(definition.flags))
    names = [name for name, _value in definition.data]
    assert names == sorted(set(names))
    for path in definition.source_paths:
        assert_plain_path(path)
        assert lies_within(path, request.source_roots)
    for name, value in definition.data:
        assert_sound_option(definition.fstype, name, value)


def assert_sound_option(fstype: str, name: str, value: t.Optional[str]) -> None:
    """Fail when an option could be read as two."""
    assert re.fullmatch("[a-z0-9_-]+", name)
    if value is None:
        return
    assert_plain_text(value)
    assert "\\" not in value
    if fstype == "overlay" and name in LAYERS:
        assert not re.search(",[^,=/]*=", value)
        return
    assert not re.search("[,\"' ]", value) or name in ("aname", "subvol")
    assert "," not in value
    assert len(value.encode()) <= 255


def assert_coded(error: MountError, codes: t.Collection[str]) -> None:
    """Fail unless an error has one of these codes, and a message that a terminal shows as it is."""
    assert error.code in codes
    assert CODES.issuperset(codes)
    assert_plain_text(error.message)
