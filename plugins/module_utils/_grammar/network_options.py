# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The options of filesystems on other hosts that the kernel serves by itself, once a helper has asked.

Left out on purpose: what names another host (addr, mountaddr, ip, mon_addr), what waits behind the
task's back (bg, retry), what weakens authentication (sec=none, sec=ntlm, vers=1.0,
nocephx_sign_messages), what a credentials file holds, and caches in files of a daemon (fsc).
Sources: nfs(5), mount.cifs(8), mount.ceph(8).
Private to holdfast.mounts.
"""

from __future__ import annotations

from ansible_collections.holdfast.mounts.plugins.module_utils._grammar.tables import (
    merged,
    valued,
    with_aliases,
    words,
)
from ansible_collections.holdfast.mounts.plugins.module_utils._grammar.values import (
    CHARSET,
    COUNT,
    IDENTIFIER,
    MODE,
    choice,
    number,
    pattern,
    size,
)

PORT = number(1, 65535)
SECONDS = number(0, 2**31 - 1)
# The kernel and the server agree on what is really used, at most this.
TRANSFER = size(1024, 2**24)
NAME = pattern("[A-Za-z0-9][A-Za-z0-9._-]{0,63}", "a name of A-Z a-z 0-9 . _ -")

_NFS = merged(
    words("ac", "acl", "cto", "hard", "lock", "migration", "noac", "noacl", "nocto", "nolock"),
    words("nomigration", "nordirplus", "noresvport", "nosharecache", "nosoftreval", "rdirplus"),
    words("resvport", "sharecache", "soft", "softerr", "softreval"),
    valued(
        {
            "acdirmax": SECONDS,
            "acdirmin": SECONDS,
            "acregmax": SECONDS,
            "acregmin": SECONDS,
            "actimeo": SECONDS,
            "local_lock": choice("all", "flock", "none", "posix"),
            "lookupcache": choice("all", "none", "pos", "positive"),
            "max_connect": number(1, 16),
            "nconnect": number(1, 16),
            "port": PORT,
            "proto": choice("rdma", "rdma6", "tcp", "tcp6"),
            "retrans": number(0, 1000),
            "rsize": TRANSFER,
            "sec": choice("krb5", "krb5i", "krb5p", "sys"),
            "timeo": number(1, 6000),
            "wsize": TRANSFER,
            "xprtsec": choice("mtls", "tls"),
        }
    ),
)
NFS = with_aliases(
    merged(
        _NFS,
        valued(
            {
                "mountport": PORT,
                "mountproto": choice("tcp", "tcp6", "udp", "udp6"),
                "namlen": number(1, 255),
                "vers": choice("3", "4", "4.0", "4.1", "4.2"),
            }
        ),
    ),
    {"nfsvers": "vers"},
)
NFS4 = with_aliases(
    merged(_NFS, valued({"vers": choice("4", "4.0", "4.1", "4.2")})),
    {"nfsvers": "vers"},
)
NFS_GROUPS = (
    ("hard", "soft", "softerr"),
    *((single, "actimeo") for single in ("acdirmax", "acdirmin", "acregmax", "acregmin")),
    ("actimeo", "noac"),
)

CIFS = with_aliases(
    merged(
        words("cifsacl", "dynperm", "forcegid", "forcemandatorylock", "forceuid", "guest", "handlecache"),
        words("hard", "idsfromsid", "ignorecase", "mapchars", "mapposix", "mfsymlinks", "modefromsid"),
        words("multichannel", "multiuser", "noacl", "nobrl", "nodfs", "noforcegid", "noforceuid"),
        words("nohandlecache", "nomapposix", "nomultichannel", "noperm", "nopersistenthandles"),
        words("noposixpaths", "noserverino", "nosetuids", "nosharesock", "nostrictsync", "nounix"),
        words("nouser_xattr", "perm", "persistenthandles", "posixpaths", "resilienthandles"),
        words("rwpidforward", "seal", "serverino", "setuids", "sfu", "sign", "soft", "strictsync"),
        words("user_xattr"),
        valued(
            {
                "acdirmax": SECONDS,
                "acregmax": SECONDS,
                "actimeo": SECONDS,
                "backupgid": IDENTIFIER,
                "backupuid": IDENTIFIER,
                "bsize": size(16384, 2**24),
                "cache": choice("loose", "none", "strict"),
                "closetimeo": SECONDS,
                "cruid": IDENTIFIER,
                "dir_mode": MODE,
                "echo_interval": number(1, 600),
                "file_mode": MODE,
                "gid": IDENTIFIER,
                "handletimeout": number(0, 960000),
                "iocharset": CHARSET,
                "max_channels": number(1, 16),
                "port": PORT,
                "rasize": TRANSFER,
                "rsize": TRANSFER,
                "sec": choice("krb5", "krb5i", "ntlmssp", "ntlmsspi"),
                "uid": IDENTIFIER,
                "vers": choice("2.1", "3", "3.0", "3.0.2", "3.1.1"),
                "wsize": TRANSFER,
            }
        ),
    ),
    {"nocase": "ignorecase", "nolinux": "nounix", "nolock": "nobrl"},
)
SMB3 = merged(CIFS, valued({"vers": choice("3", "3.0", "3.0.2", "3.1.1")}))
CIFS_GROUPS = (
    ("actimeo", "acdirmax"),
    ("actimeo", "acregmax"),
    ("cifsacl", "modefromsid"),
    ("guest", "multiuser"),
    ("guest", "sec"),
    ("hard", "soft"),
    ("mapchars", "mapposix"),
    ("persistenthandles", "resilienthandles"),
)

CEPH = with_aliases(
    merged(
        words("abort_on_full", "acl", "asyncreaddir", "copyfrom", "crc", "dcache", "dirstat", "ino32"),
        words("noacl", "noasyncreaddir", "nocopyfrom", "nocrc", "nodcache", "nodirstat", "noino32"),
        words("nopoolperm", "noquotadf", "norbytes", "noshare", "notcp_nodelay", "nowsync", "poolperm"),
        words("quotadf", "rbytes", "share", "tcp_nodelay", "wsync"),
        valued(
            {
                "caps_max": COUNT,
                "caps_wanted_delay_max": SECONDS,
                "caps_wanted_delay_min": SECONDS,
                "mds_namespace": NAME,
                "mount_timeout": number(1, 3600),
                "ms_mode": choice("crc", "legacy", "prefer-crc", "prefer-secure", "secure"),
                "name": NAME,
                "osd_idle_ttl": SECONDS,
                "rasize": TRANSFER,
                "readdir_max_bytes": TRANSFER,
                "readdir_max_entries": COUNT,
                "recover_session": choice("clean", "no"),
                "rsize": TRANSFER,
                "snapdirname": pattern(r"\.[A-Za-z0-9._-]{1,63}", "a name that begins with a dot"),
                "write_congestion_kb": COUNT,
                "wsize": TRANSFER,
            }
        ),
    ),
    {"fs": "mds_namespace"},
)
