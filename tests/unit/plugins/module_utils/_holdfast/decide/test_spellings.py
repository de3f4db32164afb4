# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is asked and how the kernel shows it: whoever compares the two comes to the same answer."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.claims import Holder, Moment
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.decide.boot import (
    booted,
    fstab_line,
)
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.decide.hold import plan_mounted
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.decide.recovery import plan_restore
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.decide.sameness import (
    is_same_superblock,
)
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.errors import MountError
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.facts import Scene, find_drift
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.grammar.options import (
    canonical_options,
)
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.kernel.mountinfo import Visible
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.model import (
    BootEntry,
    Definition,
    Identity,
    KernelMount,
    Repair,
)
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.steps import Observation, Plan, Source
from ansible_collections.holdfast.mounts.tests.unit.plugins.module_utils.builders import (
    FLAGS,
    HOST,
    NOW,
    PATH,
    SINCE,
    make_mount,
    make_reference,
    make_wish,
    see_foreign,
    see_ours,
)

Pair = t.Tuple[str, t.List[str], t.List[str]]
OVERLAY = ["ro", "lowerdir=/srv/a:/srv/b", "redirect_dir=on", "uuid=null"]
ALL_RESCUE = "rescue=nologreplay:ignorebadroots:ignoredatacsums:ignoremetacsums:ignoresuperflags"
CONTEXT = "context=system_u:object_r:x_t:s0"

