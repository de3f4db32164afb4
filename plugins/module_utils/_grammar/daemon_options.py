# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The options of filesystems that a daemon of a helper serves.

Left out on purpose: what runs a command (ssh_command, ProxyCommand, sftp_server), what reads or
writes a file (IdentityFile, log-file, uidfile, process-name), what names another host
(backup-volfile-servers, directport), what weakens authentication (StrictHostKeyChecking,
password_stdin), and what only a debugger wants. Root's own ssh_config(5) applies.
Sources: sshfs(1), mount.glusterfs(8) and the script itself, which expands its values unquoted.
Private to holdfast.mounts.
"""

from __future__ import annotations

from ansible_collections.holdfast.mounts.plugins.module_utils._grammar.tables import (
    Option,
    Table,
    merged,
    valued,
    words,
)
from ansible_collections.holdfast.mounts.plugins.module_utils._grammar.values import (
    COUNT,
    IDENTIFIER,
    MASK,
    choice,
    number,
    size,
)

SECONDS = number(0, 86400)
SWITCH = choice("no", "yes")
DISABLED = choice("disable", "enable")

GLUSTERFS = merged(
    words("acl", "enable-ino32", "fopen-keep-cache", "mem-accounting", "resolve-gids", "root-squash"),
    words("selinux", "thin-client", "worm"),
    valued(
        {
            "attribute-timeout": SECONDS,
            "background-qlen": COUNT,
            "congestion-threshold": COUNT,
            "direct-io-mode": DISABLED,
            "entry-timeout": SECONDS,
            "gid-timeout": SECONDS,
            "invalidate-limit": COUNT,
            "lru-limit": COUNT,
            "negative-timeout": SECONDS,
            "reader-thread-count": number(1, 64),
            "transport": choice("rdma", "socket", "tcp"),
            "use-readdirp": SWITCH,
            "volfile-max-fetch-attempts": number(1, 100),
        }
    ),
)

# Everybody on the host could use the remote user's rights, were the modes not looked at here.
_FOR_OTHERS: Table = {"allow_other": Option("allow_other", stands_for=("allow_other", "default_permissions"))}
SSHFS = merged(
    words("auto_cache", "contain_symlinks", "default_permissions", "direct_io", "disable_hardlink"),
    words("follow_symlinks", "kernel_cache", "no_check_root", "no_readahead", "noauto_cache", "reconnect"),
    words("sshfs_sync", "sync_readdir", "transform_symlinks"),
    valued(
        {
            "Compression": SWITCH,
            "ConnectTimeout": number(1, 3600),
            "ServerAliveCountMax": number(1, 1000),
            "ServerAliveInterval": number(0, 3600),
            "ac_attr_timeout": SECONDS,
            "attr_timeout": SECONDS,
            "dcache_dir_timeout": SECONDS,
            "dcache_link_timeout": SECONDS,
            "dcache_max_size": COUNT,
            "dcache_stat_timeout": SECONDS,
            "dcache_timeout": SECONDS,
            "dir_cache": SWITCH,
            "entry_timeout": SECONDS,
            "gid": IDENTIFIER,
            "idmap": choice("none", "user"),
            "max_conns": number(1, 64),
            "max_read": size(4096, 2**20),
            "negative_timeout": SECONDS,
            "port": number(1, 65535),
            "uid": IDENTIFIER,
            "umask": MASK,
        }
    ),
    _FOR_OTHERS,
)
