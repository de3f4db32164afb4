# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which options each type takes, what is written instead of the others, and the canonical form."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.errors import MountError
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.grammar.filesystems import record_of
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.grammar.options import (
    canonical_options,
    implied_words,
    shown_options,
)

# type, options, a part of the message
REFUSED: t.Dict[str, t.Tuple[str, t.List[str], str]] = {
    "unknown": ("tmpfs", ["foo=1"], '"foo=1": unknown to tmpfs; leave it out'),
    "misspelt": ("tmpfs", ["sise=1g"], '"sise=1g": unknown; write size'),
    "empty": ("tmpfs", [""], "an empty option"),
    "nameless": ("tmpfs", ["=1g"], '"=1g": unknown'),
    "value_empty": ("tmpfs", ["size="], "write size= with a number of bytes"),
    "value_missing": ("tmpfs", ["size"], "write size= with a number of bytes"),
    "value_wrong": ("tmpfs", ["mode=rwx"], "write mode= with permission bits in octal"),
    "value_where_none_is": ("ext4", ["acl=1"], "write acl without a value"),
    "value_of_a_flag": ("tmpfs", ["ro=recursive"], "takes no value; write ro"),
    "comma": ("tmpfs", ["mode=0700,size=1g"], "one option per element"),
    "backslash": ("tmpfs", ["mode=0700\\"], "one option per element"),
    "quotes": ("tmpfs", ['size="1g"'], "write size= with"),
    "other_case": ("tmpfs", ["RO"], '"RO": unknown'),
    "space": ("tmpfs", [" ro"], '" ro": unknown; write ro'),
    "twice": ("tmpfs", ["size=1g", "size=1g"], '"size": given 2 times'),
    "twice_by_alias": ("xfs", ["uquota", "usrquota"], '"usrquota": given 2 times'),
    "flag_twice": ("tmpfs", ["ro", "ro"], '"ro": given 2 times'),
    "ro_rw": ("tmpfs", ["ro", "rw"], '"ro", "rw": exclude each other'),
    "exec_noexec": ("bind", ["exec", "noexec"], '"exec", "noexec": exclude'),
    "two_atime_modes": ("bind", ["relatime", "noatime"], '"noatime", "relatime": exclude'),
    "strictatime_noatime": ("bind", ["strictatime", "noatime"], "exclude each other"),
    "sync_async": ("ext4", ["sync", "async"], "exclude each other"),
    "acl_noacl": ("ext4", ["noacl", "acl"], '"acl", "noacl": exclude'),
    "inode_sizes": ("xfs", ["inode32", "inode64"], "exclude each other"),
    "umask_fmask": ("vfat", ["umask=022", "fmask=0111"], "exclude each other"),
    "subvol_outside": ("btrfs", ["subvol=../a"], "write subvol= with a path"),
    "9p_tcp": ("9p", ["trans=tcp"], "write trans= with one of virtio, xen"),
    "9p_descriptor": ("9p", ["rfdno=3"], '"rfdno=3": unknown'),
    "nfs4_version_3": ("nfs4", ["vers=3"], "write vers= with one of 4, 4.0, 4.1, 4.2"),
    "nfs_two_tempers": ("nfs", ["hard", "soft"], "exclude each other"),
    "nfs_two_caches": ("nfs", ["ac", "noac"], "exclude each other"),
    "nfs_several_securities": ("nfs", ["sec=krb5:sys"], "write sec= with one of"),
    "nfs_too_many_connections": ("nfs", ["nconnect=17"], "from 1 to 16"),
    "nfs_comma": ("nfs", ["vers=4.2,bg"], "one option per element"),
    "cifs_guest_with_security": ("cifs", ["guest", "sec=ntlmssp"], "exclude each other"),
    "cifs_user_by_name": ("cifs", ["uid=root"], "write uid= with a decimal number"),
    "smb3_version_2": ("smb3", ["vers=2.1"], "write vers= with one of"),
    "ceph_name_with_space": ("ceph", ["name=a b"], "write name= with a name"),
    "gluster_shell": ("glusterfs", ["direct-io-mode=$(id)"], "write direct-io-mode= with one of"),
    "sshfs_other_case": ("fuse.sshfs", ["proxycommand=evil"], "unknown"),
    "superblock_word_on_bind": ("bind", ["sync"], "set it where that is mounted"),
    "data_on_bind": ("bind", ["size=1g"], '"size=1g": unknown'),
    "too_many": ("tmpfs", ["ro"] * 257, "257 options"),
}