# type, what is asked, what the kernel shows of the superblock
SAME: t.Dict[str, Pair] = {
    "9p cache as bits": ("9p", ["cache=loose"], ["trans=virtio", "cache=f"]),
    "9p cache as a word": ("9p", ["cache=mmap"], ["trans=virtio", "cache=mmap"]),
    "9p msize of the transport": ("9p", ["msize=1m"], ["trans=virtio", "msize=512000"]),
    "9p protocol by default": ("9p", ["version=9p2000.L"], ["trans=virtio"]),
    "btrfs bare compress": ("btrfs", ["compress"], ["compress=zlib:3"]),
    "btrfs compress": ("btrfs", ["compress=zstd"], ["compress=zstd:3"]),
    "btrfs compress off": ("btrfs", ["compress=no"], []),
    "btrfs discard": ("btrfs", ["discard=sync"], ["discard"]),
    "btrfs discard as it is": ("btrfs", ["discard=async"], ["discard=async"]),
    "btrfs forced compress": ("btrfs", ["compress-force=zlib"], ["compress-force=zlib:3"]),
    "btrfs inline limit": ("btrfs", ["max_inline=64k"], ["max_inline=4096"]),
    "btrfs rescue all": ("btrfs", ["ro", "rescue=all"], ["ro", ALL_RESCUE]),
    "btrfs rescue by its old name": ("btrfs", ["ro", "nologreplay"], ["ro", "rescue=nologreplay"]),
    "btrfs rescue in a list": ("btrfs", ["ro", "rescue=idatacsums"], ["ro", ALL_RESCUE]),
    "btrfs subvolume by id": ("btrfs", ["subvolid=256"], ["subvolid=256", "subvol=/a"]),
    "btrfs subvolume by path": ("btrfs", ["subvol=a"], ["subvolid=256", "subvol=/a"]),
    "btrfs top": ("btrfs", ["subvolid=0"], ["subvolid=5", "subvol=/"]),
    "cifs any version": ("cifs", ["guest", "vers=3"], ["guest", "vers=3.1.1"]),
    "cifs version": ("cifs", ["guest", "vers=3.0.2"], ["guest", "vers=3.02"]),
    "ext4 dax": ("ext4", ["dax"], ["dax=always"]),
    "f2fs compression": ("f2fs", ["compress_algorithm=zstd"], ["compress_algorithm=zstd:1"]),
    "f2fs reserve": ("f2fs", ["reserve_root=99999"], ["reserve_root=1234"]),
    "iso9660 block of the medium": ("iso9660", ["block=512"], ["ro", "blocksize=2048"]),
    "iso9660 without Joliet": ("iso9660", ["iocharset=iso8859-1"], ["ro", "iocharset=utf8"]),
    "iso9660 map": ("iso9660", ["map=normal"], ["ro", "map=n"]),
    "iso9660 letters": ("iso9660", ["map=off", "check=relaxed"], ["ro", "map=o", "check=r"]),
    "iso9660 mode": ("iso9660", ["mode=0444", "block=512"], ["ro", "fmode=444", "blocksize=512"]),
    "nfs lookupcache": ("nfs4", ["lookupcache=positive"], ["lookupcache=pos"]),
    "nfs size of the server": ("nfs", ["rsize=1m"], ["rsize=262144"]),
    "nfs version": ("nfs", ["vers=4"], ["vers=4.2"]),
    "nfs without local locks": ("nfs4", ["local_lock=all"], ["local_lock=none"]),
    "overlay without upper layer": (
        "overlay",
        ["lowerdir=/srv/a:/srv/b", "redirect_dir=off", "uuid=on"],
        OVERLAY,
    ),
    "tmpfs half of memory": ("tmpfs", ["size=50%"], []),
    "tmpfs half of memory in bytes": ("tmpfs", ["size=50%"], ["size=4004k"]),
    "tmpfs mode": ("tmpfs", ["mode=1777", "uid=0", "gid=0", "huge=never"], []),
    "tmpfs mode in digits": ("tmpfs", ["mode=755"], ["mode=755"]),
    "tmpfs pages": ("tmpfs", ["size=1000"], ["size=4k"]),
    "tmpfs context": ("tmpfs", [f"{CONTEXT}:c3,c1"], [f'{CONTEXT[:8]}"{CONTEXT[8:]}:c1,c3"']),
    "tmpfs context with a range": ("tmpfs", [f"{CONTEXT}:c1,c2,c3"], [f"{CONTEXT}:c1.c3"]),
    "udf last block": ("udf", ["lastblock=0"], ["lastblock=4711"]),
    "udf read-only medium": ("udf", [], ["ro"]),
    "vfat letters": ("vfat", ["check=strict", "nfs"], ["check=s", "nfs=stale_rw"]),
    "vfat read-only by an option": ("vfat", ["nfs=nostale_ro"], ["ro", "nfs=nostale_ro"]),
    "vfat time zone": ("vfat", ["time_offset=0", "uid=0"], ["tz=UTC"]),
    "xfs dax": ("xfs", ["dax"], ["dax=always"]),
    "xfs dax without a device for it": ("xfs", ["dax=always"], ["dax=never"]),
    "xfs log of the kernel's choice": ("xfs", ["logbsize=0"], ["logbufs=8", "logbsize=32k"]),
    "xfs stripes of the superblock": ("xfs", ["sunit=0", "swidth=0"], ["sunit=8", "swidth=8"]),
    "xfs log in units": ("xfs", ["logbsize=64k"], ["logbsize=64k"]),
}
OTHER: t.Dict[str, Pair] = {
    "9p cache": ("9p", ["cache=loose"], ["trans=virtio", "cache=5"]),
    "btrfs compress": ("btrfs", ["compress=zstd"], ["compress=lzo"]),
    "btrfs compress is off": ("btrfs", ["compress=zstd"], ["ssd"]),
    "btrfs discard": ("btrfs", ["discard=sync"], ["discard=async"]),
    "btrfs level": ("btrfs", ["compress=zstd"], ["compress=zstd:5"]),
    "btrfs rescue": ("btrfs", ["ro", "rescue=idatacsums"], ["ro", "rescue=nologreplay"]),
    "btrfs rescue of less": ("btrfs", ["ro", "rescue=all"], ["ro", "rescue=nologreplay:ignoredatacsums"]),
    "cifs version": ("cifs", ["guest", "vers=3.0"], ["guest", "vers=3.1.1"]),
    "nfs size": ("nfs", ["rsize=262144"], ["rsize=1048576"]),
    "nfs version": ("nfs", ["vers=4.1"], ["vers=4.2"]),
    "tmpfs context": ("tmpfs", [f"{CONTEXT}:c1,c2"], [f"{CONTEXT}:c1,c3"]),
    "overlay redirects": ("overlay", ["lowerdir=/srv/a:/srv/b", "redirect_dir=nofollow"], OVERLAY),
    "tmpfs mode is the default": ("tmpfs", ["mode=0700"], []),
    "tmpfs part of memory": ("tmpfs", ["size=10%"], []),
    "tmpfs size": ("tmpfs", ["size=1m"], ["size=2048k"]),
    "tmpfs user is the default": ("tmpfs", ["uid=5"], []),
    "vfat letter": ("vfat", ["check=strict"], ["check=r"]),
    "xfs dax": ("xfs", ["dax=never"], ["dax=always"]),
    "xfs log": ("xfs", ["logbsize=32k"], ["logbsize=64k"]),
}
BLOCK = ("btrfs", "ext4", "f2fs", "iso9660", "udf", "vfat", "xfs")
MEMORY = 2001 * 4096  # an odd number of pages: a half is rounded down by default, and up when it is asked for


def define(fstype: str, opts: t.Sequence[str]) -> Definition:
    """Return what a request makes of these options, with the context that has an option of its own."""
    context = [("context", word[8:]) for word in opts if word.startswith("context=")]
    words = [word for word in opts if not word.startswith("context=")]
    flags, data = canonical_options(fstype, words, source_roots=("/srv",))
    src = "/dev/x" if fstype in BLOCK else "scratch"
    return Definition(fstype, src, flags, tuple(sorted((*data, *context))))


