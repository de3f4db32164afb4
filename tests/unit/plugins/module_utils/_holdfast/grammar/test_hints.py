# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is written instead of options that are known and refused, and that no secret is quoted."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.errors import MountError
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.grammar.naming import find_filesystem
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.grammar.options import (
    canonical_options,
)
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.grammar.sources import check_source

# type, options, a part of the message
HINTED: t.Dict[str, t.Tuple[str, t.List[str], str]] = {
    "suid": ("tmpfs", ["suid"], "set allow_suid: true"),
    "dev": ("tmpfs", ["dev"], "set allow_dev: true"),
    "defaults": ("tmpfs", ["defaults"], "leave it out"),
    "user": ("ext4", ["user"], "leave it out"),
    "user_with_name": ("ext4", ["user=bob"], "leave it out"),
    "users": ("ext4", ["users"], "leave it out"),
    "owner": ("ext4", ["owner"], "leave it out"),
    "helper": ("ext4", ["helper=evil"], "no helper may be named"),
    "uhelper": ("ext4", ["uhelper=evil"], "no helper may be named"),
    "mkdir": ("ext4", ["X-mount.mkdir=0777"], "missing directories are made anyway"),
    "x_mount": ("ext4", ["X-mount.subdir=a"], "leave it out"),
    "x_systemd": ("ext4", ["x-systemd.automount"], "leave it out"),
    "comment": ("ext4", ["comment=x"], "leave it out"),
    "loop": ("ext4", ["loop"], "/dev/loopN"),
    "loop_with_device": ("ext4", ["loop=/dev/loop3"], "/dev/loopN"),
    "offset": ("ext4", ["offset=512"], "/dev/loopN"),
    "bind": ("ext4", ["bind"], "write fstype: bind"),
    "rbind": ("bind", ["rbind"], "fstype: bind"),
    "remount": ("tmpfs", ["remount"], "change opts"),
    "shared": ("tmpfs", ["shared"], "shared where its parent is"),
    "netdev": ("ext4", ["_netdev"], "boot"),
    "nofail": ("ext4", ["nofail"], "boot"),
    "noauto": ("ext4", ["noauto"], "boot"),
    "context": ("ext4", ["context=system_u:object_r:tmp_t:s0"], "use selinux_context"),
    "rootcontext": ("ext4", ["rootcontext=x"], "use selinux_context"),
    "bg": ("ext4", ["bg"], "leave it out"),
    "panic": ("ext4", ["errors=panic"], "errors=remount-ro"),
    "journal_path": ("ext4", ["journal_path=/dev/sdb"], "no other device or file"),
    "quota_file": ("ext4", ["usrjquota=aquota.user"], "write usrquota"),
    "logdev": ("xfs", ["logdev=/dev/sdb"], "no other device or file"),
    "btrfs_device": ("btrfs", ["device=/dev/sdb"], "no other device or file"),
    "metacopy": ("overlay", ["lowerdir=/srv/a", "metacopy=on"], "leave it out"),
    "nfs_bg": ("nfs", ["bg"], "the task waits"),
    "nfs_retry": ("nfs", ["retry=0"], "use timeout"),
    "nfs_address": ("nfs", ["addr=192.0.2.1"], "no other host may be named"),
    "nfs_mount_host": ("nfs", ["mounthost=other"], "no other host may be named"),
    "nfs_client_address": ("nfs4", ["clientaddr=192.0.2.1"], "no other host may be named"),
    "nfs_udp": ("nfs", ["udp"], "leave it out"),
    "nfs_proto_udp": ("nfs", ["proto=udp"], "leave it out"),
    "nfs_security_none": ("nfs", ["sec=none"], "one that authenticates"),
    "nfs_cache_in_files": ("nfs", ["fsc"], "no file outside"),
    "nfs_minor_version": ("nfs4", ["minorversion=1"], "write vers=4.2"),
    "cifs_user": ("cifs", ["username=bob"], "use credentials_file"),
    "cifs_password": ("cifs", ["password=hunter2"], "use credentials_file"),
    "cifs_credentials": ("cifs", ["credentials=/etc/x"], "use credentials_file"),
    "cifs_domain": ("cifs", ["domain=example"], "use credentials_file"),
    "cifs_address": ("cifs", ["ip=192.0.2.1"], "no other host may be named"),
    "cifs_share": ("cifs", ["unc=//other/share"], "write the share into src"),
    "cifs_folder": ("smb3", ["prefixpath=a"], "write the folder into src"),
    "cifs_old": ("cifs", ["vers=1.0"], "write vers=3.0 or newer"),
    "cifs_weak": ("cifs", ["sec=ntlm"], "write sec=ntlmssp"),
    "cifs_security_none": ("cifs", ["sec=none"], "one that authenticates"),
    "ceph_secret": ("ceph", ["secret=AQBhunter2"], "use credentials_file"),
    "ceph_secret_file": ("ceph", ["secretfile=/etc/x"], "use credentials_file"),
    "ceph_configuration": ("ceph", ["conf=/etc/x"], "use credentials_file"),
    "ceph_monitor": ("ceph", ["mon_addr=other"], "no other host may be named"),
    "gluster_log": ("glusterfs", ["log-file=/etc/passwd"], "no file may be named"),
    "gluster_dump": ("glusterfs", ["dump-fuse=/etc/passwd"], "no file may be named"),
    "gluster_servers": ("glusterfs", ["backup-volfile-servers=a:b"], "several addresses"),
    "gluster_process": ("glusterfs", ["process-name=x"], "leave it out"),
    "sshfs_command": ("fuse.sshfs", ["ssh_command=evil"], "no command may be named"),
    "sshfs_proxy": ("fuse.sshfs", ["ProxyCommand=evil"], "no command may be named"),
    "sshfs_sftp_server": ("fuse.sshfs", ["sftp_server=evil"], "no command may be named"),
    "sshfs_direct": ("fuse.sshfs", ["directport=1"], "no command may be named"),
    "sshfs_identity": ("fuse.sshfs", ["IdentityFile=/etc/x"], "no file may be named"),
    "sshfs_known_hosts": ("fuse.sshfs", ["UserKnownHostsFile=/dev/null"], "no file may be named"),
    "sshfs_checking": ("fuse.sshfs", ["StrictHostKeyChecking=no"], "into known_hosts"),
    "sshfs_password": ("fuse.sshfs", ["password_stdin"], "use a key"),
    "fuse_name": ("fuse.sshfs", ["fsname=other"], "the source is the name"),
    "fuse_descriptor": ("fuse.sshfs", ["fd=3"], "leave it out"),
    "datadir": ("overlay", ["lowerdir=/srv/a", "datadir+=/srv/b"], "write all layers into lowerdir"),
}


