# Copyright: (c) 2026, holdfast.mounts contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Each refusal by itself: what passes it, and what its words tell."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.decide.neighbours import ManagedMounts
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.decide.rules import (
    busy,
    busy_with,
    refuse_bad_source,
    refuse_dependents,
    refuse_entries,
    refuse_shadowing,
    refuse_unsafe_boot,
    refuse_unsafe_path,
    refuse_wrong_kind,
    wanted_kind,
)
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.errors import BusyError
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.kernel import child
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.model import Kind, Place, User, Users
from ansible_collections.holdfast.mounts.plugins.module_utils._holdfast.steps import Source
from ansible_collections.holdfast.mounts.tests.unit.plugins.module_utils.builders import (
    PATH,
    make_definition,
    make_reference,
    make_request,
    refused,
)

BIND = make_definition(fstype="bind", src="/srv/b")
OVERLAY = make_definition("lowerdir=/srv/b", fstype="overlay", src="overlay")


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"writable_ancestor": "/srv"}, "users other than root can write '/srv'"),
        ({"writable_ancestor": "/srv", "writable_type": "fuse"}, "'/srv' lies on a fuse filesystem, whose"),
        (
            {"remote_ancestor": "/srv", "remote_type": "nfs4"},
            "'/srv' lies on a nfs4 filesystem, which is not",
        ),
        ({"obstacle": "/srv", "is_link": True}, "'/srv' is a symbolic link; write the path that it leads to"),
        ({"obstacle": "/srv"}, "'/srv' is not a directory"),
        ({"obstacle": "/srv", "silence": "Permission denied"}, "refuses to be searched (Permission denied)"),
    ],
    ids=["writable", "served", "remote", "link", "file", "closed"],
)
def test_refuse_unsafe_boot_says_what_a_boot_would_meet(fields: t.Dict[str, t.Any], words: str) -> None:
    error = refused(refuse_unsafe_boot, PATH, [Place(PATH, "directory", **fields)])
    assert (error.code, words in error.message) == ("unsafe_path", True), error.message


def test_refuse_unsafe_way_names_the_link_before_the_writable_parent() -> None:
    place = Place(PATH, "other", obstacle="/srv", is_link=True, writable_ancestor="/")
    error = refused(refuse_unsafe_path, place, make_request(), what="mount point", about=PATH)
    assert "'/srv' is a symbolic link" in error.message


def test_refuse_unsafe_way_of_a_link_cannot_be_allowed() -> None:
    place, request = Place(PATH, "other", obstacle="/srv"), make_request(allow_unsafe_parents=True)
    assert refused(refuse_unsafe_path, place, request, what="source", about="/srv/z").path == "/srv/z"


@pytest.mark.parametrize(
    ("kind", "wanted", "code"),
    [
        pytest.param("absent", "directory", None, id="nothing there"),
        pytest.param("absent", "file", None, id="nothing there, file"),
        pytest.param("directory", "directory", None, id="directory"),
        pytest.param("file", "file", None, id="file"),
        pytest.param("file", "directory", "unsafe_path", id="file for a directory"),
        pytest.param("directory", "file", "unsafe_path", id="directory for a file"),
        pytest.param("device", "directory", "unsafe_path", id="device"),
        pytest.param("other", "file", "unsafe_path", id="fifo"),
    ],
)
def test_refuse_wrong_kind(kind: Kind, wanted: Kind, code: t.Optional[str]) -> None:
    if code is None:
        refuse_wrong_kind(Place(PATH, kind), wanted)
    else:
        assert refused(refuse_wrong_kind, Place(PATH, kind), wanted).code == code


@pytest.mark.parametrize(
    ("has_entries", "is_allowed", "is_refused"),
    [(None, False, False), (False, False, False), (True, True, False), (True, False, True)],
    ids=["unknown", "none", "allowed", "some"],
)
def test_refuse_entries(has_entries: t.Optional[bool], is_allowed: bool, is_refused: bool) -> None:
    place, request = (
        Place(PATH, "directory", has_entries=has_entries),
        make_request(allow_nonempty=is_allowed),
    )
    if is_refused:
        assert refused(refuse_entries, place, request).code == "not_empty"
    else:
        refuse_entries(place, request)


