# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""All that is known of each type of filesystem: one record, as record.py explains it, with its options as
values.py explains them.

Left out of the options on purpose: what names a file, another device or another host (journal_path,
usrjquota, logdev, rtdev, device, domain_id, fsc, log-file, uidfile, addr, mountaddr, ip, mon_addr,
backup-volfile-servers, directport); what runs a command (ssh_command, ProxyCommand, sftp_server); what waits
behind the task's back (bg, retry); what weakens authentication (sec=none, sec=ntlm, vers=1.0,
nocephx_sign_messages, StrictHostKeyChecking, password_stdin); what a credentials file holds; errors=panic; an
overlay's metacopy, verity and datadir+; every transport of 9p that opens a file or talks to another host;
what exists for tests and debuggers alone. Sources: ext4(5), xfs(5), btrfs(5), tmpfs(5), nfs(5), mount(8),
mount.cifs(8), mount.ceph(8), sshfs(1), mount.glusterfs(8) and the script itself, which expands its values
unquoted; Documentation/filesystems of the kernel, and what its show_options functions print.
Private to holdfast.mounts.
"""

from __future__ import annotations

import typing as t

from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.grammar import record

_QUOTA = """grpquota noquota prjquota usrquota"""
_EXT2 = f"""
    acl bsddf errors=continue|remount-ro grpid minixdf nogrpid noreservation nouid32 reservation resgid=ID
    resuid=ID user_xattr {_QUOTA}
    bsdgroups->grpid quota->usrquota sysvgroups->nogrpid bsddf!minixdf grpid!nogrpid grpquota!noquota
    prjquota!noquota usrquota!noquota"""
# commit: what a kernel of 1,000 ticks per second takes, which has the least bound (JBD2).
_EXT3 = f"""{_EXT2}
    auto_da_alloc barrier block_validity commit=0..2147483 data=journal|ordered|writeback
    data_err=abort|ignore discard i_version init_itable[=COUNT] inode_readahead_blks=0..1073741824
    journal_ioprio=0..7 max_batch_time=COUNT max_dir_size_kb=COUNT mb_optimize_scan=0..1 min_batch_time=COUNT
    no_prefetch_block_bitmaps noauto_da_alloc nobarrier noblock_validity nodiscard noinit_itable noload
    nombcache prefetch_block_bitmaps stripe=COUNT
    norecovery->noload init_itable!noinit_itable no_prefetch_block_bitmaps!prefetch_block_bitmaps
    commit=0~ commit=5~"""
_EXT4 = f"""{_EXT3}
    dax[=always|inode|never] delalloc dioread_lock dioread_nolock journal_async_commit journal_checksum
    nodelalloc nojournal_checksum
    dioread_lock!dioread_nolock dax~dax=always"""
_EXT_HINTS = dict.fromkeys(("noacl", "nouser_xattr"), "leave it out; the kernel has given it up")
# umask: the kernel takes the last one, and equal definitions have no order.
_MASKS = """
    allow_utime=UTIME dmask=MASK fmask=MASK gid=ID uid=ID umask=MASK->dmask,fmask
    umask!fmask umask!dmask gid=0~ uid=0~"""
_NFS = """
    ac acdirmax=<COUNT acdirmin=<COUNT acl acregmax=<COUNT acregmin=<COUNT actimeo=COUNT cto hard
    local_lock=all|flock|none|posix lock lookupcache=all|none|pos|positive max_connect=1..16 migration
    namlen=1..255 nconnect=1..16 noac noacl nocto nolock nomigration nordirplus noresvport nosharecache
    port=0..65535 proto=rdma|rdma6|tcp|tcp6 rdirplus resvport retrans=0..1000 rsize=<1k..16m
    sec=krb5|krb5i|krb5p|sys sharecache soft softerr softreval timeo=1..6000 wsize=<1k..16m xprtsec=mtls|tls
    -fg -intr -nointr
    nfsvers->vers rdma->proto=rdma tcp->proto=tcp v4->vers=4 v4.0->vers=4.0 v4.1->vers=4.1 v4.2->vers=4.2
    hard!soft!softerr acdirmax!actimeo acdirmin!actimeo acregmax!actimeo acregmin!actimeo actimeo!noac
    lookupcache=all~ lookupcache=positive~lookupcache=pos port=0~ vers=4~>vers=4.*"""
# What version 4 leaves to the server, whatever was asked.
_NFS4 = f"""{_NFS}
    vers=4|4.0|4.1|4.2
    local_lock=*~>local_lock=none namlen=*~>namlen=*"""
_CIFS = """
    acdirmax=0..1073741 acregmax=0..1073741 actimeo=0..1073741 backupgid=ID backupuid=ID bsize=<16k..16m
    cache=loose|none|strict cifsacl closetimeo=0..1073741 cruid=ID dir_mode=BITS dynperm echo_interval=1..600
    file_mode=BITS forcegid forcemandatorylock forceuid gid=ID guest handlecache handletimeout=0..960000 hard
    idsfromsid ignorecase iocharset=CHARSET mapchars mapposix max_channels=1..16 mfsymlinks modefromsid
    multichannel multiuser noacl nobrl nodfs noforcegid noforceuid nohandlecache nomapposix nomultichannel
    noperm nopersistenthandles noposixpaths noserverino nosetuids nosharesock nostrictsync nounix nouser_xattr
    perm persistenthandles port=1..65535 posixpaths rasize=<1k..16m resilienthandles rsize=<1k..16m
    rwpidforward seal sec=krb5|krb5i|ntlmssp|ntlmsspi serverino setuids sfu sign soft strictsync uid=ID
    user_xattr vers=2.1|3|3.0|3.0.2|3.1.1 wsize=<1k..16m
    nocase->ignorecase nolinux->nounix nolock->nobrl actimeo!acdirmax actimeo!acregmax cifsacl!modefromsid
    guest!multiuser guest!sec hard!soft mapchars!mapposix persistenthandles!resilienthandles
    vers=3.02~vers=3.0.2 vers=3~>vers=3.*"""
_NFS_HELPER = record.Helper(
    "nfs-common",
    "nfs",
    ("nfs", "nfs4"),
    always=("retry=0",),
    hints={
        "denied": "see whether the server exports it, to this host, and with this sec",
        "missing": "correct 'src', or export it there",
        "options": "see what this version of nfs-common and of the kernel take; Kerberos needs rpc.gssd",
    },
)
_SMB_HELPER = record.Helper(
    "cifs-utils",
    "cifs",
    ("cifs",),
    credentials="credentials",
    anonymous=("guest", "sec=krb5", "sec=krb5i"),
    hints={"denied": "see the user and the password in 'credentials_file', and who may use the share"},
)
_RESCUE = "all|ibadroots|idatacsums|ignorebadroots|ignoredatacsums|ignoremetacsums|ignoresuperflags"

_ALL = (
    record.Filesystem(
        "9p",
        # Without trans the kernel may take any transport that is loaded, TCP among them, and the source for
        # an address (net/9p/mod.c, v9fs_get_default_trans). Linux 6.4 shows cache as bits.
        """
        access=any|client|user aname=PATH cache=loose|mmap|none|readahead dfltgid=SIGNED_ID
        dfltuid=SIGNED_ID ignoreqv locktimeout=1..3600 msize=<4k..1g nodevmap noxattr posixacl
        trans=virtio|xen uname=USER version=9p2000|9p2000.L|9p2000.u
        +trans=virtio
        cache=f~cache=loose cache=0xf~cache=loose cache=5~cache=mmap cache=0x5~cache=mmap
        cache=1~cache=readahead cache=0x1~cache=readahead cache=none~ dfltgid=65534~ dfltuid=65534~
        uname=nobody~ version=9p2000~noextend version=9p2000.L~""",
        "token",
        is_local=False,
    ),
    record.Filesystem("bind", source="bind"),
    record.Filesystem(
        "btrfs",
        # The kernel takes the last of what excludes each other, and equal definitions have no order. Before
        # Linux 6.15 a level below zero is the default one.
        f"""
        acl autodefrag barrier clear_cache commit=1..2147483647 compress-force[=COMPRESSION]
        compress[=COMPRESSION] datacow datasum degraded discard[=async|sync] enospc_debug flushoncommit
        max_inline=<0k..64k metadata_ratio=0..100 noacl noautodefrag nobarrier nodatacow nodatasum nodiscard
        noenospc_debug noflushoncommit nospace_cache nossd nossd_spread notreelog rescan_uuid_tree
        rescue={_RESCUE}|nologreplay|usebackuproot skip_balance space_cache[=v1|v2] ssd ssd_spread subvol=PATH
        subvolid=0..9223372036854775807 thread_pool=1..1024 treelog user_subvol_rm_allowed
        nologreplay->rescue=nologreplay usebackuproot->rescue=usebackuproot
        compress!compress-force compress!nodatacow compress-force!nodatacow compress!nodatasum
        compress-force!nodatasum nossd!ssd_spread
        compress~compress=zlib:3 compress=zlib~compress=zlib:3 compress=zstd~compress=zstd:3 compress=no~
        compress=none~ compress-force~compress-force=zlib:3 compress-force=zlib~compress-force=zlib:3
        compress-force=zstd~compress-force=zstd:3 compress-force=no~ compress-force=none~ commit=30~ acl~
        barrier~ datacow~ datasum~ noautodefrag~ noenospc_debug~ noflushoncommit~ nossd_spread~
        treelog~ discard=sync~discard max_inline=2048~ metadata_ratio=0~
        rescue=all~>rescue=nologreplay:*ignorebadroots:ignoredatacsums* rescue=ibadroots~rescue=ignorebadroots
        rescue=idatacsums~rescue=ignoredatacsums space_cache=v1~space_cache subvolid=0~subvolid=5
        compress=zstd:-*~>compress=zstd:3 compress-force=zstd:-*~>compress-force=zstd:3""",
        has_own_numbers=True,
        of_the_mount=("subvol", "subvolid"),
        superblock="65568:16",
    ),
    record.Filesystem(
        "ceph",
        """
        abort_on_full acl asyncreaddir caps_max=COUNT caps_wanted_delay_max=1..2147483
        caps_wanted_delay_min=1..2147483 copyfrom crc dcache dirstat ino32 mds_namespace=NAME
        mount_timeout=1..3600 ms_mode=crc|legacy|prefer-crc|prefer-secure|secure name=NAME noacl
        noasyncreaddir nocopyfrom nocrc nodcache nodirstat noino32 nopoolperm noquotadf norbytes noshare
        notcp_nodelay nowsync osd_idle_ttl=1..2147483 poolperm quotadf rasize=<4k..16m rbytes
        readdir_max_bytes=4k..16m readdir_max_entries=1..2147483647
        recover_session=clean|no rsize=<4k..16m share
        snapdirname=DOTNAME tcp_nodelay write_congestion_kb=1024..2147483647 wsize=<4k..16m wsync
        fs->mds_namespace""",
        "ceph",
        record.Helper(
            "ceph-common",
            "ceph",
            ("ceph",),
            credentials="secretfile",
            hints={
                "denied": "see the option name and the key in 'credentials_file'",
                "silent": "see the cluster's health, and the key in 'credentials_file', if it is right",
                "source": "before version 17 of ceph-common, write monitor:/path and the option name",
            },
        ),
        is_local=False,
        redirecting=("mds_namespace", "name"),
    ),
    record.Filesystem("cifs", _CIFS, "cifs", _SMB_HELPER, is_local=False, redirecting=("cruid",)),
    record.Filesystem(
        "erofs",
        """
        acl cache_strategy=disabled|readahead|readaround dax[=always|never] directio noacl nouser_xattr
        user_xattr
        dax~dax=always""",
        read_only=("*",),
        superblock="1072:16 1048:12",
    ),
    record.Filesystem(
        "exfat",
        f"""{_MASKS}
        discard errors=continue|remount-ro iocharset=CHARSET keep_last_dots sys_tz time_offset=-1440..1440
        zero_size_dir
        sys_tz!time_offset
        time_offset=0~""",
        superblock="100:4",
        renumbers=True,
        uuid=record.SHORT_UUID,
        reported={"utf8": "write iocharset=utf8"},
    ),
    record.Filesystem("ext2", _EXT2, superblock="1128:16", reported=_EXT_HINTS),
    record.Filesystem("ext3", _EXT3, superblock="1128:16", reported=_EXT_HINTS),
    record.Filesystem("ext4", _EXT4, superblock="1128:16", reported=_EXT_HINTS),
    record.Filesystem(
        "f2fs",
        f"""
        acl active_logs=2|4|6 age_extent_cache alloc_mode=default|reuse atgc background_gc=off|on|sync barrier
        checkpoint_merge compress_algorithm=F2FS_COMPRESSION compress_cache compress_chksum
        compress_extension=EXTENSION compress_log_size=2..8 compress_mode=fs|user data_flush
        disable_ext_identify disable_roll_forward discard discard_unit=block|section|segment
        errors=continue|remount-ro extent_cache fastboot flush_merge fsync_mode=nobarrier|posix|strict
        gc_merge inline_data inline_dentry inline_xattr inline_xattr_size=6..903 inlinecrypt
        lookup_mode=auto|compat|perf memory=low|normal mode=adaptive|lfs noacl nobarrier nocheckpoint_merge
        nocompress_extension=SUFFIX nodiscard noextent_cache noflush_merge nogc_merge noinline_data
        noinline_dentry noinline_xattr norecovery nouser_xattr reserve_root=<COUNT resgid=SIGNED_ID
        resuid=SIGNED_ID user_xattr {_QUOTA}
        disable_roll_forward!norecovery grpquota!noquota prjquota!noquota usrquota!noquota
        compress_algorithm=zstd~compress_algorithm=zstd:1""",
        superblock="1132:16",
    ),
    record.Filesystem(
        "fuse.sshfs",
        # Everybody on the host could use the remote user's rights, were the modes not looked at here.
        """
        Compression=no|yes ConnectTimeout=1..3600 ServerAliveCountMax=1..1000 ServerAliveInterval=0..3600
        ac_attr_timeout=0..86400 allow_other->allow_other,default_permissions attr_timeout=0..86400 auto_cache
        contain_symlinks dcache_dir_timeout=0..86400 dcache_link_timeout=0..86400 dcache_max_size=COUNT
        dcache_stat_timeout=0..86400 dcache_timeout=0..86400 default_permissions dir_cache=no|yes direct_io
        disable_hardlink entry_timeout=0..86400 follow_symlinks gid=ID idmap=none|user kernel_cache
        max_conns=1..64 max_read=4k..1m negative_timeout=0..86400 no_check_root no_readahead noauto_cache
        port=1..65535 reconnect sshfs_sync sync_readdir transform_symlinks uid=ID umask=MASK""",
        "sshfs",
        record.Helper(
            "sshfs",
            "fuse",
            ("fuse.sshfs",),
            # sshfs keeps what ssh says to itself otherwise.
            always=("BatchMode=yes", "StrictHostKeyChecking=yes", "sshfs_verbose"),
            hints={
                "denied": "see that root's key, as in root's ssh_config(5), is authorised there",
                "gone": "see that the server has the sftp subsystem",
            },
        ),
        is_local=False,
        is_optional=True,
    ),
    record.Filesystem(
        "glusterfs",
        """
        acl attribute-timeout=0..86400 background-qlen=COUNT congestion-threshold=COUNT
        direct-io-mode=disable|enable enable-ino32 entry-timeout=0..86400 fopen-keep-cache
        gid-timeout=0..86400 invalidate-limit=COUNT lru-limit=COUNT mem-accounting negative-timeout=0..86400
        reader-thread-count=1..64 resolve-gids root-squash selinux thin-client use-readdirp=no|yes
        volfile-max-fetch-attempts=1..100 worm""",
        "glusterfs",
        record.Helper(
            "glusterfs-client",
            "fuse",
            ("fuse.glusterfs",),
            # Else each stage would have a log of its own.
            log_option="log-file=/var/log/glusterfs/",
            drops_sync=True,
            hints={"failed": "see /var/log/glusterfs on this host: volume, server, firewall"},
        ),
        reported=dict.fromkeys(
            record.HELPER_WORDS, "leave it out; Gluster's helper drops it, and each write goes to the server"
        ),
        is_local=False,
    ),
    record.Filesystem(
        "iso9660",
        # fs/isofs/inode.c, isofs_show_options: mode is shown as fmode, words by their first letter, no
        # character set but Joliet's. A medium has a least block of its own.
        """
        block=512|1024|2048 check=relaxed|strict cruft dmode=BITS gid=ID hide iocharset=CHARSET
        map=acorn|normal|off mode=BITS nocompress nojoliet norock overriderockperm sbsector=COUNT
        session=0..99 showassoc uid=ID unhide utf8
        fmode->mode hide!unhide
        block=1024~ block=512~blocksize=512 block=2048~blocksize=2048 block=*~>blocksize=2048
        check=r~check=relaxed check=s~check=strict map=a~map=acorn map=normal~ map=o~map=off
        sbsector=0~ utf8~iocharset=utf8 iocharset=*~>iocharset=utf8 map=normal~>map=n""",
        uuid=record.DATE,
        read_only=("*",),
        superblock="33581:34",
    ),
    record.Filesystem(
        "nfs",
        f"""{_NFS}
        mountport=1..65535 mountproto=tcp|tcp6|udp|udp6 vers=3|4|4.0|4.1|4.2 v3->vers=3""",
        "nfs",
        _NFS_HELPER,
        is_local=False,
    ),
    record.Filesystem(
        "nfs4", _NFS4, "nfs", _NFS_HELPER._replace(kernel_type="nfs4", shown_types=("nfs4",)), is_local=False
    ),
    record.Filesystem(
        "ntfs3",
        # fs/ntfs3/super.c, ntfs_show_options: uid, gid and iocharset are always shown.
        """
        acl discard dmask=MASK fmask=MASK force gid=ID hide_dot_files iocharset=CHARSET nohidden prealloc
        showmeta sparse sys_immutable uid=ID umask=MASK->dmask,fmask windows_names
        nls->iocharset umask!fmask umask!dmask acl~ sparse~""",
        uuid=record.LONG_NUMBER,
        # With no open file to tell who reads them, the kernel follows a null pointer.
        crashing_types=("ntfs", "ntfs3"),
        reported={
            "big_writes": "leave it out; it is a word of ntfs-3g's, and the kernel needs none",
            "locale": "write iocharset=utf8",
            "permissions": "write acl",
            "utf8": "write iocharset=utf8",
        },
        superblock="72:8",
    ),
    record.Filesystem(
        "overlay",
        # Without an upper layer redirect_dir=follow is "on" and there is no UUID; "off" may follow all the
        # same (fs/overlayfs/params.c).
        """
        default_permissions index=off|on lowerdir=LAYERS nfs_export=off|on redirect_dir=follow|nofollow|off|on
        upperdir=LAYERS userxattr uuid=auto|null|off|on volatile workdir=LAYERS xino=auto|off|on
        uuid=auto~ redirect_dir=follow~>redirect_dir=on redirect_dir=off~>redirect_dir=follow
        redirect_dir=off~>redirect_dir=on uuid=off~>uuid=null uuid=on~>uuid=null""",
        "token",
        is_named_at_will=True,
        has_layers=True,
        writable=("upperdir",),
    ),
    record.Filesystem(
        "smb3",
        f"{_CIFS} vers=3|3.0|3.0.2|3.1.1",
        "cifs",
        _SMB_HELPER._replace(kernel_type="smb3", shown_types=("cifs", "smb3")),
        is_local=False,
        redirecting=("cruid",),
    ),
    record.Filesystem(
        "squashfs",
        "errors=continue threads=multi|percpu|single|1..1024",
        read_only=("*",),
        superblock="4:8 40:8",
    ),
    record.Filesystem(
        "tmpfs",
        # mm/shmem.c, shmem_show_options: nothing is shown of what is the default.
        """
        gid=ID grpquota grpquota_block_hardlimit=SIZE grpquota_inode_hardlimit=SIZE
        huge=advise|always|never|within_size inode32 inode64 mode=MODE mpol=NUMA noswap nr_blocks=SIZE
        nr_inodes=SIZE quota size=MEMORY uid=ID usrquota usrquota_block_hardlimit=SIZE
        usrquota_inode_hardlimit=SIZE
        inode32!inode64 nr_blocks!size
        gid=0~ huge=never~ mode=1777~ mpol=default~ mpol=prefer~mpol=local size=50%~ uid=0~""",
        "token",
        is_named_at_will=True,
        empty_mode="1777",
        changeable=("size",),
    ),
    record.Filesystem(
        "udf",
        """
        adinicb anchor=COUNT bs=512|1024|2048|4096 dmode=BITS gid=forget|ignore|SIGNED_ID iocharset=CHARSET
        lastblock=COUNT longad mode=BITS noadinicb novrs session=COUNT shortad uid=forget|ignore|SIGNED_ID
        umask=MASK undelete unhide utf8
        longad!shortad iocharset!utf8
        anchor=0~ gid=ignore~ lastblock=0~>lastblock=* uid=ignore~ umask=0000~ utf8~iocharset=utf8""",
        uuid=record.LONG_NUMBER,
        may_turn_read_only=True,
    ),
    record.Filesystem(
        "vfat",
        f"""{_MASKS}
        check=normal|relaxed|strict codepage=1..99999 discard dos1xfloppy errors=continue|remount-ro flush
        iocharset=CHARSET nfs[=nostale_ro|stale_rw] nonumtail quiet rodir shortname=lower|mixed|win95|winnt
        showexec sys_immutable time_offset=-1440..1440 tz=UTC uni_xlate usefree utf8
        time_offset!tz
        check=normal~ check=r~check=relaxed check=s~check=strict nfs~nfs=stale_rw time_offset=0~tz=UTC""",
        uuid=record.SHORT_UUID,
        read_only=("nfs=nostale_ro",),
        superblock="39:4 67:4",
        renumbers=True,
    ),
    record.Filesystem("virtiofs", "dax[=always|inode|never] dax~dax=always", "token", is_local=False),
    record.Filesystem(
        "xfs",
        # The kernel turns dax off where the device has none.
        f"""
        allocsize=4k..1g dax[=always|inode|never] discard filestreams gqnoenforce grpid ikeep inode32 inode64
        largeio lifetime logbsize=0k..256k logbufs=2..8 max_atomic_write=SIZE noalign nodiscard nogrpid
        noikeep nolargeio nolifetime norecovery nouuid pqnoenforce sunit=COUNT swalloc swidth=COUNT
        uqnoenforce wsync {_QUOTA}
        bsdgroups->grpid gquota->grpquota pquota->prjquota qnoenforce->uqnoenforce quota->usrquota
        sysvgroups->nogrpid uquota->usrquota inode32!inode64 grpquota!gqnoenforce grpquota!noquota
        gqnoenforce!noquota prjquota!pqnoenforce prjquota!noquota pqnoenforce!noquota usrquota!uqnoenforce
        usrquota!noquota uqnoenforce!noquota
        dax~dax=always dax=inode~ lifetime~ max_atomic_write=0~ nodiscard~ nogrpid~ noikeep~ nolargeio~
        sunit=0~ swidth=0~ dax=always~>dax=never logbsize=0~>logbsize=*
        sunit=0~>sunit=* swidth=0~>swidth=*""",
        superblock="32:16",
        hides_shutdown=True,
    ),
)
FILESYSTEMS: t.Mapping[str, record.Filesystem] = {filesystem.name: filesystem for filesystem in _ALL}
OPTIONAL_TYPES = tuple(filesystem.name for filesystem in _ALL if filesystem.is_optional)
# The types, as the kernel's mount table shows them, that no server and no daemon can keep waiting.
LOCAL_TYPES = frozenset((*record.OTHER_LOCAL_TYPES, *(one.name for one in _ALL if one.is_local)))
CRASHING_TYPES = frozenset(fstype for one in _ALL for fstype in one.crashing_types)
OWN_NUMBERS = frozenset(one.name for one in _ALL if one.has_own_numbers)


def record_of(fstype: str) -> record.Filesystem:
    """Return the record of a type, and one without traits of a type that only a ledger knows."""
    return FILESYSTEMS.get(fstype) or record.Filesystem(fstype, source="token", is_local=False)
