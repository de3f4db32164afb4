# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Words as people write them: taken, left out, or told what to write, which is never the opposite."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast import errors
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.grammar import (
    filesystems,
    naming,
    options,
    sources,
)

UUID = "7b2c21ea-d152-2776-414b-5a256722903b"
TAKEN: t.Dict[str, t.Tuple[str, t.List[str], t.Dict[str, t.Optional[str]]]] = {
    "nfs-sync": ("nfs", ["sync"], {"sync": None}),
    "nfs4-dirsync": ("nfs4", ["dirsync"], {"dirsync": None}),
    "cifs-sync": ("cifs", ["sync"], {"sync": None}),
    "sshfs-sync": ("fuse.sshfs", ["sync"], {"sync": None}),
    "nfs-tcp": ("nfs", ["tcp"], {"proto": "tcp"}),
    "nfs-v3": ("nfs", ["v3"], {"vers": "3"}),
    "nfs4-v4.1": ("nfs4", ["v4.1"], {"vers": "4.1"}),
    "nfs4-namlen": ("nfs4", ["namlen=255"], {"namlen": "255"}),
    "nfs-intr": ("nfs", ["intr"], {}),
    "nfs-nointr": ("nfs", ["nointr", "fg"], {}),
    "nfs-port-0": ("nfs", ["port=0"], {"port": "0"}),
    "btrfs-subvol-subvolid": (
        "btrfs",
        ["subvolid=258", "subvol=/@var"],
        {"subvol": "/@var", "subvolid": "258"},
    ),
    "ntfs3": (
        "ntfs3",
        ["uid=1000", "umask=022", "windows_names", "nls=utf8"],
        {"uid": "1000", "dmask": "0022", "fmask": "0022", "windows_names": None, "iocharset": "utf8"},
    ),
}
TOLD: t.Dict[str, t.Tuple[str, str, str, str]] = {
    "nofail": ("ext4", "nofail", "leave it out; boot: true", "this version"),
    "noauto": ("ext4", "noauto", "without boot: true", "this version"),
    "netdev-device": ("xfs", "_netdev", "set network: true", "leave it out"),
    "netdev-server": ("nfs", "_netdev", "with _netdev", "this version"),
    "norelatime": ("ext4", "norelatime", "write strictatime", "write relatime"),
    "vfat-nodiscard": ("vfat", "nodiscard", "leave it out", "write discard"),
    "xfs-recovery": ("xfs", "recovery", "leave it out", "write norecovery"),
    "ext4-mbcache": ("ext4", "mbcache", "leave it out", "write nombcache"),
    "nohard": ("nfs", "nohard", "write soft", "write hard"),
    "gluster-sync": ("glusterfs", "sync", "leave it out", "async"),
    "bind-sync": ("bind", "sync", "set it on the mount of that", "async"),
    "nobootwait": ("ext4", "nobootwait", "no boot waits", "unknown"),
    "udp": ("nfs", "udp", "leave it out", "write proto"),
    "cifs-user": ("cifs", "user=alice", "use credentials_file", "users"),
    "ext4-user": ("ext4", "user", "users do not mount", "credentials"),
    "exfat-fuse": ("exfat", "user_id=0", "only FUSE has it", "write"),
    "unknown": ("tmpfs", "whatever", "leave it out", "write"),
}
TYPES: t.Dict[str, t.Tuple[str, t.List[str], str]] = {
    "misspelt": ("tmfs", [], "write fstype: tmpfs"),
    "auto": ("auto", [], "blkid(8)"),
    "list": ("udf,iso9660", [], "write fstype: udf"),
    "none": ("none", [], "keep it in fstab"),
    "swap": ("swap", [], "keep it in fstab"),
    "efs": ("efs", ["_netdev"], "write fstype: nfs4"),
    "efs-with-tls": ("efs", ["tls"], "keep it in fstab"),
    "ntfs-3g": ("ntfs-3g", [], "write fstype: ntfs3"),
    "rclone": ("rclone", [], "keep it in fstab"),
    "fuse-program": ("fuse.s3fs", [], "keep it in fstab"),
    "proc": ("proc", [], "keep it in fstab"),
    "zfs": ("zfs", [], "mountpoint"),
}
UUIDS = {
    "vfat": ("ABCD-1234", UUID),
    "exfat": ("ABCD-1234", "4A402C4F6D25170F"),
    "ntfs3": ("7697801791BF93C9", "ABCD-1234"),
    "udf": ("7697801791bf93c9", UUID),
    "iso9660": ("2024-01-31-12-00-00-00", UUID),
    "ext4": (UUID, "ABCD-1234"),
    "xfs": (UUID, "2024-01-31-12-00-00-00"),
}
SOURCES: t.Dict[str, t.Tuple[str, str, str]] = {
    "slash-missing": ("glusterfs", "localhost:vol", "slash after the colon"),
    "hosts": ("glusterfs", "a,b:/vol", "first of the hosts"),
    "trailing-slash": ("nfs", "s:/x/", "without the trailing slash"),
    "share-with-trailing-slash": ("cifs", "//s/x/", "without the trailing slash"),
    "host-alone": ("nfs4", "fs-1", ":/ after it"),
    "sshfs-slash-missing": ("fuse.sshfs", "a@s:x", "slash after the colon"),
    "label-with-a-slash": ("ext4", "LABEL=a/b", "UUID="),
    "uuid-of-ntfs": ("exfat", "UUID=4A402C4F6D25170F", "write fstype: ntfs3"),
}


