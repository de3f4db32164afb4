# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Sources by kind: devices and tags, paths, servers and their hosts.

Private to holdfast.mounts.
"""

from __future__ import annotations

import ipaddress
import re
import typing as t

from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast import model
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.grammar import (
    filesystems,
    naming,
    paths,
    record,
    strings,
)

HOST_LENGTH = 253
HOST_LABEL = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?")
IPV4_PART = r"(25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
IPV4 = re.compile(rf"({IPV4_PART}\.){{3}}{IPV4_PART}")
# inet_aton(3) reads a name that ends in a number as an address, in octal and hexadecimal too.
ENDS_IN_NUMBER = re.compile(r"(.*\.)?([0-9]+|0[xX][0-9A-Fa-f]*)\.?")
BRACKETED = re.compile(r"\[([0-9A-Fa-f:.]+)\]")
# Of a link-local address, by the name of an interface (RFC 4007, section 11).
ZONE = re.compile(r"%[A-Za-z0-9][A-Za-z0-9._-]{0,14}(?=\]\Z)")
PORT = re.compile(r"[1-9][0-9]{0,4}")
NAME = re.compile(r"[A-Za-z0-9._-]+")
USER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,63}")
CEPH_NAMED = re.compile(
    r"[A-Za-z0-9._-]+@([0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12})?\.[A-Za-z0-9._-]+"
)


def is_host(text: str) -> bool:
    """Return whether it is a DNS name, an IPv4 address, or an IPv6 address in brackets."""
    bracketed = BRACKETED.fullmatch(text)
    if bracketed:
        return _is_ipv6(bracketed.group(1))
    if ENDS_IN_NUMBER.fullmatch(text):
        return IPV4.fullmatch(text) is not None
    return len(text) <= HOST_LENGTH and all(HOST_LABEL.fullmatch(label) for label in text.split("."))


def _is_ipv6(text: str) -> bool:
    try:
        ipaddress.IPv6Address(text)
    except ValueError:
        return False
    return True


def nfs_fault(source: str) -> str:
    """Check host:/path."""
    host, path = _split(source)
    host = ZONE.sub("", host)
    if is_host(host) and _is_inner_path(path):
        return ""
    return f"is not an NFS export; {_server_hint(source) or 'write host:/path'}"


def _server_hint(source: str) -> str:
    """Return what a source of a server lacks, or nothing where it is not only one thing."""
    host, colon, path = source.partition(":")
    if is_host(source):
        return "write the host with :/ after it, and what it exports"
    if colon and is_host(host) and _is_inner_path("/" + path):
        return "write a slash after the colon, host:/path"
    if path.endswith("/") and is_host(host):
        return "write it without the trailing slash, host:/path"
    hosts = host.split(",")
    if len(hosts) > 1 and all(map(is_host, hosts)):
        return "write the first of the hosts alone, or a name with several addresses, host:/path"
    return ""


def glusterfs_fault(source: str) -> str:
    """Check host:/volume[/sub]."""
    host, path = _split(source)
    names = path.split("/")[1:]
    if is_host(host) and _is_inner_path(path) and all(NAME.fullmatch(name) for name in names):
        return ""
    expected = "write host:/volume or host:/volume/sub of A-Z a-z 0-9 . _ -"
    return f"is not a Gluster volume; {_server_hint(source) or expected}"


def cifs_fault(source: str) -> str:
    """Check //host/share[/sub]."""
    host, slash, path = source[2:].partition("/")
    is_clean = source.startswith("//") and not any(character in source for character in ',\\"%')
    if is_clean and is_host(host) and slash and not paths.path_fault("/" + path):
        return ""
    if is_clean and is_host(host) and path.endswith("/"):
        return "is not an SMB share; write it without the trailing slash, //host/share"
    return 'is not an SMB share; write //host/share or //host/share/sub without , \\ " and %'


def ceph_fault(source: str) -> str:
    """Check [mon[:port][,mon...]]:/path, or user@[fsid].fs=/path."""
    named, equals, path = source.partition("=")
    if equals and CEPH_NAMED.fullmatch(named) and _is_inner_path(path):
        return ""
    monitors, path = _split(source)
    if _is_inner_path(path) and (not monitors or all(map(_is_monitor, monitors.split(",")))):
        return ""
    return "is not a Ceph filesystem; write monitor:/path, :/path or user@.filesystem=/path"


