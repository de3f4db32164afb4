# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The options of filesystems without a block device.

Left out on purpose: an overlay's metacopy, verity and datadir+, every transport of 9p that opens a
file or talks to another host, and its cache in files of a daemon. Sources: tmpfs(5),
Documentation/filesystems/{overlayfs,9p,virtiofs}.rst of the kernel.
Private to holdfast.mounts.
"""

from __future__ import annotations

from ansible_collections.holdfast.mounts.plugins.module_utils._grammar.tables import (
    merged,
    optional,
    valued,
    words,
)
from ansible_collections.holdfast.mounts.plugins.module_utils._grammar.values import (
    IDENTIFIER,
    MODE,
    choice,
    either,
    inner_path,
    layers,
    number,
    pattern,
    size,
)

SUPERBLOCK_WORDS = words("dirsync", "lazytime", "sync")
LAYER_OPTIONS = ("lowerdir", "upperdir", "workdir")

TMPFS = merged(
    words("grpquota", "inode32", "inode64", "noswap", "quota", "usrquota"),
    valued(
        {
            "gid": IDENTIFIER,
            "grpquota_block_hardlimit": size(),
            "grpquota_inode_hardlimit": size(),
            "huge": choice("advise", "always", "never", "within_size"),
            "mode": MODE,
            "mpol": pattern(
                r"(default|local|(prefer|bind|interleave)(=(static|relative))?(:[0-9]{1,4}(-[0-9]{1,4})?)?)",
                "a NUMA policy such as local, bind:0 or interleave:0-3",
            ),
            "nr_blocks": size(),
            "nr_inodes": size(),
            "size": size(percent=True),
            "uid": IDENTIFIER,
            "usrquota_block_hardlimit": size(),
            "usrquota_inode_hardlimit": size(),
        }
    ),
)
TMPFS_GROUPS = (("inode32", "inode64"), ("nr_blocks", "size"))

OVERLAY = merged(
    words("default_permissions", "userxattr", "volatile"),
    valued(
        {
            "index": choice("off", "on"),
            "nfs_export": choice("off", "on"),
            "redirect_dir": choice("follow", "nofollow", "off", "on"),
            "uuid": choice("auto", "null", "off", "on"),
            "xino": choice("auto", "off", "on"),
        }
    ),
    valued({name: layers() for name in LAYER_OPTIONS}),
)

NINEP = merged(
    words("ignoreqv", "nodevmap", "noxattr", "posixacl"),
    valued(
        {
            "access": either(choice("any", "client", "user"), IDENTIFIER),
            "aname": inner_path(),
            "cache": choice("loose", "mmap", "none", "readahead"),
            "dfltgid": IDENTIFIER,
            "dfltuid": IDENTIFIER,
            "locktimeout": number(1, 3600),
            "msize": size(4096, 2**30),
            "trans": choice("virtio", "xen"),
            "uname": pattern("[A-Za-z0-9_][A-Za-z0-9._-]{0,31}", "a user name"),
            "version": choice("9p2000", "9p2000.L", "9p2000.u"),
        }
    ),
)
# Without it the kernel may take any transport that is loaded, TCP among them, and the source for an
# address (net/9p/mod.c, v9fs_get_default_trans).
NINEP_IMPLIED = (("trans", "virtio"),)

VIRTIOFS = optional({"dax": choice("always", "inode", "never")})