@pytest.mark.parametrize(("fstype", "opts", "message"), REFUSED.values(), ids=REFUSED.keys())
def test_option_not_on_the_list_is_refused(fstype: str, opts: t.List[str], message: str) -> None:
    with pytest.raises(MountError) as caught:
        canonical_options(fstype, opts, source_roots=("/srv",), option="mounts[1].opts")
    assert caught.value.code == "option_not_allowed"
    assert caught.value.message.startswith("mounts[1].opts: ")
    assert message in caught.value.message


def test_option_refusal_names_every_offender() -> None:
    with pytest.raises(MountError) as caught:
        canonical_options("tmpfs", ["suid", "size=big", "loop", "ro", "rw", "ro"])
    for offender in ('"suid"', '"size=big"', '"loop"', '"ro": given 2 times', '"ro", "rw"'):
        assert offender in caught.value.message


def test_option_with_control_character_is_an_invalid_argument() -> None:
    with pytest.raises(MountError) as caught:
        canonical_options("tmpfs", ["ro", "mode=0700\nsize=1g"])
    assert caught.value.code == "invalid_argument"
    assert caught.value.message.startswith("opts[1]: ")


ACCEPTED: t.Dict[str, t.Tuple[str, t.List[str], t.Dict[str, t.Optional[str]]]] = {
    "tmpfs": (
        "tmpfs",
        ["size=1G", "mode=755", "uid=0", "nr_inodes=10k", "huge=advise"],
        {"size": "1073741824", "mode": "0755", "uid": "0", "nr_inodes": "10240", "huge": "advise"},
    ),
    "superblock_words": (
        "tmpfs",
        ["sync", "dirsync", "lazytime"],
        dict.fromkeys(("sync", "dirsync", "lazytime")),
    ),
    "kernel_defaults_vanish": ("ext4", ["rw", "exec", "relatime", "async", "nolazytime"], {}),
    "ext4": (
        "ext4",
        ["acl", "nobarrier", "data=ordered", "commit=30", "errors=remount-ro", "norecovery", "user_xattr"],
        {
            "acl": None,
            "nobarrier": None,
            "data": "ordered",
            "commit": "30",
            "errors": "remount-ro",
            "noload": None,
            "user_xattr": None,
        },
    ),
    "xfs": (
        "xfs",
        ["uquota", "inode64", "logbsize=32k", "nouuid"],
        {"usrquota": None, "inode64": None, "logbsize": "32768", "nouuid": None},
    ),
    "btrfs": (
        "btrfs",
        ["subvol=@home", "compress=zstd:3", "discard=async", "space_cache=v2", "ssd"],
        {
            "subvol": "/@home",
            "compress": "zstd:3",
            "discard": "async",
            "space_cache": "v2",
            "ssd": None,
        },
    ),
    "btrfs_bare_compress": ("btrfs", ["compress"], {"compress": None}),
    "vfat": (
        "vfat",
        ["umask=22", "uid=1000", "iocharset=utf8", "shortname=mixed"],
        {"dmask": "0022", "fmask": "0022", "uid": "1000", "iocharset": "utf8", "shortname": "mixed"},
    ),
    "9p_gets_its_transport": ("9p", ["version=9p2000.L"], {"trans": "virtio", "version": "9p2000.L"}),
    "9p_keeps_its_transport": ("9p", ["trans=xen"], {"trans": "xen"}),
    "bind": ("bind", [], {}),
    "nfs": (
        "nfs",
        ["nfsvers=4.2", "hard", "nconnect=4", "rsize=1m", "timeo=600", "proto=tcp", "sec=krb5p"],
        {
            "vers": "4.2",
            "hard": None,
            "nconnect": "4",
            "rsize": "1048576",
            "timeo": "600",
            "proto": "tcp",
            "sec": "krb5p",
        },
    ),
    "nfs4": ("nfs4", ["vers=4.1", "noac"], {"vers": "4.1", "noac": None}),
    "cifs": (
        "cifs",
        ["vers=3.1.1", "uid=1000", "file_mode=640", "dir_mode=0750", "seal", "nolock", "iocharset=utf8"],
        {
            "vers": "3.1.1",
            "uid": "1000",
            "file_mode": "0640",
            "dir_mode": "0750",
            "seal": None,
            "nobrl": None,
            "iocharset": "utf8",
        },
    ),
    "cifs_guest": ("smb3", ["guest"], {"guest": None}),
    "ceph": (
        "ceph",
        ["name=app", "fs=data", "rbytes"],
        {"name": "app", "mds_namespace": "data", "rbytes": None},
    ),
    "glusterfs": (
        "glusterfs",
        ["acl", "attribute-timeout=5"],
        {"acl": None, "attribute-timeout": "5"},
    ),
    "sshfs": (
        "fuse.sshfs",
        ["reconnect", "idmap=user", "ServerAliveInterval=15", "umask=22"],
        {"reconnect": None, "idmap": "user", "ServerAliveInterval": "15", "umask": "0022"},
    ),
    "sshfs_for_others_heeds_modes": (
        "fuse.sshfs",
        ["allow_other"],
        {"allow_other": None, "default_permissions": None},
    ),
}


