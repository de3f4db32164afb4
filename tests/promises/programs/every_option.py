# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Mount a type with every option that it takes, one after the other: every_option.py FSTYPE [SOURCE].

Of each value the bounds, of each choice all of it. Tells what the kernel does not take, and what it shows in
another spelling that the collection takes for a change. In one process: a call for each would take hours.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import typing as t

from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast import errors, model
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.decide import sameness
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.grammar import (
    filesystems,
    options,
    values,
)
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.kernel import (
    create,
    devices,
    inodes,
    mounts,
    syscalls,
)
from harness.namespace import make_world
from in_process import call

POINT, IMAGE, CONTENT = "/srv/point", "/run/image", "/run/content"
MEGABYTE = 1 << 20
LARGEST_ID = values.LARGEST_ID
# Values of each kind: the least, the largest, and what is written otherwise than it is shown.
SAMPLES: t.Dict[str, t.List[str]] = {
    "BITS": ["0", "500", "0777"],
    "CHARSET": ["utf8", "iso8859-1"],
    "COMPRESSION": ["no", "none", "lzo", "zlib", "zlib:1", "zlib:9", "zstd", "zstd:1", "zstd:15", "zstd:-15"],
    "COUNT": ["0", "1", str(2**31 - 1)],
    "DOTNAME": [".snapshots"],
    "EXTENSION": ["log", "*"],
    "F2FS_COMPRESSION": ["lzo", "lzo-rle", "lz4", "lz4:3", "lz4:12", "zstd", "zstd:1", "zstd:22"],
    "ID": ["0", "1000", str(2**31 - 1), str(2**31), str(LARGEST_ID)],
    "SIGNED_ID": ["0", "1000", str(2**31 - 1)],
    "MASK": ["0", "0022", "0777"],
    "MEMORY": ["0", "4096", "1m", "1000001", "1%", "50%", "100%"],
    "MODE": ["000", "0755", "1777", "7777"],
    "NUMA": ["default", "local", "prefer", "prefer:0", "bind:0", "interleave:0", "bind=static:0"],
    "PATH": ["/"],
    "SIZE": ["0", "4096", "1m", "1t"],
    "SUFFIX": ["log"],
    "USER": ["nobody", "root"],
    "UTIME": ["0", "2", "20", "0022"],
}
# What has to be asked at the same time, by a pattern of the word.
_WRITABLE_LAYERS = ["upperdir=/srv/upper", "workdir=/srv/work"]
COMPANIONS: t.Tuple[t.Tuple[str, str, t.List[str]], ...] = (
    ("btrfs", r"rescue=(?!usebackuproot).*", ["ro"]),
    ("ext[34]", "noload|norecovery", ["ro"]),
    ("ext4", "journal_async_commit", ["data=writeback"]),
    ("f2fs", "disable_roll_forward|norecovery", ["ro"]),
    ("overlay", "(?!lowerdir).*", ["lowerdir=/srv/lower:/srv/lowest"]),
    ("overlay", "index=.*", _WRITABLE_LAYERS),
    # What was volatile once is not mounted again.
    ("overlay", "volatile", ["upperdir=/srv/volatile", "workdir=/srv/volatile_work"]),
    ("overlay", "nfs_export=on", ["index=on", *_WRITABLE_LAYERS]),
    ("overlay", "upperdir=.*", _WRITABLE_LAYERS[1:]),
    ("overlay", "workdir=.*", _WRITABLE_LAYERS[:1]),
    ("xfs", "norecovery", ["ro"]),
    ("xfs", "sunit=(.*)", [r"swidth=\1"]),
    ("xfs", "swidth=(.*)", [r"sunit=\1"]),
)
# What is asked a second time, with more.
AGAIN = {("overlay", "redirect_dir"): _WRITABLE_LAYERS, ("overlay", "uuid"): _WRITABLE_LAYERS}
# Where a kind's samples say nothing: what exists in the image, what the medium has, whole blocks.
OWN_SAMPLES = {
    ("btrfs", "subvolid"): ["0", "5"],
    ("ceph", "mds_namespace"): ["cephfs"],
    ("ceph", "name"): ["admin"],
    ("vfat", "codepage"): ["437", "850"],
    ("xfs", "sunit"): ["0", "8"],
    ("xfs", "swidth"): ["0", "8"],
    ("xfs", "max_atomic_write"): ["0", "4k"],
}
LAYERS = {"lowerdir": "/srv/lower:/srv/lowest", "upperdir": "/srv/upper", "workdir": "/srv/work"}
# Of each type an image; the second has what some options ask for, where the kernel can do it.
MAKERS: t.Dict[str, t.Tuple[int, t.List[str], t.List[str]]] = {
    "ext2": (8 * MEGABYTE, ["mkfs.ext2", "-q", "-F"], ["-O", "quota"]),
    "ext3": (16 * MEGABYTE, ["mkfs.ext3", "-q", "-F"], ["-O", "quota"]),
    "ext4": (16 * MEGABYTE, ["mkfs.ext4", "-q", "-F"], ["-O", "quota,project", "-I", "256"]),
    "xfs": (600 * MEGABYTE, ["mkfs.xfs", "-q", "-f"], ["-d", "sunit=8,swidth=8"]),
    "btrfs": (128 * MEGABYTE, ["mkfs.btrfs", "-q", "-f"], ["-R", "^free-space-tree"]),
    "vfat": (8 * MEGABYTE, ["mkfs.vfat"], []),
    "exfat": (8 * MEGABYTE, ["mkfs.exfat"], []),
    "ntfs3": (16 * MEGABYTE, ["mkfs.ntfs", "-q", "-F"], []),
    "f2fs": (
        64 * MEGABYTE,
        ["mkfs.f2fs", "-q", "-f"],
        ["-O", "extra_attr,compression,flexible_inline_xattr,quota,project_quota"],
    ),
    "udf": (8 * MEGABYTE, ["mkfs.udf", "-b", "512"], []),
    "squashfs": (0, ["mksquashfs", CONTENT, IMAGE], []),
    "erofs": (0, ["mkfs.erofs", IMAGE, CONTENT], []),
    "iso9660": (0, ["genisoimage", "-quiet", "-rock", "-o", IMAGE, CONTENT], []),
}


