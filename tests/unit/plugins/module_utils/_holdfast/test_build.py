# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""From parameters to a request: what excludes what, what is inherited, and what each state needs."""

from __future__ import annotations

import typing as t

import pytest
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.arguments.build import build_request
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.arguments.spec import ARGUMENT_SPEC
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.errors import MountError
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.model import (
    Definition,
    Entry,
    MountPointAttributes,
    Request,
)

Parameters = t.Dict[str, t.Any]

TMPFS = {"src": "tmpfs", "fstype": "tmpfs"}
SSHFS = {"src": "host:/a", "fstype": "fuse.sshfs"}
CIFS = {"src": "//host/share", "fstype": "cifs"}
NFS = {"src": "host:/a", "fstype": "nfs"}
CONTEXT = "system_u:object_r:tmp_t:s0:c1,c2"
ONE: Parameters = {"path": "/mnt/a", **TMPFS}
MANY: Parameters = {"mounts": [{"path": "/mnt/a", **TMPFS}]}
PLAIN = Definition("tmpfs", "tmpfs", ("nodev", "nosuid"), ())
DISK = Definition("ext4", "LABEL=a", (), ())


def _build(parameters: Parameters) -> Request:
    result = ArgumentSpecValidator(ARGUMENT_SPEC).validate(parameters)
    assert result.error_messages == []
    return build_request(result.validated_parameters)


# parameters, code, a part of the message
REFUSED: t.Dict[str, t.Tuple[Parameters, str, str]] = {
    "neither_path_nor_mounts": ({}, "invalid_argument", "path, mounts: neither"),
    "path_and_mounts": ({**MANY, "path": "/mnt/b"}, "invalid_argument", "path, mounts: both"),
    "empty_path_and_mounts": ({**MANY, "path": ""}, "invalid_argument", "path, mounts: both"),
    "src_and_mounts": ({**MANY, "src": ""}, "invalid_argument", "src: cannot be combined with mounts"),
    "fstype_and_mounts": ({**MANY, "fstype": "tmpfs"}, "invalid_argument", "fstype: cannot be combined"),
    "opts_and_mounts": ({**MANY, "opts": ["ro"]}, "invalid_argument", "opts: cannot be combined"),
    "path_twice": (
        {"mounts": MANY["mounts"] * 2},
        "invalid_argument",
        'mounts[1].path: "/mnt/a" is in mounts[0] already',
    ),
    "purge_of_one": ({**ONE, "purge": True, "holder": "web"}, "invalid_argument", "purge: "),
    "purge_when_released": (
        {**MANY, "purge": True, "holder": "web", "state": "released"},
        "invalid_argument",
        "purge: ",
    ),
    "purge_of_nobody": ({**MANY, "purge": True}, "invalid_argument", "write an explicit holder"),
    "timeout_zero": ({**ONE, "timeout": 0}, "invalid_argument", "timeout: "),
    "lock_timeout_negative": ({**ONE, "lock_timeout": -1}, "invalid_argument", "lock_timeout: "),
    "timeout_endless": ({**ONE, "timeout": 10**12}, "invalid_argument", "timeout: "),
    "holder_empty": ({**ONE, "holder": ""}, "invalid_argument", "holder: "),
    "roots_empty": ({**ONE, "allowed_roots": []}, "invalid_argument", "allowed_roots: "),
    "root_too_wide": ({**ONE, "allowed_roots": ["/"]}, "invalid_argument", "allowed_roots[0]: "),
    "source_roots_empty": ({**ONE, "source_roots": []}, "invalid_argument", "source_roots: "),
    "path_empty": ({**ONE, "path": ""}, "invalid_argument", "path: "),
    "path_with_newline": ({**ONE, "path": "/mnt/a\n"}, "invalid_argument", "path: "),
    "path_outside": ({**ONE, "path": "/opt/a"}, "path_not_allowed", "allowed_roots"),
    "path_never": ({**ONE, "path": "/etc/a"}, "path_not_allowed", "belongs to the system"),
    "src_missing": ({"path": "/mnt/a", "fstype": "tmpfs"}, "invalid_argument", "src: required"),
    "fstype_missing": ({"path": "/mnt/a", "src": "tmpfs"}, "invalid_argument", "fstype: required"),
    "src_empty": ({**ONE, "src": ""}, "source_not_allowed", "src: "),
    "fstype_empty": ({**ONE, "fstype": ""}, "fstype_not_allowed", "fstype: "),
    "fstab_bind": (
        {**ONE, "src": "/srv/a", "fstype": "none", "opts": ["bind"]},
        "fstype_not_allowed",
        "fstype: bind",
    ),
    "sshfs_not_turned_on": ({**ONE, **SSHFS, "allow_fstypes": []}, "fstype_not_allowed", "allow_fstypes"),
    "allow_fstypes_wrong": ({**ONE, "allow_fstypes": ["ext4"]}, "invalid_argument", "allow_fstypes[0]: "),
    "credentials_missing": ({**ONE, **CIFS}, "invalid_argument", "write credentials_file, or"),
    "credentials_relative": (
        {**ONE, **CIFS, "credentials_file": "a"},
        "invalid_argument",
        "credentials_file: ",
    ),
    "credentials_useless": (
        {**ONE, "credentials_file": "/etc/a"},
        "invalid_argument",
        'credentials_file: "tmpfs" takes none',
    ),
    "credentials_with_guest": (
        {**ONE, **CIFS, "opts": ["guest"], "credentials_file": "/etc/a"},
        "invalid_argument",
        "cannot be combined with the option guest",
    ),
    "credentials_with_kerberos": (
        {**ONE, **CIFS, "opts": ["sec=krb5i"], "credentials_file": "/etc/a"},
        "invalid_argument",
        "a Kerberos sec",
    ),
    "context_wrong": ({**ONE, "selinux_context": "tmp_t"}, "invalid_argument", "selinux_context: "),
    "context_of_a_bind": (
        {**ONE, "src": "/srv/a", "fstype": "bind", "selinux_context": CONTEXT},
        "invalid_argument",
        "set it on the mount of that",
    ),
    "network_ill_formed": ({**ONE, "src": "host", "fstype": "nfs"}, "source_not_allowed", "src: "),
    "opts_wrong": ({**ONE, "opts": ["suid"]}, "option_not_allowed", "opts: "),
    "mode_wrong": ({**ONE, "mode": "rwx"}, "invalid_argument", "mode: "),
    "element_src_missing": (
        {"mounts": [*MANY["mounts"], {"path": "/mnt/b"}]},
        "invalid_argument",
        "mounts[1].src, mounts[1].fstype: ",
    ),
    "element_opts_wrong": (
        {"mounts": [*MANY["mounts"], {"path": "/mnt/b", **TMPFS, "opts": ["size=x"]}]},
        "option_not_allowed",
        "mounts[1].opts: ",
    ),
    "element_owner_wrong": (
        {"mounts": [{"path": "/mnt/b", **TMPFS, "owner": "no-such-account"}]},
        "invalid_argument",
        "mounts[0].owner: ",
    ),
    "bind_outside_of_source_roots": (
        {**ONE, "src": "/mnt/b", "fstype": "bind", "source_roots": ["/srv"]},
        "source_not_allowed",
        'source_roots ("/srv")',
    ),
    "released_never": ({"path": "/etc/a", "state": "released"}, "path_not_allowed", "path: "),
    "released_ill_formed": ({"path": "/mnt/a/", "state": "released"}, "invalid_argument", "path: "),
}


