# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is handed to the kernel and read of it, byte by byte, as hosts of either byte order lay it out."""

from __future__ import annotations

import ctypes
import fcntl
import importlib
import struct
import typing as t
from pathlib import Path

import pytest
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast import kernel
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.kernel import devices, syscalls

SIZES = {"u8": 1, "u16": 2, "u32": 4, "s32": 4, "u64": 8, "s64": 8}
# As in the kernel's headers: type and name of each member. [n] is an array, of u8 one of bytes.
TIMESTAMP = "s64 {0}.tv_sec, u32 {0}.tv_nsec, s32 {0}.__reserved"
HEADERS = {
    # linux/loop.h
    ("images", "_INFO"): (
        "u64 lo_device, u64 lo_inode, u64 lo_rdevice, u64 lo_offset, u64 lo_sizelimit, u32 lo_number, "
        "u32 lo_encrypt_type, u32 lo_encrypt_key_size, u32 lo_flags, u8[64] lo_file_name, "
        "u8[64] lo_crypt_name, u8[32] lo_encrypt_key, u64 lo_init0, u64 lo_init1"
    ),
    ("images", "_CONFIG"): "u32 fd, u32 block_size, u8[232] info, u8[64] __reserved",
    # linux/mount.h
    ("syscalls", "_MOUNT_ID_REQUEST"): "u32 size, u32 spare, u64 mnt_id, u64 param",
    ("syscalls", "_MOUNT_ATTR"): "u64 attr_set, u64 attr_clr, u64 propagation, u64 userns_fd",
    ("mounts", "_FIELDS"): (
        "u32 size, u32 mnt_opts, u64 mask, u32 sb_dev_major, u32 sb_dev_minor, u64 sb_magic, u32 sb_flags, "
        "u32 fs_type, u64 mnt_id, u64 mnt_parent_id, u32 mnt_id_old, u32 mnt_parent_id_old, u64 mnt_attr, "
        "u64 mnt_propagation, u64 mnt_peer_group, u64 mnt_master, u64 propagate_from, u32 mnt_root, "
        "u32 mnt_point, u64 mnt_ns_id, u32 fs_subtype, u32 sb_source"
    ),
    # linux/openat2.h
    ("syscalls", "_OPEN_HOW"): "u64 flags, u64 mode, u64 resolve",
    # linux/stat.h
    ("inodes", "_FIELDS"): (
        "u32 stx_mask, u32 stx_blksize, u64 stx_attributes, u32 stx_nlink, u32 stx_uid, u32 stx_gid, "
        "u16 stx_mode, u16 __spare0, u64 stx_ino, u64 stx_size, u64 stx_blocks, u64 stx_attributes_mask, "
        + ", ".join(TIMESTAMP.format(f"stx_{name}") for name in ("atime", "btime", "ctime", "mtime"))
        + ", u32 stx_rdev_major, u32 stx_rdev_minor, u32 stx_dev_major, u32 stx_dev_minor, u64 stx_mnt_id"
    ),
    # linux/btrfs.h
    ("devices", "_KEY"): (
        "u64 tree_id, u64 min_objectid, u64 max_objectid, u64 min_offset, u64 max_offset, u64 min_transid, "
        "u64 max_transid, u32 min_type, u32 max_type, u32 nr_items, u32 unused, u8[32] unused1"
    ),
    ("devices", "_ITEM"): "u64 transid, u64 objectid, u64 offset, u32 type, u32 len",
}
# Of the disk, so little-endian everywhere, and packed (linux/btrfs_tree.h).
ON_DISK = {
    ("devices", "_BACKREF"): "u64 dirid, u64 sequence, u16 name_len",
    ("devices", "_LOCATION"): "u64 objectid, u8 type, u64 offset",
}
# One number of a larger structure, which the code reads at an offset of its own.
SINGLE = {("mounts", "_MNT_ID"): ("inodes", "_FIELDS", "stx_mnt_id", "_MNT_ID_OFFSET")}


class Member(t.NamedTuple):
    name: str
    offset: int
    size: int
    is_bytes: bool


def structure(module: str, name: str) -> struct.Struct:
    found = importlib.import_module(f"{kernel.__name__}.{module}")
    return t.cast("struct.Struct", getattr(found, name))


def lay_out(header: str, *, is_packed: bool = False) -> t.Tuple[t.List[Member], int]:
    """Return the members as a compiler of C places them, and the size of all."""
    members, offset, widest = [], 0, 1
    for declaration in header.split(", "):
        kind, name = declaration.split()
        kind, _bracket, count = kind.rstrip("]").partition("[")
        size = SIZES[kind]
        offset += 0 if is_packed else -offset % size
        members.append(Member(name, offset, size * int(count or 1), bool(count)))
        offset += members[-1].size
        widest = max(widest, size)
    return members, offset + (0 if is_packed else -offset % widest)


