# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The options of filesystems for exchange and for images that are only read.

Left out on purpose: what names another device or a daemon (device, domain_id, fsid), and
errors=panic. Sources: mount(8), and Documentation/filesystems/ of the kernel.
Private to holdfast.mounts.
"""

from __future__ import annotations

from ansible_collections.holdfast.mounts.plugins.module_utils._grammar.tables import (
    Option,
    merged,
    optional,
    valued,
    with_aliases,
    words,
)
from ansible_collections.holdfast.mounts.plugins.module_utils._grammar.values import (
    CHARSET,
    COUNT,
    IDENTIFIER,
    MASK,
    MODE,
    choice,
    either,
    number,
)

ERRORS = choice("continue", "remount-ro")
OWNERS_AND_MASKS = merged(
    valued({"allow_utime": MASK, "dmask": MASK, "fmask": MASK, "gid": IDENTIFIER, "uid": IDENTIFIER}),
    {"umask": Option("umask", MASK, stands_for=("dmask", "fmask"))},
)
# The kernel takes the last one, and equal definitions have no order.
MASK_GROUPS = (("umask", "fmask"), ("umask", "dmask"))

VFAT = merged(
    OWNERS_AND_MASKS,
    words("discard", "dos1xfloppy", "flush", "nonumtail", "quiet", "rodir", "showexec", "sys_immutable"),
    words("uni_xlate", "usefree", "utf8"),
    valued(
        {
            "check": choice("normal", "relaxed", "strict"),
            "codepage": number(1, 99999),
            "errors": ERRORS,
            "iocharset": CHARSET,
            "shortname": choice("lower", "mixed", "win95", "winnt"),
            "time_offset": number(-1440, 1440),
            "tz": choice("UTC"),
        }
    ),
    optional({"nfs": choice("nostale_ro", "stale_rw")}),
)
VFAT_GROUPS = (*MASK_GROUPS, ("time_offset", "tz"))

EXFAT = merged(
    OWNERS_AND_MASKS,
    words("discard", "keep_last_dots", "sys_tz", "zero_size_dir"),
    valued({"errors": ERRORS, "iocharset": CHARSET, "time_offset": number(-1440, 1440)}),
)
EXFAT_GROUPS = (*MASK_GROUPS, ("sys_tz", "time_offset"))

ISO9660 = with_aliases(
    merged(
        words("cruft", "hide", "nocompress", "nojoliet", "norock", "overriderockperm", "showassoc", "unhide"),
        words("utf8"),
        valued(
            {
                "block": choice("512", "1024", "2048"),
                "check": choice("relaxed", "strict"),
                "dmode": MODE,
                "gid": IDENTIFIER,
                "iocharset": CHARSET,
                "map": choice("acorn", "normal", "off"),
                "mode": MODE,
                "sbsector": COUNT,
                "session": number(0, 99),
                "uid": IDENTIFIER,
            }
        ),
    ),
    {"fmode": "mode"},  # how the kernel shows it (fs/isofs/inode.c, isofs_show_options)
)
ISO9660_GROUPS = (("hide", "unhide"),)

UDF = merged(
    words("adinicb", "longad", "noadinicb", "novrs", "shortad", "undelete", "unhide", "utf8"),
    valued(
        {
            "anchor": COUNT,
            "bs": choice("512", "1024", "2048", "4096"),
            "dmode": MODE,
            "gid": either(choice("forget", "ignore"), IDENTIFIER),
            "iocharset": CHARSET,
            "lastblock": COUNT,
            "mode": MODE,
            "session": COUNT,
            "uid": either(choice("forget", "ignore"), IDENTIFIER),
            "umask": MASK,
        }
    ),
)
UDF_GROUPS = (("longad", "shortad"), ("iocharset", "utf8"))

SQUASHFS = valued(
    {"errors": choice("continue"), "threads": either(choice("multi", "percpu", "single"), number(1, 1024))}
)

EROFS = merged(
    words("acl", "directio", "noacl", "nouser_xattr", "user_xattr"),
    valued({"cache_strategy": choice("disabled", "readahead", "readaround")}),
    optional({"dax": choice("always", "never")}),
)