def refusal(call: t.Callable[..., object], *arguments: t.Any) -> str:
    """Return the message of the refusal that the call ends in."""
    with pytest.raises(errors.MountError) as caught:
        call(*arguments)
    return caught.value.message


@pytest.mark.parametrize(("fstype", "word", "told", "never"), TOLD.values(), ids=TOLD.keys())
def test_word_is_told_what_to_write(fstype: str, word: str, told: str, never: str) -> None:
    message = refusal(options.canonical_options, fstype, [word])
    assert told in message
    assert never not in message


@pytest.mark.parametrize(("fstype", "opts", "told"), TYPES.values(), ids=TYPES.keys())
def test_type_is_told_what_to_write(fstype: str, opts: t.List[str], told: str) -> None:
    assert told in refusal(naming.find_filesystem, fstype, opts)


@pytest.mark.parametrize(("fstype", "source", "told"), SOURCES.values(), ids=SOURCES.keys())
def test_source_is_told_what_to_write(fstype: str, source: str, told: str) -> None:
    assert told in refusal(sources.check_source, fstype, source)


@pytest.mark.parametrize("fstype", sorted(filesystems.FILESYSTEMS))
def test_no_word_is_answered_by_its_opposite(fstype: str) -> None:
    known = filesystems.FILESYSTEMS[fstype].options
    for name in known:
        opposite = name[2:] if name.startswith("no") else f"no{name}"
        if opposite in known or known[name].value is not None or len(opposite) < 3:
            continue
        said = ""
        try:
            options.canonical_options(fstype, [opposite])
        except errors.MountError as error:
            said = error.message
        assert f"write {name}" not in said


@pytest.mark.parametrize(("fstype", "opts", "data"), TAKEN.values(), ids=TAKEN.keys())
def test_word_is_taken(fstype: str, opts: t.List[str], data: t.Dict[str, t.Optional[str]]) -> None:
    assert dict(options.canonical_options(fstype, opts)[1]) == data


@pytest.mark.parametrize("fstype", UUIDS)
def test_uuid_is_taken_as_its_type_has_it(fstype: str) -> None:
    good, bad = UUIDS[fstype]
    sources.check_source(fstype, f"UUID={good}")
    assert "is not a UUID of" in refusal(sources.check_source, fstype, f"UUID={bad}")
