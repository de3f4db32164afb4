# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What of the parameters Ansible may log and return, however they are shaped."""

from __future__ import annotations

import json
import typing as t

import pytest
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.arguments.spec import ARGUMENT_SPEC
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.secrets import without_secrets

Params = t.Dict[str, t.Any]

M = "********"
ENTRY = {"path": "/srv/a", "src": "tmpfs", "fstype": "tmpfs"}
SHOWN: t.Dict[str, t.Tuple[Params, Params]] = {
    "option": ({"opts": ["ro", "password=s3"]}, {"opts": ["ro", f"password={M}"]}),
    "comma_in_it": ({"opts": ["password=s3,x"]}, {"opts": [f"password={M}"]}),
    "after_a_comma": ({"opts": ["ro,password=s3"]}, {"opts": [f"ro,password={M}"]}),
    "text": ({"opts": "mode=0755,password=s3,ro"}, {"opts": f"mode=0755,password={M}"}),
    "torn_text": ({"opts": "ro,password:s3,s4=s5"}, {"opts": f"ro,password:{M}"}),
    "other_names": ({"opts": ["Pass_Phrase=s3", "PW=s4"]}, {"opts": [f"Pass_Phrase={M}", f"PW={M}"]}),
    "mapping": ({"opts": {"password": 333}}, {"opts": {"password": M}}),
    "mapping_in_a_list": ({"opts": [{"password": "s3"}]}, {"opts": [{"password": M}]}),
    "pair": ({"opts": [["password", "s3"]]}, {"opts": [["password", M]]}),
    "beside_its_name": ({"opts": ["password", "s3", "ro"]}, {"opts": ["password", M, "ro"]}),
    "described": ({"opts": [{"name": "password", "value": "s3"}]}, {"opts": [{"name": M, "value": M}]}),
    "key": ({"opts": {"password=s3": None}}, {"opts": {f"password={M}": None}}),
    "unknown": ({"password": "s3", "api_token": ["s3"]}, {"password": M, "api_token": M}),
    "unknown_text": ({"options": "x,password s3"}, {"options": f"x,password {M}"}),
    "escaped": ({"opts": ["p\\u0061ssword=s3"]}, {"opts": [M]}),
    "path": ({"path": "/srv/a opts=password=s3"}, {"path": f"/srv/a opts=password={M}"}),
    "source": ({"src": "//me:s3@host/share", "fstype": "cifs"}, {"src": M, "fstype": "cifs"}),
    "source_of_no_type": ({"src": "https://me:s3@host/", "fstype": "davfs"}, {"src": M, "fstype": "davfs"}),
    "source_of_no_shape": ({"src": {"password": "s3"}}, {"src": M}),
    "credentials": ({"credentials_file": "username=u\npassword=s3"}, {"credentials_file": M}),
    "credentials_without_a_mark": ({"credentials_file": "s3"}, {"credentials_file": M}),
    "bulk": (
        {"mounts": [{**ENTRY, "opts": ["key=s3"]}, {"src": "me:s3@host:/", "fstype": "fuse.sshfs"}]},
        {"mounts": [{**ENTRY, "opts": [f"key={M}"]}, {"src": M, "fstype": "fuse.sshfs"}]},
    ),
    "bulk_key_value": (
        {"mounts": ["path=/srv/a src=tmpfs fstype=tmpfs opts=password=s3"]},
        {"mounts": [{**ENTRY, "opts": f"password={M}"}]},
    ),
    "bulk_key_value_torn": ({"mounts": ["path=/srv/a opts=password=s3 s4=s5"]}, {"mounts": [M]}),
    "bulk_text_torn": ({"mounts": "path=/srv/a opts=password=s3,path=s4"}, {"mounts": [M]}),
    "bulk_json": (
        {"mounts": [json.dumps({**ENTRY, "opts": ["pass\u0077ord=s3"]})]},
        {"mounts": [{**ENTRY, "opts": [f"password={M}"]}]},
    ),
    "bulk_python": (
        {"mounts": [repr({**ENTRY, "opts": (b"password=s3",)})]},
        {"mounts": [{**ENTRY, "opts": [f"password={M}"]}]},
    ),
    "bulk_no_dictionary": ({"mounts": ["password s3", "{password: s3}"]}, {"mounts": [M, M]}),
    "bulk_unknown": ({"mounts": [{**ENTRY, "passwd": "s3"}]}, {"mounts": [{**ENTRY, "passwd": M}]}),
    "deep": ({"x": json.loads("[" * 99 + "1" + "]" * 99)}, {"x": json.loads("[" * 31 + f'"{M}"' + "]" * 31)}),
}
WHOLE: t.Dict[str, Params] = {
    "bare": {"opts": ["ro", "mode=0755", "", "password"]},
    "bare_with_equals": {"opts": ["password="]},
    "layers": {"opts": ["lowerdir=/srv/keys:/srv/pass", "upperdir=/srv/token"]},
    "layers_that_are_snapshots": {"opts": ["lowerdir=/srv/@a:/srv/b@c"]},
    "nothing": {"opts": None, "src": None, "mounts": None},
    "components": {
        "path": "/srv/password=s3",
        "src": "/srv/me:s3@host",
        "fstype": "bind",
        "holder": "key:s3@x",
    },
    "inner_path": {"src": "host:/pa@th", "fstype": "nfs"},
    "no_secret": {"opts": "ro,unknown", "credentials_file": "/etc/nas"},
    "ipv6": {"src": "[fe80::1]:/path", "fstype": "nfs"},
    "internal": {"_ansible_keys": "s3", "password": True},
    "bulk": {"mounts": [{**ENTRY, "opts": ["size=1m"], "ttl": 60}, ENTRY], "mode": 0o755},
}


@pytest.mark.parametrize(("params", "shown"), SHOWN.values(), ids=SHOWN)
def test_secret_is_taken_out_of_the_parameters(params: Params, shown: Params) -> None:
    assert without_secrets(params, ARGUMENT_SPEC)[0] == shown


@pytest.mark.parametrize("params", WHOLE.values(), ids=WHOLE)
def test_parameters_without_a_secret_are_as_they_were(params: Params) -> None:
    assert without_secrets(params, ARGUMENT_SPEC) == (params, {})


def test_source_that_is_not_shown_is_kept_for_who_refuses_it() -> None:
    mounts: t.List[Params] = [ENTRY, {"path": "/srv/b", "src": 7, "fstype": "nfs"}]
    withheld = without_secrets({"mounts": mounts, "credentials_file": "s3"}, ARGUMENT_SPEC)[1]
    assert withheld == {(1, "src"): "7", (None, "credentials_file"): "s3"}
    assert mounts[1]["src"] == 7