@pytest.mark.parametrize(("fstype", "opts", "data"), ACCEPTED.values(), ids=ACCEPTED.keys())
def test_options_get_their_canonical_form(
    fstype: str, opts: t.List[str], data: t.Dict[str, t.Optional[str]]
) -> None:
    flags, found = canonical_options(fstype, opts)
    assert flags == ("nodev", "nosuid")
    assert found == tuple(sorted(data.items()))


FLAGS: t.Dict[str, t.Tuple[t.List[str], bool, bool, t.Tuple[str, ...]]] = {
    "implied": ([], False, False, ("nodev", "nosuid")),
    "suid_allowed": ([], True, False, ("nodev",)),
    "dev_allowed": ([], False, True, ("nosuid",)),
    "both_allowed": ([], True, True, ()),
    "allowed_but_asked_for": (["nosuid", "nodev"], True, True, ("nodev", "nosuid")),
    "all": (
        ["ro", "noexec", "noatime", "nodiratime", "nosymfollow"],
        False,
        False,
        ("noatime", "nodev", "nodiratime", "noexec", "nosuid", "nosymfollow", "ro"),
    ),
}


@pytest.mark.parametrize(("opts", "suid", "dev", "flags"), FLAGS.values(), ids=FLAGS.keys())
def test_flags_are_implied_unless_allowed(
    opts: t.List[str], suid: bool, dev: bool, flags: t.Tuple[str, ...]
) -> None:
    assert canonical_options("bind", opts, allow_suid=suid, allow_dev=dev) == (flags, ())