def words_of(fstype: str) -> t.Iterator[t.List[str]]:
    """Yield the words to ask for at a time, every option of the type in turn."""
    known = filesystems.FILESYSTEMS[fstype]
    seen: t.Set[str] = set()
    for option in known.options.values():
        if option.name in seen:
            continue
        seen.add(option.name)
        texts: t.List[t.Optional[str]] = [None] if option.value is None or option.may_be_bare else []
        if option.value:
            texts += OWN_SAMPLES.get((fstype, option.name)) or samples(option.name, option.kind)
        for text in texts:
            word = option.name if text is None else f"{option.name}={text}"
            if text is not None and (option.value is None or option.value.canonical(text) is None):
                raise ValueError(f"{fstype}: a sample that may not be written: {word}")
            yield [word, *companions(fstype, word)]
            if (fstype, option.name) in AGAIN:
                yield [word, *companions(fstype, word), *AGAIN[fstype, option.name]]


def companions(fstype: str, word: str) -> t.List[str]:
    """Return what has to be asked with a word."""
    found = [
        (re.fullmatch(pattern, word), more)
        for kind, pattern, more in COMPANIONS
        if re.fullmatch(kind, fstype)
    ]
    return [match.expand(one) for match, more in found if match for one in more]


def samples(name: str, kind: str) -> t.Iterator[str]:
    """Yield values of a kind, as the line of words writes it."""
    for part in kind.split("|"):
        match = values.RANGE.fullmatch(part)
        if match:
            low, low_suffix, high, high_suffix = match.groups()
            yield from (low + low_suffix, high + high_suffix)
        elif part == values.LAYERS:
            yield LAYERS[name]
        else:
            yield from SAMPLES.get(part, [part])


class Tried(t.NamedTuple):
    """What came of one attempt.

    refused: why it was refused.
    changed: what counts as changed.
    is_spelled: whether each word is shown as it was asked.
    """

    refused: str = ""
    changed: t.Sequence[str] = ()
    is_spelled: bool = True


def try_directly(fstype: str, device: t.Optional[devices.Device], words: t.Sequence[str]) -> Tried:
    """Have the kernel make the filesystem with these options, look at it, and unmount it."""
    flags, data = options.canonical_options(fstype, words)
    definition = model.Definition(fstype, device.path if device else fstype, flags, data)
    try:
        mount = create.create_filesystem(definition, device=device, layers=(), may_share=True)
    except OSError as error:
        return Tried(f"{os.strerror(error.errno or 0)}: {error.strerror}")
    except errors.MountError as error:
        return Tried(str(error))
    target = os.open(POINT, os.O_PATH | os.O_DIRECTORY)
    try:
        syscalls.move_mount(mount, target)
        shown = mounts.mount_under(inodes.inode_of(mount))
    finally:
        os.close(mount)
        os.close(target)
    syscalls.umount2(POINT, 0)
    if shown is None:
        return Tried("it was gone at once")
    changed = sameness.changed_options(definition, shown, is_owned=True)
    return Tried("", changed, set(words) <= {*shown.options, *shown.flags})