def sample(member: Member) -> t.Union[bytes, int]:
    """Return what tells a member, and each of its bytes, from every other."""
    content = bytes((member.offset + number) % 127 + 1 for number in range(member.size))
    return content if member.is_bytes else int.from_bytes(content, "big")


def write(members: t.Sequence[Member], size: int, order: t.Literal["big", "little"]) -> bytes:
    """Return the members' samples as a host of this order has them in memory."""
    memory = bytearray(size)
    for member in members:
        told = sample(member)
        content = told if isinstance(told, bytes) else told.to_bytes(member.size, order)
        memory[member.offset : member.offset + member.size] = content
    return bytes(memory)


def values_of(members: t.Sequence[Member]) -> t.List[t.Union[bytes, int]]:
    """Return what the collection packs; what is reserved is padding there."""
    return [sample(member) for member in members if member.name not in ("__reserved", "unused1")]


@pytest.mark.parametrize(("order", "sign"), [("big", ">"), ("little", "<")])
@pytest.mark.parametrize(("module", "name"), HEADERS)
def test_structure_is_laid_out_as_the_header_says(
    module: str, name: str, order: t.Literal["big", "little"], sign: str
) -> None:
    ours = structure(module, name)
    assert ours.format[0] == "=", "in the host's own order, and with no padding that is not written"
    members, size = lay_out(HEADERS[module, name])
    memory = write(members, size, order)
    here = struct.Struct(sign + ours.format[1:])
    assert list(here.unpack_from(memory)) == values_of(members)
    if name != "_FIELDS":  # of what is only read, the beginning is enough
        assert here.size == size


@pytest.mark.parametrize(("module", "name"), ON_DISK)
def test_structure_of_the_disk_is_little_endian_everywhere(module: str, name: str) -> None:
    ours = structure(module, name)
    members, size = lay_out(ON_DISK[module, name], is_packed=True)
    assert (ours.format[0], ours.size) == ("<", size)
    assert list(ours.unpack(write(members, size, "little"))) == [sample(member) for member in members]


@pytest.mark.parametrize("name", SINGLE)
def test_single_number_is_where_its_structure_has_it(name: t.Tuple[str, str]) -> None:
    module, whole, member, offset = SINGLE[name]
    (found,) = (one for one in lay_out(HEADERS[module, whole])[0] if one.name == member)
    holder = importlib.import_module(f"{kernel.__name__}.{name[0]}")
    assert (structure(*name).size, getattr(holder, offset)) == (found.size, found.offset)


def test_number_of_found_items_is_where_the_key_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    (found,) = (one for one in lay_out(HEADERS["devices", "_KEY"])[0] if one.name == "nr_items")

    def search(_fd: int, _request: int, buffer: bytearray) -> None:
        struct.pack_into("=I", buffer, found.offset, 0)

    monkeypatch.setattr(fcntl, "ioctl", search)
    with pytest.raises(LookupError):
        devices._search(0, 1, 2)


def test_every_structure_of_the_collection_is_compared() -> None:
    known = {*HEADERS, *ON_DISK, *SINGLE}
    folder = Path(kernel.__file__ or "").parent
    found = {
        (path.stem, name)
        for path in folder.glob("*.py")
        for name, value in vars(importlib.import_module(f"{kernel.__name__}.{path.stem}")).items()
        if isinstance(value, struct.Struct)
    }
    assert found == known


@pytest.mark.parametrize("sign", [">", "<"])
def test_request_for_one_mount_has_its_size_in_the_first_word(
    monkeypatch: pytest.MonkeyPatch, sign: str
) -> None:
    monkeypatch.setattr(
        syscalls, "_MOUNT_ID_REQUEST", struct.Struct(sign + syscalls._MOUNT_ID_REQUEST.format[1:])
    )
    request = syscalls._mount_id_request(1 << 40, 7)
    assert struct.unpack(f"{sign}IIQQ", request) == (24, 0, 1 << 40, 7)


def test_request_of_three_words_has_another_size_on_a_big_endian_host() -> None:
    """The control: size and spare word written as one number, which a little-endian host cannot tell."""
    big, little = (ctypes.BigEndianStructure, ctypes.LittleEndianStructure)
    sizes = []
    for base, sign in ((big, ">"), (little, "<")):
        words = type(
            "Words", (base,), {"_fields_": [(name, ctypes.c_uint64) for name in ("size", "id", "p")]}
        )
        sizes.append(struct.unpack_from(f"{sign}I", bytes(words(24, 1 << 40, 7)))[0])
    assert sizes == [0, 24]