SHOWN: t.Dict[str, t.Tuple[str, t.List[str], t.Dict[str, t.Optional[str]]]] = {
    # Linux 6.18, /proc/self/mountinfo
    "tmpfs": (
        "tmpfs",
        ["rw", "size=1024k", "nr_inodes=1024", "mode=700", "uid=5"],
        {"size": "1048576", "nr_inodes": "1024", "mode": "0700", "uid": "5"},
    ),
    "superblock_words": (
        "tmpfs",
        ["rw", "sync", "dirsync", "lazytime", "size=4k"],
        {"sync": None, "dirsync": None, "lazytime": None, "size": "4096"},
    ),
    "overlay_layer_by_layer": (
        "overlay",
        ["rw", "lowerdir+=/a", "lowerdir+=/b,c", "upperdir=/u", "workdir=/w", "uuid=on"],
        {"lowerdir": "/a:/b,c", "upperdir": "/u", "workdir": "/w", "uuid": "on"},
    ),
    "overlay_in_one": ("overlay", ["rw", "lowerdir=/a:/b"], {"lowerdir": "/a:/b"}),
    "iso9660_mode_by_another_name": ("iso9660", ["ro", "fmode=444"], {"mode": "0444"}),
    # Linux 6.1, an export and a share of the same host
    "nfs": (
        "nfs",
        ["rw", "vers=4.2", "rsize=262144", "namlen=255", "hard", "proto=tcp", "sec=sys", "addr=127.0.0.1"],
        {
            "vers": "4.2",
            "rsize": "262144",
            "namlen": "255",
            "hard": None,
            "proto": "tcp",
            "sec": "sys",
            "addr": "127.0.0.1",
        },
    ),
    "cifs": (
        "cifs",
        ["rw", "vers=3.1.1", "cache=strict", "username=bob", "uid=0", "file_mode=0755", "soft", "nounix"],
        {
            "vers": "3.1.1",
            "cache": "strict",
            "username": "bob",
            "uid": "0",
            "file_mode": "0755",
            "soft": None,
            "nounix": None,
        },
    ),
    "context": ("tmpfs", ['context="a:b:c:s0:c1,c2"'], {"context": '"a:b:c:s0:c1,c2"'}),
    "unknown_words": (
        "ext4",
        ["rw", "seclabel", "stripe=x", "errors", "="],
        {"seclabel": None, "stripe": "x", "errors": None, "": ""},
    ),
    "unknown_type": ("proc", ["rw", "hidepid=2"], {"hidepid": "2"}),
}


@pytest.mark.parametrize(("fstype", "shown", "expected"), SHOWN.values(), ids=SHOWN.keys())
def test_shown_options_are_read_by_the_same_table(
    fstype: str, shown: t.List[str], expected: t.Dict[str, t.Optional[str]]
) -> None:
    assert shown_options(record_of(fstype), shown) == expected


@pytest.mark.parametrize(
    ("fstype", "opts", "implied"),
    [
        pytest.param("tmpfs", [], ("nodev", "nosuid"), id="flags"),
        pytest.param("tmpfs", ["nosuid", "size=1m"], ("nodev",), id="one written"),
        pytest.param("9p", ["nodev", "nosuid"], ("trans=virtio",), id="option"),
        pytest.param("9p", ["trans=virtio"], ("nodev", "nosuid"), id="option written"),
        pytest.param("squashfs", ["nodev"], ("nosuid", "ro"), id="read-only by nature"),
        pytest.param("squashfs", ["nodev", "ro"], ("nosuid",), id="read-only and written"),
    ],
)
def test_implied_words_are_those_that_nobody_wrote(
    fstype: str, opts: t.List[str], implied: t.Tuple[str, ...]
) -> None:
    assert implied_words(record_of(fstype), opts, *canonical_options(fstype, opts)) == implied


@pytest.mark.parametrize(
    ("fstype", "opts"),
    [
        ("erofs", []),
        ("iso9660", ["rw"]),
        ("overlay", ["lowerdir=/srv/a:/srv/b"]),
        ("squashfs", ["ro"]),
        ("vfat", ["nfs=nostale_ro"]),
    ],
)
def test_type_that_can_only_be_read_is_read_only(fstype: str, opts: t.List[str]) -> None:
    assert "ro" in canonical_options(fstype, opts, source_roots=("/srv",))[0]


@pytest.mark.parametrize(
    ("fstype", "opts"),
    [
        ("ext4", []),
        ("overlay", ["lowerdir=/srv/a", "upperdir=/srv/b", "workdir=/srv/c"]),
        ("udf", []),
        ("vfat", ["nfs"]),
    ],
)
def test_type_that_can_be_written_is_not_read_only(fstype: str, opts: t.List[str]) -> None:
    assert "ro" not in canonical_options(fstype, opts, source_roots=("/srv",))[0]