def test_refuse_shadowing_names_what_is_hidden_only_in_its_detail() -> None:
    error = refused(refuse_shadowing, PATH, (f"{PATH}/m", f"{PATH}/f"))
    assert f"{PATH}/m" not in error.message
    assert error.detail == f"below it: {PATH}/m, {PATH}/f"


def test_refuse_dependents_does_not_count_the_mount_itself() -> None:
    refuse_dependents(
        PATH, ManagedMounts({PATH: make_reference(wanted=make_definition(fstype="bind", src=PATH))})
    )


@pytest.mark.parametrize(
    ("definition", "kind", "code"),
    [
        (BIND, "directory", None),
        (BIND, "file", None),
        (BIND, "absent", "mount_failed"),
        (BIND, "device", "source_not_allowed"),
        (OVERLAY, "directory", None),
        (OVERLAY, "file", "source_not_allowed"),
        (OVERLAY, "absent", "mount_failed"),
    ],
    ids=lambda value: getattr(value, "fstype", str(value)),
)
def test_refuse_bad_source(definition: t.Any, kind: Kind, code: t.Optional[str]) -> None:
    arguments = (PATH, definition, Source((Place("/srv/b", kind),)), make_request())
    if code is None:
        refuse_bad_source(*arguments)
    else:
        error = refused(refuse_bad_source, *arguments)
        assert (error.code, error.path) == (code, PATH)


@pytest.mark.parametrize(
    ("definition", "source", "kind"),
    [
        pytest.param(BIND, Source((Place("/srv/b", "file"),)), "file", id="file"),
        pytest.param(BIND, Source((Place("/srv/b", "directory"),)), "directory", id="directory"),
        pytest.param(BIND, Source(), "directory", id="yet to come"),
        pytest.param(OVERLAY, Source((Place("/srv/b", "file"),)), "directory", id="overlay"),
    ],
)
def test_wanted_kind(definition: t.Any, source: Source, kind: Kind) -> None:
    assert wanted_kind(definition, source) == kind


VIM, LESS = User("process", 7, "7 (vim)"), User("process", 9, "9 (less)")
LOOP, ON_IT = User("loop device", 0, "/dev/loop3 of 'x'"), User("mount", 0, "tmpfs at 'y'")


@pytest.mark.parametrize(
    ("users", "told", "detail"),
    [
        pytest.param(Users((), True), "something uses it that could not be found;", "", id="none"),
        pytest.param(Users(), "what could not be found out in a second;", "", id="late"),
        pytest.param(Users((VIM,), True), "1 process uses it;", "7 (vim)", id="one"),
        pytest.param(Users((VIM, LESS), True), "2 processes use it;", "7 (vim), 9 (less)", id="two"),
        pytest.param(
            Users((LOOP, ON_IT, VIM), True),
            "another mount lies on or below it, and 1 loop device and 1 process use it; release",
            "/dev/loop3 of 'x', tmpfs at 'y', 7 (vim)",
            id="kinds",
        ),
        pytest.param(Users((VIM,)), "1 process and more use it;", "7 (vim), and more", id="one, and late"),
        pytest.param(
            Users((VIM,) * 100, True),
            "100 processes use it;",
            ", ".join(["7 (vim)"] * 64) + ", and more",
            id="many",
        ),
    ],
)
def test_busy_counts_in_its_message_and_names_in_its_detail(users: Users, told: str, detail: str) -> None:
    error = busy_with(busy(PATH, 7, errno=16), users)
    assert told in error.message
    assert "vim" not in error.message
    assert error.detail == detail
    assert (error.code, error.step, error.errno, error.path) == ("busy", "unmount", 16, PATH)


def test_busy_is_known_by_its_mount_after_another_process_has_told_it() -> None:
    error = child.from_text(child.to_text(busy(PATH, 7, errno=16)))
    assert isinstance(error, BusyError)
    assert (error.mount_id, error.path, error.errno) == (7, PATH, 16)