@pytest.mark.parametrize(("parameters", "code", "message"), REFUSED.values(), ids=REFUSED.keys())
def test_request_with_a_fault_is_refused(parameters: Parameters, code: str, message: str) -> None:
    with pytest.raises(MountError) as caught:
        _build(parameters)
    assert (caught.value.code, caught.value.step) == (code, "grammar")
    assert message in caught.value.message


def test_request_refused_for_an_entry_is_about_its_path() -> None:
    with pytest.raises(MountError) as caught:
        _build({"mounts": [*MANY["mounts"], {"path": "/opt/b", **TMPFS}]})
    assert caught.value.path == "/opt/b"


def test_request_of_one_mount_has_the_defaults_of_the_contract() -> None:
    assert _build(ONE) == Request(
        state="mounted",
        holder="ansible",
        entries=(Entry("/mnt/a", PLAIN, MountPointAttributes(), implied=PLAIN.flags),),
    )


@pytest.mark.parametrize("state", ["released", "unmounted"])
def test_request_to_leave_looks_at_the_path_alone(state: str) -> None:
    request = _build({"path": "/opt/a", "state": state, "src": "", "fstype": "auto", "opts": ["suid"]})
    assert request.entries == (Entry("/opt/a"),)


def test_request_takes_source_roots_from_allowed_roots() -> None:
    assert _build({**ONE, "allowed_roots": ["/mnt"]}).source_roots == ("/mnt",)


