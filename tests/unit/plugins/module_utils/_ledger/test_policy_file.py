# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The host's policy as bytes: what is refused, and what narrows nothing."""

from __future__ import annotations

import pytest
from ansible_collections.holdfast.mounts.plugins.module_utils._ledger.policy import policy_from_json
from ansible_collections.holdfast.mounts.plugins.module_utils._values.policy import Policy
from ansible_collections.holdfast.mounts.tests.unit.plugins.module_utils.builders import refused


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"[]",
        b"null",
        b"{",
        b'{"allowed_roots": ["/srv"]} {}',
        b'{"allowed_roots": ["/srv"], "allowed_roots": ["/mnt"]}',
        b'{"allowed_root": ["/srv"]}',
        b'{"allowed_roots": "/srv"}',
        b'{"allowed_roots": []}',
        b'{"allowed_roots": ["/"]}',
        b'{"allowed_roots": ["srv"]}',
        b'{"allowed_roots": ["/srv/"]}',
        b'{"allowed_roots": [1]}',
        b'{"source_roots": null}',
        b'{"fstypes": ["ext5"]}',
        b'{"fstypes": "tmpfs"}',
        b'{"allow_suid": "no"}',
        b'{"allow_suid": 0}',
        b'{"allowed_roots": ["/srv/\xff"]}',
        b"[" * 100_000,
    ],
    ids=[
        "empty",
        "list",
        "null",
        "cut short",
        "two documents",
        "key twice",
        "unknown key",
        "text for a list",
        "no root",
        "root of all",
        "relative root",
        "trailing slash",
        "number for a root",
        "null for a list",
        "unknown type",
        "text for types",
        "text for a flag",
        "number for a flag",
        "no UTF-8",
        "nested deeply",
    ],
)
def test_policy_malformed_is_untrusted(raw: bytes) -> None:
    assert refused(policy_from_json, raw).code == "policy_untrusted"


def test_policy_message_tells_nothing_of_its_content() -> None:
    error = refused(policy_from_json, b'{"allowed_roots": ["/home/secret/"]}')
    assert "secret" not in error.message
    assert "secret" in error.detail


def test_policy_empty_narrows_nothing() -> None:
    assert policy_from_json(b"{}") == Policy()


def test_policy_sources_follow_the_roots() -> None:
    policy = policy_from_json(b'{"allowed_roots": ["/srv"]}')
    assert policy == Policy(allowed_roots=("/srv",), source_roots=("/srv",))


def test_policy_of_everything_is_read() -> None:
    raw = (
        b'{"allowed_roots": ["/srv"], "source_roots": ["/mnt"], "fstypes": ["tmpfs", "fuse.sshfs"],'
        b' "allow_suid": false, "allow_dev": false}'
    )
    assert policy_from_json(raw) == Policy(("/srv",), ("/mnt",), ("tmpfs", "fuse.sshfs"), False, False)