def is_ceph_shown(source: str, shown: str) -> bool:
    """Whether the mount table shows this source so.

    mount.ceph(8) puts addresses for names of monitors and adds the cluster's id where it is left out; for a
    kernel before Linux 5.17 it writes monitors in place of user@.filesystem.
    """
    named, _equals, path = source.partition("=")
    if CEPH_NAMED.fullmatch(named):
        shown_named, _equals, shown_path = shown.partition("=")
        if CEPH_NAMED.fullmatch(shown_named):
            return (path, _without_fsid(named)) == (shown_path, _without_fsid(shown_named)) and (
                "@." in named or named == shown_named
            )
    else:
        path = _split(source)[1]
    return bool(path) and _split(shown)[1] == path


def _without_fsid(named: str) -> t.Tuple[str, str]:
    user, _at, rest = named.partition("@")
    return user, rest.partition(".")[2]


def sshfs_fault(source: str) -> str:
    """Check [user@]host:/path."""
    place, path = _split(source)
    user, at, host = place.rpartition("@")
    if is_host(host) and _is_inner_path(path) and (not at or USER.fullmatch(user)):
        return ""
    expected = "write host:/path or user@host:/path"
    return f"is not a directory of an SSH host; {_server_hint(source.rpartition('@')[2]) or expected}"


def _split(source: str) -> t.Tuple[str, str]:
    host, separator, path = source.partition(":/")
    return (host, "/" + path) if separator else ("", "")


def _is_inner_path(path: str) -> bool:
    return path == "/" or not paths.path_fault(path)


def _is_monitor(text: str) -> bool:
    host, colon, port = text.rpartition(":")
    if colon and PORT.fullmatch(port) and int(port) < 65536 and is_host(host):
        return True
    return is_host(text)


# By the kind of source that it is, as in the table of filesystems.
FAULTS: t.Mapping[str, t.Callable[[str], str]] = {
    "ceph": ceph_fault,
    "cifs": cifs_fault,
    "glusterfs": glusterfs_fault,
    "nfs": nfs_fault,
    "sshfs": sshfs_fault,
}
# Whether a source is shown so, where that may be otherwise than it was written.
SHOWN: t.Mapping[str, t.Callable[[str, str], bool]] = {"ceph": is_ceph_shown}


SOURCE_BYTES = 1024
DEVICE = re.compile(r"/dev/[A-Za-z0-9/._:+@-]+")
TOKEN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
LABEL = re.compile(r"(?![. ])[A-Za-z0-9._ -]{1,64}(?<! )")
_LONG = r"[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}"
# By the words of record.py.
UUIDS: t.Mapping[str, t.Pattern[str]] = {
    record.DATE: re.compile("[0-9]{4}(-[0-9]{2}){6}"),
    record.LONG_NUMBER: re.compile("[0-9A-Fa-f]{16}"),
    record.SHORT_UUID: re.compile("[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}"),
    record.UUID: re.compile(_LONG),
}
_LABELS = (
    "1 to 64 characters out of A-Z a-z 0-9 . _ - and blanks, with no dot or blank first and no blank last"
)
TAGS: t.Mapping[str, t.Tuple[t.Pattern[str], str]] = {
    "LABEL": (LABEL, _LABELS),
    "PARTLABEL": (LABEL, _LABELS),
    "PARTUUID": (
        re.compile(_LONG + r"|[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}|[0-9A-Fa-f]{8}-[0-9A-Fa-f]{2}"),
        "hexadecimal digits as 8-4-4-4-12, 4-4 or 8-2",
    ),
}


def check_source(fstype: str, src: t.Any, *, source_roots: t.Sequence[str] = (), option: str = "src") -> None:
    """Refuse a source that breaks the grammar of its type, or lies outside of the source roots.

    Raises invalid_argument for its characters, else source_not_allowed. Whether the source exists
    is not looked at.
    """
    filesystem = filesystems.FILESYSTEMS.get(fstype) or naming.find_filesystem(fstype)
    source = strings.check_text(src, option, secret="source_not_allowed")
    fault = _fault(filesystem, source)
    if fault:
        raise strings.refusal("source_not_allowed", f"{strings.about(option, source)} {fault}")
    if filesystem.shows_path or model.image_named(filesystem.name, source):
        check_source_path(source, option, source_roots=source_roots)


