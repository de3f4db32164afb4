# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a failed mount(8) means, read from what it and its helper said in the C locale.

Private to holdfast.mounts.
"""

from __future__ import annotations

import errno
import re
import typing as t

from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast import errors
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.grammar import record

Cause = t.Literal[
    "denied",
    "failed",
    "gone",
    "host_key",
    "kernel",
    "kerberos",
    "missing",
    "not_a_directory",
    "options",
    "refused",
    "secret",
    "silent",
    "source",
    "statd",
    "unreachable",
    "unresolved",
    "version",
]

# In the order in which they are looked for: what says most comes first.
_SIGNS: t.Tuple[t.Tuple[str, Cause, int], ...] = (
    (r"Host key verification failed|HOST IDENTIFICATION HAS CHANGED", "host_key", errno.EACCES),
    (
        r"fuse: device not found|unknown filesystem type|No such device|error\(?\s?19\b",
        "kernel",
        errno.ENODEV,
    ),
    (r"unable to parse mount source", "source", errno.EINVAL),
    (r"adding ceph secret key to kernel failed", "secret", errno.EINVAL),
    (r"rpc\.statd is not running", "statd", errno.ECONNREFUSED),
    (
        r"not resolve (hostname|address)|[Ff]ailed to resolve|Name or service not known"
        r"|name resolution|Resource temporarily unavailable",
        "unresolved",
        errno.ENOENT,
    ),
    (r"Required key not available|error\(?\s?126\b", "kerberos", errno.ENOKEY),
    (r"NFS version or transport protocol is not supported|Protocol not supported", "version", 93),
    (r"Operation not supported|error\(?\s?95\b", "version", errno.EOPNOTSUPP),
    (r"Connection refused|error\(?\s?111\b", "refused", errno.ECONNREFUSED),
    (
        r"No route to host|Network is unreachable|Host is down|error\(?\s?(112|113|101)\b",
        "unreachable",
        errno.EHOSTUNREACH,
    ),
    (
        r"timed out|Operation now in progress|error\(?\s?(110|115)\b|no mds server is up",
        "silent",
        errno.ETIMEDOUT,
    ),
    (r"[Pp]ermission denied|access denied|Operation not permitted|error\(?\s?13\b", "denied", errno.EACCES),
    (r"[Nn]ot a directory|error\(?\s?20\b", "not_a_directory", errno.ENOTDIR),
    (r"No such file or directory|error\(?\s?2\b", "missing", errno.ENOENT),
    (r"Stale file handle|error\(?\s?116\b", "missing", errno.ESTALE),
    (r"incorrect mount option|Invalid argument|error\(?\s?22\b|unknown option", "options", errno.EINVAL),
    (r"Connection reset|subsystem request failed|Input/output error|error\(?\s?5\b", "gone", errno.EIO),
)

_FOUND: t.Mapping[Cause, str] = {
    "denied": "the server denied access",
    "failed": "the helper failed",
    "gone": "the server ended the connection",
    "host_key": "the server's host key is not known",
    "kerberos": "there is no Kerberos ticket",
    "kernel": "the kernel of this host does not have the filesystem",
    "missing": "the server has no such export, share or directory",
    "not_a_directory": "what the server has there is not a directory",
    "options": "the helper or the kernel did not take one of the options",
    "refused": "the server refused the connection",
    "secret": "the key is none",
    "silent": "the server did not answer",
    "source": "the helper does not understand 'src'",
    "statd": "the helper needs rpc.statd for locks",
    "unreachable": "the server cannot be reached",
    "unresolved": "the server's name cannot be resolved",
    "version": "the server does not speak this version of the protocol",
}
_HINTS: t.Mapping[Cause, str] = {
    "denied": "see what the server allows this host",
    "failed": "see the host's log for what it said",
    "gone": "see the server's log",
    "host_key": "put the key into /etc/ssh/ssh_known_hosts, or into root's known_hosts",
    "kerberos": "get one with kinit, or a keytab for the host, and see that cifs.upcall is installed",
    "kernel": "load or install its module",
    "missing": "correct 'src', or create it there",
    "not_a_directory": "correct 'src'",
    "options": "see which options this version of the helper and the kernel takes",
    "refused": "see that the service runs there, and on which port",
    "secret": "see the key in 'credentials_file'",
    "silent": "see whether it runs, and whether a firewall is in between",
    "source": "write it in the form of this version of the helper",
    "statd": "start rpc.statd, or write the option nolock or vers=4.2",
    "unreachable": "see whether it runs, and the route to it",
    "unresolved": "correct 'src', or add the name to DNS or /etc/hosts",
    "version": "write another vers, proto or sec",
}


def failure(filesystem: record.Filesystem, status: int, output: str) -> errors.MountError:
    """Return the failed mount as an error; what was said is its detail."""
    cause, number = _read(output)
    own = filesystem.helper.hints if filesystem.helper else {}
    hint = own.get(cause) or _HINTS[cause]
    code: errors.Code = "unsupported" if cause == "kernel" else "mount_failed"
    said = " ".join(output.split()) or "nothing"
    return errors.MountError(
        code,
        f"'{filesystem.name}' could not be mounted: {_FOUND[cause]}; {hint}",
        step="helper",
        errno=number,
        detail=f"mount ended with {status} and said: {said}",
    )


def _read(output: str) -> t.Tuple[Cause, t.Optional[int]]:
    for sign, cause, number in _SIGNS:
        if re.search(sign, output):
            return cause, number
    return "failed", None


def missing_kernel_type(filesystem: record.Filesystem) -> errors.MountError:
    """Return the error of a kernel without the filesystem."""
    return errors.MountError(
        "unsupported",
        f"'{filesystem.name}' could not be mounted: {_FOUND['kernel']}; {_HINTS['kernel']}",
        step="helper",
        errno=errno.ENODEV,
    )


def late(filesystem: record.Filesystem, seconds: int) -> errors.MountError:
    """Return the error of a mount that did not end in time."""
    return errors.MountError(
        "timeout",
        f"'{filesystem.name}' was not mounted within {seconds} seconds: {_FOUND['silent']}; "
        f"{_HINTS['silent']}, or allow more time with 'timeout'",
        step="helper",
    )