def show(definition: Definition, shown: t.Sequence[str]) -> KernelMount:
    """Return the row of a mount of that type and source, with the flags that are asked for."""
    options = shown if {"ro", "rw"} & set(shown) else ["rw", *shown]
    return make_mount(
        fstype=definition.fstype,
        source=definition.src,
        flags=("rw", *FLAGS, "relatime"),
        options=tuple(options),
        unique_id=4000,
    )


def is_askable(fstype: str, shown: t.Sequence[str]) -> bool:
    """Return whether anybody may ask for what is shown, word by word."""
    try:
        define(fstype, shown)
    except MountError:
        return False
    return True


def decided(plan: t.Callable[[], Plan]) -> str:
    """Return the action of a plan, or the code of its refusal."""
    try:
        return plan().action
    except MountError as error:
        return error.code


def hold(definition: Definition, mount: KernelMount) -> bool:
    """Whether another holder who asks for this joins a mount that is held with the words that are shown."""
    shown = define(definition.fstype, [word for word in mount.options if word != "rw"])
    reference = make_reference("app", wanted=shown)
    seen = see_ours(reference, place=see_ours(reference).place._replace(mount=mount))
    return decided(lambda: plan_mounted(make_wish(wanted=definition), seen)) == "joined"


def adopt(definition: Definition, mount: KernelMount) -> bool:
    seen = see_foreign(source=_source(definition), place=see_foreign().place._replace(mount=mount))
    return decided(lambda: plan_mounted(make_wish(wanted=definition, adopt=True), seen)) == "adopted"


def _source(definition: Definition) -> Source:
    if definition.fstype in BLOCK:
        return Source(device_path=definition.src, device_number="0:77")
    return Source(memory=MEMORY)


def mount_again(definition: Definition, mount: KernelMount) -> bool:
    return is_same_superblock(definition, mount, ())


def drift(definition: Definition, mount: KernelMount) -> bool:
    reference = make_reference("app", wanted=definition)
    scene = Scene(HOST, {PATH: mount.mount_id}, Moment(HOST.boot_id, NOW, 0), {})
    return not find_drift(PATH, reference, Visible(mount), scene)


def reconcile(definition: Definition, mount: KernelMount) -> bool:
    reference = make_reference("app", wanted=definition)
    seen = see_ours(reference, place=see_ours(reference).place._replace(mount=mount))
    request = make_wish(repair=Repair(kinds=("options_changed",))).request
    return decided(lambda: plan_restore(PATH, definition, request, seen, host=HOST)) == "none"


def boot(definition: Definition, mount: KernelMount) -> bool:
    holders = {"app": Holder(SINCE, boot=True)}
    reference = make_reference(wanted=definition)._replace(boot_id="old-boot", holders=holders)
    seen = Observation(
        place=see_foreign().place._replace(mount=mount, identity=Identity("0:77", 2, 9)),
        reference=reference,
        source=_source(definition),
        fstab=BootEntry(fstab_line(PATH, definition)),
    )
    return booted(reference, seen, HOST) is not None


ANSWERS: t.Dict[str, t.Callable[[Definition, KernelMount], bool]] = {
    "hold": hold,
    "adopt": adopt,
    "second mount": mount_again,
    "drift": drift,
    "reconcile": reconcile,
    "boot": boot,
}
# What only one direction is known of: the kernel's choice is not a wish, so nobody's words are equal to it.
CHOSEN = (
    *("9p msize of the transport", "btrfs inline limit", "btrfs rescue in a list", "f2fs reserve"),
    *("cifs any version", "nfs size of the server", "nfs version", "nfs without local locks", "tmpfs pages"),
    *("tmpfs half of memory in bytes", "udf last block", "xfs dax without a device for it"),
    *("iso9660 without Joliet", "overlay without upper layer", "xfs stripes of the superblock"),
    *("udf read-only medium", "xfs log of the kernel's choice"),
)


def _cases(pairs: t.Mapping[str, Pair]) -> t.Iterator[t.Any]:
    for name, (fstype, asked, shown) in sorted(pairs.items()):
        for answer in ANSWERS:
            definition = define(fstype, asked)
            if answer == "second mount" and fstype not in BLOCK:
                continue
            if answer == "hold" and (name in CHOSEN or not is_askable(fstype, shown)):
                continue
            yield pytest.param(answer, definition, show(definition, shown), id=f"{answer}: {name}")


@pytest.mark.parametrize(("answer", "definition", "mount"), list(_cases(OTHER)))
def test_another_thing_is_another_thing_to_everybody(
    answer: str, definition: Definition, mount: KernelMount
) -> None:
    assert not ANSWERS[answer](definition, mount)


@pytest.mark.parametrize(("answer", "definition", "mount"), list(_cases(SAME)))
def test_another_spelling_is_the_same_to_everybody(
    answer: str, definition: Definition, mount: KernelMount
) -> None:
    assert ANSWERS[answer](definition, mount)