@pytest.mark.parametrize(("fstype", "opts", "message"), HINTED.values(), ids=HINTED.keys())
def test_option_that_is_known_is_refused_with_what_to_write(
    fstype: str, opts: t.List[str], message: str
) -> None:
    with pytest.raises(MountError) as caught:
        canonical_options(fstype, opts, source_roots=("/srv",))
    assert caught.value.code == "option_not_allowed"
    assert message in caught.value.message
    assert caught.value.message.endswith("; see docs/migration.md")


def test_option_that_nobody_knows_is_refused_without_the_guide() -> None:
    with pytest.raises(MountError) as caught:
        canonical_options("tmpfs", ["frobnicate"])
    assert "migration" not in caught.value.message


@pytest.mark.parametrize(
    "word",
    ["password=hunter2", "PASSWD=hunter2", "credentials=hunter2", "secret=hunter2\n", "a=b,pass=hunter2"],
    ids=["plain", "other_case", "credentials", "newline", "after_a_comma"],
)
def test_option_that_may_be_a_secret_is_refused_without_its_value(word: str) -> None:
    with pytest.raises(MountError) as caught:
        canonical_options("tmpfs", [word])
    assert caught.value.code == "option_not_allowed"
    assert "=***" in caught.value.message
    assert "hunter2" not in caught.value.message


@pytest.mark.parametrize("fstype", ["none", "auto", "swap", "sshfs"])
def test_type_of_an_fstab_line_is_refused_with_the_guide(fstype: str) -> None:
    with pytest.raises(MountError) as caught:
        find_filesystem(fstype, ["bind"])
    assert caught.value.message.endswith("; see docs/migration.md")


def test_image_as_the_source_is_refused_with_the_guide() -> None:
    with pytest.raises(MountError) as caught:
        check_source("ext4", "/srv/disk.img")
    assert caught.value.message.endswith("; see docs/migration.md")
