# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The options of filesystems that live on a block device and are written to.

Left out on purpose: what names a file or another device (journal_path, usrjquota, logdev, rtdev,
device), what brings the host down (errors=panic), and what exists for the kernel's own tests.
Sources: ext4(5), xfs(5), btrfs(5), and Documentation/filesystems/f2fs.rst of the kernel.
Private to holdfast.mounts.
"""

from __future__ import annotations

from ansible_collections.holdfast.mounts.plugins.module_utils._grammar.tables import (
    merged,
    optional,
    valued,
    with_aliases,
    words,
)
from ansible_collections.holdfast.mounts.plugins.module_utils._grammar.values import (
    COUNT,
    IDENTIFIER,
    choice,
    inner_path,
    number,
    pattern,
    size,
)

ERRORS = choice("continue", "remount-ro")
DAX = choice("always", "inode", "never")
QUOTA_WORDS = ("grpquota", "noquota", "prjquota", "usrquota")
EXT_GROUPS = (
    ("bsddf", "minixdf"),
    ("grpid", "nogrpid"),
    *((quota, "noquota") for quota in ("grpquota", "prjquota", "usrquota")),
)
GRPID_ALIASES = {"bsdgroups": "grpid", "sysvgroups": "nogrpid"}
EXT_ALIASES = {**GRPID_ALIASES, "quota": "usrquota"}

EXT2 = with_aliases(
    merged(
        words("acl", "bsddf", "grpid", "minixdf", "noacl", "nogrpid", "nouid32", "nouser_xattr"),
        words("user_xattr", "noreservation", "reservation", *QUOTA_WORDS),
        valued({"errors": ERRORS, "resgid": IDENTIFIER, "resuid": IDENTIFIER}),
        optional({"dax": DAX}),
    ),
    EXT_ALIASES,
)
EXT4 = with_aliases(
    merged(
        EXT2,
        words("auto_da_alloc", "barrier", "block_validity", "delalloc", "dioread_lock", "dioread_nolock"),
        words("discard", "i_version", "journal_async_commit", "journal_checksum"),
        words("no_prefetch_block_bitmaps", "noauto_da_alloc", "nobarrier", "noblock_validity"),
        words(
            "nodelalloc",
            "nodiscard",
            "noinit_itable",
            "nojournal_checksum",
            "noload",
            "nombcache",
            "prefetch_block_bitmaps",
        ),
        valued(
            {
                "commit": number(0, 21474836),
                "data": choice("journal", "ordered", "writeback"),
                "data_err": choice("abort", "ignore"),
                "inode_readahead_blks": number(0, 2**30),
                "journal_ioprio": number(0, 7),
                "max_batch_time": COUNT,
                "max_dir_size_kb": COUNT,
                "mb_optimize_scan": number(0, 1),
                "min_batch_time": COUNT,
                "stripe": COUNT,
            }
        ),
        optional({"init_itable": COUNT}),
    ),
    {"norecovery": "noload"},
)
EXT4_GROUPS = (
    *EXT_GROUPS,
    ("dioread_lock", "dioread_nolock"),
    ("init_itable", "noinit_itable"),
    ("no_prefetch_block_bitmaps", "prefetch_block_bitmaps"),
)

XFS = with_aliases(
    merged(
        words("discard", "filestreams", "grpid", "ikeep", "inode32", "inode64", "largeio", "lifetime"),
        words("noalign", "nodiscard", "nogrpid", "noikeep", "nolargeio", "nolifetime", "norecovery"),
        words("nouuid", "gqnoenforce", "pqnoenforce", "swalloc", "uqnoenforce", "wsync", *QUOTA_WORDS),
        valued(
            {
                "allocsize": size(4096, 2**30),
                "logbsize": size(0, 262144),
                "logbufs": number(2, 8),
                "max_atomic_write": size(),
                "sunit": COUNT,
                "swidth": COUNT,
            }
        ),
        optional({"dax": DAX}),
    ),
    {
        **GRPID_ALIASES,
        "gquota": "grpquota",
        "pquota": "prjquota",
        "qnoenforce": "uqnoenforce",
        "quota": "usrquota",
        "uquota": "usrquota",
    },
)
XFS_GROUPS = (
    ("inode32", "inode64"),
    *(
        pair
        for one, other in (
            ("grpquota", "gqnoenforce"),
            ("prjquota", "pqnoenforce"),
            ("usrquota", "uqnoenforce"),
        )
        for pair in ((one, other), (one, "noquota"), (other, "noquota"))
    ),
)

COMPRESSION = pattern(
    r"no|none|lzo|zlib(:[1-9])?|zstd(:(1[0-5]|[1-9]|-1[0-5]|-[1-9]))?",
    "one of lzo, no, none, zlib, zlib:1 to zlib:9, zstd, zstd:-15 to zstd:15",
)
RESCUE = choice(
    "all",
    "ibadroots",
    "idatacsums",
    "ignorebadroots",
    "ignoredatacsums",
    "ignoremetacsums",
    "ignoresuperflags",
    "nologreplay",
    "usebackuproot",
)
BTRFS = merged(
    words("acl", "autodefrag", "barrier", "clear_cache", "datacow", "datasum", "degraded", "enospc_debug"),
    words("flushoncommit", "noacl", "noautodefrag", "nobarrier", "nodatacow", "nodatasum", "nodiscard"),
    words("noenospc_debug", "noflushoncommit", "nologreplay", "nospace_cache", "nossd", "nossd_spread"),
    words("notreelog", "rescan_uuid_tree", "skip_balance", "ssd", "ssd_spread", "treelog"),
    words("usebackuproot", "user_subvol_rm_allowed"),
    valued(
        {
            "commit": number(1, 2**31 - 1),
            "max_inline": size(0, 65536),
            "metadata_ratio": number(0, 100),
            "rescue": RESCUE,
            "subvol": inner_path(),
            "subvolid": number(0, 2**63 - 1),
            "thread_pool": number(1, 1024),
        }
    ),
    optional(
        {
            "compress": COMPRESSION,
            "compress-force": COMPRESSION,
            "discard": choice("async", "sync"),
            "space_cache": choice("v1", "v2"),
        }
    ),
)
# The kernel takes the last of these, and equal definitions have no order.
BTRFS_GROUPS = (
    ("compress", "compress-force"),
    ("compress", "nodatacow"),
    ("compress-force", "nodatacow"),
    ("compress", "nodatasum"),
    ("compress-force", "nodatasum"),
    ("nossd", "ssd_spread"),
    ("subvol", "subvolid"),
)

F2FS_COMPRESSION = pattern(
    "lzo|lzo-rle|lz4(:([3-9]|1[0-2]))?|zstd(:([1-9]|1[0-9]|2[0-2]))?",
    "one of lz4, lz4:3 to lz4:12, lzo, lzo-rle, zstd, zstd:1 to zstd:22",
)
EXTENSION = pattern(r"[A-Za-z0-9]{1,7}|\*", "a file name extension such as log, or *")
F2FS = merged(
    words("acl", "age_extent_cache", "atgc", "barrier", "checkpoint_merge", "compress_cache"),
    words("compress_chksum", "data_flush", "disable_ext_identify", "disable_roll_forward", "discard"),
    words("extent_cache", "fastboot", "flush_merge", "gc_merge", "inline_data", "inline_dentry"),
    words("inline_xattr", "inlinecrypt"),
    words("noacl", "nobarrier", "nocheckpoint_merge", "nodiscard", "noextent_cache", "noflush_merge"),
    words("nogc_merge", "noinline_data", "noinline_dentry", "noinline_xattr", "norecovery", "nouser_xattr"),
    words("user_xattr", *QUOTA_WORDS),
    valued(
        {
            "active_logs": choice("2", "4", "6"),
            "alloc_mode": choice("default", "reuse"),
            "background_gc": choice("off", "on", "sync"),
            "compress_algorithm": F2FS_COMPRESSION,
            "compress_extension": EXTENSION,
            "compress_log_size": number(2, 8),
            "compress_mode": choice("fs", "user"),
            "discard_unit": choice("block", "section", "segment"),
            "errors": ERRORS,
            "fsync_mode": choice("nobarrier", "posix", "strict"),
            "inline_xattr_size": number(6, 923),
            "lookup_mode": choice("auto", "compat", "perf"),
            "memory": choice("low", "normal"),
            "mode": choice("adaptive", "lfs"),
            "nocompress_extension": EXTENSION,
            "reserve_root": COUNT,
            "resgid": IDENTIFIER,
            "resuid": IDENTIFIER,
        }
    ),
)
F2FS_GROUPS = (
    ("disable_roll_forward", "norecovery"),
    *((quota, "noquota") for quota in ("grpquota", "prjquota", "usrquota")),
)
