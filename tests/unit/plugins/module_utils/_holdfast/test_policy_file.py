# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The host's policy as bytes: what is refused, and that what is missing allows nothing."""

from __future__ import annotations

import json
import typing as t

import pytest
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.model import Policy
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.policy import policy_from_json
from ansible_collections.holdfast.mounts.tests.unit.plugins.module_utils.builders import refused

MALFORMED: t.Dict[str, bytes] = {
    "empty": b"",
    "list": b"[]",
    "null": b"null",
    "cut short": b"{",
    "two documents": b'{"allowed_roots": ["/srv"]} {}',
    "key twice": b'{"allowed_roots": ["/srv"], "allowed_roots": ["/mnt"]}',
    "key twice within": b'{"sources": {"nfs": [], "nfs": ["*"]}}',
    "unknown key": b'{"allowed_root": ["/srv"]}',
    "key that was": b'{"allow_suid": true}',
    "text for a list": b'{"allowed_roots": "/srv"}',
    "root of all": b'{"allowed_roots": ["/"]}',
    "relative root": b'{"allowed_roots": ["srv"]}',
    "trailing slash": b'{"allowed_roots": ["/srv/"]}',
    "number for a root": b'{"allowed_roots": [1]}',
    "null for a list": b'{"source_roots": null}',
    "unknown type": b'{"fstypes": ["ext5"]}',
    "text for types": b'{"fstypes": "tmpfs"}',
    "list for sources": b'{"sources": ["*"]}',
    "text for patterns": b'{"sources": {"nfs": "*"}}',
    "unknown type of sources": b'{"sources": {"ext5": ["*"]}}',
    "sources of a bind": b'{"sources": {"bind": ["/srv/*"]}}',
    "sources of a tmpfs": b'{"sources": {"tmpfs": ["*"]}}',
    "specials of fnmatch": b'{"holders": ["web-[0-9]"]}',
    "one character of fnmatch": b'{"holders": ["web-?"]}',
    "empty holder": b'{"holders": [""]}',
    "unknown option": b'{"options": ["allow_suid"]}',
    "true for options": b'{"options": true}',
    "relative credentials": b'{"credentials_files": ["secret"]}',
    "no UTF-8": b'{"allowed_roots": ["/srv/\xff"]}',
    "lone surrogate": b'{"holders": ["\\ud800"]}',
    "nested deeply": b"[" * 100_000,
}


@pytest.mark.parametrize("raw", MALFORMED.values(), ids=MALFORMED)
def test_policy_malformed_is_untrusted(raw: bytes) -> None:
    assert refused(policy_from_json, raw).code == "policy_untrusted"


def test_policy_message_tells_nothing_of_its_content() -> None:
    error = refused(policy_from_json, b'{"allowed_roots": ["/home/secret/"]}')
    assert "secret" not in error.message
    assert "secret" in error.detail


@pytest.mark.parametrize("raw", [b"{}", b'{"allowed_roots": [], "sources": {}, "options": []}'])
def test_policy_that_names_nothing_allows_nothing(raw: bytes) -> None:
    assert policy_from_json(raw) == Policy((), (), (), {}, (), (), ())


def test_policy_source_roots_do_not_follow_the_roots() -> None:
    assert policy_from_json(b'{"allowed_roots": ["/srv"]}').source_roots == ()


def test_policy_of_everything_is_read() -> None:
    given = {
        "allowed_roots": ["/srv"],
        "source_roots": ["/mnt"],
        "fstypes": ["tmpfs", "fuse.sshfs"],
        "sources": {"nfs": ["[fd00::1]:/export/*"], "9p": []},
        "holders": ["web-*"],
        "options": ["suid", "lazy"],
        "credentials_files": ["/etc/smb/team"],
    }
    assert policy_from_json(json.dumps(given).encode()) == Policy(
        ("/srv",),
        ("/mnt",),
        ("tmpfs", "fuse.sshfs"),
        {"nfs": ("[fd00::1]:/export/*",), "9p": ()},
        ("web-*",),
        ("suid", "lazy"),
        ("/etc/smb/team",),
    )