def try_by_calls(wish: t.Mapping[str, t.Any], words: t.Sequence[str]) -> Tried:
    """Hold, hold again, release: for types with layers, and those that a helper mounts."""
    arguments = {"path": POINT, **wish, "opts": [*wish.get("opts", ()), *words]}
    first = call(**arguments)
    if first.get("failed"):
        return Tried(f"{first['error']['code']}: {first['msg']} {first['error'].get('detail') or ''}")
    second = call(**arguments)
    told = second.get("mount") or {}
    with open("/proc/self/mountinfo", encoding="utf-8") as stream:
        shown = [row.rstrip().rpartition(" ")[2] for row in stream if f" {POINT} " in row]
    is_same = second.get("action") == "none" and not told.get("drift")
    changed = [] if is_same else [f"{second.get('msg')} {told.get('drift')}", *shown]
    released = call(path=POINT, state="released")
    if released.get("failed"):
        changed.append(f"not released: {released['msg']}")
    return Tried("", changed, set(words) <= {word for row in shown for word in row.split(",")})


def make_device(fstype: str, *, is_rich: bool) -> devices.Device:
    """Make an image and a loop device of it. is_rich: with what some options ask for."""
    size, command, more = MAKERS[fstype]
    if size:
        with open(IMAGE, "wb") as stream:
            stream.truncate(size)
        command = [*command, *(more if is_rich else ()), IMAGE]
    elif not os.path.exists(CONTENT):
        os.mkdir(CONTENT)
        with open(f"{CONTENT}/file", "w", encoding="ascii") as file:
            file.write("packed\n")
    subprocess.run(command, check=True, capture_output=True)
    attach = ["losetup", "--find", "--show", IMAGE]
    path = subprocess.run(attach, check=True, capture_output=True, text=True).stdout.strip()
    number = os.stat(path).st_rdev
    return devices.Device(path, f"{os.major(number)}:{os.minor(number)}")


def detach(device: devices.Device) -> None:
    """Give the loop device back."""
    subprocess.run(["losetup", "--detach", device.path], check=True)


def attempts(fstype: str, wish: t.Mapping[str, t.Any]) -> t.Iterator[t.Tuple[str, Tried]]:
    """Yield each set of words with what came of it."""
    known = filesystems.FILESYSTEMS[fstype]
    if wish or known.has_layers or known.is_network:
        for words in words_of(fstype):
            yield ",".join(words), try_by_calls({"fstype": fstype, **wish}, words)
        return
    if not known.is_block:
        os.mkdir(POINT)
        for words in words_of(fstype):
            yield ",".join(words), try_directly(fstype, None, words)
        return
    os.mkdir(POINT)
    device = make_device(fstype, is_rich=True)
    if try_directly(fstype, device, []).refused:
        detach(device)
        device = make_device(fstype, is_rich=False)
    try:
        for words in words_of(fstype):
            yield ",".join(words), try_directly(fstype, device, words)
    finally:
        detach(device)


def main(words: t.Sequence[str]) -> None:
    """Try every option of the type, and tell what was refused and what was shown otherwise."""
    fstype, wish = words[0], json.loads(words[1]) if words[1:] else {}
    make_world("private", private_dev=False)
    if fstype == "overlay":
        for name in ("lower", "lowest", "upper", "work", "volatile", "volatile_work"):
            os.mkdir(f"/srv/{name}")
        wish = {"src": "overlay"}
    outcome: t.Dict[str, t.Any] = {"tried": 0, "refused": {}, "changed": {}, "respelled": 0}
    for asked, tried in attempts(fstype, wish):
        outcome["tried"] += 1
        outcome["respelled"] += not tried.refused and not tried.is_spelled
        if tried.refused:
            outcome["refused"][asked] = re.sub(r"\s+", " ", tried.refused)[:300]
        elif tried.changed:
            outcome["changed"][asked] = tried.changed
    sys.stdout.write(json.dumps(outcome) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