def test_request_keeps_every_word_of_the_caller() -> None:
    request = _build(
        {
            **ONE,
            "holder": "web",
            "source_roots": ["/srv"],
            "adopt": True,
            "allow_nonempty": True,
            "allow_unsafe_parents": True,
            "on_busy": "lazy",
            "timeout": 1,
            "lock_timeout": 2,
            "disclose": "full",
        }
    )
    assert request == Request(
        state="mounted",
        holder="web",
        entries=(Entry("/mnt/a", PLAIN, implied=PLAIN.flags),),
        source_roots=("/srv",),
        adopt=True,
        allow_nonempty=True,
        allow_unsafe_parents=True,
        on_busy="lazy",
        timeout=1,
        lock_timeout=2,
        disclose="full",
    )


EXT4 = {"src": "LABEL=a", "fstype": "ext4"}


@pytest.mark.parametrize(
    ("option", "value", "word"),
    [("mode", "0770", "mode=0770"), ("owner", "0", "uid=0"), ("group", "0", "gid=0")],
    ids=["mode", "owner", "group"],
)
def test_attribute_that_a_tmpfs_hides_needs_its_word_in_opts(option: str, value: str, word: str) -> None:
    with pytest.raises(MountError, match=f"{option}: is that of the directory") as caught:
        _build({**ONE, option: value})
    assert f"write {word.partition('=')[0]}= into opts" in caught.value.message
    assert _build({**ONE, option: value, "opts": [word]}).entries


def test_request_of_many_inherits_and_overrides() -> None:
    mounts = [
        {"path": "/mnt/b", **EXT4},
        {"path": "/mnt/a", **EXT4, "allow_suid": False, "allow_dev": True, "mode": "0700", "owner": "0"},
    ]
    request = _build({"mounts": mounts, "allow_suid": True, "mode": "0711", "owner": "7", "group": "8"})
    assert request.is_bulk
    assert request.entries == (
        Entry(
            "/mnt/b", DISK._replace(flags=("nodev",)), MountPointAttributes(0o711, 7, 8), implied=("nodev",)
        ),
        Entry(
            "/mnt/a", DISK._replace(flags=("nosuid",)), MountPointAttributes(0o700, 0, 8), implied=("nosuid",)
        ),
    )


def test_request_to_purge_everything_is_an_empty_list() -> None:
    request = _build({"mounts": [], "purge": True, "holder": "web"})
    assert (request.is_bulk, request.purge, request.entries) == (True, True, ())


def test_request_keeps_context_and_credentials_file_as_data() -> None:
    request = _build({**ONE, **CIFS, "selinux_context": CONTEXT, "credentials_file": "/etc/smb, one"})
    assert request.entries[0].definition == Definition(
        "cifs",
        "//host/share",
        ("nodev", "nosuid"),
        (("context", CONTEXT), ("credentials_file", "/etc/smb, one")),
    )


@pytest.mark.parametrize("opts", [["guest"], ["sec=krb5"]], ids=["guest", "kerberos"])
def test_request_of_a_share_without_credentials_says_as_whom(opts: t.List[str]) -> None:
    assert _build({**ONE, **CIFS, "opts": opts}).entries[0].definition is not None


def test_request_of_many_gives_credentials_to_those_that_need_them() -> None:
    mounts = [
        {"path": "/mnt/a", **CIFS},
        {"path": "/mnt/b", **CIFS, "opts": ["guest"]},
        {"path": "/mnt/c", **NFS},
        {"path": "/mnt/d", "src": "mon:/a", "fstype": "ceph"},
    ]
    request = _build({"mounts": mounts, "credentials_file": "/etc/smb"})
    given = [dict(entry.definition.data) for entry in request.entries if entry.definition]
    assert [data.get("credentials_file") for data in given] == ["/etc/smb", None, None, "/etc/smb"]


def test_request_of_many_overrides_the_context() -> None:
    other = "system_u:object_r:nfs_t:s0"
    mounts = [{"path": "/mnt/a", **TMPFS}, {"path": "/mnt/b", **NFS, "selinux_context": other}]
    request = _build({"mounts": mounts, "selinux_context": CONTEXT})
    given = [dict(entry.definition.data)["context"] for entry in request.entries if entry.definition]
    assert given == [CONTEXT, other]


def test_request_with_a_type_that_is_turned_on_is_built() -> None:
    definition = _build({**ONE, **SSHFS, "allow_fstypes": ["fuse.sshfs"]}).entries[0].definition
    assert definition == Definition("fuse.sshfs", "host:/a", ("nodev", "nosuid"), ())
