# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is kept out of syslog and results, and what is not, however the parameters are shaped."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.holdfast.mounts.plugins.module_utils._arguments.secrets import find_secrets

SECRETS = [
    ({"opts": ["ro", "password=s3"]}, {"s3"}),
    ({"opts": ["password=s3,x"]}, {"s3,x"}),
    ({"opts": ["ro,password=s3"]}, {"s3"}),
    ({"opts": "mode=0755,password=s3,ro"}, {"s3"}),
    ({"opts": "ro,password=s3,s4,uid=7,s5=s6,,ro,domain=d"}, {"s3", "s4", "s5=s6"}),
    ({"credentials_file": "s3"}, {"s3"}),
    ({"opts": ["Pass_Phrase=s3"]}, {"s3"}),
    ({"opts": ["pwd=s3", "PW=s4"]}, {"s3", "s4"}),
    ({"opts": ["password: s3"]}, {"s3"}),
    ({"opts": [{"password": "s3"}]}, {"s3"}),
    ({"opts": {"password": 333}}, {"333"}),
    ({"password": "s3"}, {"s3"}),
    ({"api_token": ["s3", "s4"]}, {"s3", "s4"}),
    ({"mounts": [{"opts": ["secret=s3"]}, {"src": "//me:s4@host/share"}]}, {"s3", "s4"}),
    ({"credentials_file": "s3"}, {"s3"}),
    ({"src": "me:s3@host:/path"}, {"s3"}),
    ({"src": "sftp://me:s3@host/path"}, {"s3"}),
]
NONE: t.List[t.Dict[str, t.Any]] = [
    {"opts": ["ro", "mode=0755", "password", "password=", ""]},
    {"opts": ["lowerdir=/srv/keys:/srv/pass", "upperdir=/srv/token"]},
    {"opts": None, "src": None, "mounts": None},
    {"path": "/srv/password=s3", "src": "/srv/me:s3@host", "holder": "key:s3@x"},
    {"src": "host:/pa@th"},
    {"opts": "ro,unknown", "credentials_file": "/etc/nas"},
    {"src": "[fe80::1]:/path"},
    {"credentials_file": "/etc/holdfast/share"},
    {"_ansible_keys": "s3", "password": True},
]


@pytest.mark.parametrize(("params", "secrets"), SECRETS)
def test_secrets_are_found_where_somebody_may_write_them(
    params: t.Dict[str, t.Any], secrets: t.Set[str]
) -> None:
    assert find_secrets(params) == secrets


@pytest.mark.parametrize("params", NONE)
def test_secrets_are_not_seen_where_there_are_none(params: t.Dict[str, t.Any]) -> None:
    assert find_secrets(params) == set()
