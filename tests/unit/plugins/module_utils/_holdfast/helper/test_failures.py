# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the helpers say when they fail, as recorded or as in their sources, and what is made of it."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.grammar.filesystems import FILESYSTEMS
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.helper.failures import (
    Cause,
    failure,
    late,
)

# Recorded on Debian 12: nfs-common 2.6.2, cifs-utils 7.0, sshfs 3.7.3, OpenSSH 9.2.
# type, what was said, code, errno, a part of the message
SAID: t.Dict[str, t.Tuple[str, str, str, t.Optional[int], str]] = {
    "sshfs_key": (
        "fuse.sshfs",
        "root@127.0.0.1: Permission denied (publickey,password).\nread: Connection reset by peer",
        "mount_failed",
        13,
        "denied access; see that root's key",
    ),
    "sshfs_host_key": (
        "fuse.sshfs",
        "No ED25519 host key is known for a.\nHost key verification failed.\nread: Connection reset by peer",
        "mount_failed",
        13,
        "host key is not known; put the key into",
    ),
    "sshfs_refused": (
        "fuse.sshfs",
        "ssh: connect to host 127.0.0.1 port 1: Connection refused\nread: Connection reset by peer",
        "mount_failed",
        111,
        "refused the connection",
    ),
    "sshfs_name": (
        "fuse.sshfs",
        "ssh: Could not resolve hostname a.invalid: Name or service not known\nread: reset",
        "mount_failed",
        2,
        "name cannot be resolved; correct 'src'",
    ),
    "sshfs_missing": (
        "fuse.sshfs",
        "server:/nothing: No such file or directory",
        "mount_failed",
        2,
        "no such export, share or directory",
    ),
    "sshfs_file": ("fuse.sshfs", "server:/a: Not a directory", "mount_failed", 20, "not a directory"),
    "sshfs_sftp": (
        "fuse.sshfs",
        "subsystem request failed on channel 0\nread: Connection reset by peer",
        "mount_failed",
        5,
        "sftp subsystem",
    ),
    "fuse_missing": (
        "fuse.sshfs",
        "fuse: device not found, try 'modprobe fuse' first",
        "unsupported",
        19,
        "load or install its module",
    ),
    "nfs_denied": (
        "nfs",
        "mount.nfs: access denied by server while mounting 127.0.0.1:/export/denied",
        "mount_failed",
        13,
        "see whether the server exports it",
    ),
    "nfs_missing": (
        "nfs",
        "mount.nfs: mounting 127.0.0.1:/nothing failed, reason given by server: No such file or directory",
        "mount_failed",
        2,
        "correct 'src', or export it there",
    ),
    "nfs_refused": ("nfs", "mount.nfs: Connection refused", "mount_failed", 111, "refused the connection"),
    "nfs_timed_out": ("nfs4", "mount.nfs4: Connection timed out", "mount_failed", 110, "did not answer"),
    "nfs_no_route": ("nfs", "mount.nfs: No route to host", "mount_failed", 113, "cannot be reached"),
    "nfs_name": (
        "nfs",
        "mount.nfs: Failed to resolve server a.invalid: Name or service not known",
        "mount_failed",
        2,
        "name cannot be resolved",
    ),
    "nfs_no_resolver": (
        "nfs",
        "mount.nfs: Resource temporarily unavailable",
        "mount_failed",
        2,
        "cannot be resolved",
    ),
    "nfs_file": (
        "nfs",
        "mount.nfs: mount spec 127.0.0.1:/a or point /run/holdfast/stage/x/mount is not a directory",
        "mount_failed",
        20,
        "not a directory",
    ),
    "nfs_version": (
        "nfs",
        "mount.nfs: requested NFS version or transport protocol is not supported",
        "mount_failed",
        93,
        "another vers",
    ),
    "nfs_statd": (
        "nfs",
        "mount.nfs: rpc.statd is not running but is required for remote locking.\n"
        "mount.nfs: Either use '-o nolock' to keep locks local, or start statd.",
        "mount_failed",
        111,
        "nolock or vers=4.2",
    ),
    "nfs_option": (
        "nfs",
        "mount.nfs: an incorrect mount option was specified",
        "mount_failed",
        22,
        "one of the options; see what this version of nfs-common",
    ),
    "nfs_kernel": ("nfs", "mount.nfs: No such device", "unsupported", 19, "load or install its module"),
    "cifs_password": (
        "cifs",
        "mount error(13): Permission denied\nRefer to the mount.cifs(8) manual page (e.g. man mount.cifs)",
        "mount_failed",
        13,
        "the user and the password in 'credentials_file'",
    ),
    "cifs_missing": (
        "cifs",
        "mount error(2): No such file or directory",
        "mount_failed",
        2,
        "no such export",
    ),
    "cifs_refused": (
        "smb3",
        "mount error(111): could not connect to 127.0.0.1Unable to find suitable address.",
        "mount_failed",
        111,
        "refused the connection",
    ),
    "cifs_down": ("cifs", "mount error(112): Host is down", "mount_failed", 113, "cannot be reached"),
    "cifs_slow": (
        "cifs",
        "mount error(115): Operation now in progress",
        "mount_failed",
        110,
        "did not answer",
    ),
    "cifs_name": (
        "cifs",
        "mount error: could not resolve address for a.invalid: Unknown error",
        "mount_failed",
        2,
        "name cannot be resolved",
    ),
    "cifs_ticket": ("cifs", "mount error(126): Required key not available", "mount_failed", 126, "kinit"),
    "cifs_kernel": (
        "cifs",
        "mount error: cifs filesystem not supported by the system\nmount error(19): No such device",
        "unsupported",
        19,
        "module",
    ),
    "ceph_slow": ("ceph", "mount error 110 = Connection timed out", "mount_failed", 110, "did not answer"),
    "ceph_laggy": (
        "ceph",
        "mount error: no mds server is up or the cluster is laggy",
        "mount_failed",
        110,
        "did not answer",
    ),
    "ceph_key": (
        "ceph",
        "mount error 13 = Permission denied",
        "mount_failed",
        13,
        "the option name and the key",
    ),
    # Of version 16, against a cluster: with another key, with what is none, with the source of version 17.
    "ceph_other_key": (
        "ceph",
        "mount error: no mds server is up or the cluster is laggy",
        "mount_failed",
        110,
        "the key in 'credentials_file'",
    ),
    "ceph_no_key": (
        "ceph",
        "adding ceph secret key to kernel failed: Invalid argument\ncouldn't append secret option: -22",
        "mount_failed",
        22,
        "the key is none; see the key in 'credentials_file'",
    ),
    "ceph_new_source": (
        "ceph",
        "source mount path was not specified\nunable to parse mount source: -22",
        "mount_failed",
        22,
        "before version 17 of ceph-common",
    ),
    "gluster": (
        "glusterfs",
        "Mount failed. Check the log file  for more details.",
        "mount_failed",
        None,
        "see /var/log/glusterfs",
    ),
    "nothing": ("nfs", "", "mount_failed", None, "see the host's log"),
    "strange": ("nfs", "something nobody knows", "mount_failed", None, "see the host's log"),
}


@pytest.mark.parametrize(("fstype", "said", "code", "number", "words"), SAID.values(), ids=SAID.keys())
def test_failure_is_told_with_its_own_hint(
    fstype: str, said: str, code: str, number: t.Optional[int], words: str
) -> None:
    error = failure(FILESYSTEMS[fstype], 32, said)
    assert (error.code, error.errno, error.step) == (code, number, "helper")
    assert words in error.message


def test_failure_tells_the_helpers_words_as_detail_alone() -> None:
    error = failure(FILESYSTEMS["nfs"], 32, "mount.nfs: access denied\n  by server-7")
    assert "server-7" not in error.message
    assert error.detail == "mount ended with 32 and said: mount.nfs: access denied by server-7"


def test_failure_to_end_in_time_is_told_with_the_time() -> None:
    error = late(FILESYSTEMS["nfs"], 7)
    assert (error.code, error.step) == ("timeout", "helper")
    assert "within 7 seconds" in error.message


def test_hints_of_types_are_for_causes_that_there_are() -> None:
    helpers = [filesystem.helper for filesystem in FILESYSTEMS.values() if filesystem.helper]
    assert {cause for helper in helpers for cause in helper.hints} <= set(t.get_args(Cause))