def is_source(fstype: t.Any, text: str) -> bool:
    """Return whether the text is a source of this type, or of any where there is no such type."""
    known = filesystems.FILESYSTEMS.get(fstype) if isinstance(fstype, str) else None
    if not strings.is_text(text):
        return False
    return any(
        not _fault(filesystem, text)
        for filesystem in ([known] if known else filesystems.FILESYSTEMS.values())
    )


def is_shown_source(fstype: str, source: str, shown: str) -> bool:
    """Whether the mount table shows this source so."""
    filesystem = filesystems.FILESYSTEMS.get(fstype)
    is_shown = SHOWN.get(filesystem.source) if filesystem else None
    return is_shown(source, shown) if is_shown else source == shown


def check_source_path(path: t.Any, option: str, *, source_roots: t.Sequence[str]) -> None:
    """Refuse a directory or file of the host that may not be shown elsewhere.

    Raises invalid_argument for its characters, else source_not_allowed.
    """
    checked = paths.check_path(path, option, code="source_not_allowed")
    paths.refuse_never(checked, option, code="source_not_allowed")
    paths.refuse_outside(
        checked, source_roots, option, code="source_not_allowed", roots_option="source_roots"
    )


def _fault(filesystem: record.Filesystem, source: str) -> str:
    general = _general_fault(source)
    if general or filesystem.is_block:
        return general or _block_fault(source, filesystem)
    find_fault = _FAULTS.get(filesystem.source) or FAULTS[filesystem.source]
    return find_fault(source)


def _general_fault(source: str) -> str:
    if not source:
        return "is empty; write what to mount"
    if len(source.encode("utf-8", "surrogatepass")) > SOURCE_BYTES:
        return f"is longer than {SOURCE_BYTES} bytes; write a shorter source"
    if source.startswith("-"):
        return "begins with a hyphen, which a helper would take for an option; write the source itself"
    return ""


def _block_fault(source: str, filesystem: record.Filesystem) -> str:
    tag, equals, value = source.partition("=")
    if equals and tag == "UUID":
        return "" if UUIDS[filesystem.uuid].fullmatch(value) else _uuid_fault(value, filesystem)
    if equals and tag in TAGS:
        expression, expected = TAGS[tag]
        if expression.fullmatch(value):
            return ""
        instead = f", or UUID= with {filesystem.uuid}" if "LABEL" in tag else ""
        return f"is no {tag} that may be written; write {tag}= with {expected}{instead}, as blkid(8) shows it"
    if not source.startswith("/"):
        from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.grammar import hints

        return (
            "is neither a block device nor an image; write a path below /dev, or UUID=, PARTUUID=, LABEL= or "
            f"PARTLABEL=, or the path of an image file; {hints.GUIDE}"
        )
    if f"{source}/".startswith("/dev/") and DEVICE.fullmatch(source) is None:
        return "is not a block device; write a path of A-Z a-z 0-9 / . _ : + @ - below /dev"
    return paths.path_fault(source, quotes=False)


def _uuid_fault(value: str, filesystem: record.Filesystem) -> str:
    kind = next((kind for kind, expression in UUIDS.items() if expression.fullmatch(value)), None)
    others = [each.name for each in filesystems.FILESYSTEMS.values() if each.is_block and each.uuid == kind]
    other = "" if kind is None else f"; write fstype: {' or '.join(others)}, if it is one of that kind"
    return (
        f"is not a UUID of {filesystem.name}; write UUID= with {filesystem.uuid}, as blkid(8) shows it{other}"
    )


def _token_fault(source: str) -> str:
    if TOKEN.fullmatch(source):
        return ""
    return (
        "is not a name; write 1 to 64 characters out of A-Z a-z 0-9 . _ - that begin with a letter or a "
        "digit, for example the name of the type"
    )


def _bind_fault(source: str) -> str:
    return paths.path_fault(source, quotes=False)


_FAULTS: t.Mapping[record.SourceKind, t.Callable[[str], str]] = {
    "bind": _bind_fault,
    "token": _token_fault,
}
