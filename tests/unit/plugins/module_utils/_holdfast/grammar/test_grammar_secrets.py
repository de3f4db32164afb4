# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What looks like a secret in a text, and that no word of the grammar does."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.errors import MountError
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.grammar import paths, sources, strings
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.grammar.filesystems import FILESYSTEMS
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.grammar.naming import check_holder
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.grammar.secrets import (
    HIDDEN,
    holds_secret,
    masked,
    masked_option,
    names_secret,
)

MASKED: t.Dict[str, t.Tuple[str, str]] = {
    "equals": ("a password=s3,x y", "a password="),
    "spaces": ("PASSWD\t=\n s3", "PASSWD\t=\n "),
    "yaml": ("password: s3", "password: "),
    "json": ('{"api_key":"s3"}', '{"api_key":"'),
    "colon_alone": ("password:s3", "password:"),
    "percent": ("username=dom/a%s3", "username=dom/a%"),
    "command_line": ("-U a%s3", "-U a%"),
    "url": ("DAVS://u:p@s3@h/s", "DAVS://u:"),
    "no_scheme": ("//u:s3@h", "//u:"),
    "backslashes": (r"\\u:s3@h\s", r"\\u:"),
    "escaped": (r"p%61ssword=s3", ""),
    "look_alikes": ("p\u0430ss\u200bword\uff1ds3", ""),
}
PLAIN = [
    "/srv/my key",
    "/srv/keys:/srv/pass",
    "/srv/table/key=5",
    "//[fe80::1]/share/a@b",
    "//host/share/a:b@c",
    "nas:/a@b",
    "key:a@x",
    "password=",
    "size=50%",
    "system_u:object_r:passwd_file_t:s0",
]


@pytest.mark.parametrize(("given", "shown"), MASKED.values(), ids=MASKED)
def test_secret_is_masked_with_all_that_follows(given: str, shown: str) -> None:
    assert holds_secret(given)
    assert masked(given) == shown + HIDDEN
    assert holds_secret(masked(given)), "what was masked is refused as the whole text is"


@pytest.mark.parametrize("given", PLAIN)
def test_text_without_a_secret_is_as_it_was(given: str) -> None:
    assert not holds_secret(given)
    assert masked(given) == given


def test_option_is_masked_where_a_path_would_not_be() -> None:
    assert masked_option("pass phrase s3") == f"pass {HIDDEN}"
    assert masked_option("addr=u:s3@h") == f"addr=u:{HIDDEN}"
    assert masked_option("lowerdir=/srv/key x:/srv/a@b") == "lowerdir=/srv/key x:/srv/a@b"


def test_no_option_of_a_type_looks_like_a_secret() -> None:
    names = {name for filesystem in FILESYSTEMS.values() for name in filesystem.options}
    assert [name for name in sorted(names) if names_secret(name)] == []


@pytest.mark.parametrize("given", ["/srv/a password=s3", "ab password=s3", f"/srv/{HIDDEN}"])
@pytest.mark.parametrize("check", [paths.check_path, check_holder, strings.check_text])
def test_text_with_a_secret_is_refused_without_it(check: t.Callable[[t.Any, str], str], given: str) -> None:
    with pytest.raises(MountError) as caught:
        check(given, "holder")
    assert caught.value.code == "invalid_argument"
    assert "looks like a secret" in caught.value.message
    assert "s3" not in caught.value.message


SOURCES = {
    "bind": ["s3", "/srv/s3//", "/srv/../s3", "/etc/s3", "/opt/s3", "/srv/s3\x1b", "/srv/a,password=s3"],
    "cifs": ["//u:s3@h/s", "//h/s,x=s3", "//h/s/../s3", "-s3"],
    "ext4": ["s3", "UUID=s3", "/dev/../s3", "/dev/s3 x", "/dev/s3/"],
    "nfs": ["s3", "DAVS://u:s3@h/s", "h:/a/../s3", "h:/a,password=s3", "s3" * 600],
    "tmpfs": ["s3 x", "token:s3"],
}


@pytest.mark.parametrize(("fstype", "src"), [(fstype, src) for fstype in SOURCES for src in SOURCES[fstype]])
def test_refused_source_is_not_quoted(fstype: str, src: str) -> None:
    with pytest.raises(MountError) as caught:
        sources.check_source(fstype, src, source_roots=("/srv",), option="mounts[2].src")
    assert caught.value.code in ("source_not_allowed", "invalid_argument")
    assert caught.value.message.startswith("mounts[2].src: the value ")
    assert "s3" not in caught.value.message
    assert sources.is_source(fstype, src) == (src in ("/etc/s3", "/opt/s3")), (
        "where it lies is another matter"
    )


@pytest.mark.parametrize("path", ["s3", "user=u\npass=s3", "/etc/s3/", "/a/../s3", "/etc/a pass=s3"])
def test_refused_path_of_credentials_is_not_quoted(path: str) -> None:
    with pytest.raises(MountError) as caught:
        paths.check_path(path, "credentials_file")
    assert caught.value.message.startswith("credentials_file: the value ")
    assert "s3" not in caught.value.message
    assert not paths.is_path(path)
